"""What the API says of a rule.  Pure, but for reading the rule's own file."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.detect import Compiled, decode_expression, needs_words, words_of
from collector.detect.compiled import Correlation
from collector.detect.counting import RuleCounters
from collector.switches import Switch
from watchbook.clock import SECOND_US, format_rfc3339

Document = dict[str, Any]
_TEXT_CHARS_MAX: Final = 200_000


class RuleView(NamedTuple):
    """What is known of all rules at this moment, by rule id.

    ``raising`` are the rules that raise alerts of their own; ``costs`` are nanoseconds and events asked; ``events`` is
    how many events were read in all; ``opened`` how many alerts there were in the last 24 hours.
    """

    raising: Collection[str]
    switches: Mapping[str, Switch]
    set_aside: Mapping[str, str]
    counters: Mapping[str, RuleCounters]
    costs: Mapping[str, tuple[int, int]]
    events: int
    opened: Mapping[str, int]


def row_of(document: Compiled, view: RuleView) -> Document:
    """Return what a list says of a rule."""
    rule_id = document.brief.id if document.id else document.names[0] if document.names else document.place
    counters = view.counters.get(rule_id, RuleCounters())
    cost_ns, asked = view.costs.get(rule_id, (0, 0))
    row: Document = {
        "id": rule_id,
        "name": document.name,
        "title": document.brief.title,
        "level": document.brief.level,
        "kind": document.kind,
        "source": document.place,
        "logsource": None if document.kind == "correlation" else str(document.source),
        "profiles": None if document.profiles is None else list(document.profiles),
        "state": state_of(rule_id, view),
        "shadow": _is_shadow(document, rule_id, view),
        "reason": None,
        "changed": None,
        "changed_by": None,
        "matched": counters.matched,
        "alerts_24h": view.opened.get(rule_id, 0),
        "cost": {
            "us_per_event": round(cost_ns / 1000 / view.events, 4) if view.events else 0.0,
            "seconds": round(cost_ns / 1e9, 6),
            "asked": asked,
        },
    }
    switch = view.switches.get(rule_id)
    if switch is not None:
        row |= {"reason": switch.reason, "changed": format_rfc3339(switch.changed), "changed_by": switch.by}
    if rule_id in view.set_aside:
        row["reason"] = view.set_aside[rule_id]
    return row


def document_of(document: Compiled, view: RuleView, documents: Sequence[Compiled]) -> Document:
    """Return all that is known of a rule."""
    brief, body = document.brief, document.correlation
    found = row_of(document, view)
    counters = view.counters.get(brief.id)
    return {
        **found,
        "description": brief.description,
        "status": document.status,
        "tags": list(brief.tags),
        "falsepositives": list(brief.falsepositives),
        "response": brief.response,
        "runbook": brief.runbook,
        "condition": None if document.expression is None else words_of(decode_expression(document.expression)),
        "aliases": {name: list(places) for name, places in document.used.items()},
        "filters": [each.place for each in documents if _is_filter_of(each, document)],
        "correlation": None if body is None else _correlation(body, document),
        "inhibits": [{"rule": each.rule, "equal": list(each.equal)} for each in document.extension.inhibits],
        "counters": {} if counters is None else dict(vars(counters)),
        "remarks": [f"{document.path}:{line}:{column}: {text}" for line, column, text in document.remarks],
        "text": _text(document),
    }  # fmt: skip


def _correlation(body: Correlation, document: Compiled) -> Document:
    condition = body.condition
    found: Document = {"type": condition.kind, "rules": list(body.rules), "group_by": list(body.group_by),
                       "timespan_s": body.span_us / SECOND_US}  # fmt: skip
    if condition.kind not in ("temporal", "temporal_ordered"):
        found["condition"] = {condition.operator: _number(condition.bound)}
    elif needs := needs_words(condition, body.rules):
        found["needs"] = needs
    if condition.fields:
        found["fields"] = list(condition.fields)
    if body.aliases:
        found["aliases"] = {name: dict(fields) for name, fields in body.aliases.items()}
    if condition.is_silence:
        absence = document.extension.absence
        found["expected"] = [] if absence is None else [list(group) for group in absence.expected]
        found["remember_s"] = absence.remember_us / SECOND_US if absence is not None and absence.remember_us else None
    return found


def _number(bound: float) -> int | float:
    return int(bound) if bound.is_integer() else bound


def state_of(rule_id: str, view: RuleView) -> str:
    """Return in which state a rule is: one of ``active``, ``disabled``, ``set_aside``, ``counted``."""
    if rule_id not in view.raising:
        return "counted"
    switch = view.switches.get(rule_id)
    if switch is not None and not switch.enabled:
        return "disabled"
    return "set_aside" if rule_id in view.set_aside else "active"


def _is_shadow(document: Compiled, rule_id: str, view: RuleView) -> bool:
    """Return whether a rule is on trial: as it was switched, else as its file says."""
    switch = view.switches.get(rule_id)
    return document.brief.shadow if switch is None or switch.shadow is None else switch.shadow


def _is_filter_of(each: Compiled, document: Compiled) -> bool:
    if each.kind != "filter" or document.kind != "detection" or not each.source.takes(document.source):
        return False
    return not each.applies_to or bool(set(each.applies_to) & set(document.names))


def _text(document: Compiled) -> str | None:
    """Return the file of a rule as it is now, None when it is gone."""
    try:
        return Path(document.path).read_text(encoding="utf-8", errors="replace")[:_TEXT_CHARS_MAX]
    except OSError:
        return None
