"""Explanations of rules that count others, of silence and of what did not happen: true, with what is remembered now."""

from pathlib import Path
from typing import Any

import pytest

from collector.detect import DetectSettings, Engine, RuleSet, explain_match, remembered_of
from collector.detect.suite import Case, Expected
from collector.rule_tests import judge
from tests.collector.detect.blocks import SECOND, START, block
from tests.collector.detect.rules import ruleset
from watchbook.clock import format_rfc3339
from watchbook.units import Seconds

LATENESS = 10


def rule(name: str, number: int, body: str) -> str:
    """Return a document of a rule."""
    return f"title: {name}\nname: {name}\nid: {number:08d}-0000-4000-8000-000000000000\n{body}level: low\n---\n"


def found(name: str, number: int, event_type: str) -> str:
    """Return a detection of one kind of event."""
    return rule(
        name,
        number,
        f"logsource: {{product: watchbook}}\ndetection:\n  a: {{event_type: {event_type}}}\n  condition: a\n",
    )


def counted(name: str, number: int, body: str) -> str:
    """Return a correlation."""
    return rule(name, number, f"correlation: {{{body}}}\n")


BASE = found("failed", 1, "fail") + found("login", 2, "login")
MANY = counted(
    "many", 3, "type: event_count, rules: [failed], group-by: [actor.id, source.ip], timespan: 60s, condition: {gte: 3}"
)
CHAIN = BASE + MANY + counted(
    "chain", 4, "type: temporal_ordered, rules: [many, login], group-by: [actor.id], timespan: 60s"
)  # fmt: skip
BURSTS = BASE + MANY + counted(
    "bursts", 4, "type: event_count, rules: [many], group-by: [actor.id], timespan: 1h, condition: {gte: 2}"
)  # fmt: skip
AWAIT = BASE + counted(
    "stuck", 4,
    "type: temporal_ordered, rules: [failed, login], group-by: [actor.id], timespan: 60s, "
    "condition: failed and not login",
)  # fmt: skip
SILENT = BASE + counted(
    "silent", 4, "type: event_count, rules: [failed], group-by: [actor.id], timespan: 60s, condition: {lt: 1}"
)  # fmt: skip
RULE_ID = "00000004-0000-4000-8000-000000000000"


