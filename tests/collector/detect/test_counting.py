"""The correlation contract: event time, exact windows, lateness, edges, folding, limits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.detect import Engine
from collector.finding import AlertChange
from tests.collector.detect.blocks import MINUTE, SECOND, START, STREAM, block, blocks_of, event
from tests.collector.detect.rules import RULE_ID, correlation, detection, engine


def failure(at: float, actor: str | None = "mallory", **fields: Any) -> dict[str, Any]:
    return event(START + round(at * SECOND), actor__id=actor, outcome="failure", **fields)


def kinds(changes: Sequence[AlertChange]) -> list[tuple[str, int]]:
    return [(change.kind, change.alert.events) for change in changes]


def run(rules: Engine, events: Sequence[dict[str, Any]], size: int = 1) -> list[AlertChange]:
    return [change for one in blocks_of(events, size) for change in rules.process(one)]


def test_a_correlation_fires_at_the_match_that_fills_the_window_and_once(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(3, "1m"))
    changes = run(rules, [failure(at) for at in (0, 10, 20, 30)])
    assert kinds(changes) == [("opened", 3), ("updated", 4)]
    opened, updated = changes
    assert opened.event_ids == tuple(f"{STREAM}-{sequence}-0" for sequence in (1, 2, 3))
    assert updated.event_ids == (f"{STREAM}-4-0",)
    assert (opened.alert.first, opened.alert.last) == (START, START + 20 * SECOND)
    assert opened.alert.group == (("actor.id", "mallory"),)
    assert opened.alert.id == updated.alert.id


def test_the_window_is_open_at_its_start(tmp_path: Path) -> None:
    assert run(engine(tmp_path, correlation(2, "1m")), [failure(0), failure(60)]) == []
    assert kinds(run(engine(tmp_path, correlation(2, "1m")), [failure(0), failure(59.999999)])) == [("opened", 2)]


def test_the_window_slides_and_does_not_hop(tmp_path: Path) -> None:
    changes = run(engine(tmp_path, correlation(3, "1m")), [failure(at) for at in (0, 59, 61, 62)])
    assert kinds(changes) == [("opened", 3)]
    assert changes[0].alert.first == START + 59 * SECOND


def test_several_matches_in_one_block_are_one_change(tmp_path: Path) -> None:
    changes = run(engine(tmp_path, correlation(3, "1m")), [failure(at) for at in range(30)], size=30)
    assert kinds(changes) == [("opened", 30)]
    assert len(changes[0].event_ids) == 30


def test_groups_are_counted_apart(tmp_path: Path) -> None:
    events = [failure(at, actor) for at in range(3) for actor in ("a", "b", "c")]
    changes = run(engine(tmp_path, correlation(3, "1m")), events, size=9)
    assert [dict(change.alert.group) for change in changes] == [{"actor.id": actor} for actor in "abc"]


def test_without_group_by_everything_is_one_group(tmp_path: Path) -> None:
    changes = run(engine(tmp_path, correlation(3, "1m", group_by="[]")), [failure(i, str(i)) for i in range(3)])
    assert kinds(changes) == [("opened", 3)]
    assert changes[0].alert.group == ()


def test_a_group_may_have_several_fields_also_below_details(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m", group_by="[source.ip, details.host]"))
    events = [
        failure(i, source__ip="10.0.0.1", details={"host": host}) for i, host in enumerate(["a", ["b"], "a", "b"])
    ]
    (change,) = run(rules, events)
    assert change.alert.group == (("source.ip", "10.0.0.1"), ("details.host", "a"))


def test_an_event_without_the_field_to_group_by_is_not_counted_and_a_counter_says_so(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m"))
    assert run(rules, [failure(at, None) for at in range(5)]) == []
    assert rules.counters[RULE_ID].missing_group == 5
    assert rules.counters[RULE_ID].matched == 5


def test_missing_group_can_be_opted_into(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m") + "watchbook: {missing: group}\n")
    (change,) = run(rules, [failure(0, None), failure(1, None)])
    assert change.alert.group == (("actor.id", None),)


def test_an_event_that_two_rules_of_a_correlation_match_counts_once(tmp_path: Path) -> None:
    second = detection("action: login", rule_id="33333333-3333-4333-8333-333333333333").replace(
        "name: test", "name: two"
    )
    text = f"{second}---\n" + correlation(3, "1m").replace("[test]", "[test, two]")
    changes = run(engine(tmp_path, text), [failure(0, action="login"), failure(1, action="login"), failure(2)])
    assert kinds(changes) == [("opened", 3)]


def test_an_alert_is_over_after_one_quiet_window_and_the_next_spike_is_a_new_one(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m"), lateness=10)
    changes = run(rules, [failure(at) for at in (0, 1, 100, 101)])
    assert kinds(changes) == [("opened", 2), ("resolved", 2), ("opened", 2)]
    first, over, second = (change.alert for change in changes)
    assert first.id == over.id != second.id
    assert (over.resolved, over.resolution) == (START + 61 * SECOND, "quiet")


def test_matches_that_do_not_fill_a_window_again_do_not_keep_an_alert_open(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(3, "1m"), lateness=0)
    changes = run(rules, [failure(at) for at in (0, 1, 2, 61.5, 80)])
    assert kinds(changes) == [("opened", 3), ("resolved", 3)]


def test_matches_between_two_full_windows_of_one_alert_are_counted(tmp_path: Path) -> None:
    changes = run(engine(tmp_path, correlation(3, "1m")), [failure(at) for at in (0, 1, 2, 59.5, 62, 63)])
    assert kinds(changes) == [("opened", 3), ("updated", 4), ("updated", 6)]


def test_a_timer_ends_an_alert_when_no_more_events_come(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m"), lateness=10)
    run(rules, [failure(0), failure(1)])
    received = START + 1 * SECOND + 1000
    assert rules.tick(received + 70 * SECOND) == []
    (over,) = rules.tick(received + 70 * SECOND + 1)
    assert (over.kind, over.alert.resolved) == ("resolved", START + 61 * SECOND)
    assert rules.state_events == rules.state_groups == 0
    assert rules.tick(received + 1000 * SECOND) == []


def test_the_clock_on_the_wall_does_not_end_the_alert_of_a_backlog_that_still_comes_in(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m"), lateness=10)
    now = START + 30 * 24 * 3600 * SECOND
    changes = []
    for index in range(50):
        one = block([failure(index)], number=index + 1, sequence=index + 1, received=now + index * SECOND)
        changes += rules.process(one) + rules.tick(now + index * SECOND)
    assert kinds(changes) == [("opened", 2)] + [("updated", count) for count in range(3, 51)]


def test_a_late_event_within_the_lateness_counts_in_its_own_window(tmp_path: Path) -> None:
    changes = run(engine(tmp_path, correlation(3, "10s"), lateness=30), [failure(at) for at in (0, 1, 25, 2)])
    assert kinds(changes) == [("opened", 3)]
    assert (changes[0].alert.first, changes[0].alert.last) == (START, START + 2 * SECOND)


def test_a_late_event_completes_a_window_that_ends_after_it(tmp_path: Path) -> None:
    changes = run(engine(tmp_path, correlation(3, "10s"), lateness=30), [failure(at) for at in (0, 9, 5)])
    assert kinds(changes) == [("opened", 3)]
    assert changes[0].alert.holds_from == START + 9 * SECOND


def test_a_backlog_that_comes_too_late_is_counted_by_itself(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(3, "1m"), lateness=10)
    live = [block([failure(4000 + i)], number=i + 1, sequence=i + 1) for i in range(2)]
    late = [
        block([failure(i)], number=i + 3, sequence=i + 1, stream="b" * 32, received=live[1].info.received)
        for i in range(3)
    ]
    changes = [change for one in (*live, *late) for change in rules.process(one)]
    assert kinds(changes) == [("opened", 3)]
    assert (changes[0].alert.first, changes[0].alert.track) == (START, "b" * 32)
    assert rules.counters[RULE_ID].late == 3


def test_what_is_late_even_in_its_own_stream_is_counted_as_too_late(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m"), lateness=10)
    assert run(rules, [failure(1000), failure(500), failure(0)]) == []
    assert (rules.counters[RULE_ID].late, rules.counters[RULE_ID].too_late) == (2, 1)


def test_an_event_from_the_future_does_not_hide_those_of_today(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(3, "1m"), lateness=10)
    forged = block([failure(100_000)], received=START)
    changes = rules.process(forged)
    for index in range(2):
        changes += rules.process(block([failure(index)], number=index + 2, sequence=index + 2))
    assert kinds(changes) == [("opened", 3)]
    assert rules.counters[RULE_ID].clock_ahead == 1


def test_a_block_that_was_read_before_counts_for_nothing(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1m"))
    one = block([failure(0)])
    assert rules.process(one) + rules.process(one) == []
    assert rules.events == 1


def test_matches_of_a_plain_rule_fold_into_one_alert_until_it_was_quiet(tmp_path: Path) -> None:
    rules = engine(tmp_path, detection("action: grant"), lateness=0)
    grants = [event(START + minute * MINUTE, actor__id="alice", action="grant") for minute in (0, 14, 28, 44)]
    changes = run(rules, grants)
    assert kinds(changes) == [("opened", 1), ("updated", 2), ("updated", 3), ("resolved", 3), ("opened", 1)]
    assert changes[3].alert.resolved == START + 43 * MINUTE


def test_a_plain_rule_takes_its_group_and_quiet_time_from_its_own_block(tmp_path: Path) -> None:
    extra = "watchbook: {group-by: [source.ip, action], quiet: 10s}\n"
    rules = engine(tmp_path, detection("action: grant", extra=extra), lateness=0)
    events = [event(START + at * SECOND, source__ip=ip, action="grant") for at, ip in ((0, "a"), (9, "b"), (11, "a"))]
    changes = run(rules, events)
    assert [(c.kind, dict(c.alert.group)["source.ip"]) for c in changes] == [
        ("opened", "a"), ("opened", "b"), ("resolved", "a"), ("opened", "a"),
    ]  # fmt: skip


def test_a_plain_match_by_nobody_in_particular_is_still_an_alert(tmp_path: Path) -> None:
    (change,) = run(engine(tmp_path, detection("action: grant")), [event(action="grant", actor__type="system")])
    assert change.alert.group == (("actor.id", None),)


def test_the_id_of_an_alert_depends_on_its_cause_only(tmp_path: Path) -> None:
    events = [failure(at) for at in range(5)]
    whole = run(engine(tmp_path, correlation(3, "1m")), events)
    again = run(engine(tmp_path, correlation(3, "1m")), events)
    other = run(engine(tmp_path, correlation(3, "1m")), [failure(at, "trudy") for at in range(5)])
    assert whole == again
    assert whole[0].alert.id != other[0].alert.id


def test_a_full_window_forgets_its_oldest_and_still_fires_exactly(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(5, "1h"), window_events_max=3)
    changes = run(rules, [failure(at) for at in range(20)])
    assert kinds(changes) == [("opened", 5)] + [("updated", count) for count in range(6, 21)]
    assert rules.state_events == 5
    assert rules.counters[RULE_ID].window_overflow == 15


def test_what_waits_for_late_events_is_an_alert_with_its_events_whatever_floods_in(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(1, "10s"), window_events_max=10)
    changes = run(rules, [failure(0), failure(15), *(failure(50 + at / 10) for at in range(11)), failure(400)])
    alerts = {change.alert.id: change.alert for change in changes}.values()
    assert [(alert.events, alert.first - START) for alert in alerts] == [
        (1, 0), (1, 15 * SECOND), (11, 50 * SECOND), (1, 400 * SECOND),
    ]  # fmt: skip


def test_a_full_state_forgets_the_group_that_was_quiet_longest_and_counts_it(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(2, "1h"), state_events_max=4)
    changes = run(rules, [failure(0, "old"), failure(1, "old"), *(failure(2 + i, f"new{i}") for i in range(3))])
    assert kinds(changes) == [("opened", 2), ("resolved", 2)]
    assert changes[1].alert.resolution == "state_evicted"
    assert rules.counters[RULE_ID].evicted == 1
    assert (rules.state_events, rules.state_groups) == (3, 3)
    assert kinds(run_after(rules, failure(10, "new0"))) == [("opened", 2)]


def run_after(rules: Engine, one: dict[str, Any]) -> list[AlertChange]:
    return rules.process(block([one], number=1000, sequence=1000))


def test_old_matches_are_forgotten_as_time_goes_on(tmp_path: Path) -> None:
    rules = engine(tmp_path, correlation(5, "1m"), lateness=10)
    run(rules, [failure(at * 30) for at in range(500)])
    assert rules.state_events <= 4


def test_an_alert_whose_rule_is_gone_ends_at_restore(tmp_path: Path) -> None:
    (opened,) = run(engine(tmp_path, correlation(2, "1m")), [failure(0), failure(1)])
    (over,) = engine(tmp_path, detection("action: x").replace(RULE_ID[:4], "9999")).restore([opened.alert])
    assert (over.kind, over.alert.resolution, over.alert.resolved) == ("resolved", "rule_changed", opened.alert.last)
    regrouped = engine(tmp_path, correlation(2, "1m", group_by="[source.ip]"))
    assert [change.kind for change in regrouped.restore([opened.alert])] == ["resolved"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_restart_at_any_block_neither_misses_nor_repeats_an_alert(tmp_path: Path, cut: int) -> None:
    times = (0, 1, 2, 3, 50, 59, 63, 64, 300, 301, 302, 303)
    blocks = blocks_of([failure(at) for at in times], size=1)
    whole = engine(tmp_path, correlation(3, "1m"), lateness=10)
    expected = [change for one in blocks for change in whole.process(one)]

    before = engine(tmp_path, correlation(3, "1m"), lateness=10)
    told = [change for one in blocks[:cut] for change in before.process(one)]
    open_alerts = {change.alert.id: change.alert for change in told}
    for change in told:
        if change.kind == "resolved":
            del open_alerts[change.alert.id]
    after = engine(tmp_path, correlation(3, "1m"), lateness=10)
    oldest = blocks[cut - 1].info.received - after.replay_span_us
    for one in blocks[:cut]:
        if one.info.tmax >= oldest:
            after.replay(one)
    assert after.restore(open_alerts.values()) == []
    assert (after.events, after.counters[RULE_ID].matched) == (0, 0)
    told += [change for one in blocks[cut:] for change in after.process(one)]
    assert told == expected
