"""Correlations of correlations against their definition, in any order that the lateness allows and over restarts."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, Exceptions, RuleSet, tick_of
from collector.detect.engine import TICK_EVERY_MAX_US
from collector.finding import AlertChange, RuleException
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import RULE_ID, detection, ruleset
from tests.collector.detect.test_kinds import FAR, Arrival, Seen, blocks_of_arrivals, seen
from watchbook.configfile import ConfigError
from watchbook.units import Seconds

INNER_S, OUTER_S = 20, 30
BASES = "\n---\n".join(
    detection(f"action: {name}", rule_id=f"{place}2222222-2222-4222-8222-222222222222").replace(
        "name: test", f"name: {name}"
    )
    for place, name in enumerate(("first", "second", "third"), 1)
)
MANY_ID = "33333333-3333-4333-8333-333333333333"


def inner(name: str, what: str, rules: str = "[first]", group_by: str = "[actor.id]") -> str:
    return f"""title: An inner one
name: {name}
correlation:
  {what}
  rules: {rules}
  group-by: {group_by}
  timespan: {INNER_S}s
"""


MANY = inner("many", "type: event_count\n  condition: {gte: 3}")
BY_ADDRESS = inner("many", "type: event_count\n  condition: {gte: 2}", group_by="[actor.id, source.ip]")
AVERAGE = inner("many", "type: value_avg\n  condition: {field: measures.rows, gt: 5}")
ORDERED = inner("many", "type: temporal_ordered", rules="[third, first]")


def outer(what: str, rules: str, between: str) -> str:
    return f"""{BASES}
---
{between}
---
title: An outer one
id: {RULE_ID}
correlation:
  {what}
  rules: {rules}
  group-by: [actor.id]
  timespan: {OUTER_S}s
"""


class Match(NamedTuple):
    """A match of a rule: ``bits``: of which of its outer's rules, 0 for one that is only counted along."""

    at: int
    actor: str
    bits: int
    address: str = ""


Window = Sequence[Match]


def held(times: Iterable[int], holds: Callable[[int], bool]) -> list[int]:
    return [at for at in sorted(set(times)) if holds(at)]


def moments(
    arrivals: Sequence[Arrival], key: Callable[[Arrival], Any], holds: Callable[[list[Arrival]], bool]
) -> dict[Any, tuple[list[Arrival], list[int]]]:
    """Return the events of each inner group, and the times at which the inner condition holds."""
    groups = defaultdict(list)
    for one in arrivals:
        groups[key(one)].append(one)
    return {
        group: (
            ones,
            held((one.at for one in ones), lambda at: holds([one for one in ones if at - INNER_S < one.at <= at])),  # noqa: B023
        )
        for group, ones in groups.items()
    }


def told(arrivals: Sequence[Arrival], bit: int, holds: Callable[[list[Arrival]], bool]) -> list[Match]:
    """Return the matches that an inner rule is for an outer one of a temporal kind."""
    found: list[Match] = []
    for actor, (ones, times) in moments(arrivals, lambda one: one.actor, holds).items():
        for one in ones:
            if one.at in times:
                found.append(Match(one.at, actor, bit))
            elif any(at - INNER_S < one.at <= at for at in times):
                found.append(Match(one.at, actor, 0))
    return found


def starts(arrivals: Sequence[Arrival], key: Callable[[Arrival], Any], least: int) -> list[Match]:
    """Return the matches that an inner count is for an outer one that counts."""
    found: list[Match] = []
    for ones, times in moments(arrivals, key, lambda window: len(window) >= least).values():
        for place, at in enumerate(times):
            if place == 0 or at - times[place - 1] > INNER_S:
                found.append(Match(at, ones[0].actor, 1, ones[0].address))
    return found


def of(arrivals: Iterable[Arrival], action: str) -> list[Arrival]:
    return [one for one in arrivals if one.action == action]


def plain(arrivals: Iterable[Arrival], action: str, bit: int) -> list[Match]:
    return [Match(one.at, one.actor, bit) for one in of(arrivals, action)]


def chain(window: Window, first: int, then: int) -> bool:
    return any(a.bits & first and b.bits & then and a.at <= b.at for a in window for b in window)


def third_then_first(window: list[Arrival]) -> bool:
    return any(a.action == "third" and b.action == "first" and a.at <= b.at for a in window for b in window)


def average(window: list[Arrival]) -> bool:
    return sum(one.rows for one in window) > 5 * len(window)


def evaluate(engine: Engine, blocks: list[DecodedBlock], *, end: bool = True) -> list[AlertChange]:
    """Return what becomes of the outer rule's alerts: a base rule that nobody refers to has its own."""
    changes: list[AlertChange] = []
    for one in blocks:
        changes += engine.tick(tick_of(one.info.received)) + engine.process(one)
    if end:
        changes += engine.tick(FAR)
    return [change for change in changes if change.alert.rule.id == RULE_ID]


