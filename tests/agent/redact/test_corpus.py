"""Two thousand planted secrets through the profiles as the agent compiles them, and clean lines that must stay."""

import json

from agent.parse import FORMATS as LINE_FORMATS
from agent.profile import compile_profile
from agent.redact import RedactSettings, make_redactor
from tests.agent.profile.shipped import DEFINITIONS, READ_US
from tests.agent.redact.clean import clean_lines
from tests.agent.redact.corpus import FORMATS, plants
from tests.agent.redact.kinds import KINDS
from tests.redaction.falsely import count_false


def test_the_corpus_has_2000_secrets_of_20_kinds_in_20_formats() -> None:
    given = list(plants())
    assert (len(given), len(KINDS), len(FORMATS)) == (2000, 20, 20)
    assert {(plant.kind, plant.format) for plant in given} == {(kind, name) for kind in KINDS for name in FORMATS}


def test_every_planted_secret_can_be_read_in_its_lines() -> None:
    for plant in plants():
        if plant.format not in ("escaped json", "json in json", "auditd", "xml", "csv"):
            text = b"\n".join(plant.lines).decode().replace("\\\\n", "\n").replace("\\n", "\n").replace("\\/", "/")
            assert any(needle in text for needle in plant.needles), (plant.kind, plant.format, text)


def test_no_planted_secret_is_in_an_event_nor_in_a_line_that_is_kept() -> None:
    profiles = {
        name: compile_profile(DEFINITIONS[name], LINE_FORMATS, make_redactor(RedactSettings()), keep_raw=True)
        for name in ("jsonl", "nginx", "syslog", "sshd")
    }
    for plant in plants():
        for name in {plant.profile, "jsonl", "sshd"}:  # those it is not of keep it as unparsed
            made = profiles[name](list(plant.lines), READ_US)
            said = repr(made).replace("\\\\", "\\") + json.dumps(made.rows, default=str, ensure_ascii=False)
            found = [needle for needle in plant.needles if needle in said]
            assert not found, (plant.kind, plant.format, plant.lines, found)


def test_clean_lines_stay_and_are_seldom_looked_at() -> None:
    counted = count_false(clean_lines(20_000, seed=23))
    assert counted.false <= 2, counted.examples
    assert counted.looked_at.total() < 0.1 * 20_000
    for name in ("access", "logfmt", "cloudtrail", "kubernetes", "auditd", "database"):
        assert counted.looked_at[name] <= 0.01 * counted.lines[name], name
