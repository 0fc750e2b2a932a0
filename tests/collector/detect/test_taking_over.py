"""An engine goes on where another one stood: with the same memory for the same rules, with a new one for the others."""

from pathlib import Path
from typing import Any

from collector.block import DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.detect.costs import CostWatch
from collector.finding import AlertChange
from tests.collector.detect.blocks import MINUTE, SECOND, START, block, event
from tests.collector.detect.rules import RULE_ID, correlation, detection
from tests.collector.detect.test_chained import MANY, outer
from watchbook.units import Seconds

SETTINGS = DetectSettings()
OTHER = "33333333-3333-4333-8333-333333333333"


def rules(folder: Path, *texts: str) -> RuleSet:
    for old in folder.glob("*.yml"):
        old.unlink()
    for number, text in enumerate(texts):
        (folder / f"{number}.yml").write_text(text)
    return load_rules([folder])


def failures(number: int, at: int, n: int = 1, **fields: Any) -> DecodedBlock:
    events = [event(START + at + i * SECOND, actor__id="a", outcome="failure", **fields) for i in range(n)]
    return block(events, number=number, sequence=number)


def exchanged(old: Engine, after: RuleSet, stored: list[DecodedBlock], aside: tuple[str, ...] = ()) -> Engine:
    """Return an engine of other rules in place of one, as the watch does it."""
    engine = Engine(after, SETTINGS)
    fresh = Engine(RuleSet(tuple(engine.unlike(old))), SETTINGS)
    for one in stored:
        fresh.replay(one)
    fresh.restore([])
    engine.prepare_like(old)
    engine.take_over(old, fresh, aside=aside)
    return engine


def test_a_window_that_is_half_full_goes_on_filling(tmp_path: Path) -> None:
    old = Engine(rules(tmp_path, correlation(3, "10m")), SETTINGS)
    assert old.process(failures(1, 0, 2)) == []
    same = rules(tmp_path, correlation(3, "10m") + "level: critical\n", detection("action: never", rule_id=OTHER)
                 .replace("name: test", "name: other"))  # fmt: skip
    new = exchanged(old, same, [])  # nothing is found in the store: what is known is what was kept
    (change,) = new.process(failures(3, MINUTE))
    assert (change.kind, change.alert.events, change.alert.rule.level) == ("opened", 3, "critical")
    assert len(set(change.event_ids)) == 3
    assert all("-1-" in one or "-3-" in one for one in change.event_ids)


def test_a_rule_that_changed_finds_its_memory_in_the_store(tmp_path: Path) -> None:
    stored = [failures(1, 0, 2)]
    old = Engine(rules(tmp_path, correlation(5, "10m")), SETTINGS)
    old.process(stored[0])
    new = exchanged(old, rules(tmp_path, correlation(3, "20m")), stored)
    (change,) = new.process(failures(3, MINUTE))
    assert (change.kind, change.alert.events) == ("opened", 3)


def test_what_a_new_rule_finds_in_the_store_has_its_ids_though_the_old_engine_never_saw_it(tmp_path: Path) -> None:
    stored = [failures(1, 0, 2), failures(3, MINUTE)]
    old = Engine(rules(tmp_path, correlation(5, "1m")), SETTINGS)
    old.process(stored[1])  # it began after the first block
    new = exchanged(old, rules(tmp_path, correlation(4, "20m")), stored)
    (change,) = new.process(failures(4, 2 * MINUTE))
    assert sorted(one.partition("-")[2] for one in change.event_ids) == ["1-0", "1-1", "3-0", "4-0"]


def test_an_alert_that_is_open_goes_on_and_a_block_counts_once(tmp_path: Path) -> None:
    first = failures(1, 0)
    old = Engine(rules(tmp_path, detection("outcome: failure")), SETTINGS)
    (opened,) = old.process(first)
    new = exchanged(old, rules(tmp_path, detection("outcome: failure", extra="level: low\n")), [])
    assert new.process(first) == []
    (updated,) = new.process(failures(2, MINUTE))
    assert (updated.kind, updated.alert.id, updated.alert.events) == ("updated", opened.alert.id, 2)


def test_changes_that_were_not_asked_for_yet_are_not_lost(tmp_path: Path) -> None:
    old = Engine(rules(tmp_path, detection("outcome: failure")), SETTINGS)
    old.read(failures(1, 0))
    new = exchanged(old, rules(tmp_path, detection("outcome: failure", extra="level: low\n")), [])
    assert [change.kind for change in new.changes()] == ["opened"]


def test_only_what_decides_on_alerts_makes_a_rule_another_one(tmp_path: Path) -> None:
    def signature(text: str) -> str:
        (rule,) = rules(tmp_path, text).rules
        return rule.signature

    one = signature(detection("action: [read, delete]"))
    assert signature("# a comment\n" + detection("action: [delete, read]", extra="level: low\ndescription: x\n")) == one
    others = [
        signature(detection("action: [read]")),
        signature(detection("action|cased: [read, delete]")),
        signature(detection("action: [read, delete]", extra="watchbook: {quiet: 1h}\n")),
        signature(detection("action: [read, delete]", extra="watchbook: {group-by: [org]}\n")),
        signature(detection("action: [read, delete]", extra="watchbook: {missing: skip}\n")),
        signature(detection("action: [read, delete]", rule_id=OTHER)),
        *(signature(correlation(*case)) for case in ((3, "1m"), (4, "1m"), (3, "2m"))),
    ]
    assert len({one, *others}) == 1 + len(others)


