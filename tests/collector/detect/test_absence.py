"""What did not happen, against its definition: in any order within the lateness, over restarts, and by the clock."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet
from collector.detect.engine import TICK_EVERY_MAX_US
from collector.finding import AlertChange
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import RULE_ID, ruleset
from tests.collector.detect.test_chained import BASES, attempts
from watchbook.units import Seconds

SPAN_S = 20
FAR = START + 10_000 * SECOND
WAIT = f"""{BASES}
---
title: Nothing followed
id: {RULE_ID}
correlation:
  type: temporal_ordered
  rules: [first, second]
  group-by: [actor.id]
  timespan: {SPAN_S}s
  condition: first and not second
"""
SILENT = f"""{BASES}
---
title: Nothing was heard
id: {RULE_ID}
correlation:
  type: event_count
  rules: [first]
  group-by: [actor.id]
  timespan: {SPAN_S}s
  condition: {{lt: 1}}
"""


class Arrival(NamedTuple):
    at: int
    delay: int
    actor: str
    action: str


class Seen(NamedTuple):
    """What an alert comes down to, whatever the order of arrival."""

    group: str
    events: int
    first: int
    last: int
    holds_from: int
    resolved: int | None


def at(second: int) -> int:
    return START + second * SECOND


def naive_wait(arrivals: Iterable[Arrival]) -> list[Seen]:
    """Return the alerts of 'first and not second' by its definition."""
    by_actor = defaultdict(list)
    for one in arrivals:
        by_actor[one.actor].append(one)
    alerts = []
    for actor, ones in by_actor.items():
        over = sorted(
            a.at + SPAN_S
            for a in ones
            if a.action == "first"
            and not any(b.action == "second" and a.at <= b.at < a.at + SPAN_S for b in ones)
        )  # fmt: skip
        chains: list[list[int]] = []
        for moment in over:
            if chains and moment - chains[-1][-1] <= SPAN_S:
                chains[-1].append(moment)
            else:
                chains.append([moment])
        for chain in chains:
            alerts.append(
                Seen(actor, len(chain), at(chain[0]), at(chain[-1]), at(chain[0]), at(chain[-1] + SPAN_S))
            )  # fmt: skip
    return sorted(alerts)


def naive_silence(arrivals: Iterable[Arrival]) -> list[Seen]:
    """Return the alerts of 'nothing was heard' by its definition; the last one of each group goes on."""
    by_actor = defaultdict(set)
    for one in arrivals:
        if one.action == "first":
            by_actor[one.actor].add(one.at)
    alerts = []
    for actor, times in by_actor.items():
        heard = sorted(times)
        for begin, end in zip(heard, [*heard[1:], None], strict=True):
            if end is None or end - begin >= SPAN_S:
                over = None if end is None else at(end)
                alerts.append(Seen(actor, 1, at(begin), at(begin), at(begin + SPAN_S), over))
    return sorted(alerts, key=str)


def blocks_of(arrivals: list[Arrival], size: int) -> list[DecodedBlock]:
    arrived = sorted(arrivals, key=lambda one: one.at + one.delay)
    blocks: list[DecodedBlock] = []
    start = 0
    while start < len(arrived):
        moment = arrived[start].at + arrived[start].delay
        part = [one for one in arrived[start : start + size] if one.at + one.delay == moment]
        events = [event(at(one.at), actor__id=one.actor, action=one.action) for one in part]
        blocks.append(block(events, number=start + 1, sequence=len(blocks) + 1, received=at(moment)))
        start += len(part)
    return blocks


def ticks(begin: int, end: int) -> Iterator[int]:
    """Yield the seconds between two moments at which the clock is looked at: now and then, not at each."""
    yield from range(begin + 1, end, 3)


def evaluate(
    engine: Engine, blocks: list[DecodedBlock], *, since: int | None = None, end: bool = True
) -> list[AlertChange]:
    """Return what becomes of the rule's alerts, with the clock going on between the blocks."""
    changes: list[AlertChange] = []
    last = since
    for one in blocks:
        received = (one.info.received - START) // SECOND
        for second in ticks(received if last is None else last, received):
            changes += engine.tick(at(second))
        changes += engine.process(one)
        changes += engine.tick(one.info.received)
        last = received
    if end:
        changes += engine.tick(FAR)
    return [change for change in changes if change.alert.rule.id == RULE_ID]


