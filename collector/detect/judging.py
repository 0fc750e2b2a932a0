"""What can be said against a rule that is not wrong: it matches too much, or costs too much.  Pure."""

from typing import Final

from collector.detect.expression import Absent, And, Atom, Expression, Matches, Not, fields_of
from collector.detect.fields import split_object
from collector.detect.witness import witnesses_of

#: Fields that say too little to keep a rule from being asked of a large part of the events.
_BROAD: Final = frozenset({"origin.profile", "category", "outcome", "actor.type"})
#: A condition whose cheap tests leave more than this part of the events (guessed) looks into too many of them.
_SHARE_MAX: Final = 0.15


def matches_without_anything(expression: Expression) -> bool:
    """Return whether a condition holds for an event that has none of the fields it asks for."""
    if isinstance(expression, Atom):
        return isinstance(expression.test, Absent)
    if isinstance(expression, Not):
        return not matches_without_anything(expression.arg)
    found = [matches_without_anything(arg) for arg in expression.args]
    return all(found) if isinstance(expression, And) else any(found)


def remark_on_cost(expression: Expression) -> str | None:
    """Return why a condition will cost more than others, None when it will not."""
    witnesses = witnesses_of(expression)
    if witnesses is not None and not {atom.field for atom in witnesses.atoms} <= _BROAD:
        return None
    if _left_to_look_into(expression) <= _SHARE_MAX:
        return None
    dear = _has_regex(expression) or any(split_object(name) for name in fields_of(expression))
    if not dear:
        return None
    return (
        "may be costly: none of its lines is rare, so each event of its log source is looked into; "
        "add a line that must hold and names few events, such as an event_type"
    )


def _left_to_look_into(expression: Expression) -> float:
    """Return the guessed part of events that is left after the tests of plain fields, which come first."""
    parts = expression.args if isinstance(expression, And) else (expression,)
    share = 1.0
    for part in parts:
        found = witnesses_of(part)
        if found is not None and not any(map(_is_dear, found.atoms)):
            share *= min(found.share, 1.0)
    return share


def _is_dear(atom: Atom) -> bool:
    return isinstance(atom.test, Matches) or split_object(atom.field) is not None


def _has_regex(expression: Expression) -> bool:
    if isinstance(expression, Atom):
        return isinstance(expression.test, Matches)
    if isinstance(expression, Not):
        return _has_regex(expression.arg)
    return any(map(_has_regex, expression.args))
