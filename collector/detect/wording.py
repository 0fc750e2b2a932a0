"""A condition in words: what a rule comes to once its fields are ours, for who wants to know why it does not fire."""

from collections.abc import Sequence

from collector.detect.condition import Condition, Enough
from collector.detect.expression import (
    Absent,
    And,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    InNetwork,
    Matches,
    Not,
    Test,
)

_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def words_of(expression: Expression) -> str:
    """Return a condition as one line of text."""
    return _words(expression, inner=False)


def _words(expression: Expression, *, inner: bool) -> str:
    if isinstance(expression, Atom):
        return f"{expression.field} {test_words(expression.test)}"
    if isinstance(expression, Not):
        if isinstance(expression.arg, Atom) and isinstance(expression.arg.test, Absent):
            return f"{expression.arg.field} is there"
        return f"not {_words(expression.arg, inner=True)}"
    word = " and " if isinstance(expression, And) else " or "
    text = word.join(_words(arg, inner=True) for arg in expression.args)
    return f"({text})" if inner else text


def test_words(test: Test) -> str:
    """Return a test in words, to stand behind the name of its field."""
    if isinstance(test, Equals):
        texts = sorted(test.texts)
        case = " in exact case" if test.cased else ""
        return (f"is {texts[0]!r}" if len(texts) == 1 else f"is one of {', '.join(map(repr, texts))}") + case
    if isinstance(test, Glob):
        pattern = "*".join(piece.text for piece in test.pieces)
        return f"is like {pattern!r}{' in exact case' if test.cased else ''}"
    if isinstance(test, Matches):
        return f"matches /{test.source}/{test.flags}"
    if isinstance(test, InNetwork):
        return f"is in {test.network}"
    if isinstance(test, Compares):
        return f"{_SIGNS[test.operator]} {test.number}"
    return "is absent"


def needs_words(condition: Condition, names: Sequence[str]) -> str | None:
    """Return which of its rules a temporal condition needs; None when it needs all of them."""
    if condition.end:
        begins, ends = _names_in(condition.begin, names), _names_in(condition.end, names)
        return f"{' or '.join(begins)} and not {' or '.join(ends)} after it"
    return None if condition.enough is None else _enough_words(condition.enough, names)


def _names_in(rules: int, names: Sequence[str]) -> list[str]:
    return [name for place, name in enumerate(names) if rules >> place & 1]


def _enough_words(enough: Enough, names: Sequence[str]) -> str:
    if enough.kind == "rule":
        return names[enough.number]
    if enough.kind == "least":
        return f"{enough.number} of {', '.join(names)}"
    parts = [_enough_words(arg, names) for arg in enough.args]
    return f"({(' and ' if enough.kind == 'all' else ' or ').join(parts)})"
