"""Prints events and alerts: a table for people, one JSON object a line for programs."""

import re
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from watchbook.operator.cells import ALERT_HEADS, EVENT_HEADS, Row, RowOf, alert_row, event_row
from watchbook.operator.options import Options

Item = bytes | msgspec.Raw

_TONES: Final = {
    "failure": "red", "in_progress": "yellow", "pending": "yellow",
    "silent": "red", "behind": "yellow", "never_seen": "yellow", "revoked": "dim",
    "low": "cyan", "medium": "yellow", "high": "red", "critical": "bold red",
}  # fmt: skip
#: (column, its share of the width); None: as wide as its longest cell.
_SHARES: Final[dict[str, int | None]] = {
    "time": None, "last": None, "actor": 4, "action": 3, "resource": 4, "outcome": None, "ip": 3, "message": 8,
    "level": None, "status": None, "rule": 5, "group": 5, "count": None, "id": 3,
    "state": None, "agent": 4, "seen": None, "version": None, "host": 3, "unsent": None, "oldest": None, "unread": None,
    "unparsed": None, "lost": None,
    "matchers": 5, "ends": None, "hides": None, "author": 2, "reason": 4, "fields": 5, "until": None, "events": None,
    "alerts": None, "open": None, "true": None, "false": None, "benign": None, "ratio": None,
    "name": 3, "for": None, "owner": 2, "selects": 8,
    "title": 6, "matched": None, "alerts 24h": None, "us/event": None, "source": 4,
    "catalogue": None, "of": None, "groups": None, "names": None, "category": None, "hidden": None,
    "description": 6, "field": None, "value": 4, "meant": 4,
    "channel": 3, "kind": None, "sent": None, "waiting": None, "dead": None, "held back": None, "last error": 6,
    "number": None, "made": None, "tries": None, "what": 5, "why not": 6,
}  # fmt: skip
_LEAST: Final = {"time": 19, "last": 19, "outcome": 11, "level": 8, "status": 8, "count": 5}
_NUMBERS: Final = frozenset({
    "count", "unsent", "oldest", "unread", "unparsed", "lost", "matched", "alerts 24h", "us/event", "hides", "groups",
    "names", "events", "alerts", "open", "true", "false", "benign", "ratio", "sent", "waiting", "dead", "held back",
    "number", "tries",
})  # fmt: skip
#: Heads of columns that hold times.
_TIMES: Final = frozenset({"time", "last", "seen", "ends", "until", "made"})
#: A terminal below this width wraps cells instead of cutting them.
NARROW_COLUMNS: Final = 100
#: What a terminal may act on although JSON allows it unescaped: DEL, C1, and characters that turn text around.
_STEERING: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Printer(Protocol):
    """Shows items as they come."""

    def show(self, items: Sequence[Item]) -> None:
        """Show some items."""
        ...


class JsonLines:
    """One JSON object a line: the collector's own bytes, which keeps every number and every level of nesting."""

    def show(self, items: Sequence[Item]) -> None:
        """Write some items to standard output."""
        stream = sys.stdout.buffer
        for item in items:
            stream.write(json_line(item))
        stream.flush()


class TablePrinter:
    """Rows under a head that is written once; every batch of rows has the same columns."""

    def __init__(self, heads: Sequence[str], row_of: RowOf, *, utc: bool) -> None:
        self._heads = heads
        self._row_of = row_of
        self._utc = utc
        self._console = Console(highlight=False, emoji=False, markup=False)
        self._begun = False

    def show(self, items: Sequence[Item]) -> None:
        """Print some items."""
        if not items:
            return
        rows = [self._row_of(item, self._utc) for item in items]
        self._console.print(self._table(rows))
        self._begun = True

    def _table(self, rows: Sequence[Row]) -> Table:
        table = Table(
            box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), show_header=not self._begun,
            header_style="bold",
        )  # fmt: skip
        narrow = self._console.width < NARROW_COLUMNS
        for head in self._heads:
            title = f"{head} ({'UTC' if self._utc else 'local'})" if head in _TIMES else head
            table.add_column(
                Text(title), ratio=_SHARES[head], min_width=_LEAST.get(head), no_wrap=not narrow,
                overflow="fold" if narrow else "ellipsis", justify="right" if head in _NUMBERS else "left",
            )  # fmt: skip
        for row in rows:
            table.add_row(*(Text(cell) for cell in row.cells), style=_TONES.get(row.tone or ""))
        return table


def json_line(item: Item) -> bytes:
    """Return an item as one line: the same JSON, without line breaks and without what could steer a terminal."""
    # A line break in JSON can only stand between tokens; the other characters only inside texts.
    text = bytes(item).replace(b"\n", b" ").replace(b"\r", b" ")
    if not text.isascii():
        text = _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text.decode()).encode()
    return text + b"\n"


def event_printer(options: Options) -> Printer:
    """Return what prints events the way the options ask for."""
    return JsonLines() if options.json_lines else TablePrinter(EVENT_HEADS, event_row, utc=options.utc)


def alert_printer(options: Options) -> Printer:
    """Return what prints alerts the way the options ask for."""
    return JsonLines() if options.json_lines else TablePrinter(ALERT_HEADS, alert_row, utc=options.utc)
