"""Planted secrets through the real agent and the real collector: none is in anything that they leave behind."""

from pathlib import Path

import pytest

from tests.agent.redact.corpus import plants
from tests.redaction.trial import run_trial

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]


def test_no_planted_secret_reaches_spool_wire_store_or_log(tmp_path: Path) -> None:
    given = list(plants(seed=7, each=1))
    trial = run_trial(tmp_path, given, lambda _: None)
    assert [(each.place, each.plant.kind, each.plant.format, each.needle) for each in trial.found] == []
    assert min(trial.searched.values()) > 0
    # What was taken out is counted: of each secret more than once, since two inputs read it.
    assert sum(trial.redacted.values()) > len(given)
    assert {"key_name", "command", "jwt", "card_number", "private_key", "url_password"} <= trial.redacted.keys()