def seen(changes: Iterable[AlertChange]) -> list[Seen]:
    alerts = {change.alert.id: change.alert for change in changes}
    return sorted(
        (Seen(str(a.group[0][1]), a.events, a.first, a.last, a.holds_from, a.resolved) for a in alerts.values()),
        key=str,
    )


def arrivals_up_to(lateness: int, most: int) -> st.SearchStrategy[list[Arrival]]:
    one = st.builds(
        Arrival,
        st.integers(0, 150),
        st.integers(0, lateness),
        st.sampled_from("ab"),
        st.sampled_from(["first", "first", "second"]),
    )
    return st.lists(one, min_size=1, max_size=most)


SCENARIOS = st.tuples(st.sampled_from([0, 7, 20, 45]), st.integers(2, 40)).flatmap(
    lambda case: st.tuples(st.just(case[0]), arrivals_up_to(*case))
)
RULES = {"wait": (WAIT, naive_wait), "silence": (SILENT, naive_silence)}


@pytest.fixture(scope="module")
def rulesets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RuleSet]:
    return {name: ruleset(tmp_path_factory.mktemp("rules"), text) for name, (text, _) in RULES.items()}


def limits(lateness: int) -> DetectSettings:
    return DetectSettings(lateness=Seconds(lateness), silence_remembered=Seconds(1_000_000))


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None)
@given(SCENARIOS, st.integers(1, 7))
def test_any_order_within_the_lateness_gives_the_alerts_of_the_definition(
    rulesets: dict[str, RuleSet], name: str, case: tuple[int, list[Arrival]], size: int
) -> None:
    lateness, arrivals = case
    changes = evaluate(Engine(rulesets[name], limits(lateness)), blocks_of(arrivals, size))
    assert seen(changes) == sorted(RULES[name][1](arrivals), key=str)
    for kind in ("opened", "resolved"):
        told = [change.alert.id for change in changes if change.kind == kind]
        assert len(told) == len(set(told))
    told = [event_id for change in changes for event_id in change.event_ids]
    assert len(told) == len(set(told)) == sum(one.events for one in seen(changes))


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None)
@given(SCENARIOS, st.integers(1, 7), st.data())
def test_a_restart_anywhere_gives_the_very_alerts_of_a_run_without_one(
    rulesets: dict[str, RuleSet], name: str, case: tuple[int, list[Arrival]], size: int, data: st.DataObject
) -> None:
    lateness, arrivals = case
    blocks = blocks_of(arrivals, size)
    cut = data.draw(st.integers(1, len(blocks)))
    more = data.draw(st.integers(0, 200))
    expected = evaluate(Engine(rulesets[name], limits(lateness)), blocks)

    before, after = (Engine(rulesets[name], limits(lateness)) for _ in range(2))
    changes = evaluate(before, blocks[:cut], end=False)
    ticked = at((blocks[cut - 1].info.received - START) // SECOND)
    following = blocks[cut].info.received if cut < len(blocks) else FAR
    for second in range(1, more, 5):  # the clock goes on for a while before the end, as long as nothing comes
        if blocks[cut - 1].info.received + second * SECOND < following:
            ticked = blocks[cut - 1].info.received + second * SECOND
            changes += [change for change in before.tick(ticked) if change.alert.rule.id == RULE_ID]
    open_alerts = {change.alert.id: change.alert for change in changes}
    for change in changes:
        if change.kind == "resolved":
            del open_alerts[change.alert.id]
    oldest = blocks[cut - 1].info.received - (after.replay_span_us - TICK_EVERY_MAX_US)
    for one in blocks[:cut]:
        if one.info.tmax >= oldest:
            after.replay(one)
    changes += after.restore(open_alerts.values(), oldest, ticked)
    changes += evaluate(after, blocks[cut:], since=(ticked - START) // SECOND)
    assert seen(changes) == seen(expected)
    assert {change.alert.id for change in changes} == {change.alert.id for change in expected}
    for kind in ("opened", "resolved"):
        told = [change.alert.id for change in changes if change.kind == kind]
        assert len(told) == len(set(told)), kind


def engine_of(folder: Path, text: str, **settings: Any) -> Engine:
    return Engine(ruleset(folder, text), DetectSettings(**({"lateness": Seconds(10)} | settings)))


def kinds(changes: Iterable[AlertChange]) -> list[str]:
    return [change.kind for change in changes if change.alert.rule.id == RULE_ID]


def test_an_answer_that_is_late_is_waited_for(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, WAIT)
    assert kinds(engine.process(block(attempts([0])))) == []
    assert kinds(engine.tick(at(SPAN_S + 9))) == []
    answer = block(attempts([SPAN_S - 1], "second"), number=2, sequence=2, received=at(SPAN_S + 9))
    assert kinds(engine.process(answer)) == []
    assert kinds(engine.tick(FAR)) == []


def test_an_answer_at_the_very_end_is_too_late(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, WAIT)
    engine.process(block(attempts([0])))
    engine.process(block(attempts([SPAN_S], "second"), number=2, sequence=2))
    assert kinds(engine.process(block(attempts([SPAN_S + 11], "second"), number=3, sequence=3))) == ["opened"]


def test_several_rules_may_begin_a_wait_and_several_end_it(tmp_path: Path) -> None:
    text = WAIT.replace("[first, second]", "[first, second, third]").replace(
        "first and not second", "first and not (second or third)"
    )
    engine = engine_of(tmp_path, text)
    engine.process(block([*attempts([0], actor="a"), *attempts([0], actor="b"), *attempts([3], "third", "b")]))
    (change,) = engine.tick(at(SPAN_S + 14))
    assert change.alert.group == (("actor.id", "a"),)


def test_a_correlation_may_begin_a_wait(tmp_path: Path) -> None:
    inner = """title: Three
name: many
correlation:
  type: event_count
  rules: [first]
  group-by: [actor.id]
  timespan: 10s
  condition: {gte: 3}
"""
    text = WAIT.replace("---\ntitle: Nothing followed", f"---\n{inner}---\ntitle: Nothing followed").replace(
        "rules: [first, second]", "rules: [many, second]"
    )
    engine = engine_of(tmp_path, text.replace("first and not second", "many and not second"))
    made = [*attempts([0, 1], actor="a"), *attempts([0, 1, 2], actor="b"), *attempts([0, 1, 2], actor="c")]
    engine.process(block([*made, *attempts([9], "second", "c")]))
    (change,) = engine.tick(at(SPAN_S + 20))
    assert (change.kind, change.alert.group, change.alert.events) == ("opened", (("actor.id", "b"),), 1)
    assert change.alert.holds_from == at(2 + SPAN_S)


def test_who_waits_longest_is_forgotten_when_too_many_wait_and_that_is_counted(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, WAIT, window_events_max=3)
    engine.process(block(attempts(range(5))))
    assert engine.counters[f"{RULE_ID}/{RULE_ID}"].window_overflow == 2
    assert engine.state_events == 3
    (change,) = engine.tick(at(SPAN_S + 20))
    assert change.alert.events == 3


def test_groups_that_wait_are_forgotten_when_the_state_is_full_and_that_is_counted(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, WAIT, state_events_max=10)
    engine.process(block([one for actor in range(15) for one in attempts([0], actor=f"user{actor}")]))
    assert engine.counters[f"{RULE_ID}/{RULE_ID}"].evicted == 5
    assert len(engine.tick(at(SPAN_S + 11))) == 10


def test_a_silence_is_told_once_goes_on_and_ends_with_the_next_event(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, SILENT)
    engine.process(block(attempts([0])))
    assert kinds(engine.tick(at(SPAN_S + 10))) == []
    (change,) = engine.tick(at(SPAN_S + 11))
    assert (change.kind, change.alert.events, change.alert.holds_from) == ("opened", 1, at(SPAN_S))
    assert kinds(engine.tick(at(3600))) == []
    assert kinds(engine.process(block(attempts([4000]), number=2, sequence=2))) == [], "one before it may be late"
    (change,) = engine.process(block(attempts([4011]), number=3, sequence=3))
    assert (change.kind, change.alert.resolved, change.alert.resolution) == ("resolved", at(4000), "returned")


def test_a_silent_group_is_given_up_after_a_while_and_is_new_when_it_returns(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, SILENT + "watchbook: {absence: {remember: 1h}}\n")
    engine.process(block(attempts([0])))
    assert kinds(engine.tick(at(3599))) == ["opened"]
    (change,) = engine.tick(at(3601))
    assert (change.kind, change.alert.resolution) == ("resolved", "given_up")
    assert engine.state_groups == 0
    assert kinds(engine.process(block(attempts([9000]), number=2, sequence=2))) == []


EXPECTED = SILENT + "watchbook: {absence: {remember: 1h, expected: [eve, bob]}}\n"


def test_who_is_expected_and_never_came_is_missed_and_never_given_up(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, EXPECTED)
    engine.tick(at(0))
    engine.process(block(attempts([5])))
    assert kinds(engine.tick(at(SPAN_S + 10))) == []
    (change,) = engine.tick(at(SPAN_S + 11))
    assert (change.kind, change.alert.group, change.alert.events) == ("opened", (("actor.id", "bob"),), 0)
    assert change.event_ids == ()
    assert kinds(engine.tick(at(100_000))) == ["opened"], "of eve, and nothing is given up"
    engine.process(block(attempts([200_000], actor="bob"), number=2, sequence=2))
    (change,) = engine.process(block(attempts([200_011], actor="bob"), number=3, sequence=3))
    assert (change.kind, change.alert.group[0][1], change.alert.resolved) == ("resolved", "bob", at(200_000))


def test_who_never_came_is_told_once_over_restarts(tmp_path: Path) -> None:
    before = engine_of(tmp_path, EXPECTED)
    before.tick(at(0))
    told = before.tick(at(SPAN_S + 11))
    assert kinds(told) == ["opened", "opened"]
    after = engine_of(tmp_path, EXPECTED)
    assert after.restore([change.alert for change in told], at(-100), at(SPAN_S + 11)) == []
    assert kinds(after.tick(at(5000))) == []
    after.process(block(attempts([6000])))
    (change,) = after.process(block(attempts([6011]), number=2, sequence=2))
    assert (change.kind, change.alert.id) == (
        "resolved",
        next(change.alert.id for change in told if change.alert.group[0][1] == "eve"),
    )


def test_who_was_not_there_before_a_restart_is_missed_after_it(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, EXPECTED)
    engine.replay(block(attempts([90])))
    engine.restore([], at(-100), at(90))
    (change,) = engine.tick(at(91))
    assert change.alert.group == (("actor.id", "bob"),)


def test_what_a_late_stream_brings_is_no_silence_of_its_own(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, SILENT)
    engine.process(block(attempts(range(1000, 1100, 5))))
    engine.process(block(attempts([0, 50]), number=21, stream="b" * 32, received=at(1100)))
    assert engine.counters[RULE_ID].too_late == 2
    assert engine.state_groups == 1
    assert kinds(engine.tick(at(1101))) == []


def test_what_nothing_followed_at_once_is_told_in_the_order_of_its_events(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, WAIT)
    for start in (0, 1000, 2000):  # in the memory where others stood before
        names = [f"user{(start + 7 * place) % 50}" for place in range(50)]
        engine.process(block([one for name in names for one in attempts([start], actor=name)], number=start + 1))
        changes = engine.tick(at(start + SPAN_S + 30))
        assert [change.alert.group[0][1] for change in changes if change.kind == "opened"] == names
        engine.tick(at(start + 500))
