"""Which alerts a silence hides: matchers over what an alert is known by.  Pure.

A matcher is ``name operator value``: ``level<=low``, ``actor.id=alice``, ``tag!=attack.*``.  ``name`` is ``rule`` (the
id or the title), ``level``, ``tag`` or a field that the alert is grouped by.  ``*`` in a value stands for anything;
case does not matter.  All matchers of a silence must match; a field that the alert lacks equals nothing.
"""

import difflib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from collector.finding import LEVELS, GroupValue
from watchbook.event import FIELD_BY_NAME

MATCHERS_MAX: Final = 20
VALUE_CHARS_MAX: Final = 400
OPERATORS: Final = ("=", "!=", "<=", ">=")
_WORDS: Final = ("rule", "level", "tag")


class Matcher(NamedTuple):
    """One of a silence's matchers."""

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value}"


class Known(NamedTuple):
    """What matchers look at of an alert."""

    rule_id: str
    title: str
    level: str
    tags: tuple[str, ...]
    group: tuple[tuple[str, GroupValue], ...]


def matcher_complaint(matcher: Matcher) -> str | None:
    """Return what is wrong with a matcher, None when it can be used."""
    name, operator, value = matcher
    if operator not in OPERATORS:
        return f"expected one of the operators {' '.join(OPERATORS)}, found {operator[:20]!r}"
    if not value or len(value) > VALUE_CHARS_MAX:
        return f"expected a value of 1 to {VALUE_CHARS_MAX} characters for {name[:80]!r}"
    if name not in _WORDS and name not in FIELD_BY_NAME and not name.startswith("details."):
        close = difflib.get_close_matches(name, (*_WORDS, *FIELD_BY_NAME), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "; known: rule, level, tag and fields that rules group by"
        return f"no alert has {name[:80]!r}{hint}"
    if operator in ("<=", ">=") and name != "level":
        return f"{operator} compares levels only; found {name[:80]!r}"
    if name == "level" and "*" not in value and value.lower() not in LEVELS:
        return f"expected a level out of {', '.join(LEVELS)}, found {value[:80]!r}"
    if operator in ("<=", ">=") and value.lower() not in LEVELS:
        return f"expected a level out of {', '.join(LEVELS)} after {operator}, found {value[:80]!r}"
    return None


def encode_matchers(matchers: Sequence[Matcher]) -> str:
    """Return matchers as they are kept: JSON."""
    return msgspec.json.encode(list(matchers)).decode()


def decode_matchers(text: str) -> tuple[Matcher, ...]:
    """Return the matchers that were kept."""
    found: list[list[str]] = msgspec.json.decode(text)
    return tuple(Matcher(*each) for each in found)


@lru_cache(maxsize=1024)
def matching(text: str) -> Callable[[Known], bool]:
    """Return what tells whether an alert has all that some matchers, as they are kept, ask for."""
    tests = [_test(matcher) for matcher in decode_matchers(text)]
    return lambda known: all(test(known) for test in tests)


def _test(matcher: Matcher) -> Callable[[Known], bool]:
    name, operator, value = matcher.name, matcher.operator, matcher.value
    if operator in ("<=", ">="):
        bound = LEVELS.index(value.lower())
        if operator == "<=":
            return lambda known: LEVELS.index(known.level) <= bound
        return lambda known: LEVELS.index(known.level) >= bound
    texts_of = _READERS.get(name) or (lambda known: _group_texts(known, name))
    pieces = value.casefold().split("*")

    def is_equal(known: Known) -> bool:
        return any(_globbed(text.casefold(), pieces) for text in texts_of(known))

    return is_equal if operator == "=" else lambda known: not is_equal(known)


_READERS: Final[dict[str, Callable[[Known], Sequence[str]]]] = {
    "rule": lambda known: (known.rule_id, known.title),
    "level": lambda known: (known.level,),
    "tag": lambda known: known.tags,
}


def _group_texts(known: Known, name: str) -> list[str]:
    return [text_of(value) for field, value in known.group if field == name and value is not None]


def text_of(value: GroupValue) -> str:
    """Return a value of a group as it is written in matchers and queries."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _globbed(text: str, pieces: Sequence[str]) -> bool:
    """Return whether a text has the pieces between ``*`` in their order, the first and last at its ends."""
    first, *rest = pieces
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    at = len(first)
    *middle, last = rest
    for piece in middle:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(last) and text.endswith(last)
