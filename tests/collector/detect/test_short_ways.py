"""Matches that are counted the short way come to what all others come to, whatever comes, and none is miscounted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet
from collector.finding import AlertChange
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import ruleset
from tests.collector.detect.test_kinds import BASES
from watchbook.units import Seconds

FAR = START + 100_000 * SECOND
ALL, FIRST = "[first, second, third]", "[first]"
#: What is asked, of which rules, in how many seconds.
RULES = [
    *((f"type: event_count\n  condition: {{gte: {least}}}", ALL, 20) for least in (1, 2, 3, 6)),
    ("type: event_count\n  condition: {gte: 2}", ALL, 1),
    ("type: event_count\n  condition: {lte: 2}", ALL, 20),
    *((f"type: value_count\n  condition: {{field: source.ip, gte: {least}}}", ALL, 20) for least in (1, 3)),
    ("type: value_sum\n  condition: {field: measures.rows, gte: 12}", ALL, 20),
    ("type: value_avg\n  condition: {field: measures.rows, gt: 4}", ALL, 20),
    ("type: temporal\n  condition: {gte: 1}", ALL, 20),
    ("type: temporal\n  condition: {gte: 2}", ALL, 20),
    ("type: temporal_ordered", ALL, 20),
    ("type: event_count\n\n  condition: {gte: 2}", FIRST, 9),
    ("type: temporal", "[r13, third]", 25),
    ("type: event_count\n  condition: {gte: 2}", "[r13]", 60),
    ("type: temporal_ordered\n  condition: first and not second", "[first, second]", 15),
]


class Arrival(NamedTuple):
    at: int
    #: How much later it arrives; less than 0: its clock is ahead.
    delay: int
    actor: str | None
    action: str
    rows: int


class Limits(NamedTuple):
    lateness: int
    state: int
    window: int


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        st.one_of(st.integers(0, 300), st.integers(0, 15).map(lambda n: 20 * n)),
        st.one_of(st.integers(0, 45), st.integers(-100, 200), st.just(0)),
        st.sampled_from(["a", "a", "a", "b", "b", None]),
        st.sampled_from(["first", "second", "third"]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=40,
)
LIMITS = st.builds(
    Limits, st.sampled_from([0, 7, 20, 45]), st.sampled_from([8, 60, 10**6]), st.sampled_from([1, 4, 1000])
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    texts = [
        f"title: A correlation\nname: r{place}\nid: {place:08d}-1111-4111-8111-111111111111\ncorrelation:\n"
        f"  {asked}\n  rules: {refers}\n  group-by: [actor.id]\n  timespan: {span}s\n"
        for place, (asked, refers, span) in enumerate(RULES)
    ]
    return ruleset(tmp_path_factory.mktemp("rules"), "\n---\n".join([BASES, *texts]))


def blocks_of_arrivals(arrivals: list[Arrival], size: int) -> Iterator[DecodedBlock]:
    arrived = sorted(arrivals, key=received_s)
    for start in range(0, len(arrived), size):
        part = arrived[start : start + size]
        events = [event(START + one.at * SECOND, **fields_of(one)) for one in part]
        yield block(
            events,
            number=start + 1,
            sequence=start + 1,
            received=START + received_s(part[-1]) * SECOND,
            stream="ab"[start // size % 2] * 32,
        )


def received_s(one: Arrival) -> int:
    return max(0, one.at + one.delay)


def fields_of(one: Arrival) -> dict[str, Any]:
    known = {} if one.actor is None else {"actor__id": one.actor}
    return known | {"action": one.action, "measures": {"rows": one.rows}, "source__ip": f"10.0.0.{one.rows % 4}"}


def engine_of(rules: RuleSet, limits: Limits, *, short: bool) -> Engine:
    engine = Engine(
        rules,
        DetectSettings(
            lateness=Seconds(limits.lateness), state_events_max=limits.state, window_events_max=limits.window
        ),
    )
    if not short:
        for state in engine._states:
            state._lonely, state._is_plain = "", False
    return engine


def run(engine: Engine, blocks: list[DecodedBlock], ticks: list[bool]) -> list[AlertChange]:
    changes: list[AlertChange] = []
    for one, tick in zip(blocks, ticks, strict=True):
        changes += engine.process(one)
        if tick:
            changes += engine.tick(one.info.received)
        for state in engine._states:
            assert state.events == sum(group.size for group in state._groups.values())
        assert engine.state_events == sum(state.events for state in engine._states)
    return changes


def restarted(engine: Engine, blocks: list[DecodedBlock], told: list[AlertChange], ticked: int) -> list[AlertChange]:
    """Let an engine take up what another one had told after some blocks."""
    alerts = {change.alert.id: change.alert for change in told}
    for change in told:
        if change.kind == "resolved":
            alerts.pop(change.alert.id, None)
    oldest = blocks[-1].info.received - engine.replay_span_us
    for one in blocks:
        if one.info.tmax >= oldest:
            engine.replay(one, ticked)
    return engine.restore(alerts.values(), oldest, ticked)


@settings(deadline=None, max_examples=150)
@given(ARRIVALS, st.integers(1, 7), LIMITS, st.data())
def test_matches_are_counted_the_short_way_as_all_others_are(
    rules: RuleSet, arrivals: list[Arrival], size: int, limits: Limits, data: st.DataObject
) -> None:
    blocks = list(blocks_of_arrivals(arrivals, size))
    ticks = data.draw(st.lists(st.booleans(), min_size=len(blocks), max_size=len(blocks)))
    cut = data.draw(st.integers(0, len(blocks)))
    ticked = max((one.info.received for one, tick in zip(blocks[:cut], ticks[:cut], strict=True) if tick), default=0)
    told = []
    for short in (True, False):
        before = engine_of(rules, limits, short=short)
        changes = run(before, blocks[:cut], ticks[:cut])
        after = before
        if cut:
            after = engine_of(rules, limits, short=short)
            changes += restarted(after, blocks[:cut], changes, ticked)
            changes += after.tick(max(ticked, blocks[cut - 1].info.received))
        changes += run(after, blocks[cut:], ticks[cut:])
        told.append((changes, dict(after.counters), after.tick(FAR)))
    assert told[0] == told[1]
    changes, _, last = told[0]
    assert all(change.alert.events for change in [*changes, *last])
