"""The counting against a naive reference, with events that arrive in any order that the lateness allows."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet
from collector.detect.engine import TICK_EVERY_MAX_US
from collector.detect.group import FOREVER_US
from collector.finding import AlertChange
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import correlation, ruleset
from watchbook.units import Seconds

SPAN_S, THRESHOLD = 20, 3


class Seen(NamedTuple):
    """What an alert comes down to, whatever the order of arrival."""

    group: str
    events: int
    first: int
    last: int
    resolved: int | None


class Arrival(NamedTuple):
    at: int
    delay: int
    actor: str


def naive(arrivals: Iterable[Arrival]) -> set[Seen]:
    """Return the alerts of the contract by its definition."""
    by_actor = defaultdict(list)
    for arrival in arrivals:
        by_actor[arrival.actor].append(START + arrival.at * SECOND)
    span, alerts = SPAN_S * SECOND, set()
    for actor, times in by_actor.items():
        held = sorted({t for t in times if sum(t - span < other <= t for other in times) >= THRESHOLD})
        chains: list[list[int]] = []
        for moment in held:
            if chains and moment - chains[-1][-1] <= span:
                chains[-1].append(moment)
            else:
                chains.append([moment])
        for chain in chains:
            counted = [t for t in times if chain[0] - span < t <= chain[-1]]
            alerts.add(Seen(actor, len(counted), min(counted), max(counted), chain[-1] + span))
    return alerts


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    folder: Path = tmp_path_factory.mktemp("rules")
    return ruleset(folder, correlation(THRESHOLD, f"{SPAN_S}s"))


def received_s(arrival: Arrival) -> int:
    return arrival.at + arrival.delay


def blocks_of_arrivals(arrivals: list[Arrival], size: int, *, prompt: bool = False) -> list[DecodedBlock]:
    """Return the arrivals in blocks of up to ``size``; ``prompt`` ones hold only what arrived at the same moment."""
    arrived = sorted(arrivals, key=received_s)
    blocks: list[DecodedBlock] = []
    start = 0
    while start < len(arrived):
        part = arrived[start : start + size]
        if prompt:
            part = [one for one in part if received_s(one) == received_s(part[0])]
        events: list[dict[str, Any]] = [
            event(START + one.at * SECOND, actor__id=one.actor, outcome="failure") for one in part
        ]
        received = START + received_s(part[-1]) * SECOND
        blocks.append(block(events, number=start + 1, sequence=len(blocks) + 1, received=received))
        start += len(part)
    return blocks


def seen(changes: Iterable[AlertChange]) -> list[Seen]:
    alerts = {change.alert.id: change.alert for change in changes}
    return sorted(Seen(str(a.group[0][1]), a.events, a.first, a.last, a.resolved) for a in alerts.values())


def evaluate(engine: Engine, blocks: list[DecodedBlock], *, end: bool = True) -> list[AlertChange]:
    """Return what the engine says about blocks, with the clock on the wall going on between them."""
    changes: list[AlertChange] = []
    for one in blocks:
        changes += engine.process(one)
        changes += engine.tick(one.info.received)
    return changes + engine.tick(FAR) if end else changes


def arrivals_up_to(lateness: int) -> st.SearchStrategy[list[Arrival]]:
    return st.lists(
        st.builds(Arrival, st.integers(0, 150), st.integers(0, lateness), st.sampled_from("ab")),
        min_size=1,
        max_size=40,
    )


LATENESS = st.sampled_from([0, 7, 20, 45])
FAR = START + 10_000 * SECOND


@settings(deadline=None)
@given(LATENESS.flatmap(lambda late: st.tuples(st.just(late), arrivals_up_to(late))), st.integers(1, 7))
def test_what_several_blocks_change_comes_to_the_same_when_it_is_told_together(
    rules: RuleSet, case: tuple[int, list[Arrival]], size: int
) -> None:
    lateness, arrivals = case
    apart, together = (Engine(rules, DetectSettings(lateness=Seconds(lateness))) for _ in range(2))
    one_by_one: list[AlertChange] = []
    for one in blocks_of_arrivals(arrivals, size):
        one_by_one += apart.process(one)
        together.read(one)
    assert (together.unsaid > 0) == bool(one_by_one)
    at_once = together.changes()
    assert together.unsaid == 0
    left, expected = (
        {change.alert.id: change.alert._replace(received=0) for change in changes} for changes in (at_once, one_by_one)
    )
    assert left == expected
    for kind in ("opened", "resolved"):
        assert sorted(change.alert.id for change in at_once if change.kind == kind) == sorted(
            change.alert.id for change in one_by_one if change.kind == kind
        )
    assert sorted(event_id for change in at_once for event_id in change.event_ids) == sorted(
        event_id for change in one_by_one for event_id in change.event_ids
    )


@settings(max_examples=400, deadline=None)
@given(LATENESS.flatmap(lambda late: st.tuples(st.just(late), arrivals_up_to(late))), st.integers(1, 7))
def test_any_order_within_the_lateness_gives_the_alerts_of_the_definition(
    rules: RuleSet, case: tuple[int, list[Arrival]], size: int
) -> None:
    lateness, arrivals = case
    engine = Engine(rules, DetectSettings(lateness=Seconds(lateness)))
    changes = evaluate(engine, blocks_of_arrivals(arrivals, size, prompt=True))
    assert seen(changes) == sorted(naive(arrivals))
    opened = [change.alert.id for change in changes if change.kind == "opened"]
    assert len(opened) == len(set(opened))
    for alert in {change.alert.id: change.alert for change in changes}.values():
        told = [event_id for change in changes if change.alert.id == alert.id for event_id in change.event_ids]
        assert len(told) == len(set(told)) == alert.events


@settings(deadline=None)
@given(
    st.sampled_from([0, 7, 20]).flatmap(lambda late: st.tuples(st.just(late), arrivals_up_to(late))),
    st.integers(1, 7),
    st.data(),
)
def test_a_restart_anywhere_gives_the_very_changes_of_a_run_without_one(
    rules: RuleSet, case: tuple[int, list[Arrival]], size: int, data: st.DataObject
) -> None:
    lateness, arrivals = case
    blocks = blocks_of_arrivals(arrivals, size, prompt=True)
    cut = data.draw(st.integers(1, len(blocks)))
    limits = DetectSettings(lateness=Seconds(lateness))
    expected = evaluate(Engine(rules, limits), blocks)

    before, after = Engine(rules, limits), Engine(rules, limits)
    told = evaluate(before, blocks[:cut], end=False)
    open_alerts = {change.alert.id: change.alert for change in told}
    for change in told:
        if change.kind == "resolved":
            del open_alerts[change.alert.id]
    oldest = blocks[cut - 1].info.received - (after.replay_span_us - TICK_EVERY_MAX_US)
    for one in blocks[:cut]:
        if one.info.tmax >= oldest:
            after.replay(one)
    told += after.restore(open_alerts.values())
    told += evaluate(after, blocks[cut:])
    assert seen(told) == seen(expected)
    assert {change.alert.id for change in told} == {change.alert.id for change in expected}


@settings(deadline=None)
@given(LATENESS.flatmap(lambda late: st.tuples(st.just(late), arrivals_up_to(late))), st.integers(1, 7), st.data())
def test_it_does_not_matter_when_the_clock_rings(
    rules: RuleSet, case: tuple[int, list[Arrival]], size: int, data: st.DataObject
) -> None:
    lateness, arrivals = case
    engines = [Engine(rules, DetectSettings(lateness=Seconds(lateness))) for _ in range(2)]
    told: list[list[AlertChange]] = [[], []]
    for one in blocks_of_arrivals(arrivals, size):  # received later than some of its events arrived
        for engine, changes in zip(engines, told, strict=True):
            if data.draw(st.booleans()):
                changes += engine.tick(one.info.received)
            changes += engine.process(one)
    for engine, changes in zip(engines, told, strict=True):
        changes += engine.tick(FAR)
    assert seen(told[0]) == seen(told[1])


def test_an_alert_before_an_open_one_that_is_not_decided_yet_survives_a_restart(tmp_path: Path) -> None:
    once = ruleset(tmp_path, correlation(1, f"{SPAN_S}s"))
    limits = DetectSettings(lateness=Seconds(45))
    blocks = blocks_of_arrivals([Arrival(41, 0, "a"), Arrival(0, 42, "a")], 1)
    before, after = Engine(once, limits), Engine(once, limits)
    told = evaluate(before, blocks, end=False)
    assert [change.kind for change in told] == ["opened"], "a third event may yet join the two"
    for one in blocks:
        after.replay(one)
    told += after.restore([told[0].alert], -FOREVER_US, blocks[-1].info.received) + after.tick(FAR)
    assert len(seen(told)) == 2
