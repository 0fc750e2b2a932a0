"""What is due, told from what is known of the segments."""

from collector.block import Tier
from collector.lifecycle.plan import Action, Hold, Policy, Purge, Scope, ScopeSpan, SegmentState, plan
from tests.collector.lifecycle.memory_shelf import DAY_US, at

ANY = Scope(None, None)
NOW = at("2026-11-21")
YEAR = Policy(ANY, 365 * DAY_US, 30 * DAY_US)


def span(org: str | None, age_days: float, category: str | None = "data", events: int = 10) -> ScopeSpan:
    time = NOW - int(age_days * DAY_US)
    return ScopeSpan(Scope(org, category), events, time - DAY_US, time, time)


def segment(*spans: ScopeSpan, tier: Tier = "sealed", name: str = "s") -> SegmentState:
    return SegmentState(name, tier, max(each.tmax for each in spans), spans)


def kinds(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.kind, action.segment) for action in actions]


def test_a_young_segment_is_left_alone() -> None:
    assert plan(NOW, [segment(span("a", 29))], [YEAR]) == []


def test_a_segment_is_archived_when_all_in_it_is_old_enough() -> None:
    assert kinds(plan(NOW, [segment(span("a", 31))], [YEAR])) == [("archive", "s")]
    assert plan(NOW, [segment(span("a", 31), span("b", 29))], [YEAR]) == []
    assert plan(NOW, [segment(span("a", 31), tier="archived")], [YEAR]) == []


def test_a_segment_is_removed_when_all_in_it_is_past_its_time_and_not_archived_before() -> None:
    assert kinds(plan(NOW, [segment(span("a", 365), span("b", 400))], [YEAR])) == [("remove", "s")]


def test_a_mixed_segment_is_written_again_without_what_is_past_its_time() -> None:
    policies = [Policy(Scope("a", None), None, None), YEAR]
    old, kept = span("b", 400), span("a", 400)
    (action,) = plan(NOW, [segment(kept, old)], policies)
    assert (action.kind, action.scopes) == ("rewrite", (old,))


def test_the_first_policy_that_fits_counts() -> None:
    policies = [
        Policy(Scope("a", "billing"), None, None),
        Policy(Scope(None, "authentication"), 90 * DAY_US, None),
        Policy(Scope("a", None), 10 * DAY_US, None),
        YEAR,
    ]
    spans = [span("a", 100, "billing"), span("a", 50, "authentication"), span("a", 50), span(None, 50)]
    (action,) = plan(NOW, [segment(*spans)], policies)
    assert action.scopes == (spans[2],)


def test_the_newest_segment_and_one_that_is_not_sealed_stay() -> None:
    assert plan(NOW, [segment(span("a", 4000), tier="hot")], [YEAR]) == []


def test_a_time_after_the_receipt_does_not_keep_an_event_for_a_century() -> None:
    wrong = ScopeSpan(Scope("a", "data"), 1, at("2100-01-01"), at("2100-01-01"), NOW - 400 * DAY_US)
    state = SegmentState("s", "sealed", NOW - 400 * DAY_US, (wrong,))
    assert kinds(plan(NOW, [state], [YEAR])) == [("remove", "s")]


def test_a_hold_keeps_what_it_fits_and_only_that() -> None:
    a, b = span("a", 400), span("b", 400)
    actions = plan(NOW, [segment(a, b)], [YEAR], [Hold("case-17", Scope("a", None))])
    assert [(action.kind, action.reason, action.scopes) for action in actions] == [
        ("hold", "case-17", (a,)),
        ("rewrite", "age", (b,)),
        ("archive", "age", (a, b)),
    ]


def test_a_hold_on_everything_lets_nothing_go() -> None:
    segments = [segment(span("a", 400), tier="archived"), segment(span("b", 4000), tier="archived", name="t")]
    actions = plan(NOW, segments, [YEAR], [Hold("all", ANY)], [Purge("purge-1", "a", NOW)])
    assert {action.kind for action in actions} == {"hold"}


def test_a_purge_takes_an_organization_at_any_age_but_not_what_came_later() -> None:
    forever = Policy(ANY, None, None)
    a, b = span("a", 3), span("b", 3)
    purge = Purge("purge-1", "a", NOW - 2 * DAY_US)
    (action,) = plan(NOW, [segment(a, b)], [forever], (), [purge])
    assert (action.kind, action.scopes, action.reason, action.received_to) == (
        "rewrite",
        (a,),
        "purge-1",
        purge.requested,
    )
    assert kinds(plan(NOW, [segment(a)], [forever], (), [purge])) == [("remove", "s")]
    assert plan(NOW, [segment(span("a", 1))], [forever], (), [purge]) == []


def test_a_segment_of_which_a_part_came_after_the_purge_is_written_again_and_not_removed() -> None:
    early = ScopeSpan(Scope("a", "data"), 5, NOW - 3 * DAY_US, NOW, NOW - 3 * DAY_US)
    state = SegmentState("s", "sealed", NOW, (early,))
    (action,) = plan(NOW, [state], [Policy(ANY, None, None)], (), [Purge("purge-1", "a", NOW - DAY_US)])
    assert action.kind == "rewrite"
