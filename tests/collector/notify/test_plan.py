"""Who is told what, and when."""

import pytest

from collector.notify import NotifySettings
from collector.notify.flow import Tell
from collector.notify.plan import looked_at
from collector.notify.routing import FAILING_RULE, facts_of
from tests.collector.notify.world import World, alert_state, hook, pager, rule, settings

Told = list[tuple[int, Tell]]
GROUPED = "group_by: [rule]\ngroup_wait: 30s\ngroup_interval: 5m\nrepeat_interval: 4h\n"


def brief(told: Told) -> list[tuple[int, str, str, list[str]]]:
    return [(second, tell.channel, tell.reason, sorted(tell.alerts)) for second, tell in told]


def test_an_alert_on_its_own_is_told_at_once_and_so_is_its_end() -> None:
    world = World(settings(""))
    world.open("a1")
    assert brief(world.until(10)) == [(0, "ops", "new", ["a1"])]
    world.resolve("a1")
    (_, tell), *rest = world.until(20)
    assert (tell.reason, tell.standing, tell.over, rest) == ("resolved", "resolved", ("a1",), [])
    assert not world.state.groups
    assert not world.state.watched


def test_alerts_of_a_group_are_gathered_for_group_wait_and_later_ones_for_group_interval() -> None:
    world = World(settings(GROUPED))
    world.open("a1")
    told = world.until(20)
    world.open("a2")
    told += world.until(40)
    assert brief(told) == [(30, "ops", "new", ["a1", "a2"])]
    world.open("a3")  # 10 s after the group was told of: at the next tick, 5 min after the first
    told = world.until(400)
    assert brief(told) == [(330, "ops", "new", ["a1", "a2", "a3"])]
    assert told[0][1].fresh == ("a3",)


def test_a_change_long_after_the_first_notification_comes_at_a_tick() -> None:
    world = World(settings(GROUPED))
    world.open("a1")
    world.until(1000)
    world.open("a2")
    assert [second for second, _ in world.until(2000)] == [30 + 4 * 300]


def test_what_does_not_change_is_told_again_after_repeat_interval_until_somebody_acknowledges() -> None:
    world = World(settings("repeat_interval: 1h"))
    world.open("a1")
    told = world.until(2 * 3600 + 60)
    assert brief(told)[1:] == [(3600, "ops", "repeat", ["a1"]), (7200, "ops", "repeat", ["a1"])]
    assert [tell.repeats for _, tell in told] == [0, 1, 2]
    world.acknowledge("a1")
    assert world.until(10 * 3600) == []
    world.reopen("a1")
    assert brief(world.until(10 * 3600 + 1)) == [(10 * 3600, "ops", "new", ["a1"])]


