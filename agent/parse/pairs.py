r"""Pairs: ``user: alice; action: "create"; size=3`` and the like, with separators of one's own.

Options: ``separator`` between pairs (a space; white space around any other is no part of what it separates), ``assign``
between key and value (``=``), ``quotes`` (``"``): the characters that may enclose a value, within which separators mean
nothing and a backslash goes with the character behind it.  A piece without ``assign`` belongs to the value before it.
A key that comes twice holds a list.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.parse.assignments import add_value
from agent.parse.format import Format, check_known, text_format, text_option
from agent.records import OptionError

OPTIONS: Final = ("separator", "assign", "quotes")
_QUOTES: Final = "\"'`|"


def make(options: Mapping[str, Any]) -> Format:
    """Return the format for some separators; raises OptionError."""
    check_known(options, OPTIONS)
    separator = text_option(options, "separator", " ")
    assign = text_option(options, "assign", "=")
    quotes = text_option(options, "quotes", '"')
    for name, value in (("separator", separator), ("assign", assign)):
        if not value or "\n" in value:
            raise OptionError(name, f"expects a text that stands between, found {value!r}")
    if separator.strip() == assign.strip():
        raise OptionError("assign", f"must not be the separator, found {assign!r} for both")
    if wrong := [quote for quote in quotes if quote not in _QUOTES]:
        raise OptionError("quotes", f"expects some of {_QUOTES}, found {wrong[0]!r}")
    return text_format("pairs", None, _reader(separator, assign, quotes))._replace(options=OPTIONS, make=make)


def _reader(separator: str, assign: str, quotes: str) -> Callable[[str], dict[str, Any]]:
    pieces_of = _pieces(separator, quotes)
    # "key: value" is also written "key:value", and "key = value" "key=value".
    tight = assign.strip() or assign

    def read(text: str) -> dict[str, Any]:
        pairs: list[tuple[str, str]] = []
        for piece in pieces_of(text.strip()):
            key, found, value = piece.partition(tight)
            key = key.strip()
            if found and key and not any(quote in key for quote in quotes):
                pairs.append((key, value))
            elif pairs:
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}{separator}{piece}")
            elif piece.strip():
                raise ValueError(f"is no list of pairs: expected 'key{assign}value' at its start")
        if not pairs:
            raise ValueError(f"is no list of pairs: expected 'key{assign}value' at its start")
        values: dict[str, Any] = {}
        for key, value in pairs:
            add_value(values, key, _plain(value.strip(), quotes))
        return values

    return read


def _pieces(separator: str, quotes: str) -> Callable[[str], list[str]]:
    """Return what cuts a text at the separators that are not inside quotes."""
    tight = separator.strip()
    between = rf"\s*{re.escape(tight)}\s*" if tight else r"\s+" if separator == " " else re.escape(separator)
    quoted = "|".join(rf"{quote}(?:[^{quote}\\]|\\.)*+{quote}" for quote in map(re.escape, quotes))
    piece = re.compile(rf"(?:{quoted + '|' if quoted else ''}(?!{between}).)*+", re.DOTALL)
    separators = re.compile(between)

    def cut(text: str) -> list[str]:
        if not any(quote in text for quote in quotes):
            return separators.split(text)
        pieces, place = [], 0
        while True:
            found = piece.match(text, place)
            assert found is not None  # it may be empty
            pieces.append(found[0])
            gap = separators.match(text, found.end())
            if gap is None:
                return pieces
            place = gap.end()

    return cut


def _plain(value: str, quotes: str) -> str:
    if len(value) >= 2 and value[0] in quotes and value[-1] == value[0]:
        inner = value[1:-1]
        return re.sub(rf"\\([{re.escape(value[0])}\\])", r"\1", inner) if "\\" in inner else inner
    return value


PAIRS: Final = make({})
