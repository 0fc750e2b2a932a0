"""The command ``export``."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from watchbook.operator.asking import QUERY, Asked, Selection, ranged_options, say
from watchbook.operator.connection import Answer, Collector, MistakeError, OperatorError
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import read_events
from watchbook.operator.records import RecordCounter, record_counter

_FORMATS: Final = {
    ".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet", ".db": "sqlite",
    ".sqlite": "sqlite",
}  # fmt: skip
_PIECE_BYTES: Final = 256 << 10
#: A file is built before its first byte comes.
_BUILD_TIMEOUT_S: Final = 3600.0


@click.command(context_settings=QUERY)
@click.option(
    "--to", "target", required=True, metavar="FILE", help="The file; its suffix names the format. '-': standard output."
)
@click.option("--format", "kind", type=click.Choice(sorted(set(_FORMATS.values()))), help="The format, if not that.")
@click.option("--columns", help="Columns of a CSV, with commas between them.")
@common_options
@ranged_options
def export(options: Options, selection: Selection, target: str, kind: str | None, columns: str | None) -> None:
    """Write every event of a query to a file: .csv, .json, .ndjson, .parquet, or .db (SQLite).

    The file is there once it is whole: what is broken off leaves nothing behind, and an older file as it was.

    \b
    watchbook export --to events.csv --since 30d
    watchbook export actor:alice --to alice.parquet --since 2026-11-01
    watchbook export outcome:failure --to failures.csv --columns time,actor.id,action,reason
    watchbook export --to events.db --since 90d
    watchbook export action:delete --to - --format ndjson
    """
    chosen = kind or _format_of(target)
    collector = options.collector()
    asked = selection.asked(collector, utc=options.utc)
    more = [("format", chosen), *([] if columns is None else [("columns", columns)])]
    with asked.pointing_out_mistakes():
        if target == "-":
            with _opened(collector, asked, more) as answer:
                _copy(answer, sys.stdout.buffer, lambda _: None)
            return
        total = _total(collector, asked) if sys.stderr.isatty() else None
        with _whole_file(Path(target)) as file, _opened(collector, asked, more) as answer:
            events = _write(answer, file, record_counter(chosen), total)
    counted = "" if events is None else f"{events} event{'' if events == 1 else 's'}, "
    say(f"{counted}{Path(target).stat().st_size} bytes written to {target}")


def _format_of(target: str) -> str:
    suffix = Path(target).suffix.lower()
    if suffix not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise MistakeError(f"'--to': expected a name that ends in one of {known}, found {target!r}; or add --format")
    return _FORMATS[suffix]


def _opened(collector: Collector, asked: Asked, more: list[tuple[str, str]]) -> Answer:
    # Compressing for a reader on the same host costs more than it saves; a proxy may add it.
    return collector.opened("/v1/export", [*asked.parameters, *more], {"Accept": "*/*"}, _BUILD_TIMEOUT_S)


def _total(collector: Collector, asked: Asked) -> int | None:
    """Return how many events there are, as far as that is cheap to know."""
    total = read_events(collector, [*asked.parameters, ("limit", "1"), ("total", "true")]).total
    return None if total is None or not total.exact else total.value


def _write(answer: Answer, file: BinaryIO, counter: RecordCounter | None, total: int | None) -> int | None:
    """Write an answer, with a bar on a terminal; return how many events it held, None when nobody knows."""
    with _progress(answer, counter, total) as advance:
        _copy(answer, file, advance)
    if counter is not None:
        return counter.records
    stated = answer.headers.get("X-Watchbook-Events", "")
    return int(stated) if stated.isdecimal() else None


def _copy(answer: Answer, file: BinaryIO, note: Callable[[bytes], None]) -> None:
    for piece in answer.pieces(_PIECE_BYTES):
        file.write(piece)
        note(piece)
    file.flush()


@contextmanager
def _progress(answer: Answer, counter: RecordCounter | None, total: int | None) -> Iterator[Callable[[bytes], None]]:
    """Give what is to be called with every piece: it counts, and moves a bar on a terminal."""
    columns: tuple[Any, ...] = (
        (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        if counter is not None
        else (TextColumn("bytes"), BarColumn(), DownloadColumn())
    )
    length = answer.headers.get("Content-Length")
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total if counter is not None else (int(length) if length else None))

        def advance(piece: bytes) -> None:
            progress.advance(task, len(piece) if counter is None else counter.add(piece))

        yield advance


@contextmanager
def _whole_file(target: Path) -> Iterator[BinaryIO]:
    """Give a file that gets its name when all of it is on disk; when anything fails it is removed."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        # Nobody else may read it: it is a log of what people did.
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise OperatorError(f"'--to': {target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