Case = tuple[str, Callable[[list[Arrival]], list[Match]], Callable[[Window], bool]]
CASES: dict[str, Case] = {
    "many, then one": (
        outer("type: temporal_ordered", "[many, second]", MANY),
        lambda all_: told(of(all_, "first"), 1, lambda window: len(window) >= 3) + plain(all_, "second", 2),
        lambda window: chain(window, 1, 2),
    ),
    "one, then many": (
        outer("type: temporal_ordered", "[second, many]", MANY),
        lambda all_: told(of(all_, "first"), 2, lambda window: len(window) >= 3) + plain(all_, "second", 1),
        lambda window: chain(window, 1, 2),
    ),
    "a high average with one": (
        outer("type: temporal", "[many, second]", AVERAGE),
        lambda all_: told(of(all_, "first"), 1, average) + plain(all_, "second", 2),
        lambda window: {1, 2} <= {one.bits for one in window},
    ),
    "a chain of a chain": (
        outer("type: temporal_ordered", "[many, second]", ORDERED),
        lambda all_: (
            told([one for one in all_ if one.action != "second"], 1, third_then_first) + plain(all_, "second", 2)
        ),
        lambda window: chain(window, 1, 2),
    ),
    "two of many": (
        outer("type: event_count\n  condition: {gte: 2}", "[many]", BY_ADDRESS),
        lambda all_: starts(of(all_, "first"), lambda one: (one.actor, one.address), 2),
        lambda window: len(window) >= 2,
    ),
    "many or one, three times": (
        outer("type: event_count\n  condition: {gte: 3}", "[many, second]", BY_ADDRESS),
        lambda all_: (
            starts(of(all_, "first"), lambda one: (one.actor, one.address), 2) + plain(all_, "second", 1)
        ),
        lambda window: len(window) >= 3,
    ),
    "many from two addresses": (
        outer("type: value_count\n  condition: {field: source.ip, gte: 2}", "[many]", BY_ADDRESS),
        lambda all_: starts(of(all_, "first"), lambda one: (one.actor, one.address), 2),
        lambda window: len({one.address for one in window}) >= 2,
    ),
}  # fmt: skip


def naive(matches: Iterable[Match], holds: Callable[[Window], bool]) -> list[Seen]:
    """Return the alerts of the contract by its definition."""
    by_actor = defaultdict(list)
    for match in matches:
        by_actor[match.actor].append(match)
    alerts = []
    for actor, ones in by_actor.items():
        times = held(
            (one.at for one in ones if one.bits), lambda at: holds([one for one in ones if at - OUTER_S < one.at <= at])  # noqa: B023
        )  # fmt: skip
        chains: list[list[int]] = []
        for at in times:
            if chains and at - chains[-1][-1] <= OUTER_S:
                chains[-1].append(at)
            else:
                chains.append([at])
        for found in chains:
            counted = [START + one.at * SECOND for one in ones if found[0] - OUTER_S < one.at <= found[-1]]
            over = START + (found[-1] + OUTER_S) * SECOND
            alerts.append(Seen(actor, len(counted), min(counted), max(counted), over))
    return sorted(alerts)


@pytest.fixture(scope="module")
def rulesets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RuleSet]:
    return {name: ruleset(tmp_path_factory.mktemp("rules"), case[0]) for name, case in CASES.items()}


def arrivals_up_to(lateness: int) -> st.SearchStrategy[list[Arrival]]:
    one = st.builds(
        Arrival,
        st.integers(0, 150),
        st.integers(0, lateness),
        st.sampled_from("ab"),
        st.sampled_from(["first", "first", "first", "second", "third"]),
        st.integers(0, 9),
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    )
    return st.lists(one, min_size=1, max_size=40)


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
    _, matches, holds = CASES[name]
    assert seen(changes) == naive(matches(arrivals), holds)
    opened = [change.alert.id for change in changes if change.kind == "opened"]
    assert len(opened) == len(set(opened))


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None)
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
    changes = evaluate(before, blocks[:cut], end=False)
    open_alerts = {change.alert.id: change.alert for change in changes}
    for change in changes:
        if change.kind == "resolved":
            del open_alerts[change.alert.id]
    oldest = blocks[cut - 1].info.received - (after.replay_span_us - TICK_EVERY_MAX_US)
    for one in blocks[:cut]:
        if one.info.tmax >= oldest:
            after.replay(one)
    changes += after.restore(open_alerts.values(), oldest, tick_of(blocks[cut - 1].info.received))
    changes += evaluate(after, blocks[cut:])
    assert seen(changes) == seen(expected)
    assert {change.alert.id for change in changes} == {change.alert.id for change in expected}


def attempts(times: Iterable[int], action: str = "first", actor: str = "eve") -> list[dict[str, Any]]:
    return [event(START + at * SECOND, actor__id=actor, action=action) for at in times]


