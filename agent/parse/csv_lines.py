"""CSV (RFC 4180 and its relatives): the columns are named by the profile.

Options: ``columns`` (their names, in order), ``at_least`` (how many of them a line has, where newer versions of a
program added some at the end; all), ``delimiter`` (``,``) and ``quote`` (``"``; empty for none).  A cell may hold
delimiters, doubled quotes and, when lines are joined to records, line ends.  An empty cell is left out.  A line that
holds just the names of the columns is the heading: no event.
"""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.parse.format import Format, character_option, check_known, text_format
from agent.records import NotAnEventError, OptionError

# The module's own limit is 128 KiB a cell; how long a line may be is for the tail to say.
csv.field_size_limit(1 << 30)

OPTIONS: Final = ("columns", "at_least", "delimiter", "quote")


def make(options: Mapping[str, Any]) -> Format:
    """Return the format of lines with some columns; raises OptionError."""
    check_known(options, OPTIONS)
    columns = _columns(options)
    at_least = _at_least(options, len(columns))
    delimiter = character_option(options, "delimiter", ",")
    quote = character_option(options, "quote", '"', may_be_empty=True)
    if quote == delimiter:
        raise OptionError("quote", f"must not be the delimiter, found {quote!r} for both")
    return text_format("csv", frozenset(columns), _reader(columns, at_least, delimiter, quote))._replace(
        options=OPTIONS, make=make
    )


def _columns(options: Mapping[str, Any]) -> tuple[str, ...]:
    names = options.get("columns")
    if names is None:
        raise OptionError("columns", "is missing; add the list of the columns' names, in order")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise OptionError("columns", f"expects a list of column names, found {names!r}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError("columns", f"names {twice!r} twice; give each column a name of its own")
    return tuple(names)


def _at_least(options: Mapping[str, Any], width: int) -> int:
    count = options.get("at_least", width)
    if count.__class__ is not int or not 1 <= count <= width:
        raise OptionError("at_least", f"expects a number from 1 to {width}, found {count!r}")
    return int(count)


def _reader(columns: tuple[str, ...], at_least: int, delimiter: str, quote: str) -> Callable[[str], dict[str, Any]]:
    heading = [_plain_name(column) for column in columns]
    width = len(columns)
    widths = f"{width}" if at_least == width else f"{at_least} to {width}"

    def read(text: str) -> dict[str, Any]:
        if quote and quote in text:
            cells = _quoted_cells(text, delimiter, quote)
        else:
            cells = text.rstrip("\r\n").split(delimiter)
        if not at_least <= len(cells) <= width:
            raise ValueError(f"has {len(cells)} columns, expected {widths}: {', '.join(columns)}"[:_REASON_MAX])
        if cells[0].strip().lower() == heading[0] and [_plain_name(cell) for cell in cells] == heading[: len(cells)]:
            raise NotAnEventError("header")
        # No strict=True: a line may have fewer.
        if "" in cells:
            return {column: cell for column, cell in zip(columns, cells) if cell}  # noqa: B905
        return dict(zip(columns, cells))  # noqa: B905

    return read


#: Longest reason: a line of a file with hundreds of columns need not name them all.
_REASON_MAX: Final = 240


def _plain_name(name: str) -> str:
    return name.strip().lower()


def _quoted_cells(text: str, delimiter: str, quote: str) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            text = "ends inside a quoted value; if records go over several lines, give the input 'multiline'"
            raise ValueError(text) from error
        raise ValueError(f"is not CSV with the delimiter {delimiter!r}: {error}") from error
    if len(rows) != 1:
        raise ValueError(f"holds {len(rows)} records of CSV, expected one")
    return rows[0]


def _without_columns(_: Any) -> Any:
    raise ValueError("is not read: the format 'csv' needs its option 'columns'")


#: As it stands in the registry: only ``make`` gives a format that reads lines.
CSV: Final = Format("csv", None, _without_columns, _without_columns, options=OPTIONS, make=make)
