"""Correlations as rules: which of the rules that one refers to are correlations themselves, and whether groups fit."""

from collections.abc import Sequence

from collector.detect.condition import TEMPORAL
from collector.detect.matcher import Matcher
from collector.detect.rule import Fed, Missing, Rule
from collector.detect.sigma_adapter import Complaint, Correlation
from collector.finding import RuleBrief


def correlation_rule(
    brief: RuleBrief,
    body: Correlation,
    matchers: Sequence[Matcher],
    inner: Sequence[Rule | None],
    *,
    missing: Missing,
    place: str,
) -> tuple[Rule | None, list[Complaint]]:
    """Return the rule that a correlation is, or what is wrong with it.

    ``matchers`` are those of the detections that it refers to; ``inner`` has the rule at each of its places that is a
    correlation, None at the others.
    """
    complaints: list[Complaint] = []
    fed = [_fed(body, at, rule, complaints) for at, rule in enumerate(inner) if rule is not None]
    if complaints:
        return None, complaints
    places = tuple(at for at, rule in enumerate(inner) if rule is None) if fed else ()
    fields: tuple[tuple[str, ...], ...] = ()
    if body.aliases:
        fields = tuple(_fields(body, name) for name, rule in zip(body.rules, inner, strict=True) if rule is None)
    return (
        Rule(
            brief, tuple(matchers), body.group_by, body.span_us, body.condition, missing, place, fields,
            tuple(fed), places,
        ),
        [],
    )  # fmt: skip


def _fields(body: Correlation, rule: str) -> tuple[str, ...]:
    """Return what the fields to group by are called in the events, or in the group, of one of the rules."""
    return tuple(body.aliases.get(name, {}).get(rule, name) for name in body.group_by)


def _fed(body: Correlation, at: int, inner: Rule, complaints: list[Complaint]) -> Fed:
    name = body.rules[at]
    known = inner.group_by
    if inner.absence is not None:
        text = f"{name!r} tells of what is absent; a correlation cannot count that"
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
