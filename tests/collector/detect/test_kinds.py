"""Every kind of correlation against its definition, with events that arrive in any order that the lateness allows."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet
from collector.detect.condition import percentile
from collector.detect.engine import TICK_EVERY_MAX_US
from collector.finding import AlertChange
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import RULE_ID, detection, ruleset
from watchbook.units import Seconds

SPAN_S = 20
FAR = START + 10_000 * SECOND
BASES = "\n---\n".join(
    detection(f"action: {name}", rule_id=f"{place}2222222-2222-4222-8222-222222222222").replace(
        "name: test", f"name: {name}"
    )
    for place, name in enumerate(("first", "second", "third"), 1)
)


class Arrival(NamedTuple):
    at: int
    delay: int
    actor: str
    action: str
    rows: int
    address: str


Window = Sequence[Arrival]


def in_order(window: Window) -> bool:
    """Return whether a first, a second and a third are there, one not before the other."""
    return any(
        a.at <= b.at <= c.at
        for a in window
        if a.action == "first"
        for b in window
        if b.action == "second"
        for c in window
        if c.action == "third"
    )


def middle(numbers: list[int]) -> float:
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(numbers) % 2 else (ordered[half - 1] + ordered[half]) / 2


CASES: dict[str, tuple[str, Callable[[Window], bool]]] = {
    "at most two": ("type: event_count\n  condition: {lte: 2}", lambda window: len(window) <= 2),
    "three addresses": (
        "type: value_count\n  condition: {field: source.ip, gte: 3}",
        lambda window: len({one.address for one in window}) >= 3,
    ),
    "two addresses and rows": (
        "type: value_count\n  condition: {field: [source.ip, measures.rows], gt: 3}",
        lambda window: len({(one.address, one.rows) for one in window}) > 3,
    ),
    "not one address": (
        "type: value_count\n  condition: {field: source.ip, neq: 1}",
        lambda window: len({one.address for one in window}) != 1,
    ),
    "many rows": (
        "type: value_sum\n  condition: {field: measures.rows, gte: 12}",
        lambda window: sum(one.rows for one in window) >= 12,
    ),
    "few rows": (
        "type: value_sum\n  condition: {field: measures.rows, lt: 4}",
        lambda window: sum(one.rows for one in window) < 4,
    ),
    "rows on average": (
        "type: value_avg\n  condition: {field: measures.rows, gt: 4}",
        lambda window: sum(one.rows for one in window) > 4 * len(window),
    ),
    "median of rows": (
        "type: value_median\n  condition: {field: measures.rows, gte: 5}",
        lambda window: middle([one.rows for one in window]) >= 5,
    ),
    "all rows but the lowest": (
        "type: value_percentile\n  condition: {field: measures.rows, percentile: 0, gte: 3}",
        lambda window: min(one.rows for one in window) >= 3,
    ),
    "all three": ("type: temporal", lambda window: {one.action for one in window} == {"first", "second", "third"}),
    "two of three": (
        "type: temporal\n  condition: {gte: 2}",
        lambda window: len({one.action for one in window}) >= 2,
    ),
    "the first with one of the others": (
        "type: temporal\n  condition: first and (second or third)",
        lambda window: "first" in (found := {one.action for one in window}) and len(found) > 1,
    ),
    "all in order": ("type: temporal_ordered", in_order),
}


class Seen(NamedTuple):
    """What an alert comes down to, whatever the order of arrival."""

    group: str
    events: int
    first: int
    last: int
    resolved: int | None


def naive(arrivals: Iterable[Arrival], holds: Callable[[Window], bool]) -> list[Seen]:
    """Return the alerts of the contract by its definition."""
    by_actor = defaultdict(list)
    for arrival in arrivals:
        by_actor[arrival.actor].append(arrival)
    alerts = []
    for actor, matches in by_actor.items():
        moments = sorted({one.at for one in matches})
        held = [at for at in moments if holds([one for one in matches if at - SPAN_S < one.at <= at])]
        chains: list[list[int]] = []
        for at in held:
            if chains and at - chains[-1][-1] <= SPAN_S:
                chains[-1].append(at)
            else:
                chains.append([at])
        for chain in chains:
            counted = [START + one.at * SECOND for one in matches if chain[0] - SPAN_S < one.at <= chain[-1]]
            over = START + (chain[-1] + SPAN_S) * SECOND
            alerts.append(Seen(actor, len(counted), min(counted), max(counted), over))
    return sorted(alerts)


def rule(correlation: str) -> str:
    return f"""{BASES}
