"""Everything that the index process does: follows what is stored with the indexes, and looks after finished segments.

Indexing and upkeep take turns in small steps.  When the upkeep cannot be opened (a damaged ledger, a key that cannot be
read) it is said, and indexing goes on without it.
"""

import fcntl
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, Final, Self

from prometheus_client import CollectorRegistry

from collector.config import STORED_BATCH_BYTES_MAX, CollectorSettings
from collector.index import Indexer
from collector.lifecycle import Report
from collector.metrics import add_counters, add_gauge
from collector.processes import Frame
from collector.store import KeyUnusableError, LedgerDamagedError, SegmentReader
from collector.upkeep import Upkeep, open_upkeep
from watchbook.clock import SECOND_US, Clock, now_us
from watchbook.database import NewerDatabaseError
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("index")

#: Held by the process that writes indexes and finished segments; the newest segment has a lock of its own.
LOCK_FILE: Final = "index.lock"
_APPEND_S: Final = 30.0
_OPEN_AGAIN_US: Final = 30 * SECOND_US
_UNUSABLE: Final = (LedgerDamagedError, KeyUnusableError, NewerDatabaseError, OSError, sqlite3.Error)

#: Asks the main process for something: (what, body, keywords) -> what it said; see :class:`Requests`.
Ask = Callable[..., Mapping[str, Any]]


class Caretaker:
    """A context: entering waits until no other process looks after the folder."""

    def __init__(
        self, settings: CollectorSettings, registry: CollectorRegistry, ask: Ask, clock: Clock = now_us
    ) -> None:
        self._settings = settings
        self._ask = ask
        self._clock = clock
        self._reader = SegmentReader(settings.segments, STORED_BATCH_BYTES_MAX, settings.store)
        self._indexer = Indexer(self._reader, settings.index)
        self._seen = 0
        self._stack = ExitStack()
        self._upkeep: Upkeep | None = None
        self._open_at = 0
        self._failure = RepeatedFailure(log.error, "upkeep", clock)
        self._registry = registry
        #: What is done about which frame of the main process.
        self.hears: Mapping[str, Callable[[Frame], None]] = {"damaged": self._on_damaged, "bell": self._on_bell}

    def __enter__(self) -> Self:
        lock = self._stack.enter_context((self._settings.segments / LOCK_FILE).open("a"))
        # The process of a collector that was killed may be in the middle of a write yet.
        fcntl.flock(lock, fcntl.LOCK_EX)
        self._add_metrics()
        return self

    def __exit__(self, *_: object) -> None:
        self._indexer.close(self._clock())
        self._stack.close()

    def step(self) -> bool:
        """Work for a moment; return whether there is more to do at once."""
        more = self._index()
        upkeep = self._upkeep or self._opened()
        return (upkeep is not None and upkeep.step()) or more

    def progress(self) -> dict[str, Any]:
        """Return how far the indexes are: behind by so many rows of those up to this number."""
        return {"behind_rows": self._indexer.backlog_rows, "last_number": self._seen}

    def _index(self) -> bool:
        self._seen = self._reader.last_number()
        return self._indexer.step(self._clock())

    def _opened(self) -> Upkeep | None:
        """Return the upkeep, None when it cannot be opened just now."""
        if self._clock() < self._open_at:
            return None
        try:
            self._upkeep = self._stack.enter_context(
                open_upkeep(self._settings, self._reader.segments, self._append, between=self._index, clock=self._clock)
            )
        except _UNUSABLE as error:
            self._open_at = self._clock() + _OPEN_AGAIN_US
            next_step = "nothing is sealed or removed until this is mended; run 'watchbook verify'"
            self._failure.failed(str(error), next_step=next_step)
        else:
            self._failure.succeeded()
        return self._upkeep

    def _append(self, report: Report) -> None:
        self._ask("append", report.data, stream=report.stream, sequence=report.sequence, timeout_s=_APPEND_S)

    def _on_damaged(self, frame: Frame) -> None:
        self._indexer.report_damaged(frame.head["segments"], self._clock())

    def _on_bell(self, _: Frame) -> None:
        if self._upkeep is not None:
            self._upkeep.ring()

    def _add_metrics(self) -> None:
        add_counters(
            self._registry,
            "watchbook_index",
            "What the index process did since its start: rows, flushes, rebuilt, unreadable_blocks, failures.",
            ("what",),
            lambda: [((what,), n) for what, n in asdict(self._indexer.counters).items()],
        )
        add_counters(
            self._registry,
            "watchbook_upkeep",
            "What became of finished segments since the index process started: sealed, archived, rewritten, removed; "
            "reported and failed.",
            ("what",),
            lambda: [((what,), n) for what, n in (self._upkeep.counters if self._upkeep else {}).items()],
        )
        add_gauge(
            self._registry,
            "watchbook_upkeep_failing",
            "1 when finished segments are not looked after: see the log.",
            lambda: self._upkeep is None,
        )
