"""What the rules remember of a group at this moment: its window, how far its condition is met, and its open alert."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collector.detect.awaiting import AwaitGroup
from collector.detect.condition import OF_NUMBERS, TEMPORAL, Condition, percentile
from collector.detect.counting import RuleState
from collector.detect.feeding import FeedState
from collector.detect.group import FOREVER_US, Episode, Group, Terms
from collector.detect.matches import decoded
from collector.detect.silence import SilentGroup
from collector.finding import GroupValue
from watchbook.clock import SECOND_US, format_rfc3339

Document = dict[str, Any]
Key = tuple[GroupValue, ...]


@dataclass(frozen=True)
class Remembered:
    """What is remembered for a rule: ``state``; ``whole`` is the state of the rule that this one is a part of."""

    state: RuleState
    whole: RuleState

    def awaiting(self) -> "Remembered":
        """Return what waits for what does not happen, of a rule about that."""
        return self.inner(0) or self

    def inner(self, place: int) -> "Remembered | None":
        """Return what is remembered for the correlation at a place of the rule's rules."""
        for feed in self.whole.feeds:
            assert isinstance(feed, FeedState)
            if any(user is self.state and fed.place == place for user, fed in feed.users):
                return Remembered(feed, self.whole)
        return None

    def window(self, key: Key, stream: str, names: Sequence[str]) -> Document:
        """Return what is known of a group, ready for JSON; ``names`` are those of the rules that are counted.

        ``late``: the same of the events of ``stream`` that came too late to be counted with the others, null without.
        """
        return {"now": self._track(key, "", names), "late": self._track(key, stream, names)}

    def _track(self, key: Key, track: str, names: Sequence[str]) -> Document | None:
        group, terms = self.state.group(key, track), self.state.terms
        if group is None:
            return None
        if isinstance(group, SilentGroup):
            return {**_silence(group, terms), "alert": _alert(group.episode)}
        if isinstance(group, AwaitGroup):
            told = self.whole.group(key, track)
            episode = None if told is None else told.episode
            return {**_waiting(group, terms, names), "alert": _alert(episode)}
        return {**_window(group, terms, names), "alert": _alert(group.episode)}


def remembered_of(state: RuleState) -> Remembered:
    """Return what is remembered for a rule that is at work."""
    return Remembered(state, state)


def _window(group: Group, terms: Terms, names: Sequence[str]) -> Document:
    condition, newest = terms.condition, group.newest
    window = slice(group.until(newest - terms.span), group.until(newest))
    times, kept = group.times[window], group.values[window]
    values = decoded(kept) if condition.kind in OF_NUMBERS else kept
    return {
        "from": format_rfc3339(newest - terms.span),
        "until": format_rfc3339(newest),
        "timespan_s": terms.span / SECOND_US,
        "events": len(times),
        **_measured(condition, times, values, names),
        "holds": bool(times) and condition.holds(times, values),
        "decided": getattr(group, "decided", newest) >= newest,
    }


def _silence(group: SilentGroup, terms: Terms) -> Document:
    """Return what is known of a group that is listened for: it was heard last ``from``, and must be ``until``."""
    gap = group.gaps[-1] if group.gaps and group.gaps[-1].end == FOREVER_US else None
    since = group.newest if gap is None else gap.start
    due = since + terms.span
    silent = gap is not None and gap.start <= group.decided
    heard = group.newest != -FOREVER_US
    decided = group.received + terms.span + terms.lateness
    return {
        "from": format_rfc3339(since),
        "until": format_rfc3339(due),
        "timespan_s": terms.span / SECOND_US,
        "events": 0,
        "measured": 0,
        "last_heard": format_rfc3339(group.newest) if heard else None,
        "missing": None if silent else f"that nothing is heard until {format_rfc3339(due)}",
        "told_by": None if silent else format_rfc3339(decided),
        "holds": silent,
        "decided": silent,
    }


def _waiting(group: AwaitGroup, terms: Terms, names: Sequence[str]) -> Document:
    """Return what is known of a group in which events wait for others."""
    ends = " or ".join(name for place, name in enumerate(names) if group.wanted.end >> place & 1)
    first = group.times[0] if group.times else None
    missing = "an event that waits" if first is None else f"that no match of {ends} comes before the timespan is over"
    return {
        "from": format_rfc3339(group.newest if first is None else first),
        "until": format_rfc3339(group.newest if first is None else first + terms.span),
        "timespan_s": terms.span / SECOND_US,
        "events": len(group.times),
        "measured": len(group.times),
        "missing": missing,
        "told_by": format_rfc3339(group.due(terms)) if group.size else None,
        "holds": False,
        "decided": False,
    }


def _alert(episode: Episode | None) -> Document | None:
    if episode is None:
        return None
    return {
        "id": episode.alert_id or None,
        "count": episode.count,
        "first": format_rfc3339(episode.first),
        "last": format_rfc3339(episode.last),
        "held_from": format_rfc3339(episode.holds_from),
        "held_until": format_rfc3339(episode.holds_until),
    }


def _measured(condition: Condition, times: Sequence[int], values: Sequence[Any], names: Sequence[str]) -> Document:
    """Return what a condition measures of a window, and what is missing in words."""
    if condition.kind in TEMPORAL:
        return _temporal(condition, times, values, names)
    measured: float = len(times)
    if not times:
        return {"measured": 0, "missing": None}
    if condition.kind == "value_count":
        measured = len(set(values))
    elif condition.kind == "value_sum":
        measured = sum(values)
    elif condition.kind == "value_avg":
        measured = sum(values) / len(values)
    elif condition.kind == "value_percentile":
        measured = percentile(values, condition.percentile)
    return {"measured": measured, "missing": _missing(condition, measured)}


def _missing(condition: Condition, measured: float) -> str | None:
    if condition.compares(measured):
        return None
    what = {"event_count": "event", "value_count": "different value"}.get(condition.kind)
    if what is not None and condition.operator in ("gte", "gt"):
        more = condition.least - int(measured)
        return f"{more} more {what}{'' if more == 1 else 's'}"
    return (
        f"{condition.kind.removeprefix('value_')} is {measured:g}, asked for {condition.operator} {condition.bound:g}"
    )


def _temporal(condition: Condition, times: Sequence[int], values: Sequence[int], names: Sequence[str]) -> Document:
    together = 0
    for rules in values:
        together |= rules
    seen = [name for place, name in enumerate(names) if together >> place & 1]
    if condition.kind == "temporal":
        left = [name for name in names if name not in seen]
        missing = None if condition.is_enough(together) else f"a match of {', '.join(left)}"
        return {"measured": len(seen), "seen": seen, "missing": missing}
    chain = condition.chain(times, values)
    missing = None if chain == len(names) else f"then a match of {', then '.join(names[chain:])}"
    return {"measured": chain, "seen": seen, "in_order": list(names[:chain]), "missing": missing}