def test_a_success_long_after_the_first_failures_is_found_while_they_go_on(rulesets: dict[str, RuleSet]) -> None:
    engine = Engine(rulesets["many, then one"], DetectSettings())
    assert engine.process(block(attempts(range(0, 600, 5)))) == []
    (change,) = engine.process(block(attempts([601], "second"), number=200, sequence=2))
    assert (change.kind, change.alert.group) == ("opened", (("actor.id", "eve"),))
    assert change.alert.events == 6, "the failures of the last thirty seconds, and the success"
    assert change.event_ids[-1] != change.event_ids[0]


def test_the_inner_rule_raises_its_own_alert_only_when_it_is_asked_for(tmp_path: Path) -> None:
    text = outer("type: temporal_ordered\n  generate: true", "[many, second]", f"{MANY}id: {MANY_ID}\n")
    engine = Engine(ruleset(tmp_path, text), DetectSettings())
    made = [*attempts([1, 2, 3]), *attempts([4], "second")]
    alerts = {change.alert.rule.id: change.alert for change in engine.process(block(made))}
    # With 'generate' every rule that a correlation refers to raises alerts of its own.
    assert {MANY_ID, RULE_ID} <= set(alerts)
    assert (alerts[MANY_ID].events, alerts[RULE_ID].events) == (3, 4)
    assert engine.counters[f"{RULE_ID}/{MANY_ID}"].matched == 3


def problems_of(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        ruleset(folder, text)
    return str(caught.value)


def test_groups_must_be_found_in_the_inner_rule(tmp_path: Path) -> None:
    text = outer("type: temporal_ordered", "[many, second]", MANY).replace(
        f"group-by: [actor.id]\n  timespan: {OUTER_S}s", f"group-by: [actor.id, org]\n  timespan: {OUTER_S}s"
    )
    found = problems_of(tmp_path, text)
    assert "'correlation.group-by': 'many' is a correlation that groups by actor.id" in found
    assert "has no 'org'; add it to the group-by there" in found


def test_an_alias_says_what_the_inner_rule_calls_it(tmp_path: Path) -> None:
    many = MANY.replace("[actor.id]", "[resource.id]")
    text = outer(
        "type: temporal_ordered\n  aliases: {who: {many: resource.id, second: actor.id}}", "[many, second]", many
    ).replace(f"group-by: [actor.id]\n  timespan: {OUTER_S}s", f"group-by: [who]\n  timespan: {OUTER_S}s")
    engine = Engine(ruleset(tmp_path, text), DetectSettings())
    made = [event(START + at * SECOND, actor__id="x", resource__id="eve", action="first") for at in range(3)]
    (change,) = engine.process(block([*made, *attempts([9], "second")]))
    assert change.alert.group == (("who", "eve"),)


def test_the_values_of_a_correlation_are_those_that_it_groups_by(tmp_path: Path) -> None:
    text = outer("type: value_count\n  condition: {field: source.ip, gte: 2}", "[many]", MANY)
    found = problems_of(tmp_path, text)
    assert "'correlation.condition.field': expected a field that the correlation 'many' groups by (actor.id)" in found


def test_correlations_that_refer_to_each_other_are_refused_by_their_names(tmp_path: Path) -> None:
    one = inner("many", "type: event_count\n  condition: {gte: 2}", rules="[more]") + f"id: {MANY_ID}\n"
    two = inner("more", "type: event_count\n  condition: {gte: 2}", rules="[many]") + f"id: {RULE_ID}\n"
    assert "refers to itself: many -> more -> many" in problems_of(tmp_path, f"{BASES}\n---\n{one}\n---\n{two}")


def test_what_waits_for_certainty_is_told_by_the_clock_when_nothing_comes(rulesets: dict[str, RuleSet]) -> None:
    engine = Engine(rulesets["two of many"], DetectSettings(lateness=Seconds(10)))
    made = [
        event(START + at * SECOND, actor__id="eve", action="first", source__ip=f"10.0.0.{at % 2}") for at in range(4)
    ]
    assert engine.process(block(made)) == []
    last = START + 3 * SECOND
    assert engine.tick(last + (INNER_S + 9) * SECOND) == []
    changes: list[AlertChange] = engine.tick(last + (INNER_S + 11) * SECOND)
    assert [change.kind for change in changes] == ["opened"]
    assert [change.kind for change in engine.tick(FAR)] == ["resolved"]


def test_an_exception_of_a_rule_holds_for_what_its_inner_rules_count_and_for_no_other_rule(tmp_path: Path) -> None:
    text = outer("type: temporal_ordered\n  generate: true", "[many, second]", f"{MANY}id: {MANY_ID}\n")
    spared = RuleException("e1", RULE_ID, (("source.ip", "10.0.0.1"),), 1, FAR)
    exceptions = Exceptions([spared])
    engine = Engine(ruleset(tmp_path, text), DetectSettings(), exceptions)
    made = [*attempts([1, 2, 3]), *attempts([4], "second")]
    for one in made[:3]:
        one["source.ip"] = "10.0.0.1"
    found = {change.alert.rule.id for change in engine.process(block(made))}
    assert MANY_ID in found
    assert RULE_ID not in found
    assert exceptions.uses()["e1"].events == 3
