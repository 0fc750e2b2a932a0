"""Groups, ticks and repeats against a naive model that looks at every group in every second."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collector.notify.world import World, hook, rule
from tests.collector.notify.world import settings as notify_settings

SECONDS = 60
ALERTS = ("a1", "a2", "a3", "b1")
ACTS = ("open", "resolve", "end", "acknowledge", "reopen", "mute", "unmute")


@dataclass
class Group:
    next_tick: int
    told: int | None = None
    repeats: int = 0
    known: dict[str, str] = field(default_factory=dict)


@dataclass
class Model:
    """Alertmanager's way: a group has a timer from the start on, and every time it goes off all of it is looked at."""

    world: World
    wait: int
    interval: int
    repeat: int
    factor: int
    groups: dict[str, Group] = field(default_factory=dict)

    def second(self, now: int, happened: list[tuple[str, str]]) -> list[tuple[Any, ...]]:
        for alert_id, act in happened:
            view = self.world.views[alert_id]
            by_hand = view.status == "resolved" and view.by is not None
            if act in ("open", "reopen") and not by_hand:
                group = self.groups.setdefault(alert_id[0], Group(now + self.wait))
                group.known.setdefault(alert_id, "nothing")
        told: list[tuple[Any, ...]] = []
        for name in sorted(self.groups):
            group = self.groups[name]
            while now >= group.next_tick:
                before = len(told)
                told += self.tick(now, group)
                group.next_tick += self.interval
                if self.interval == 0 and len(told) == before:
                    group.next_tick = now + 1
            if not group.known:
                del self.groups[name]
        return told

    def tick(self, now: int, group: Group) -> list[tuple[Any, ...]]:
        new, over, there, loud = [], [], [], False
        for alert_id, known in list(group.known.items()):
            view = self.world.views[alert_id]
            if known == "nothing" or (known == "acknowledged" and view.status == "open"):
                by_person = view.by is not None and view.status != "open"
                if view.muted is None and not by_person:
                    new.append(alert_id)
                elif view.status == "resolved":
                    del group.known[alert_id]
                elif known == "acknowledged":
                    there.append(alert_id)
            elif view.status == "resolved":
                over.append(alert_id)
            else:
                there.append(alert_id)
                loud = loud or (view.status == "open" and view.muted is None)
        pause = self.repeat * self.factor**group.repeats
        again = loud and group.told is not None and now >= group.told + min(pause, 1000 * self.repeat)
        for alert_id in there:
            group.known[alert_id] = "acknowledged" if self.world.views[alert_id].status == "acknowledged" else (
                group.known[alert_id]
            )  # fmt: skip
        if not (new or over or again):
            return []
        for alert_id in new:
            group.known[alert_id] = "firing"
        for alert_id in over:
            del group.known[alert_id]
        group.repeats = 0 if new or over else group.repeats + 1
        group.told = now
        reason = "new" if new else "resolved" if over else "repeat"
        return [(now, reason, tuple(sorted(new)), tuple(sorted(over)), tuple(sorted([*new, *over, *there])))]


def allowed(world: World, alert_id: str, act: str) -> bool:
    view = world.views.get(alert_id)
    if view is None or act == "open":
        return act == "open" and view is None
    return {
        "resolve": view.status != "resolved",
        "end": view.status != "resolved",
        "acknowledge": view.status == "open",
        "reopen": view.status != "open",
        "mute": view.muted is None,
        "unmute": view.muted is not None,
    }[act]


def do(world: World, alert_id: str, act: str) -> None:
    if act == "open":
        world.open(alert_id, rule(alert_id[0]))
    elif act == "mute":
        world.mute(alert_id)
    elif act == "unmute":
        world.mute(alert_id, None)
    elif act == "end":
        world.resolve(alert_id, by="bob")
    else:
        getattr(world, act)(alert_id)


@settings(max_examples=400, deadline=None)
@given(
    acts=st.lists(
        st.tuples(st.integers(0, SECONDS), st.sampled_from(ALERTS), st.sampled_from(ACTS)), max_size=25
    ).map(sorted),
    wait=st.integers(0, 7),
    interval=st.integers(0, 9),
    repeat=st.integers(1, 30),
    factor=st.sampled_from([1, 2]),
)  # fmt: skip
def test_plans_that_wake_when_they_asked_for_it_tell_what_a_look_in_every_second_tells(
    acts: list[tuple[int, str, str]], wait: int, interval: int, repeat: int, factor: int
) -> None:
    text = (
        f"group_by: [rule]\ngroup_wait: {wait}s\ngroup_interval: {interval}s\nrepeat_interval: {repeat}s\n"
        f"repeat_factor: {factor}\nrepeat_max: {repeat * 1000}s"
    )
    world = World(notify_settings(text, hook(max_per="none")))
    model = Model(world, wait, interval, repeat, factor)
    told: list[tuple[Any, ...]] = []
    expected: list[tuple[Any, ...]] = []
    plans = 0
    for now in range(SECONDS + 40):
        world.now = now
        happened: dict[str, str] = {}
        for second, alert_id, act in acts:
            if second == now and alert_id not in happened and allowed(world, alert_id, act):
                do(world, alert_id, act)
                happened[alert_id] = act
        wake = world.wake()
        if happened or (wake is not None and wake <= now):
            plans += 1
            told += sorted(
                (now, tell.reason, tuple(sorted(tell.fresh)), tuple(sorted(tell.over)), tuple(sorted(tell.alerts)))
                for tell in world.plan()
            )
        expected += sorted(model.second(now, list(happened.items())))
    assert told == expected
    assert len(model.groups) == len(world.state.groups)
