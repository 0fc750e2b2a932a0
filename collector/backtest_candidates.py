"""What the index can say of a rule before any event is read: a plan that every event which the rule matches fulfils.

It only picks blocks: every event of a picked block is put to the rule itself.  So the plan may ask for less than the
rule, never for more.
"""

from collections.abc import Iterable
from typing import Final

from collector.backtest import Narrow
from collector.block import BlockSource
from collector.detect import Rule
from collector.detect.expression import And, Atom, Compares, Equals, Expression, Glob, InNetwork, Not
from collector.detect.fields import TEXT_FIELDS
from collector.query import candidates_of, plan
from collector.view import IndexSource

_SIGNS: Final[dict[str, plan.Operator]] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
#: More alternatives than this are not looked up: they would match nearly everything.
_TEXTS_MAX: Final = 200


def narrowing(
    rules: Iterable[Rule], indexes: IndexSource, source: BlockSource, also: plan.Plan | None = None
) -> Narrow | None:
    """Return what picks the blocks for some rules; None when the index cannot tell of one of them.

    ``also``: what every event that is put to the rules fulfils anyway.
    """
    plans = [plan_of(matcher.expression) for rule in rules for matcher in rule.matchers]
    known = [each for each in plans if each is not None]
    parts = [] if also is None else [also]
    if known and len(known) == len(plans):
        parts.append(plan.any_of(list(dict.fromkeys(known))))
    if not parts:
        return None
    wanted = plan.all_of(parts)
    return lambda segment: candidates_of(wanted, segment, indexes, source)


def plan_of(expression: Expression) -> plan.Plan | None:
    """Return a plan that every event fulfils for which a condition holds; None when there is none worth asking."""
    if isinstance(expression, Atom):
        return _term(expression)
    if isinstance(expression, Not):
        return None
    found = [plan_of(arg) for arg in expression.args]
    known = [each for each in found if each is not None]
    if isinstance(expression, And):
        return plan.all_of(known) if known else None
    return plan.any_of(known) if len(known) == len(found) else None


def _term(atom: Atom) -> plan.Plan | None:
    test = atom.test
    if isinstance(test, Compares) and atom.field.startswith("measures."):
        return plan.Term((atom.field,), plan.Compare(_SIGNS[test.operator], test.number))
    if atom.field not in TEXT_FIELDS:
        return None
    if isinstance(test, InNetwork):
        return plan.Term((atom.field,), plan.InNetwork(test.network))
    if isinstance(test, Equals) and len(test.texts) <= _TEXTS_MAX and all(map(str.isascii, test.texts)):
        return plan.any_of([plan.Term((atom.field,), plan.Equals(text.lower())) for text in sorted(test.texts)])
    if isinstance(test, Glob) and len(test.pieces) > 1:
        texts = tuple(piece.text for piece in test.pieces)
        plain = all(text.isascii() for text in texts) and not any(piece.wild for piece in test.pieces)
        if plain and any(texts) and all(texts[1:-1]):
            return plan.Term((atom.field,), plan.Like(tuple(text.lower() for text in texts)))
    return None
