"""What a back-test's answer says: how often each rule would have fired, when, for whom, and on what evidence.  Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from collector.backtest import Fired, Outcome, Span
from collector.detect import Rule
from watchbook.clock import SECOND_US, format_rfc3339

Document = dict[str, Any]
#: Alerts that are listed unless more are asked for, and at most.
ALERTS_DEFAULT: Final = 20
ALERTS_MAX: Final = 10_000
_GROUPS_MAX: Final = 10
_BUCKETS_MAX: Final = 60
_DAY_S: Final = 86_400
#: Widths of the chart's columns, in seconds.
_WIDTHS_S: Final = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, _DAY_S, 7 * _DAY_S)


class Run(NamedTuple):
    """A back-test that is done: over what, until when it looked, and how long it took."""

    span: Span
    now: int
    query: str
    seconds: float
    cpu_seconds: float


def report(outcome: Outcome, rules: Sequence[Rule], run: Run, alerts_max: int) -> Document:
    """Return the answer; of each rule at most ``alerts_max`` alerts are listed, the newest ones."""
    end = run.now if run.span.end is None else run.span.end
    return {
        "from": format_rfc3339(run.span.begin),
        "to": None if run.span.end is None else format_rfc3339(run.span.end),
        "q": run.query,
        "events": outcome.events,
        "seconds": round(run.seconds, 3),
        "cpu_seconds": round(run.cpu_seconds, 3),
        "unreadable_blocks": outcome.unreadable,
        "archived_events_not_read": outcome.archived,
        "rules": [_rule(rule, outcome, Span(run.span.begin, end), alerts_max) for rule in rules],
    }


def alert_document(fired: Fired) -> Document:
    """Return an alert as a back-test shows it."""
    alert = fired.alert
    document: Document = {
        "id": alert.id,
        "group": dict(alert.group),
        "count": alert.events,
        "first": format_rfc3339(alert.first),
        "last": format_rfc3339(alert.last),
        "held_from": format_rfc3339(alert.holds_from),
        "held_until": format_rfc3339(alert.holds_until),
        "opened": format_rfc3339(alert.opened),
        "resolved": None if alert.resolved is None else format_rfc3339(alert.resolved),
        "event_ids": fired.event_ids,
    }
    return document | ({"track": alert.track} if alert.track else {})


def _rule(rule: Rule, outcome: Outcome, span: Span, alerts_max: int) -> Document:
    alerts = [fired for fired in outcome.alerts if fired.alert.rule.id == rule.brief.id]
    days = max(span.stop - span.begin, SECOND_US) / SECOND_US / _DAY_S
    counters = outcome.counters.get(rule.brief.id)
    newest = sorted(alerts, key=lambda fired: (fired.alert.holds_from, fired.alert.id), reverse=True)
    return {
        "id": rule.brief.id,
        "title": rule.brief.title,
        "level": rule.brief.level,
        "matched": 0 if counters is None else counters.matched,
        "counters": {} if counters is None else dict(vars(counters)),
        "alerts": len(alerts),
        "alerts_per_day": round(len(alerts) / days, 3),
        "alerts_going_on_at_start": outcome.before.get(rule.brief.id, 0),
        "histogram": _histogram(alerts, span),
        "top_groups": _top_groups(alerts),
        "listed": [alert_document(fired) for fired in newest[:alerts_max]],
    }


def _histogram(alerts: Sequence[Fired], span: Span) -> Document:
    length_s = max(1, (span.stop - span.begin) // SECOND_US)
    width_s = next((width for width in _WIDTHS_S if length_s / width <= _BUCKETS_MAX), None)
    if width_s is None:
        width_s = -(-length_s // _BUCKETS_MAX // _DAY_S) * _DAY_S or _DAY_S
    width = width_s * SECOND_US
    begin = span.begin // width * width
    counts = Counter((fired.alert.holds_from - begin) // width for fired in alerts)
    last = max([(span.stop - 1 - begin) // width, *counts])
    buckets = [{"from": format_rfc3339(begin + n * width), "alerts": counts[n]} for n in range(last + 1)]
    return {"width_s": width_s, "buckets": buckets}


def _top_groups(alerts: Sequence[Fired]) -> list[Document]:
    found: Counter[tuple[Any, ...]] = Counter()
    events: Counter[tuple[Any, ...]] = Counter()
    for fired in alerts:
        found[fired.alert.group] += 1
        events[fired.alert.group] += fired.alert.events
    top = sorted(found, key=lambda group: (-found[group], -events[group], str(group)))[:_GROUPS_MAX]
    return [{"group": dict(group), "alerts": found[group], "events": events[group]} for group in top]
