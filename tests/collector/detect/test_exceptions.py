"""Exceptions: what they name does not count, live as in a replay, and nothing else is changed by them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, Exceptions, RuleSet, value_in
from collector.detect.engine import TICK_EVERY_MAX_US
from collector.finding import AlertState, ExceptionUse, RuleException
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import RULE_ID, correlation, detection, ruleset
from watchbook.units import Seconds

FAR = START + 10**12
Alerts = dict[str, AlertState]


def excepting(value: Any = "alice", name: str = "actor.id", **more: Any) -> RuleException:
    known: dict[str, Any] = {"since": 1, "until": FAR, "ended": None, "rule_id": RULE_ID, "fields": ((name, value),)}
    return RuleException(**({"id": "x"} | known | more))


def failure(second: int, actor: str = "alice", **fields: Any) -> dict[str, Any]:
    return event(START + second * SECOND, outcome="failure", **{"actor.id": actor} | fields)


def alerts_of(engine: Engine, blocks: Iterable[DecodedBlock]) -> Alerts:
    """Return the last state of each alert once everything is quiet."""
    changes = [change for each in blocks for change in engine.process(each)]
    changes += engine.tick(START + 10**12)
    return {change.alert.id: change.alert for change in changes}


@pytest.fixture
def plain(tmp_path: Path) -> RuleSet:
    return ruleset(tmp_path, detection("outcome: failure"))


def counted(rules: RuleSet, events: Sequence[Mapping[str, Any]], *exceptions: RuleException) -> int:
    engine = Engine(rules, DetectSettings(), Exceptions(exceptions))
    return sum(alert.events for alert in alerts_of(engine, [block(events)]).values())


def test_events_with_all_the_values_do_not_count_and_are_counted(plain: RuleSet) -> None:
    engine = Engine(plain, DetectSettings(), Exceptions([excepting()]))
    found = alerts_of(engine, [block([failure(1), failure(2, "bob"), failure(3)])])
    assert [alert.group for alert in found.values()] == [(("actor.id", "bob"),)]
    assert engine.exceptions.uses() == {"x": ExceptionUse(2, START + 3 * SECOND)}
    assert engine.exceptions.uses() == {}
    two = excepting(fields=(("actor.id", "alice"), ("source.ip", "10.0.0.7")))
    ips = [failure(1, **{"source.ip": "10.0.0.7"}), failure(2, **{"source.ip": "10.0.0.8"}), failure(3)]
    assert counted(plain, ips, two) == 2


def test_another_rule_is_not_concerned(plain: RuleSet) -> None:
    assert counted(plain, [failure(1)], excepting(rule_id="another")) == 1


def test_it_holds_from_an_arrival_to_an_arrival_and_until_a_time(plain: RuleSet) -> None:
    events = [failure(second) for second in range(1, 7)]  # arrive as numbers 1 to 6
    assert counted(plain, events, excepting(since=3)) == 2
    assert counted(plain, events, excepting(since=3, ended=5)) == 4
    assert counted(plain, events, excepting(until=START + 4 * SECOND)) == 3
    assert counted(plain, events, excepting(ended=1)) == 6


@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("details.job.name", "nightly", {"details": {"job": {"name": "nightly"}}}),
        ("details.retries", 3, {"details": {"retries": 3}}),
        ("org", None, {}),
        ("resource.name", "Ärger", {"resource.name": "Ärger"}),
    ],
)
def test_a_value_may_be_of_any_field_that_can_be_grouped_by(
    plain: RuleSet, name: str, value: Any, fields: dict[str, Any]
) -> None:
    other = {"org": "acme", "resource.name": "x", "details": {"job": {"name": "other"}, "retries": 4}}
    meant = failure(1, "alice", **fields)
    assert value_in(meant, name) == value
    assert counted(plain, [meant, failure(2, "alice", **other)], excepting(value, name)) == 1


def test_what_a_correlation_counts_is_left_out_of_its_window(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, correlation(3, "60s", group_by="[source.ip]"))
    ip = {"source.ip": "10.0.0.7"}
    events = [failure(1, **ip), failure(2, "bob", **ip), failure(3, "bob", **ip), failure(4, **ip)]
    assert counted(rules, events) == 4
    assert counted(rules, events, excepting("bob")) == 0
    assert counted(rules, [*events, failure(5, **ip)], excepting("bob")) == 3


ACTORS = st.sampled_from(["alice", "bob"])
EVENTS = st.lists(st.tuples(st.integers(0, 90), ACTORS, st.sampled_from(["10.0.0.7", None])), min_size=1, max_size=40)
EXCEPTIONS = st.lists(
    st.builds(
        lambda number, actor, ip, since, length, until: excepting(
            id=str(number), since=since, ended=None if length is None else since + length, until=START + until * SECOND,
            fields=((("actor.id", actor),) if ip == "any" else (("actor.id", actor), ("source.ip", ip))),
        ),
        st.integers(0, 9), ACTORS, st.sampled_from(["any", "10.0.0.7", None]), st.integers(1, 30),
        st.none() | st.integers(0, 20), st.integers(0, 120),
    ),
    max_size=3,
)  # fmt: skip


def naively_excepted(number: int, found: Mapping[str, Any], exceptions: Sequence[RuleException]) -> bool:
    return any(
        each.since <= number
        and (each.ended is None or number < each.ended)
        and found["time"] < each.until
        and all(found.get(name) == value for name, value in each.fields)
        for each in exceptions
    )


@settings(max_examples=100, deadline=None)
@given(EVENTS, EXCEPTIONS, st.integers(1, 7), st.integers(0, 8))
def test_alerts_are_those_of_the_other_events_also_over_a_restart(
    arrived: list[tuple[int, str, str | None]], exceptions: list[RuleException], size: int, restart_after: int
) -> None:
    detect = DetectSettings(lateness=Seconds(200.0))
    events = [failure(second, actor, **({} if ip is None else {"source.ip": ip})) for second, actor, ip in arrived]
    others = [
        {**each, "outcome": "success"} if naively_excepted(number, each, exceptions) else each
        for number, each in enumerate(events, 1)
    ]

    def cut(given: Sequence[Mapping[str, Any]]) -> list[DecodedBlock]:
        return [
            block(given[at : at + size], number=at + 1, sequence=index + 1, received=START + 100 * SECOND)
            for index, at in enumerate(range(0, len(given), size))
        ]

    expected = alerts_of(Engine(_RULES, detect), cut(others))
    live = Engine(_RULES, detect, Exceptions(exceptions))
    assert alerts_of(live, cut(events)) == expected
    used = sum(use.events for use in live.exceptions.uses().values())
    assert used == sum(each["outcome"] == "success" for each in others)

    over_a_restart = restarted(detect, cut(events), restart_after, exceptions)
    assert over_a_restart == restarted(detect, cut(others), restart_after, [])


def restarted(
    detect: DetectSettings, blocks: Sequence[DecodedBlock], after: int, exceptions: Sequence[RuleException]
) -> Alerts:
    """Return the alerts of two engines, the second of which takes over after some blocks."""
    first, again = Engine(_RULES, detect, Exceptions(exceptions)), Engine(_RULES, detect, Exceptions(exceptions))
    found: Alerts = {}
    for each in blocks[:after]:
        found |= {change.alert.id: change.alert for change in first.process(each)}
        again.replay(each)
    still_open = [alert for alert in found.values() if alert.resolved is None]
    assert not again.restore(still_open, START - TICK_EVERY_MAX_US)
    assert again.exceptions.uses() == {}
    return found | alerts_of(again, blocks[after:])


@pytest.fixture(scope="module", autouse=True)
def _rules(tmp_path_factory: pytest.TempPathFactory) -> None:
    global _RULES
    _RULES = ruleset(tmp_path_factory.mktemp("rules"), correlation(3, "20s"))


_RULES = RuleSet(())
