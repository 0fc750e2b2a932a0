"""What the rules remember of a group at this moment: its window, how far its condition is met, and its open alert."""

from collections.abc import Sequence
from typing import Any

from collector.detect.condition import OF_NUMBERS, TEMPORAL, Condition, percentile
from collector.detect.counting import RuleState
from collector.detect.group import Group, Terms
from collector.detect.matches import decoded
from collector.finding import GroupValue
from watchbook.clock import SECOND_US, format_rfc3339

Document = dict[str, Any]


def window_of(state: RuleState, key: tuple[GroupValue, ...], stream: str, names: Sequence[str]) -> Document:
    """Return what is known of a group, ready for JSON; ``names`` are those of the rules that a temporal kind counts.

    ``late``: the same of the events of ``stream`` that came too late to be counted with the others, null without any.
    """
    group, late = state.group(key), state.group(key, stream)
    return {
        "now": None if group is None else _group(group, state.terms, names),
        "late": None if late is None else _group(late, state.terms, names),
    }


def _group(group: Group, terms: Terms, names: Sequence[str]) -> Document:
    condition, newest = terms.condition, group.newest
    window = slice(group.until(newest - terms.span), group.until(newest))
    times, kept = group.times[window], group.values[window]
    values = decoded(kept) if condition.kind in OF_NUMBERS else kept
    document: Document = {
        "from": format_rfc3339(newest - terms.span),
        "until": format_rfc3339(newest),
        "timespan_s": terms.span / SECOND_US,
        "events": len(times),
        **_measured(condition, times, values, names),
        "holds": bool(times) and condition.holds(times, values),
        "decided": condition.only_grows or getattr(group, "decided", newest) >= newest,
        "alert": None,
    }
    episode = group.episode
    if episode is not None:
        document["alert"] = {
            "id": episode.alert_id or None,
            "count": episode.count,
            "first": format_rfc3339(episode.first),
            "last": format_rfc3339(episode.last),
            "held_from": format_rfc3339(episode.holds_from),
            "held_until": format_rfc3339(episode.holds_until),
        }
    return document


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
