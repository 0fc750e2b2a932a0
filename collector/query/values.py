"""Tests on single values, and where the values of a field lie in a batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from collector.query.plan import (
    CHANGED_FIELD,
    AddressPrefix,
    Between,
    Compare,
    Equals,
    HasLike,
    HasWords,
    InNetwork,
    Like,
    LocalPart,
    Operator,
    Present,
    StartsWith,
    Test,
)
from watchbook.wire import Batch

#: Scripts from here on write words without blanks between them: there every place is a word's beginning and end.
_CJK_FROM: Final = "⺀"
#: Addresses whose place in a network is remembered.
_ADDRESSES_REMEMBERED: Final = 4096

_COMPARE: Final[dict[Operator, Callable[[float, float], bool]]] = {
    "=": lambda value, number: value == number,
    ">": lambda value, number: value > number,
    ">=": lambda value, number: value >= number,
    "<": lambda value, number: value < number,
    "<=": lambda value, number: value <= number,
}


def text_test(test: Test) -> Callable[[str], bool]:
    """Return the test as a function of a text."""
    match test:
        case Present():
            return lambda _: True
        case Equals(text):
            return lambda value: value.casefold() == text
        case StartsWith(text):
            return lambda value: value.casefold().startswith(text)
        case Like(pieces):
            return lambda value: _is_like(value.casefold(), pieces)
        case LocalPart(text):
            return lambda value: "@" in value and value.casefold().rpartition("@")[0] == text
        case HasWords() | HasLike():
            has_words = whole_words(test)
            return lambda value: has_words(value.casefold())
        case AddressPrefix(text):
            return _address_prefix(text)
        case InNetwork():
            return _in_network(test)
        case Compare() | Between():
            return lambda _: False


def piece_of(test: Test) -> bytes | None:
    """Return what the JSON of a column, in lower case, surely holds if some text in it passes; None: nothing is sure.

    It holds for JSON that is ASCII and without escapes (:meth:`watchbook.columns.Batch.surely_lacks`).
    """
    match test:
        case Equals(text):
            piece = f'"{text}"'
        case StartsWith(text) | LocalPart(text) | HasWords(text) | AddressPrefix(text):
            piece = text
        case Like(pieces) | HasLike(pieces):
            piece = max(pieces, key=len)
        case Present() | InNetwork() | Compare() | Between():
            return None
    return piece.lower().encode() if piece and piece.isascii() else None


def number_test(test: Test) -> Callable[[float], bool]:
    """Return the test as a function of a number."""
    match test:
        case Present():
            return lambda _: True
        case Compare(operator, number):
            compare = _COMPARE[operator]
            return lambda value: compare(value, number)
        case Between(low, high):
            return lambda value: low <= value <= high
        case Equals(text):
            number_text = number_of(text)
            return lambda value: number_text is not None and value == number_text
        case StartsWith(text):
            return lambda value: str(value).startswith(text)
        case Like(pieces):
            return lambda value: _is_like(str(value), pieces)
    return lambda _: False


def loose_test(test: Test) -> Callable[[Any], bool]:
    """Return the test as a function of any JSON value; objects and lists pass only for being present."""
    of_text, of_number = text_test(test), number_test(test)

    def passes(value: Any) -> bool:
        if isinstance(value, str):
            return of_text(value)
        if isinstance(value, bool):
            return of_text("true" if value else "false")
        return isinstance(value, int | float) and of_number(value)

    return (lambda value: value is not None) if isinstance(test, Present) else passes


def whole_words(words: HasWords | HasLike) -> Callable[[str], bool]:
    """Return a function that finds the words in a case-folded text, not as a part of longer ones."""
    pieces = _pieces_of(words)
    if not any(pieces):
        return lambda _: True
    inner = [(text, False, False) for text in pieces]
    inner[0] = (pieces[0], True, len(pieces) == 1)
    inner[-1] = (pieces[-1], len(pieces) == 1, True)
    wanted = [(text, begins and _in_word(text[0]), ends and _in_word(text[-1])) for text, begins, ends in inner if text]

    def found(value: str) -> bool:
        end = 0
        for text, begins, ends in wanted:
            end = _end_of(value, text, end, begins, ends)
            if end < 0:
                return False
        return True

    return found


def _pieces_of(words: HasWords | HasLike) -> tuple[str, ...]:
    if isinstance(words, HasLike):
        return words.pieces
    return (words.text, "") if words.open_end else (words.text,)


def _end_of(value: str, text: str, start: int, begins: bool, ends: bool) -> int:
    """Return the end of the first ``text`` from ``start`` on that begins (ends) where a word does, else -1."""
    start = value.find(text, start)
    while start >= 0:
        end = start + len(text)
        free_before = not begins or start == 0 or not _in_word(value[start - 1])
        if free_before and (not ends or end == len(value) or not _in_word(value[end])):
            return end
        start = value.find(text, start + 1)
    return -1


def _is_like(value: str, pieces: tuple[str, ...]) -> bool:
    first, last = pieces[0], pieces[-1]
    end = len(value) - len(last)
    if end < len(first) or not value.startswith(first) or not value.endswith(last):
        return False
    at = len(first)
    for piece in pieces[1:-1]:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def values_at(field: str) -> Callable[[Batch], Callable[[int], Iterable[Any]] | None]:
    """Return where a field's values lie: a function of a batch, giving a function of the event's index (or None)."""
    group, _, path = field.partition(".")
    if field == CHANGED_FIELD:
        return lambda batch: _when_there(
            batch, "changes", lambda value: (c.get("field") for c in value if _is_object(c))
        )
    if group in ("details", "measures") and path:
        return lambda batch: _when_there(batch, group, lambda value: _values_on_path(value, path))
    return lambda batch: _when_there(batch, field, lambda value: value if isinstance(value, list) else (value,))


def _when_there(
    batch: Batch, column: str, values: Callable[[Any], Iterable[Any]]
) -> Callable[[int], Iterable[Any]] | None:
    if column not in batch.columns:
        return None

    def at(index: int) -> Iterable[Any]:
        value = batch.value(column, index)
        return () if value is None else values(value)

    return at


def _values_on_path(value: Any, path: str) -> Iterator[Any]:
    """Yield what lies on a dotted path: through objects, into every item of a list, with dots in keys allowed.

    Lists within lists stay closed, so that the recursion is bounded by the path and not by the event.
    """
    if isinstance(value, list):
        for item in value:
            if not isinstance(item, list):
                yield from _values_on_path(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        if path in value:
            yield from _values_on_path(value[path], "")
        for key, rest in _splits(path):
            if key in value:
                yield from _values_on_path(value[key], rest)


def _splits(path: str) -> Iterator[tuple[str, str]]:
    dot = path.find(".")
    while dot >= 0:
        yield path[:dot], path[dot + 1 :]
        dot = path.find(".", dot + 1)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _address_prefix(text: str) -> Callable[[str], bool]:
    longer = text if text.endswith((".", ":")) else (f"{text}.", f"{text}:")
    return lambda value: value == text or value.casefold().startswith(longer) or value.casefold() == text


def _in_network(test: InNetwork) -> Callable[[str], bool]:
    network = test.network

    @lru_cache(_ADDRESSES_REMEMBERED)
    def inside(value: str) -> bool:
        try:
            address = ip_address(value)
        except ValueError:
            return False
        return address.version == network.version and address in network

    return inside


def _in_word(character: str) -> bool:
    return character.isalnum() and character < _CJK_FROM


def number_of(text: str) -> float | None:
    """Return the number that a text is, None when it is none."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return None