def test_what_rules_have_cost_is_known_after_the_exchange(tmp_path: Path) -> None:
    old = Engine(rules(tmp_path, detection("outcome: failure")), SETTINGS)
    old.process(failures(1, 0, 50))
    before = old.costs()[RULE_ID]
    assert before[1] == 50
    assert before[0] > 0
    new = exchanged(old, rules(tmp_path, detection("outcome: failure", extra="level: low\n")), [])
    assert new.costs()[RULE_ID] == before


DEAR = "message|re: '(.*a){9}.*b$'"


def test_a_rule_that_takes_too_much_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    dear = detection(DEAR).replace("name: test", "name: dear")
    both = rules(tmp_path, dear, detection("outcome: failure", rule_id=OTHER))

    def events(number: int) -> DecodedBlock:
        each = [
            event(START + i, actor__id="a", outcome="failure", message=f"{number} {i} " + "xyz aa" * 200 + "b")
            for i in range(100)
        ]
        return block(each, number=1 + 100 * number, sequence=number)

    tried = Engine(both, SETTINGS)
    tried.process(events(1))
    costs_us = sorted(cost / 1000 / 100 for cost, _ in tried.costs().values())
    assert costs_us[1] > 4 * costs_us[0], "the dear rule is not dear"
    between = (costs_us[0] * costs_us[1]) ** 0.5
    limits = DetectSettings(runaway_share=1e-9, runaway_time=Seconds(10.0), runaway_event_us=between)
    engine = Engine(both, limits)
    assert engine.look_at_costs(0.0) == {}
    engine.process(events(1))
    assert engine.look_at_costs(9.0) == {}  # not a whole while yet
    found = engine.look_at_costs(10.0)
    assert found.keys() == engine.set_aside.keys() == {RULE_ID}
    assert "of a core" in found[RULE_ID]
    asked = engine.costs()[RULE_ID][1]
    changes: list[AlertChange] = engine.process(events(2))
    assert {change.alert.rule.id for change in changes} == {OTHER}
    assert engine.costs()[RULE_ID][1] == asked == 100
    kept = exchanged(engine, both, [], aside=(RULE_ID,))
    assert kept.set_aside.keys() == {RULE_ID}
    again = exchanged(kept, both, [])
    assert again.set_aside == {}
    again.process(events(3))
    assert again.costs()[RULE_ID][1] == 200


def test_costs_are_looked_at_over_a_while_and_cheap_rules_may_be_asked_often() -> None:
    watch = CostWatch(DetectSettings(runaway_share=0.5, runaway_time=Seconds(60.0), runaway_event_us=20.0))
    assert list(watch.look(0.0, [0, 0, 0], 0)) == []
    assert list(watch.look(59.0, [60_000_000_000, 0, 0], 10)) == []
    # 31 s of 60, 31 s of 60, 29 s of 60
    (first, second) = watch.look(60.0, [31_000_000_000, 31_000_000_000, 29_000_000_000], 100_000)
    assert (first.number, second.number) == (0, 1)
    assert (round(first.share, 2), round(first.event_us)) == (0.52, 310)
    assert list(watch.look(120.0, [62_000_000_000, 31_000_000_000, 29_000_000_000], 10_100_000)) == []
    assert [
        each.number for each in watch.look(180.0, [62_000_000_000, 62_000_000_000, 30_000_000_000], 10_200_000)
    ] == [1]


CHAIN = outer("type: temporal_ordered", "[many, second]", MANY)


def acts(number: int, *actions: str) -> DecodedBlock:
    events = [event(START + (number + i) * SECOND, actor__id="a", action=each) for i, each in enumerate(actions)]
    return block(events, number=number, sequence=number)


def of_the_outer(changes: list[AlertChange]) -> list[AlertChange]:
    return [change for change in changes if change.alert.rule.id == RULE_ID]


def test_a_correlation_of_correlations_goes_on_with_what_its_inner_rules_know(tmp_path: Path) -> None:
    old = Engine(rules(tmp_path, CHAIN), SETTINGS)
    old.process(acts(1, "first", "first"))
    more = rules(tmp_path, detection("action: never", rule_id=OTHER).replace("name: test", "name: other"), CHAIN)
    new = exchanged(old, more, [])  # nothing is found in the store: what is known is what was kept
    assert new.counters[f"{RULE_ID}/many"].matched == 2
    (change,) = of_the_outer(new.process(acts(3, "first", "second")))
    assert (change.kind, change.alert.events) == ("opened", 4)
    # And once more, with what was taken over.
    (change,) = of_the_outer(exchanged(new, more, []).process(acts(5, "first", "second")))
    assert (change.kind, change.alert.events) == ("updated", 6)


def test_a_correlation_is_another_one_when_an_inner_rule_is(tmp_path: Path) -> None:
    stored = [acts(1, "first", "first")]
    old = Engine(rules(tmp_path, CHAIN), SETTINGS)
    old.process(stored[0])
    new = exchanged(old, rules(tmp_path, CHAIN.replace("{gte: 3}", "{gte: 2}")), stored)
    (change,) = of_the_outer(new.process(acts(3, "second")))
    assert (change.kind, change.alert.events) == ("opened", 3)


def test_what_inner_rules_cost_is_the_rules(tmp_path: Path) -> None:
    engine = Engine(rules(tmp_path, CHAIN), SETTINGS)
    engine.process(acts(1, *["first"] * 30, "second"))
    assert engine.costs()[RULE_ID][1] >= 31
