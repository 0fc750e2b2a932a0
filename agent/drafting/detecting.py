"""How lines can be taken apart: the first of the formats, from the most telling to the least, that reads nearly all."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.parse import FORMATS, Format
from agent.unwrap import WRAPPERS

_ENOUGH: Final = 0.8
#: A CSV log has at least so many columns.
_COLUMNS_MIN: Final = 3
_HEADING: Final = re.compile(r'"?[A-Za-z_@#][\w .()/%-]{0,60}"?')
_DELIMITERS: Final = (",", ";", "\t", "|")
_LOGFMT: Final = re.compile(rb'[\w.@/-]+=("|\S|$)')
#: Separators and assignments of lists of pairs, beside those of logfmt.
_PAIRS: Final = (
    ("|", "="), (";", "="), (",", "="), ("\t", "="), (" | ", "="), ("|", ":"), (";", ":"), (", ", ": "), (",", ": "),
    (" | ", ": "),
)  # fmt: skip


class Detected(NamedTuple):
    """How the lines are taken apart.

    ``lines`` are those to draft from (out of their ``wrapper``, if there is one), ``values`` what the format makes of
    those it reads.  ``words`` say it for a person.
    """

    name: str
    options: Mapping[str, Any]
    wrapper: str | None
    lines: Sequence[bytes]
    values: Sequence[Mapping[str, Any]]
    words: str


def detect(lines: Sequence[bytes]) -> Detected:
    """Return how lines (none of them blank) are taken apart best; text, when nothing else reads nearly all."""
    wrapper, inner = _unwrapped(lines)
    for name, options, words in _proposals(inner):
        values = read_all(name, options, inner)
        headings = name == "csv" and len(inner) > len(values) and options["columns"][0] != "column_1"
        if values and len(values) + headings >= _ENOUGH * len(inner) and _is_telling(name, values):
            share = f"{len(values)} of {len(inner)} lines"
            return Detected(name, options, wrapper, inner, values, f"{words} ({share})")
    values = read_all("text", {}, inner)
    return Detected("text", {}, wrapper, inner, values, "text: no format that is known here reads these lines")


def format_of(name: str, options: Mapping[str, Any]) -> Format:
    """Return a format with its options."""
    found = FORMATS[name]
    return found if found.make is None else found.make(options)


def read_all(name: str, options: Mapping[str, Any], lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
    """Return what a format makes of those lines that it reads."""
    decode = format_of(name, options).decode_leniently
    values: list[Mapping[str, Any]] = []
    for line in lines:
        try:
            values.append(decode(line)[0])
        except ValueError:  # also a heading
            continue
    return values


def _unwrapped(lines: Sequence[bytes]) -> tuple[str | None, Sequence[bytes]]:
    for name, wrapper in WRAPPERS.items():
        pieces = [wrapper.peel(line) for line in lines]
        inner = [piece.text for piece in pieces if piece is not None and piece.text.strip()]
        if len(inner) >= _ENOUGH * len(lines):
            return name, inner
    return None, lines


def _proposals(lines: Sequence[bytes]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield formats with options that may read the lines."""
    yield "json", {}, "JSON, one object a line"
    yield "auditd", {}, "the log of the Linux audit system"
    yield "combined", {}, "an access log of a web server (combined)"
    if _csv_heading(lines) is None:
        yield "syslog", {}, "syslog"
    for delimiter in _DELIMITERS:
        heading = _csv_heading(lines, delimiter)
        if heading is not None:
            options: dict[str, Any] = {"columns": heading}
            if delimiter != ",":
                options["delimiter"] = delimiter
            yield "csv", options, f"CSV, whose first line names the columns, set apart by {delimiter!r}"
    if sum(_LOGFMT.match(line) is not None for line in lines) >= _ENOUGH * len(lines):
        yield "logfmt", {}, "logfmt: key=value, set apart by spaces"
    for separator, assign in _PAIRS:
        yield (
            "pairs",
            {"separator": separator, "assign": assign},
            f"pairs: keys and values set apart by {assign!r}, pairs by {separator!r}",
        )
    for delimiter in ("|", "\t", ";"):
        width = _common_width(lines, delimiter)
        if width is not None:
            columns = [f"column_{number}" for number in range(1, width + 1)]
            yield (
                "csv",
                {"columns": columns, "delimiter": delimiter},
                f"columns set apart by {delimiter!r}, whose names nobody tells",
            )


def _is_telling(name: str, values: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether what a format makes of lines is no chance: pairs have keys that come again and again."""
    if name not in ("logfmt", "pairs"):
        return True
    shared = [key for key in values[0] if sum(key in each for each in values) >= _ENOUGH * len(values)]
    are_names = all(re.fullmatch(r"[\w.@/ -]{1,40}", key) for each in values for key in each)
    return are_names and len(shared) >= 2


def _csv_heading(lines: Sequence[bytes], delimiter: str = ",") -> list[str] | None:
    """Return the names of the columns when the first line is such a heading: names, and none of them comes again."""
    head = lines[0].decode(errors="replace").lstrip("\ufeff").removeprefix("#").strip()
    cells = [cell.strip() for cell in head.split(delimiter)]
    if len(cells) < _COLUMNS_MIN or not all(_HEADING.fullmatch(cell) for cell in cells) or len(set(cells)) < len(cells):
        return None
    rest = [line.decode(errors="replace").split(delimiter) for line in lines[1:]]
    if not rest or any(cell.strip().strip('"') in cells for row in rest for cell in row[:1]):
        return None
    return [cell.strip('"') for cell in cells]


def _common_width(lines: Sequence[bytes], delimiter: str) -> int | None:
    widths = [line.decode(errors="replace").count(delimiter) + 1 for line in lines]
    width = max(set(widths), key=widths.count)
    is_common = widths.count(width) >= _ENOUGH * len(lines)
    return width if is_common and width > _COLUMNS_MIN else None
