"""How what fits the shape of a token begins, as far as the shape says so letter by letter."""

from typing import Final

_SET_MAX: Final = 16
_CHARACTERS_MAX: Final = 6
_CHARACTERS_MIN: Final = 2
_REPEATS: Final = "?*+{"


def literal_prefixes(shape: str) -> set[str]:
    """Return texts of which one begins whatever fits a shape; empty when the shape does not say.

    It knows letters, escaped punctuation, sets of letters without ranges, and ``(?:a|b)``; what follows anything else
    does not count.
    """
    texts, _, _ = _alternatives(shape, 0, {""})
    return texts if all(len(text) >= _CHARACTERS_MIN for text in texts) else set()


def _alternatives(shape: str, at: int, before: set[str]) -> tuple[set[str], bool, int]:
    """Return the texts with each alternative behind them, whether all of these are known, and where they end."""
    found: set[str] = set()
    known = True
    while True:
        texts, whole, at = _sequence(shape, at, before)
        found |= texts
        known = known and whole
        if at >= len(shape) or shape[at] == ")":
            return found, known, at + 1
        at += 1


def _sequence(shape: str, at: int, texts: set[str]) -> tuple[set[str], bool, int]:
    known = True
    while at < len(shape) and shape[at] not in "|)":
        more, whole, end = _item(shape, at, texts)
        if known and shape[end : end + 1] not in (*_REPEATS,):
            texts, known = more, whole and max(map(len, more)) <= _CHARACTERS_MAX
        else:
            known = False
        at = end
        if shape[at : at + 1] == "{":
            at = shape.index("}", at) + 1
        while shape[at : at + 1] in ("?", "*", "+"):
            at += 1
    return texts, known, at


def _item(shape: str, at: int, texts: set[str]) -> tuple[set[str], bool, int]:
    if shape.startswith("(?:", at):
        return _alternatives(shape, at + 3, texts)
    if shape[at] == "[":
        end = shape.index("]", at)
        letters = shape[at + 1 : end]
        known = "-" not in letters and "\\" not in letters and len(letters) <= _SET_MAX
        return ({text + letter for text in texts for letter in letters} if known else texts), known, end + 1
    if shape[at] == "\\":
        known = not shape[at + 1].isalnum()
        return ({text + shape[at + 1] for text in texts} if known else texts), known, at + 2
    known = shape[at] != "."
    return ({text + shape[at] for text in texts} if known else texts), known, at + 1
