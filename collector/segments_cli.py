"""The words about segments: ``watchbook collector segments``, ``reindex`` and ``seal``.

The first looks, also while the collector runs.  The others do by hand what the collector does by itself, and refuse
while it runs.
"""

import fcntl
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from collector.block import SegmentInfo
from collector.caretaker import LOCK_FILE
from collector.config import STORED_BATCH_BYTES_MAX, CollectorSettings, load_settings
from collector.index import IndexReader, reindex
from collector.index.build import SealedBuilder
from collector.store import (
    FolderInUseError,
    KeyUnusableError,
    LedgerDamagedError,
    SegmentDamagedError,
    SegmentReader,
    Shelf,
)
from collector.store.files import SegmentFiles
from watchbook.clock import format_rfc3339, now_us
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.units import Bytes, format_size

_CACHE_BYTES: Final = Bytes(16 << 20)
_UNUSABLE: Final = (NewerDatabaseError, LedgerDamagedError, KeyUnusableError, OSError, sqlite3.Error)
_COLUMNS: Final = f"{'segment':<16} {'tier':<9} {'events':>11} {'from':<20} {'to':<20} {'size':>8} {'B/event':>7} index"


def segment_commands(config_option: Callable[[Any], Any]) -> list[click.Command]:
    """Return the commands; ``config_option`` adds the option that gives them ``path``."""
    return [_segments_command(config_option), _reindex_command(config_option), _seal_command(config_option)]


def _segments_command(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command()
    @config_option
    def segments(path: Path) -> None:
        """List the segments: form, events, the times they span, size, how much is indexed.

        Works while the collector runs.
        """
        settings = load_settings(path)
        with _refusing(settings):
            reader, indexes = _reader(settings), IndexReader(_CACHE_BYTES)
            click.echo(_COLUMNS)
            for segment in reader.segments():
                click.echo(_row(segment, indexes))

    return segments


def _reindex_command(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command("reindex")
    @config_option
    @click.option("--segment", "names", multiple=True, help="Only this one. Can be given several times.")
    def reindex_segments(path: Path, names: tuple[str, ...]) -> None:
        """Make the indexes again from the events, while the collector is stopped.

        A running collector does so by itself with an index that is damaged or missing.
        """
        settings = load_settings(path)
        with _refusing(settings), _alone(settings):

            def on_done(segment: SegmentInfo, rows: int) -> None:
                click.echo(f"{segment.name:<16} {rows:,} events indexed")

            try:
                counters = reindex(_reader(settings), settings.index, names=names or None, on_done=on_done)
            except KeyError as error:
                known = "watchbook collector segments lists those there are"
                raise click.ClickException(
                    f"'--segment': there is no segment {error.args[0]!r} to index; {known}"
                ) from error
        if counters.unreadable_blocks:
            click.echo(f"{counters.unreadable_blocks} blocks could not be read; run: watchbook verify", err=True)
            sys.exit(1)

    return reindex_segments


def _seal_command(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command()
    @config_option
    def seal(path: Path) -> None:
        """Seal every finished segment now, while the collector is stopped: all but the newest.

        A running collector does so by itself.  A damaged segment is left as it is, and the others are sealed.
        """
        settings = load_settings(path)
        failed = False
        with _refusing(settings), _alone(settings):
            shelf = Shelf(settings.segments, settings.checkpoint_key, settings.store, _make_index(settings), now_us)
            for name in shelf.to_seal():
                try:
                    for _ in shelf.seal(name):
                        continue
                except SegmentDamagedError as error:
                    failed = True
                    click.echo(f"{name}: {error}; run: watchbook verify", err=True)
                else:
                    click.echo(f"{name:<16} sealed")
        sys.exit(1 if failed else 0)

    return seal


def _row(segment: SegmentInfo, indexes: IndexReader) -> str:
    size = sum(_size(path) for path in (segment.path, Path(f"{segment.path}-wal"), segment.index_path))
    spans = [f"{format_rfc3339(time)[:19]}Z" if segment.rows else "-" for time in (segment.tmin, segment.tmax)]
    each = f"{size / segment.rows:.1f}" if segment.rows else "-"
    return (
        f"{segment.name:<16} {segment.tier:<9} {segment.rows:>11,} {spans[0]:<20} {spans[1]:<20} {format_size(size):>8}"
        f" {each:>7} {_coverage(segment, indexes)}"
    )


def _coverage(segment: SegmentInfo, indexes: IndexReader) -> str:
    """Return how much of a segment is indexed; what is archived has no index of ours."""
    if segment.tier == "archived" or not segment.rows:
        return "-"
    view = indexes.view(segment.name, segment.generation, segment.index_path)
    return "none" if view is None else f"{100 * min(view.rows, segment.rows) // segment.rows} %"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reader(settings: CollectorSettings) -> SegmentReader:
    if not settings.segments.is_dir():
        raise click.ClickException(f"{settings.segments} is not there yet: start the collector first")
    return SegmentReader(settings.segments, STORED_BATCH_BYTES_MAX, settings.store)


def _make_index(settings: CollectorSettings) -> Callable[[Path, str, str], SealedBuilder]:
    return lambda path, name, generation: SealedBuilder(path, name=name, generation=generation, settings=settings.index)


@contextmanager
def _alone(settings: CollectorSettings) -> Iterator[None]:
    """Hold both locks of the folder, as the collector does while it runs."""
    _reader(settings)
    try:
        files = SegmentFiles(settings.segments, settings.store, now_us)
    except FolderInUseError as error:
        raise click.ClickException(
            f"{settings.segments} is in use: the collector runs, and looks after its segments by itself; stop it first"
        ) from error
    try:
        with (settings.segments / LOCK_FILE).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    finally:
        files.close()


@contextmanager
def _refusing(settings: CollectorSettings) -> Iterator[None]:
    """End with a clear word when the folder cannot be used."""
    try:
        yield
    except _UNUSABLE as error:
        click.echo(f"watchbook collector: {settings.segments} cannot be used: {error}", err=True)
        sys.exit(EX_DATA)