def test_repeats_can_become_rarer() -> None:
    world = World(settings("repeat_interval: 1h\nrepeat_factor: 2\nrepeat_max: 5h"))
    world.open("a1")
    seconds = [second for second, _ in world.until(24 * 3600)]
    assert [second // 3600 for second in seconds] == [0, 1, 3, 7, 12, 17, 22]  # pauses of 1, 2, 4, 5, 5, 5 hours


def test_every_notification_has_an_idempotency_key_of_its_own() -> None:
    world = World(settings("repeat_interval: 1h"), now=0)
    world.open("a1")
    told = world.until(3600)
    world.resolve("a1")
    told += world.until(3700)
    world.reopen("a1")
    told += world.until(3800)
    ids = [tell.id for _, tell in told]
    assert ids == ["a1-1-1-ops", "a1-1-2-ops", "a1-2-3-ops", "a1-3-1-ops"]


def test_an_alert_that_was_over_before_it_could_be_told_is_told_all_the_same() -> None:
    world = World(settings(""))
    world.open("a1")
    world.resolve("a1")
    told = world.until(1)
    assert [(tell.reason, tell.standing) for _, tell in told] == [("new", "firing"), ("resolved", "resolved")]


def test_one_that_a_person_ended_before_it_was_told_is_not() -> None:
    world = World(settings(GROUPED))
    world.open("a1")
    world.until(5)
    world.resolve("a1", by="bob")
    assert world.until(600) == []
    assert not world.state.groups


def test_a_muted_alert_is_told_when_it_is_muted_no_more_and_only_if_it_still_fires() -> None:
    world = World(settings(""))
    for alert_id in ("a1", "a2"):
        world.open(alert_id)
        world.views[alert_id] = world.views[alert_id]._replace(muted="silence s1")
    assert world.until(100) == []
    world.resolve("a2")
    world.mute("a1", None)
    assert brief(world.until(110)) == [(100, "ops", "new", ["a1"])]


def test_what_mutes_without_a_transition_is_noticed_within_a_minute() -> None:
    world = World(settings(""))
    world.open("a1")
    world.views["a1"] = world.views["a1"]._replace(muted="inhibited by the alert a0")
    world.until(10)
    world.views["a1"] = world.views["a1"]._replace(muted=None)
    assert brief(world.until(70)) == [(60, "ops", "new", ["a1"])]


def test_whoever_heard_that_it_began_hears_that_it_is_over_though_it_was_silenced_meanwhile() -> None:
    world = World(settings(""))
    world.open("a1")
    world.until(10)
    world.mute("a1")
    assert world.until(50_000) == []
    world.resolve("a1")
    assert [tell.reason for _, tell in world.until(50_001)] == ["resolved"]


def test_a_channel_may_be_spared_the_end_and_told_of_acknowledgements() -> None:
    world = World(settings("", hook("quiet", resolved=False), hook("chat", acknowledged=True), pager()))
    world.open("a1")
    world.until(5)
    world.acknowledge("a1")
    assert brief(world.until(10)) == [(5, "chat", "acknowledged", ["a1"]), (5, "pager", "acknowledged", ["a1"])]
    world.resolve("a1")
    assert [tell.channel for _, tell in world.until(20)] == ["chat", "pager"]
    assert not world.state.groups


ROUTES = """
routes:
  - {name: pager, levels: [critical], channels: [pager]}
  - {name: acme, orgs: [acme], channels: [acme]}
  - {name: brute, tags: ['attack.t1110*'], rules: [], channels: [ops], continues: true}
  - {name: exfil, rules: [Rule exfil], channels: [ops, acme]}
default: [rest]
"""


@pytest.mark.parametrize(
    ("name", "level", "tags", "org", "channels"),
    [
        ("x", "critical", (), None, ["pager"]),
        ("x", "critical", (), "acme", ["pager"]),
        ("x", "low", (), "acme", ["acme"]),
        ("x", "low", ("attack.t1110.003",), "globex", ["ops"]),
        ("exfil", "low", ("attack.t1110",), None, ["ops", "acme"]),
        ("exfil", "low", (), None, ["ops", "acme"]),
        ("x", "low", ("attack.t1",), None, ["rest"]),
    ],
)
def test_routes_go_by_level_organization_tag_and_rule(
    name: str, level: str, tags: tuple[str, ...], org: str | None, channels: list[str]
) -> None:
    world = World(settings(ROUTES, *map(hook, ("pager", "acme", "ops", "rest"))))
    if org is not None:
        world.orgs["a1"] = org
    world.open("a1", rule(name, level, tags))
    assert [tell.channel for _, tell in world.until(1)] == channels


def test_what_no_channel_hears_of_is_counted() -> None:
    world = World(settings("routes: [{name: r, levels: [high], channels: [ops]}]\ndefault: []"))
    world.open("a1", rule(level="low"))
    assert (world.until(1), world.last.unrouted) == ([], 1)


def test_without_channels_only_what_was_watched_before_is_looked_at() -> None:
    world = World(NotifySettings())
    world.state.watched["before"] = facts_of(alert_state("before"), None)
    world.open("before")
    world.open("a1")
    del world.views["a1"]  # whoever looked at it would have to find it
    assert looked_at(world.state, world.waiting, world.time, world.router) == ["before"]
    assert (world.until(1), world.last.unrouted, set(world.state.watched)) == ([], 2, {"before"})
    world.resolve("before")
    assert (world.until(2), world.state.watched, world.state.number) == ([], {}, 3)


def test_what_is_due_and_what_happened_can_be_read_at_once() -> None:
    world = World(settings(GROUPED))
    world.open("a1")
    world.open("b1", rule("other"))
    assert looked_at(world.state, world.waiting, world.time, world.router) == ["a1", "b1"]
    assert world.until(29) == []
    world.now = 30
    world.open("c1", rule("third"))
    assert looked_at(world.state, world.waiting, world.time, world.router) == ["c1", "a1", "b1"]


HOURS = """
repeat_interval: 12h
routes:
  - {name: day, hours: ['mon-fri 08:00-18:00'], time_zone: Europe/Berlin, channels: [office]}
  - {name: night, channels: [pager]}
"""


def test_what_is_not_acknowledged_goes_the_way_of_the_hours() -> None:
    world = World(settings(HOURS, hook("office"), hook("pager")), now=8 * 3600)  # 09:00 in Berlin in November
    world.open("a1")
    world.open("a2")
    told = world.until(9 * 3600)
    world.acknowledge("a2")
    told += world.until(30 * 3600)
    assert brief(told) == [
        (8 * 3600, "office", "new", ["a1"]),
        (8 * 3600, "office", "new", ["a2"]),
        (17 * 3600, "pager", "new", ["a1"]),  # 18:00 in Berlin
        (29 * 3600, "pager", "repeat", ["a1"]),  # the office is closed: nothing is repeated there
    ]
    world.resolve("a1")
    assert sorted(tell.channel for _, tell in world.until(31 * 3600)) == ["office", "pager"]


def test_a_storm_is_held_back_and_told_in_one_digest_by_rule() -> None:
    world = World(settings("digest_wait: 60s", hook(max_per="3 in 10m")))
    for number in range(5):
        world.open(f"a{number}", rule("scan", "medium"))
    world.open("b1", rule("spray", "medium"))
    told = world.until(100)
    assert [tell.reason for _, tell in told] == ["new"] * 3 + ["digest"]
    second, digest = told[-1]
    assert second == 60
    assert [(name, held.title, held.new) for name, held in digest.held] == [
        ("scan", "Rule scan", 2), ("spray", "Rule spray", 1)
    ]  # fmt: skip
    assert world.last.held == {}
    world.now = 700
    world.open("a9", rule("scan", "medium"))
    assert [tell.reason for _, tell in world.until(701)] == ["new"]


def test_noise_cannot_hold_back_what_matters_more() -> None:
    world = World(settings("", hook(max_per="3 in 10m")))
    for number in range(5):
        world.open(f"a{number}", rule("scan", "low"))
    world.until(1)
    world.open("b1", rule("intrusion", "critical"))
    assert [tell.alerts for _, tell in world.until(2)] == [("b1",)]


def test_digests_come_once_in_the_time_of_the_cap_while_the_storm_lasts() -> None:
    world = World(settings("digest_wait: 60s", hook(max_per="1 in 10m")))
    told = []
    for number in range(30):
        world.open(f"a{number}")
        told += world.until(world.now + 60)
    digests = [(second, sum(held.new for _, held in tell.held)) for second, tell in told if tell.reason == "digest"]
    news = sum(tell.reason == "new" for _, tell in told)
    assert [second for second, _ in digests] == [120, 720, 1320]
    assert news + sum(number for _, number in digests) + sum(
        held.new for held in world.state.flows["ops"].held.values()
    ) == 30  # fmt: skip


def test_an_incident_ends_however_many_others_are_held_back() -> None:
    world = World(settings("digest_wait: 60s", pager(max_per="1 in 10m")))
    world.open("a1")
    world.open("a2")
    world.until(1)
    world.resolve("a1")
    world.resolve("a2")  # nobody heard of it
    told = world.until(5000)
    assert [(second, tell.reason, tell.subject) for second, tell in told] == [
        (1, "resolved", "a1"), (60, "digest", "digest-pager"), (660, "calm", "digest-pager")
    ]  # fmt: skip


def test_an_alert_about_a_channel_goes_to_the_others_whatever_the_routes_say() -> None:
    text = "routes: [{name: all, channels: [ops]}]"
    world = World(settings(text, hook("ops"), hook("mail"), hook("chat")))
    world.open("c1", rule(FAILING_RULE), group=(("channel", "ops"),))
    world.open("c2", rule(FAILING_RULE), group=(("channel", "mail"),))
    told = world.until(1)
    assert sorted((tell.alerts[0], tell.channel) for _, tell in told) == [("c1", "chat"), ("c1", "mail"), ("c2", "ops")]


def test_groups_are_by_what_the_settings_say() -> None:
    world = World(settings("group_by: [level, actor.id]\ngroup_wait: 1s"))
    world.open("a1", rule("one"))
    world.open("a2", rule("two"))
    world.open("a3", rule("two"), group=(("actor.id", "bob"),))
    assert brief(world.until(5)) == [(1, "ops", "new", ["a1", "a2"]), (1, "ops", "new", ["a3"])]


def test_an_alert_that_is_gone_from_the_store_is_forgotten() -> None:
    world = World(settings("repeat_interval: 1h"))
    world.open("a1")
    world.until(10)
    del world.views["a1"]
    assert world.until(5000) == []
    assert alert_state().id == "a1"
    assert not world.state.groups
