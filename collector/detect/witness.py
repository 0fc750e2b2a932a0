"""Witnesses: of each rule, the tests of which at least one must hold wherever the rule matches.

A rule whose witnesses hold nowhere in a batch matches nothing in it, and need not be looked at.  So of thousands of
rules those remain that ask for what is really there (docs/decisions/019-many-rules.md).  The rarer a witness, the
better; how rare it is was measured (:mod:`collector.detect.rarity`), or is guessed from its kind: a name of an action
is rarer than an outcome, a long piece of text rarer than a short one.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from re import _constants as codes
from re import _parser as parser
from typing import Any, Final, NamedTuple

from collector.detect.expression import (
    And,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    InNetwork,
    Matches,
    Not,
)
from collector.detect.fields import TEXT_FIELDS, split_object


class Witnesses(NamedTuple):
    """Tests of which at least one holds for every event that a rule matches, and the guessed part of events it is."""

    atoms: tuple[Atom, ...]
    share: float


#: The part of events for which a test holds, None when it is no witness.
ShareOf = Callable[[Atom], float | None]

#: The guessed part of events that have one given value of a field.
_SHARES: Final[Mapping[str, float]] = {
    "category": 0.3, "outcome": 0.4, "actor.type": 0.4, "action": 0.1, "resource.type": 0.1, "module": 0.1,
    "org": 0.3, "project": 0.1, "origin.profile": 0.3, "origin.host": 0.1, "origin.agent": 0.1, "origin.input": 0.3,
    "event_type": 0.02, "actor.id": 0.01, "source.ip": 0.01, "resource.id": 0.005,
}  # fmt: skip
_SHARE: Final = 0.02
_REGEX_SHARE: Final = 0.5
_REGEX_SHARE_LEAST: Final = 0.001
_NETWORK_SHARE: Final = 0.05
#: Of the texts that hold a piece: for each character of it.
_CHARACTER_SHARE: Final = 0.55
_SIGMA: Final = "\N{GREEK CAPITAL LETTER SIGMA}"
#: What classes of characters begin with (``[[:digit:]]``), which Python's parser takes for single characters.
_CLASS: Final = "[:"


def witnesses_of(expression: Expression, share_of: ShareOf | None = None) -> Witnesses | None:
    """Return the best witnesses of a condition; None when it may hold for an event without any of its tests holding.

    ``share_of`` says how rare a test is; it is guessed when nobody knows.
    """
    share_of = share_of or guessed_share
    if isinstance(expression, Atom):
        share = share_of(expression)
        return None if share is None else Witnesses((expression,), share)
    if isinstance(expression, Not):
        return None
    found = [witnesses_of(arg, share_of) for arg in expression.args]
    if isinstance(expression, And):
        return min((each for each in found if each is not None), key=lambda each: each.share, default=None)
    atoms: list[Atom] = []
    together = 0.0
    for each in found:
        if each is None:
            return None
        atoms += each.atoms
        together += each.share
    return Witnesses(tuple(atoms), together)


def literal_of(glob: Glob) -> str:
    """Return the longest text without wildcards that every text which a glob matches holds; "" when there is none.

    In lower case it is in the lower-case form of each: only a capital sigma becomes one letter or another, depending on
    what stands beside it.
    """
    runs = [part for piece in glob.pieces for run in _runs(piece.text, piece.wild) for part in run.split(_SIGMA)]
    return max(runs, key=len, default="")


def literal_of_regex(source: str) -> str:
    """Return a text in lower case that is in the lower-case form of every text in which a regular expression is found.

    "" when none is known, for instance because Python's parser does not know what RE2 knows.
    """
    if _CLASS in source:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = parser.parse(source)
    except (re.error, RecursionError, OverflowError, ValueError):
        return ""
    folds = bool(parsed.state.flags & re.IGNORECASE) or "(?i" in source
    return max(_literal_runs(parsed, folds=folds), key=len, default="")


def _literal_runs(parsed: Iterable[tuple[Any, Any]], *, folds: bool) -> list[str]:
    runs = [""]
    for code, value in parsed:
        # Regardless of case, "s" and "k" have other forms beside their own capital letters.
        if code is codes.LITERAL and chr(value).isascii() and not (folds and chr(value) in "sSkK"):
            runs[-1] += chr(value).lower()
        else:
            runs.append("")
    return runs


def _runs(text: str, wild: tuple[int, ...]) -> list[str]:
    starts, ends = (0, *(place + 1 for place in wild)), (*wild, len(text))
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def guessed_share(atom: Atom) -> float | None:
    """Return the guessed part of events for which a test holds; None when it is no witness."""
    place = split_object(atom.field)
    if place is not None:
        if place[0] == "measures":
            return None
    elif atom.field not in TEXT_FIELDS:
        return None
    test = atom.test
    if isinstance(test, Equals):
        return min(1.0, len(test.texts) * _SHARES.get(atom.field, _SHARE))
    if isinstance(test, Glob):
        literal = literal_of(test)
        return _CHARACTER_SHARE ** len(literal) if literal else None
    if isinstance(test, Matches) and (literal := literal_of_regex(test.whole)):
        return max(_CHARACTER_SHARE ** len(literal), _REGEX_SHARE_LEAST)
    if isinstance(test, InNetwork):
        return _NETWORK_SHARE
    if isinstance(test, Matches):
        return _REGEX_SHARE
    return _REGEX_SHARE if isinstance(test, Compares) else None