---
title: A correlation
id: {RULE_ID}
correlation:
  {correlation}
  rules: [first, second, third]
  group-by: [actor.id]
  timespan: {SPAN_S}s
"""


@pytest.fixture(scope="module")
def rulesets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RuleSet]:
    return {
        name: ruleset(tmp_path_factory.mktemp("rules"), rule(correlation)) for name, (correlation, _) in CASES.items()
    }


def blocks_of_arrivals(arrivals: list[Arrival], size: int) -> list[DecodedBlock]:
    """Return the arrivals in blocks of up to ``size`` that arrived at the same moment."""
    arrived = sorted(arrivals, key=lambda one: one.at + one.delay)
    blocks: list[DecodedBlock] = []
    start = 0
    while start < len(arrived):
        moment = arrived[start].at + arrived[start].delay
        part = [one for one in arrived[start : start + size] if one.at + one.delay == moment]
        events: list[dict[str, Any]] = [
            event(
                START + one.at * SECOND,
                actor__id=one.actor,
                action=one.action,
                measures={"rows": one.rows},
                source__ip=one.address,
            )
            for one in part
        ]
        received = START + moment * SECOND
        blocks.append(block(events, number=start + 1, sequence=len(blocks) + 1, received=received))
        start += len(part)
    return blocks


def evaluate(engine: Engine, blocks: list[DecodedBlock], *, end: bool = True) -> list[AlertChange]:
    changes: list[AlertChange] = []
    for one in blocks:
        changes += engine.process(one)
        changes += engine.tick(one.info.received)
    return changes + engine.tick(FAR) if end else changes


def seen(changes: Iterable[AlertChange]) -> list[Seen]:
    alerts = {change.alert.id: change.alert for change in changes}
    return sorted(Seen(str(a.group[0][1]), a.events, a.first, a.last, a.resolved) for a in alerts.values())


def arrivals_up_to(lateness: int) -> st.SearchStrategy[list[Arrival]]:
    one = st.builds(
        Arrival,
        st.integers(0, 120),
        st.integers(0, lateness),
        st.sampled_from("ab"),
        st.sampled_from(["first", "second", "third"]),
        st.integers(0, 9),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
    )
    return st.lists(one, min_size=1, max_size=30)


SCENARIOS = st.sampled_from([0, 7, 20, 45]).flatmap(lambda late: st.tuples(st.just(late), arrivals_up_to(late)))


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None)
@given(SCENARIOS, st.integers(1, 7))
def test_any_order_within_the_lateness_gives_the_alerts_of_the_definition(
    rulesets: dict[str, RuleSet], name: str, case: tuple[int, list[Arrival]], size: int
) -> None:
    lateness, arrivals = case
    engine = Engine(rulesets[name], DetectSettings(lateness=Seconds(lateness)))
    changes = evaluate(engine, blocks_of_arrivals(arrivals, size))
    assert seen(changes) == naive(arrivals, CASES[name][1])
    opened = [change.alert.id for change in changes if change.kind == "opened"]
    assert len(opened) == len(set(opened))
    for alert in {change.alert.id: change.alert for change in changes}.values():
        told = [event_id for change in changes if change.alert.id == alert.id for event_id in change.event_ids]
        assert len(told) == len(set(told)) == alert.events


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=50)
@given(SCENARIOS, st.integers(1, 7), st.data())
def test_a_restart_anywhere_gives_the_very_alerts_of_a_run_without_one(
    rulesets: dict[str, RuleSet], name: str, case: tuple[int, list[Arrival]], size: int, data: st.DataObject
) -> None:
    lateness, arrivals = case
    blocks = blocks_of_arrivals(arrivals, size)
    cut = data.draw(st.integers(1, len(blocks)))
    limits = DetectSettings(lateness=Seconds(lateness))
    expected = evaluate(Engine(rulesets[name], limits), blocks)

    before, after = Engine(rulesets[name], limits), Engine(rulesets[name], limits)
    told = evaluate(before, blocks[:cut], end=False)
    open_alerts = {change.alert.id: change.alert for change in told}
    for change in told:
        if change.kind == "resolved":
            del open_alerts[change.alert.id]
    oldest = blocks[cut - 1].info.received - (after.replay_span_us - TICK_EVERY_MAX_US)
    for one in blocks[:cut]:
        if one.info.tmax >= oldest:
            after.replay(one)
    told += after.restore(open_alerts.values(), oldest, blocks[cut - 1].info.received)
    told += evaluate(after, blocks[cut:])
    assert seen(told) == seen(expected)


def test_what_a_window_forgot_does_not_stand_for_what_came_since(tmp_path: Path) -> None:
    text = rule("type: value_count\n  condition: {field: source.ip, gte: 5}")
    engine = Engine(ruleset(tmp_path, text), DetectSettings(lateness=Seconds(4)))
    arrivals = [Arrival(at // 3, 0, "a", "first", 0, f"10.0.0.{at % 4}") for at in range(40)]  # many, few different
    arrivals += [Arrival(at, 0, "a", "first", 0, "10.0.0.0") for at in (19, 41)]  # all before these are forgotten
    arrivals += [Arrival(42 + at, 0, "a", "first", 0, f"10.0.1.{at}") for at in range(5)]
    changes = evaluate(engine, blocks_of_arrivals(arrivals, 1))
    assert seen(changes) == naive(arrivals, lambda window: len({one.address for one in window}) >= 5)
    assert seen(changes)


def test_what_only_grows_is_told_at_once_and_what_may_be_undone_one_lateness_later(
    rulesets: dict[str, RuleSet],
) -> None:
    events = [
        event(START + at * SECOND, actor__id="a", action="first", measures={"rows": 9}, source__ip=f"10.0.0.{at}")
        for at in range(3)
    ]
    limits = DetectSettings(lateness=Seconds(120))
    assert [change.kind for change in Engine(rulesets["three addresses"], limits).process(block(events))] == ["opened"]
    average = Engine(rulesets["rows on average"], limits)
    assert average.process(block(events)) == []
    later = block(
        [event(START + 200 * SECOND, actor__id="a", action="first", measures={"rows": 0})], number=4, sequence=2
    )
    assert [change.kind for change in average.process(later)] == ["opened", "resolved"]


def test_a_match_without_the_value_is_counted_as_such_and_no_more(rulesets: dict[str, RuleSet]) -> None:
    engine = Engine(rulesets["many rows"], DetectSettings())
    rows: list[Any] = [{"rows": 6}, None, {"bytes": 100}, {"rows": -50}, {"rows": 6}]
    events = [event(START, actor__id="a", action="first", **({} if one is None else {"measures": one})) for one in rows]
    (change,) = engine.process(block(events))
    assert (change.kind, change.alert.events) == ("opened", 2)
    assert engine.counters[RULE_ID].missing_value == 3


@pytest.mark.parametrize("rows", [6e18, 5.5e18, 1e300, 2.0**63])
def test_numbers_of_any_size_are_summed(tmp_path: Path, rows: float) -> None:
    text = rule("type: value_sum\n  condition: {field: measures.rows, gte: 11000000000000000000}")
    engine = Engine(ruleset(tmp_path, text), DetectSettings())
    made = [
        event(START + at, actor__id="a", action="first", measures={"rows": some})
        for at, some in enumerate((0.5, rows, rows))
    ]
    (change,) = engine.process(block(made))
    assert change.alert.holds_from == START + (1 if rows >= 1.1e19 else 2)


def test_an_alias_stands_for_another_field_in_each_rule(tmp_path: Path) -> None:
    text = rule(
        "type: temporal\n  condition: first and second\n  aliases: {who: {first: actor.id, second: resource.id}}"
    )
    text = text.replace("[first, second, third]", "[first, second]").replace("[actor.id]", "[who]")
    engine = Engine(ruleset(tmp_path, text), DetectSettings())
    made = [
        event(START, action="first", actor__id="eve", resource__id="x"),
        event(START + SECOND, action="second", actor__id="x", resource__id="eve"),
    ]
    (change,) = engine.process(block(made))
    assert change.alert.group == (("who", "eve"),)
    assert change.alert.events == 2


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=30), st.integers(0, 100))
def test_a_percentile_lies_between_the_numbers_around_it(numbers: list[int], percent: int) -> None:
    found = percentile(numbers, percent)
    ordered = sorted(numbers)
    below = math.floor((len(numbers) - 1) * percent / 100)
    assert ordered[below] <= found <= ordered[min(below + 1, len(numbers) - 1)]
    assert percentile(numbers, 0) == min(numbers)
    assert percentile(numbers, 100) == max(numbers)
