"""How the matches of a pattern begin, as far as the pattern says so letter by letter."""

import re._parser as sre
from collections.abc import Iterable
from re._constants import BRANCH, IN, LITERAL, MAX_REPEAT, SUBPATTERN
from typing import Any, Final

_SET_MAX: Final = 16
_PREFIXES_MAX: Final = 64
_CHARACTERS_MAX: Final = 6
_CHARACTERS_MIN: Final = 2


def literal_prefixes(pattern: str) -> set[str]:
    """Return texts of which one begins every match; empty when the pattern does not say how its matches begin."""
    texts, _ = _expand(sre.parse(pattern), {""})
    return texts if all(len(text) >= _CHARACTERS_MIN for text in texts) else set()


def _expand(parts: Iterable[tuple[Any, Any]], texts: set[str]) -> tuple[set[str], bool]:
    """Return the texts with what follows put behind them, and whether more may be put behind those."""
    for kind, given in parts:
        if kind is LITERAL:
            texts = {text + chr(given) for text in texts}
        elif kind is IN and all(member[0] is LITERAL for member in given) and len(given) <= _SET_MAX:
            texts = {text + chr(member[1]) for text in texts for member in given}
        elif kind is SUBPATTERN:
            texts, more = _expand(given[3], texts)
            if not more:
                return texts, False
        elif kind is BRANCH:
            branches = [_expand(branch, texts) for branch in given[1]]
            texts = set().union(*(each for each, _ in branches))
            if not all(more for _, more in branches):
                return texts, False
        elif kind is MAX_REPEAT and given[:2] == (0, 1):
            more, _ = _expand(given[2], texts)
            return texts | more, False
        else:
            return texts, False
        if len(texts) > _PREFIXES_MAX or max(map(len, texts)) > _CHARACTERS_MAX:
            return texts, False
    return texts, True
