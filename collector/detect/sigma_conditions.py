"""The conditions of pySigma's correlations as :class:`collector.detect.condition.Condition`."""

from collections.abc import Sequence
from typing import Any, Final, Literal, cast

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationType,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)

from collector.detect.condition import TEMPORAL, Condition, Enough, Kind, Operator

_MEDIAN: Final = 50.0


class UnsupportedConditionError(Exception):
    """A condition that makes no sense, or that Watchbook cannot evaluate; ``option`` of the correlation is to blame."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option


def correlated_rules(rule: SigmaCorrelationRule) -> tuple[str, ...]:
    """Return the names of the rules that a correlation refers to, in order."""
    if rule.rules is None and isinstance(rule.condition, SigmaExtendedCorrelationCondition):
        return tuple(dict.fromkeys(rule.condition.get_referenced_rules()))
    return tuple(str(reference.reference) for reference in rule.rules or ())


def read_condition(rule: SigmaCorrelationRule, names: Sequence[str]) -> Condition:
    """Return the condition of a correlation over rules with these names; raises UnsupportedConditionError."""
    kind = cast(Kind, rule.type.name.lower())
    if kind in TEMPORAL:
        return _temporal(kind, rule, names)
    given = rule.condition
    assert isinstance(given, SigmaCorrelationCondition)
    operator = cast(Operator, given.op.name.lower())
    fields = (given.fieldref,) if isinstance(given.fieldref, str) else tuple(given.fieldref or ())
    bound = float(given.count)  # as the cache gives it back: what is the same must look the same
    if rule.type is SigmaCorrelationType.VALUE_MEDIAN:
        return Condition("value_percentile", operator, bound, fields, _MEDIAN)
    condition = Condition(kind, operator, bound, fields)
    if kind == "value_percentile":
        percentile = given.percentile
        if percentile is None or not 0 <= percentile <= 100:
            raise UnsupportedConditionError("condition", "expected 'percentile', a whole number from 0 to 100")
        condition = Condition("value_percentile", operator, bound, fields, float(percentile))
    if kind in ("event_count", "value_count"):
        if condition.only_grows and condition.compares(0):
            raise UnsupportedConditionError("condition", f"expected a count above zero, found {given.count}")
        never = operator in ("lt", "lte", "eq") and given.count < 1 + (operator == "lt")
        if never and not condition.is_silence:
            raise UnsupportedConditionError(
                "condition", "is never so: it is asked when something matches, and then there is one match at least"
            )
    if kind not in ("event_count", "value_count") and len(fields) != 1:
        raise UnsupportedConditionError("condition.field", "expected the name of one field")
    return condition


def _temporal(kind: Kind, rule: SigmaCorrelationRule, names: Sequence[str]) -> Condition:
    count = len(names)
    if count < 2:
        raise UnsupportedConditionError("rules", f"expected at least two rules, found {count}")
    given = rule.condition
    if isinstance(given, SigmaExtendedCorrelationCondition):
        if kind == "temporal_ordered":
            begin, end = _wait(given.parsed, names)
            return Condition(kind, rules=count, begin=begin, end=end)
        return Condition(kind, rules=count, enough=_enough(given.parsed, names))
    least = given.count if given.op.name == "GTE" else given.count + 1
    if given.op.name not in ("GT", "GTE") or not 1 <= least <= count:
        raise UnsupportedConditionError("condition", f"expected 'gte', and how many of the {count} rules are enough")
    if least == count:
        return Condition(kind, rules=count)
    if kind == "temporal_ordered":
        raise UnsupportedConditionError(
            "condition", f"rules in order are all of them: expected 'gte: {count}', or none"
        )
    return Condition(kind, rules=count, enough=Enough("least", int(least)))


def _enough(tree: Any, names: Sequence[str]) -> Enough:
    """Return the test of which sets of rules are enough."""
    if isinstance(tree, SigmaRuleReference):
        return Enough("rule", names.index(str(tree.reference)))
    if isinstance(tree, CorrelationConditionAND | CorrelationConditionOR):
        kind: Literal["all", "any"] = "all" if isinstance(tree, CorrelationConditionAND) else "any"
        return Enough(kind, args=tuple(_enough(arg, names) for arg in tree.args))
    raise UnsupportedConditionError(
        "condition", "what did not happen has a time by which it should have; use 'type: temporal_ordered'"
    )


def _wait(tree: Any, names: Sequence[str]) -> tuple[int, int]:
    """Return which rules begin a wait and which end it, of a condition like ``a and not (b or c)``."""
    parts = tree.args if isinstance(tree, CorrelationConditionAND) else [tree]
    begin = [_any_of(part, names) for part in parts if not isinstance(part, CorrelationConditionNOT)]
    end = [_any_of(part.args[0], names) for part in parts if isinstance(part, CorrelationConditionNOT)]
    if len(begin) != 1 or not end or None in begin or None in end:
        raise UnsupportedConditionError(
            "condition",
            "rules in order are all those of 'rules' (then remove the condition), or one and not another after it: "
            "expected 'a and not b', where each may be several with 'or'",
        )
    begins, ends = begin[0] or 0, 0
    for bits in end:
        ends |= bits or 0
    return begins, ends


def _any_of(tree: Any, names: Sequence[str]) -> int | None:
    """Return a set of rules of which any will do, None when that is not what is asked."""
    if isinstance(tree, SigmaRuleReference):
        return 1 << names.index(str(tree.reference))
    if not isinstance(tree, CorrelationConditionOR):
        return None
    bits = 0
    for arg in tree.args:
        one = _any_of(arg, names)
        if one is None:
            return None
        bits |= one
    return bits
