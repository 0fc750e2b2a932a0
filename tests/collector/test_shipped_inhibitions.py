"""What the shipped rules keep quiet: of what several of them find in the same events, people are told once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.detect import DetectSettings, Engine, load_rules
from tests.collector.alert.desks import Office
from tests.collector.detect.blocks import SECOND, START, blocks_of
from watchbook.shipped import shipped_folder

RULES = load_rules([shipped_folder("rules")])

MALLORY: dict[str, Any] = {"actor.type": "user", "actor.id": "mallory", "source.ip": "203.0.113.9"}
GRANT = {**MALLORY, "action": "grant", "category": "permission", "resource.type": "group", "resource.id": "wheel"}
REFUSED = {**MALLORY, "action": "read", "category": "access", "resource.type": "secret", "outcome": "failure"}
LOGIN = {**MALLORY, "action": "login", "category": "authentication", "resource.type": "host", "resource.id": "web01"}
TRY = {**LOGIN, "outcome": "failure", "reason": "too many authentication failures"}


def seconds(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events one second apart."""
    return [{**event, "time": START + number * SECOND} for number, event in enumerate(events)]


STORIES = [
    ("new_admin", {"permission_change"}, [{**GRANT, "outcome": "success"}]),
    ("secret_access_denied", {"sensitive_access"}, [{**REFUSED, "resource.id": f"s{number}"} for number in range(3)]),
    (
        "brute_force_success", {"failure_spike", "lockout_then_login"},
        [*[TRY] * 10, {**LOGIN, "outcome": "success"}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("loud", "quiet", "story"), STORIES, ids=[story[0] for story in STORIES])
def test_one_alert_is_told_instead_of_several(
    tmp_path: Path, loud: str, quiet: set[str], story: Sequence[dict[str, Any]]
) -> None:
    name_of = {document.brief.id: document.name or "" for document in RULES.documents}
    office = Office(tmp_path, inhibitions=RULES.inhibitions)
    engine = Engine(RULES, DetectSettings())
    trudy = {**GRANT, "actor.id": "trudy", "resource.id": "staff"}  # a permission change that nothing keeps quiet
    seen: dict[tuple[str, str], str] = {}
    for number, block in enumerate(blocks_of(seconds([*story, trudy])), 1):
        changes = engine.process(block)
        office.say(*changes, number=number)
        for change in changes:
            alert = change.alert
            seen[name_of[alert.rule.id], str(dict(alert.group)["actor.id"])] = alert.id
    hidden = {each: office.status(alert_id)[2] for each, alert_id in seen.items()}
    wanted = {(name, "mallory"): seen[loud, "mallory"] for name in quiet}
    assert hidden == {(loud, "mallory"): None, **wanted, ("permission_change", "trudy"): None}
