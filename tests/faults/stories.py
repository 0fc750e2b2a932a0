"""Stories that must raise certain alerts and no others: events of actors of their own, and rules of every kind."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from watchbook.clock import SECOND_US

LATENESS_S: Final = 3
_MINUTE_US: Final = 60 * SECOND_US
_BASE: Final = """title: {action}
name: {action}
logsource: {{product: watchbook}}
detection: {{selection: {{action: {action}}}, condition: selection}}
"""
_CORRELATION: Final = """title: {title}
id: {rule_id}
level: high
correlation:
  type: {kind}
  rules: [{rules}]
  group-by: [actor.id]
  timespan: {span}
"""
PLAIN, COUNT, VALUES, CHAINED, UNANSWERED, SILENT = (
    f"{number}0000000-0000-4000-8000-000000000000" for number in range(1, 7)
)

_GRANTED: Final = f"""title: Granted
id: {PLAIN}
logsource: {{product: watchbook}}
detection: {{selection: {{action: grant}}, condition: selection}}
watchbook: {{quiet: 5h}}
"""
_TRIES: Final = """title: Tries
name: tries
correlation:
  type: event_count
  rules: [execute]
  group-by: [actor.id]
  timespan: 5h
  condition: {gte: 4}
"""


def _correlation(title: str, rule_id: str, kind: str, rules: str, span: str, condition: str = "") -> str:
    text = _CORRELATION.format(title=title, rule_id=rule_id, kind=kind, rules=rules, span=span)
    return text + (f"  condition: {condition}\n" if condition else "")


RULES: Final = "---\n".join(
    [
        *(_BASE.format(action=action) for action in ("read", "update", "execute", "login", "start", "stop", "share")),
        _GRANTED,
        _correlation("Many", COUNT, "event_count", "read", "5h", "{gte: 10}"),
        _correlation("Many addresses", VALUES, "value_count", "update", "5h", "{field: source.ip, gte: 4}"),
        _TRIES,
        _correlation("Tries and a success", CHAINED, "temporal_ordered", "tries, login", "5h"),
        _correlation("Not stopped", UNANSWERED, "temporal_ordered", "start, stop", "5s", "start and not stop"),
        _correlation("Silent", SILENT, "event_count", "share", "1h", "{lt: 1}"),
    ]
)


class Expected(NamedTuple):
    """An alert that must be there, once."""

    rule: str
    actor: str
    events: int


class Story(NamedTuple):
    """Events in order of time.  ``ordered``: they must arrive in that order, for they lie far apart."""

    events: list[dict[str, Any]]
    expected: Expected | None
    ordered: bool = False


def told(number: int, draw: random.Random, now: int) -> Story:
    """Return a story about an actor of its own, whose events lie within half the lateness before now (or long ago)."""
    tell = draw.choice(list(_TELLERS.values()))
    return tell(f"actor{number}", draw, now - LATENESS_S * SECOND_US // 2)


def _events(actor: str, action: str, count: int, begin: int, step: int = 50_000, **more: Any) -> list[dict[str, Any]]:
    return [
        {"time": begin + place * step, "actor.type": "user", "actor.id": actor, "action": action, **more}
        for place in range(count)
    ]


def _plain(actor: str, draw: random.Random, now: int) -> Story:
    count = draw.randint(1, 3)
    return Story(_events(actor, "grant", count, now), Expected(PLAIN, actor, count))


def _count(actor: str, draw: random.Random, now: int) -> Story:
    count = draw.randint(7, 13)
    return Story(_events(actor, "read", count, now), Expected(COUNT, actor, count) if count >= 10 else None)


def _values(actor: str, draw: random.Random, now: int) -> Story:
    different = draw.randint(2, 5)
    events = _events(actor, "update", 6, now)
    for place, event in enumerate(events):
        event["source.ip"] = f"10.0.0.{place % different}"
    return Story(events, Expected(VALUES, actor, 6) if different >= 4 else None)


def _chained(actor: str, draw: random.Random, now: int) -> Story:
    tries = draw.randint(2, 6)
    events = [*_events(actor, "execute", tries, now), *_events(actor, "login", 1, now + 400_000)]
    return Story(events, Expected(CHAINED, actor, tries + 1) if tries >= 4 else None)


def _unanswered(actor: str, draw: random.Random, now: int) -> Story:
    events = _events(actor, "start", 1, now)
    if draw.random() < 0.5:
        return Story([*events, *_events(actor, "stop", 1, now + 300_000)], None)
    return Story(events, Expected(UNANSWERED, actor, 1))


def _silent(actor: str, draw: random.Random, now: int) -> Story:
    begin, step = now - 48 * 60 * _MINUTE_US, 10 * _MINUTE_US
    events = _events(actor, "share", 3, begin, step)
    if draw.random() < 0.3:
        return Story([*events, *_events(actor, "share", 3, begin + 3 * step, step)], None, ordered=True)
    return Story([*events, *_events(actor, "share", 3, begin + 30 * step, step)], Expected(SILENT, actor, 1), True)


_TELLERS: Final[Mapping[str, Callable[[str, random.Random, int], Story]]] = {
    "plain": _plain, "count": _count, "values": _values, "chained": _chained,
    "unanswered": _unanswered, "silent": _silent,
}  # fmt: skip
