"""What can be said against a rule that is not wrong: it matches too much, or costs too much.  Pure."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from collector.detect.expression import Absent, And, Atom, Equals, Expression, Matches, Not, fields_of
from collector.detect.fields import split_object
from collector.detect.witness import witnesses_of
from watchbook.event import FIELDS

#: Fields that say too little to keep a rule from being asked of a large part of the events.
_BROAD: Final = frozenset({"origin.profile", "category", "outcome", "actor.type"})
#: A condition whose cheap tests leave more than this part of the events (guessed) looks into too many of them.
_SHARE_MAX: Final = 0.15
#: The fields that have few values, with these.
_VALUES: Final = {field.name: field.values for field in FIELDS if field.values is not None}
#: What Sigma knows of a rule, and of its correlation; what it does not know it leaves alone.
RULE_OPTIONS: Final = (
    "title", "id", "name", "taxonomy", "related", "status", "description", "license", "references", "author", "date",
    "modified", "tags", "scope", "logsource", "detection", "correlation", "filter", "fields", "falsepositives", "level",
    "watchbook",
)  # fmt: skip
CORRELATION_OPTIONS: Final = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")


def matches_without_anything(expression: Expression) -> bool:
    """Return whether a condition holds for an event that has none of the fields it asks for."""
    if isinstance(expression, Atom):
        return isinstance(expression.test, Absent)
    if isinstance(expression, Not):
        return not matches_without_anything(expression.arg)
    found = [matches_without_anything(arg) for arg in expression.args]
    return all(found) if isinstance(expression, And) else any(found)


def impossible_values(expression: Expression) -> Iterator[str]:
    """Yield what is asked of a field that no event can have there."""
    if isinstance(expression, Atom):
        known = _VALUES.get(expression.field)
        if known is None or not isinstance(expression.test, Equals):
            return
        for text in sorted(expression.test.texts):
            if text.lower() not in known:
                yield f"no event has the {expression.field} {text!r}; known: {', '.join(sorted(known))}"
        return
    for arg in [expression.arg] if isinstance(expression, Not) else expression.args:
        yield from impossible_values(arg)


def unused_selections(selections: Sequence[str], condition: Any) -> list[str]:
    """Return the selections that a condition, a text or several, does not ask for."""
    words = {word for text in condition if isinstance(condition, list) for word in _words_of(text)}
    words |= _words_of(condition) if not isinstance(condition, list) else set()
    if "them" in words:
        return []
    patterns = [word.rstrip("*") for word in words if word.endswith("*")]
    return [name for name in selections if name not in words and not any(map(name.startswith, patterns))]


def _words_of(text: Any) -> set[str]:
    return set(str(text).replace("(", " ").replace(")", " ").split())


def misspelt_options(given: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options that Sigma does not know and that are nearly called as one that is not given, with that."""
    left = [name for name in known if name not in given]
    for name in given:
        if name not in known:
            yield from ((name, each) for each in difflib.get_close_matches(name.lower(), left, n=1, cutoff=0.8))


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
