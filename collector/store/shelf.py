"""The finished segments: sealed, written again, archived, removed, each time with an entry in the ledger.

Belongs to the one process that indexes; everything here is one thread's at a time.  Long work comes as an iterator of
:class:`~collector.store.sealing.Progress`: between two steps other work can be done; closing it leaves all as it was.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from collector.block import DecodedBlock, SegmentInfo
from collector.store import hot, sealed
from collector.store.archived import ArchivedInfo, encode_archived_info, read_archived_info
from collector.store.connections import open_segment
from collector.store.durable import sync_file, sync_folder, write_durably
from collector.store.keys import open_signer
from collector.store.layout import ARCHIVED_INFO_SUFFIX, forms_in, index_path_of, path_of
from collector.store.ledger import Entry, Ledger
from collector.store.replacing import new_path, settle, settle_all, sha256_of
from collector.store.rewriting import Stay, blocks_of, rewriting
from collector.store.sealed import SealedMeta, generation_of
from collector.store.sealing import Progress, SegmentDamagedError, sealing
from collector.store.settings import StoreSettings
from watchbook.clock import SECOND_US, Clock
from watchbook.logs import get_logger

log = get_logger("store")

#: What a batch may hold decompressed, whatever the limit for new ones is today.
BATCH_BYTES_MAX: Final = 1 << 30

Why = Mapping[str, Any]
#: How many events a file holds, and the times of the first and the last (0 without any).
Spans = tuple[int, int, int]


class IndexBuilder(Protocol):
    """Makes the index of a sealed segment from its blocks, in order of rows."""

    def add(self, block: DecodedBlock) -> None:
        """Take in the next block."""
        ...

    def finish(self) -> None:
        """Return when the index is at its path, on disk."""
        ...

    def give_up(self) -> None:
        """Remove what was written."""
        ...


#: Given the path for the index and the name and the generation of the sealed segment.
MakeIndex = Callable[[Path, str, str], IndexBuilder]


class Shelf:
    """The finished segments of a folder."""

    def __init__(
        self, folder: Path, key_path: Path, settings: StoreSettings, make_index: MakeIndex, clock: Clock
    ) -> None:
        """Read the ledger and bring every segment to where it says it is.

        The store must have been opened once.  Raises LedgerDamagedError and KeyUnusableError.
        """
        self._folder = folder
        self._settings = settings
        self._make_index = make_index
        self._clock = clock
        signer, store = open_signer(folder, key_path)
        self.ledger = Ledger(folder, store, signer, clock)
        settle_all(folder, self.ledger)

    def to_seal(self) -> list[str]:
        """Return the names of the segments that are finished and still hot, oldest first: all but the newest."""
        found = forms_in(self._folder)
        begun = [form for form in found if form.tier != "hot" or self._is_begun(form.name)]
        return [form.name for form in begun[:-1] if form.tier == "hot"]

    def due_to_seal(self) -> list[str]:
        """Return those that have been finished for as long as 'seal_after' asks."""
        wait_us = int(self._settings.seal_after * SECOND_US)
        names = self.to_seal()
        # Without a wait no clock is asked: one that went backwards would hold sealing up.
        return [name for name in names if self._last_written(name) + wait_us <= self._clock()] if wait_us else names

    def seal(self, name: str) -> Generator[Progress, None, None]:
        """Seal a finished segment; raises SegmentDamagedError, KeyError, OSError and sqlite3.Error."""
        requests_from = self._clock() - int(self._settings.idempotency_window * SECOND_US)
        with closing(open_segment(path_of(self._folder, name, "hot"), immutable=False)) as connection:
            steps = sealing(
                connection, name, new_path(path_of(self._folder, name, "sealed")), self._settings,
                requests_from=requests_from, bytes_max=BATCH_BYTES_MAX,
            )  # fmt: skip
            meta, written = yield from self._written(steps)
        numbers = {"first_number": meta.first_number, "numbers": meta.numbers, "events": meta.events}
        spans = {"tmin": meta.tmin, "tmax": meta.tmax, "received": meta.received}
        hashes = {field: getattr(meta, field).hex() for field in ("chain_start", "chain_end", "root")}
        self._enter({"type": "sealed", "segment": name, **numbers, **spans, **hashes, **written, "store": meta.store})

    def rewrite(self, segment: SegmentInfo, stay: Stay, why: Why) -> Generator[Progress, None, None]:
        """Write a sealed segment again with those events only that stay; nothing happens when all of them do."""
        before = self._meta(segment)
        with closing(open_segment(segment.path, immutable=True)) as connection:
            steps = rewriting(connection, stay, new_path(segment.path), self._settings, bytes_max=BATCH_BYTES_MAX)
            meta, written = yield from self._written(steps, lambda meta: meta.events < before.events)
        if meta.events < before.events:
            events = {"events": before.events - meta.events, "left": meta.events}
            roots = {"root": meta.root.hex(), "root_before": before.root.hex()}
            self._enter({"type": "rewritten", "segment": segment.name, **events, **roots, **written, "why": dict(why)})

    def archive(self, segment: SegmentInfo, write: Callable[[Iterator[DecodedBlock], Path], Spans], why: Why) -> None:
        """Put a Parquet file in the place of a sealed segment; ``write`` makes it from the blocks, at a path."""
        meta = self._meta(segment)
        spans = write(self.blocks(segment), self._new_archive(segment))
        if spans != (meta.events, meta.tmin, meta.tmax):
            raise SegmentDamagedError(
                f"{segment.name}: the archive holds {spans} (events, first and last time), not what the segment holds"
            )
        before = ArchivedInfo(segment.name, meta.first_number, meta.numbers, *spans, "", meta.received)
        entry = {"type": "archived", "segment": segment.name, "events": meta.events, "root": meta.root.hex()}
        self._place_archive(before, entry, why)

    def rewrite_archived(self, segment: SegmentInfo, write: Callable[[Path], Spans], why: Why) -> None:
        """Put another Parquet file, with some events less, in the place of one; ``write`` makes it at a path."""
        before = read_archived_info(self._folder, segment.name)
        last = self.ledger.latest(segment.name)
        if last is None or last.get("sha256") != before.sha256 or segment.path != self._archive_path(segment):
            raise KeyError(segment.name)
        rows, tmin, tmax = write(self._new_archive(segment))
        removed = before.rows - rows
        if removed <= 0:
            self._new_archive(segment).unlink()
            return
        after = msgspec.structs.replace(before, rows=rows, tmin=tmin, tmax=tmax)
        entry = {"type": "rewritten", "segment": segment.name, "events": removed, "root": last["root"]}
        self._place_archive(after, entry, why)

    def _place_archive(self, info: ArchivedInfo, entry: dict[str, Any], why: Why) -> None:
        new = new_path(path_of(self._folder, info.name, "archived"))
        sync_file(new)
        sha256 = sha256_of(new)
        info_path = self._folder / f"{info.name}{ARCHIVED_INFO_SUFFIX}"
        write_durably(new_path(info_path), encode_archived_info(msgspec.structs.replace(info, sha256=sha256)))
        size = new.stat().st_size
        self._enter({**entry, "sha256": sha256, "left": info.rows, "bytes": size, "why": dict(why)})

    def _archive_path(self, segment: SegmentInfo) -> Path:
        return path_of(self._folder, segment.name, "archived")

    def _new_archive(self, segment: SegmentInfo) -> Path:
        return new_path(self._archive_path(segment))

    def remove(self, segment: SegmentInfo, why: Why) -> None:
        """Remove a sealed or archived segment; raises KeyError when it is gone, ValueError when it is hot."""
        if segment.tier == "hot":
            raise ValueError(f"{segment.name} is not finished: only what was sealed is removed")
        last = self.ledger.latest(segment.name)
        if last is None or not segment.path.exists():
            raise KeyError(segment.name)
        entry = {"type": "removed", "segment": segment.name, "events": segment.rows, "tier": segment.tier}
        size = segment.path.stat().st_size
        self._enter({**entry, "root": last["root"], "bytes": size, "why": dict(why)})

    def blocks(self, segment: SegmentInfo) -> Iterator[DecodedBlock]:
        """Yield the blocks of a sealed segment; raises KeyError when it is gone, SegmentDamagedError."""
        with closing(open_segment(segment.path, immutable=True)) as connection:
            yield from blocks_of(connection, segment.name, BATCH_BYTES_MAX)

    def entries(self, skip: int = 0) -> Iterator[tuple[int, Entry]]:
        """Yield the ledger's entries after the first ``skip``, each with its number from 1."""
        return enumerate(self.ledger.entries(skip), skip + 1)

    def open_since(self) -> int:
        """Return when the first event that is in no finished segment was received; now, when there is none."""
        for form in forms_in(self._folder):
            if form.tier == "hot":
                with closing(open_segment(path_of(self._folder, form.name, "hot"), immutable=False)) as connection:
                    first = hot.first_received(connection) if hot.is_begun(connection) else None
                if first is not None:
                    return first
        return self._clock()

    def _last_written(self, name: str) -> int:
        return path_of(self._folder, name, "hot").stat().st_mtime_ns // 1000

    def _is_begun(self, name: str) -> bool:
        try:
            with closing(open_segment(path_of(self._folder, name, "hot"), immutable=False)) as connection:
                return hot.is_begun(connection)
        except KeyError:
            return False

    def _meta(self, segment: SegmentInfo) -> SealedMeta:
        with closing(open_segment(segment.path, immutable=True)) as connection:
            meta = sealed.read_meta(connection)
        if generation_of(meta) != segment.generation:
            raise KeyError(segment.name)
        return meta

    def _written(
        self,
        steps: Generator[Progress | SealedMeta, None, None],
        is_wanted: Callable[[SealedMeta], bool] = lambda _: True,
    ) -> Any:
        """Take the steps, then make the index; return what was written, and what the ledger says of its file."""
        meta: SealedMeta | None = None
        with closing(steps):
            for step in steps:
                if isinstance(step, Progress):
                    yield step
                else:
                    meta = step
        assert meta is not None
        path = new_path(path_of(self._folder, meta.name, "sealed"))
        if not is_wanted(meta):
            path.unlink()
            return meta, {}
        try:
            yield from self._indexed(meta, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return meta, {"bytes": path.stat().st_size, "file": sha256_of(path)}

    def _indexed(self, meta: SealedMeta, path: Path) -> Generator[Progress, None, None]:
        """Make the index from what was written: so it is read back before anything takes its place."""
        index_path = new_path(index_path_of(self._folder, meta.name, "sealed"))
        builder = self._make_index(index_path, meta.name, generation_of(meta))
        done = 0
        try:
            with closing(open_segment(path, immutable=True)) as connection:
                for block in blocks_of(connection, meta.name, BATCH_BYTES_MAX):
                    builder.add(block)
                    done += block.info.n
                    yield Progress("index", done, meta.events)
            builder.finish()
        except BaseException:
            builder.give_up()
            raise

    def _enter(self, entry: dict[str, Any]) -> None:
        sync_folder(self._folder)
        self.ledger.add(entry)
        settle(self._folder, entry["segment"], self.ledger.latest(entry["segment"]))
        log.info(
            "ledger_entered",
            type=entry["type"], segment=entry["segment"], events=entry["events"], bytes=entry["bytes"],
        )  # fmt: skip