class Watched:
    """A rule at work, and explanations of it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.rules = ruleset(folder, text.removesuffix("---\n"))
        self.engine = Engine(self.rules, DetectSettings(lateness=Seconds(LATENESS)))
        self.number = 0

    def happens(self, second: int, event_type: str, actor: str = "bob") -> Any:
        """Let an event happen, and return its block."""
        self.number += 1
        fields = {"event_type": event_type, "actor.id": actor, "actor.type": "user", "action": "x"}
        events = [{"time": START + second * SECOND, **fields, "source.ip": "192.0.2.1"}]
        made = block(events, number=self.number, sequence=self.number)
        self.engine.process(made)
        return made

    def explained(self, event: Any) -> dict[str, Any]:
        """Return the explanation of an event."""
        (rule,) = [rule for rule in self.rules.rules if rule.brief.id == RULE_ID]
        state = self.engine.state(RULE_ID)
        assert state is not None
        return explain_match(rule, self.rules.documents, event, self.engine.exceptions, remembered_of(state))


def at(second: int) -> str:
    """Return a time as explanations have it."""
    return format_rfc3339(START + second * SECOND)


def test_an_event_counts_for_a_chain_by_way_of_the_rule_that_is_counted(tmp_path: Path) -> None:
    watched = Watched(tmp_path, CHAIN)
    first, _ = [watched.happens(second, "fail") for second in range(2)]
    explained = watched.explained(first)
    assert (explained["matches"], explained["counted"]) == (True, True)
    (inner,) = explained["inner"]
    assert (inner["title"], inner["matches"], inner["group"]["source.ip"]) == ("many", True, "192.0.2.1")
    assert inner["window"]["now"]["missing"] == "1 more event"
    assert explained["group"] == {"actor.id": "bob"}
    watched.happens(2, "fail")
    explained = watched.explained(first)
    assert explained["inner"][0]["window"]["now"]["holds"]
    assert explained["window"]["now"]["missing"] == "then a match of login"
    login = watched.happens(3, "login")
    assert watched.explained(login)["window"]["now"]["alert"]["count"] == 4
    assert [each["rule"] for each in watched.explained(login)["detections"] if each["matches"]] == ["login"]


def test_a_rule_that_counts_only_correlations_has_the_group_of_the_event_in_them(tmp_path: Path) -> None:
    watched = Watched(tmp_path, BURSTS)
    event, *_ = [watched.happens(second, "fail") for second in range(3)]
    explained = watched.explained(event)
    assert explained["matches"]
    assert explained["group"] == {"actor.id": "bob"}
    assert explained["asks"]["rules"] == ["many"]
    # The start of an inner alert may still move: it is not told before the lateness has passed.
    assert explained["inner"][0]["window"]["now"]["holds"]
    assert not explained["inner"][0]["window"]["now"]["decided"]


def test_what_waits_is_said_with_until_when(tmp_path: Path) -> None:
    watched = Watched(tmp_path, AWAIT)
    event = watched.happens(0, "fail")
    explained = watched.explained(event)
    assert explained["asks"]["needs"] == "failed and not login after it"
    assert [each["matches"] for each in explained["detections"]] == [True, False]
    now = explained["window"]["now"]
    assert (now["events"], now["until"], now["told_by"][:19]) == (1, at(60), at(70)[:19])
    assert now["missing"] == "that no match of login comes before the timespan is over"
    answered = watched.explained(watched.happens(30, "login"))["window"]["now"]
    assert (answered["events"], answered["missing"], answered["told_by"]) == (0, "an event that waits", None)
    late = watched.happens(100, "fail")
    watched.engine.tick(START + 1000 * SECOND)
    assert watched.explained(late)["window"]["now"] is None


def test_an_alert_about_what_did_not_happen_is_shown_with_what_waits(tmp_path: Path) -> None:
    watched = Watched(tmp_path, AWAIT)
    watched.happens(0, "fail")
    newer = watched.happens(75, "fail")  # one lateness after the first had to be answered
    now = watched.explained(newer)["window"]["now"]
    assert now["events"] == 1
    assert now["alert"]["count"] == 1
    assert now["alert"]["held_from"] == at(60)


def test_silence_is_said_with_when_it_begins_and_since_when_it_lasts(tmp_path: Path) -> None:
    watched = Watched(tmp_path, SILENT)
    event = watched.happens(5, "fail")
    now = watched.explained(event)["window"]["now"]
    assert (now["last_heard"], now["until"], now["holds"]) == (at(5), at(65), False)
    assert now["missing"] == f"that nothing is heard until {at(65)}"
    watched.engine.tick(START + 80 * SECOND)
    now = watched.explained(event)["window"]["now"]
    assert (now["last_heard"], now["holds"], now["decided"], now["missing"]) == (at(5), True, True, None)
    assert now["alert"]["count"] == 1
    back = watched.happens(90, "fail")
    now = watched.explained(back)["window"]["now"]
    assert (now["last_heard"], now["until"]) == (at(90), at(150))


@pytest.mark.parametrize("text", [CHAIN, BURSTS, AWAIT, SILENT], ids=["chain", "bursts", "await", "silent"])
def test_a_test_that_fails_says_why_of_every_kind_of_rule(tmp_path: Path, text: str) -> None:
    rules = ruleset(tmp_path, text.removesuffix("---\n"))
    (rule,) = [rule for rule in rules.rules if rule.brief.id == RULE_ID]
    other = {"actor.type": "user", "actor.id": "bob", "action": "x", "event_type": "other"}
    case = Case("none", ({"time": 0, **other},), (Expected({"actor.id": "bob"}, 1),), (), "rule.yml:1")
    said = list(judge(RuleSet((rule,), rules.documents), case))
    assert said[:2] == ["expected {actor.id: bob} count 1", "got      no alert"]
    assert "no event of 1 matches 'failed'; of the nearest:" in said
    assert "  event 1: event_type is 'fail', it is 'other'" in said
