"""Correlations as rules: which of the rules that one refers to are correlations themselves, and whether groups fit."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from collector.detect.compiled import Complaint, Correlation
from collector.detect.condition import TEMPORAL, Condition
from collector.detect.extension import AbsenceOptions, Missing
from collector.detect.matcher import Matcher
from collector.detect.rule import Await, Fed, Rule, Silence
from collector.finding import RuleBrief


def correlation_rule(
    brief: RuleBrief,
    body: Correlation,
    matchers: Sequence[Matcher],
    inner: Sequence[Rule | None],
    *,
    own_fields: Sequence[Callable[[str], str]],
    missing: Missing,
    place: str,
    absence: AbsenceOptions | None,
) -> tuple[Rule | None, list[Complaint]]:
    """Return the rule that a correlation is, or what is wrong with it.

    ``matchers`` are those of the detections that it refers to, and ``own_fields`` gives for each of these the field of
    ours that a raw one of its log source stands for; ``inner`` has the rule at each of its places that is a
    correlation, None at the others.
    """
    complaints: list[Complaint] = []
    fed = [_fed(body, at, rule, complaints) for at, rule in enumerate(inner) if rule is not None]
    if complaints:
        return None, complaints
    silence = _silence(body, absence, bool(fed), complaints)
    if complaints:
        return None, complaints
    places = tuple(at for at, rule in enumerate(inner) if rule is None) if fed else ()
    names = [name for name, rule in zip(body.rules, inner, strict=True) if rule is None]
    fields = tuple(tuple(map(own, _fields(body, name))) for name, own in zip(names, own_fields, strict=True))
    if all(each == body.group_by for each in fields):
        fields = ()
    condition = body.condition
    if own_fields and not fed:
        condition = replace(condition, fields=tuple(map(own_fields[0], condition.fields)))
    wait = Await(condition.begin, condition.end) if condition.end else None
    rule = Rule(
        brief, tuple(matchers), body.group_by, body.span_us, condition, missing, place, fields,
        tuple(fed), places, wait or silence,
    )  # fmt: skip
    if wait is None:
        return rule, []
    # What nothing followed is told by one rule, and counted by another like any detection.
    whole = Fed(0, rule, tuple(range(len(body.group_by))))
    return Rule(brief, (), body.group_by, body.span_us, Condition(), missing, place, fed=(whole,)), []


def _silence(
    body: Correlation, options: AbsenceOptions | None, chained: bool, complaints: list[Complaint]
) -> Silence | None:
    if not body.condition.is_silence:
        if options is not None:
            text = "is for a rule that finds silence: 'type: event_count' with 'condition: {lt: 1}'; remove it"
            complaints.append(Complaint("watchbook.absence", text))
        return None
    if chained:
        text = "silence is that of events; a correlation tells of none when nothing is wrong"
        complaints.append(Complaint("correlation.rules", text))
    found = options or AbsenceOptions()
    if found.remember_us and found.remember_us <= body.span_us:
        complaints.append(Complaint("watchbook.absence.remember", "expected more than the correlation's timespan"))
    for group in found.expected:
        if len(group) != len(body.group_by):
            text = f"expected a value for each of {', '.join(body.group_by) or 'no field'}, found {len(group)}"
            complaints.append(Complaint("watchbook.absence.expected", text))
    return Silence(found.remember_us, found.expected)


def _fields(body: Correlation, rule: str) -> tuple[str, ...]:
    """Return what the fields to group by are called in the events, or in the group, of one of the rules."""
    return tuple(body.aliases.get(name, {}).get(rule, name) for name in body.group_by)


def _fed(body: Correlation, at: int, inner: Rule, complaints: list[Complaint]) -> Fed:
    name = body.rules[at]
    known = inner.group_by
    if inner.absence is not None or any(fed.rule.absence is not None for fed in inner.fed):
        text = f"{name!r} tells of what did not happen; a correlation cannot count that"
        complaints.append(Complaint("correlation.rules", text))
    wanted = _fields(body, name)
    for field in wanted:
        if field not in known:
            text = (
                f"{name!r} is a correlation that groups by {', '.join(known) or 'nothing'}, so what it finds has no "
                f"{field!r}; add it to the group-by there, or say in 'aliases' what stands for it"
            )
            complaints.append(Complaint("correlation.group-by", text))
    counted = () if body.condition.kind in TEMPORAL else body.condition.fields
    for field in counted:
        if field not in known:
            text = (
                f"expected a field that the correlation {name!r} groups by ({', '.join(known) or 'nothing'}), found "
                f"{field!r}; what it finds has no other values"
            )
            complaints.append(Complaint("correlation.condition.field", text))
    if complaints:
        return Fed(at, inner, ())
    return Fed(at, inner, tuple(map(known.index, wanted)), tuple(map(known.index, counted)))
