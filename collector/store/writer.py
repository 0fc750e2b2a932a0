"""The one thread that writes: takes what waits, judges it, commits it as a group, and only then answers.

What came of a group is told once, in the writer's thread; the store brings it back to the event loop.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.block import BlockInfo, DecodedBlock
from collector.store.files import SegmentFiles
from collector.store.guard import KeyReusedError, SequenceConflictError, SequenceGapError, Verdict, judge
from collector.store.head import HeadCheckpoint
from collector.store.segment import NewBlock, Request, chain_hash
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger
from watchbook.watchdog import Steps
from watchbook.wire import Batch

log = get_logger("store")


class StoreBusyError(Exception):
    """Too many batches wait for the writer."""


class StoreUnavailableError(Exception):
    """The store cannot write just now (a full disk, an I/O error); nothing of the batch was kept."""


class Appended(NamedTuple):
    """A durable append: ``repeat`` when the very same batch had been committed before."""

    stream: str
    sequence: int
    n: int
    repeat: bool


@dataclass(eq=False)
class Append:
    """A batch that waits for the writer.  ``sequence`` None: the collector's own stream, the writer numbers it.

    ``elsewhere_from``: the first sequence of a hole before it that its sender knows of, None when there is none.
    ``answer`` is for those whom the writer tells; it does not call it itself.
    """

    stream: str
    sequence: int | None
    data: bytes
    batch: Batch
    key: tuple[str, bytes] | None
    answer: Callable[[Appended | Exception], None]
    elsewhere_from: int | None = None


Answers = Sequence[tuple[Append, Appended | Exception]]


class Writer:
    """Owns the open segment.

    ``on_done`` gets what came of each batch of a group, and the group's new blocks in order, once they are durable.
    """

    def __init__(
        self,
        files: SegmentFiles,
        *,
        waiting_max: int,
        group_max: int,
        clock: Clock,
        is_stored: Callable[[str, int, bytes], bool | None],
        on_done: Callable[[Answers, Sequence[DecodedBlock]], None],
        head: HeadCheckpoint | None = None,
    ) -> None:
        self._files = files
        self._head = head
        self._group_max = group_max
        self._clock = clock
        self._is_stored = is_stored
        self._on_done = on_done
        # Lighter than ``queue.Queue``; how many may wait is looked at by the only thread that puts.
        self._waiting: queue.SimpleQueue[Append | None] = queue.SimpleQueue()
        self._waiting_max = waiting_max
        self._failure = RepeatedFailure(log.error, "commit")
        self.steps = Steps()
        # A daemon: an error that ends the program before drain() must end it, not leave it waiting for this thread for
        # ever.  What the thread is cut off from is a commit, as with a kill.
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    @property
    def failing(self) -> str | None:
        """Return why the last commit failed, None when it worked."""
        return self._failure.last_error

    @property
    def waiting(self) -> int:
        """Return how many batches wait."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, append: Append) -> None:
        """Hand a batch to the writer; raises StoreBusyError when too many wait."""
        if self._waiting.qsize() >= self._waiting_max:
            raise StoreBusyError(f"{self._waiting_max} batches wait for the disk")
        self._waiting.put(append)

    def drain(self) -> None:
        """Write what waits and end the thread.  Blocks; call it off the event loop."""
        self._waiting.put(None)
        self._thread.join()
        if self._head is not None:
            self._head.close()

    def _run(self) -> None:
        while True:
            self.steps.begin()
            group = self._next_group()
            appends = [append for append in group if append is not None]
            if appends:
                self._commit(appends)
            if self._head is not None:
                self._head.sign_when_due()
            if len(appends) < len(group):
                return

    def _next_group(self) -> list[Append | None]:
        timeout = None if self._head is None else self._head.wait_s()
        self.steps.rest()
        try:
            group = [self._waiting.get(timeout=timeout)]
        except queue.Empty:
            return []
        finally:
            self.steps.begin()
        while len(group) < self._group_max and group[-1] is not None:
            try:
                group.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return group

    def _commit(self, appends: Sequence[Append]) -> None:
        work = _Group(self._files, self._clock(), self._is_stored)
        results: list[tuple[Append, Appended | Exception]] = []
        try:
            if self._head is not None and self._files.needs_next(work.received):
                self._head.sign_now()  # no segment begins behind what is signed
            self._files.make_room(work.received)
            work.segment = self._files.current.name
            for append in appends:
                try:
                    results.append((append, work.add(append)))
                except (SequenceGapError, SequenceConflictError, KeyReusedError) as error:
                    results.append((append, error))
            if work.moved:
                self._files.current.commit(work.blocks, work.moved, work.requests)
                self._files.heads.move_on(work.next_number, work.chain, work.moved)
                self._files.remember(work.requests)
        except Exception as error:  # noqa: BLE001  # answered and said: a writer that dies would leave every sender waiting
            disk = isinstance(error, sqlite3.Error | OSError)
            next_step = "free space or repair the disk" if disk else "report this"
            self._failure.failed(str(error) or repr(error), batches=len(appends), next_step=next_step)
            unavailable = StoreUnavailableError(f"the store cannot write: {error}")
            self._on_done([(append, unavailable) for append in appends], ())
            return
        self._failure.succeeded()
        self._on_done(results, work.decoded)
        self._shrink_journal()

    def _shrink_journal(self) -> None:
        try:
            self._files.keep_journal_small()
        except (sqlite3.Error, OSError) as error:
            log.warning("journal_not_shrunk", error=str(error), segment=self._files.current.name)


class _Group:
    """What one commit is going to write, judged batch by batch against the heads as they would then be."""

    def __init__(self, files: SegmentFiles, received: int, is_stored: Callable[[str, int, bytes], bool | None]) -> None:
        self.next_number = files.heads.next_number
        self.chain = files.heads.chain
        self.received = received
        self.segment = ""
        self.blocks: list[NewBlock] = []
        self.decoded: list[DecodedBlock] = []
        self.moved: dict[str, int] = {}
        self.requests: list[Request] = []
        self._files = files
        self._is_stored = is_stored

    def add(self, append: Append) -> Appended:
        if append.key is not None and (known := self._known_request(*append.key)):
            return Appended(append.stream, known.sequence, known.n, repeat=True)
        last = self.moved.get(append.stream) or self._files.heads.sequences.get(append.stream, 0)
        sequence = last + 1 if append.sequence is None else append.sequence
        if judge(last, sequence, append.elsewhere_from) is Verdict.REPEAT:
            self._refuse_other_content(append, sequence)
            return Appended(append.stream, sequence, append.batch.n, repeat=True)
        self._add_block(append, sequence)
        return Appended(append.stream, sequence, append.batch.n, repeat=False)

    def _add_block(self, append: Append, sequence: int) -> None:
        n = append.batch.n
        self.moved[append.stream] = sequence
        if append.key is not None:
            self.requests.append(Request(*append.key, sequence, n, self.received))
        if not n:
            return
        times = append.batch.times
        info = BlockInfo(
            self.next_number, n, min(times), max(times), self.received, append.stream, sequence, self.segment
        )
        self.chain = chain_hash(self.chain, info, append.data)
        self.next_number += n
        self.blocks.append(NewBlock(info, self.chain, append.data))
        self.decoded.append(DecodedBlock(info, append.batch))

    def _known_request(self, key: str, digest: bytes) -> Request | None:
        in_group = next((request for request in self.requests if request.key == key), None)
        known = in_group or self._files.request(key)
        if known is not None and known.digest != digest:
            raise KeyReusedError("the Idempotency-Key was used before for another body; give each request its own")
        return known

    def _refuse_other_content(self, append: Append, sequence: int) -> None:
        """A repeat must be the same bytes, or two senders use one stream and the data of one would be lost."""
        in_group = (b.data for b in self.blocks if (b.info.stream, b.info.sequence) == (append.stream, sequence))
        known = next((data == append.data for data in in_group), None)
        if known is None:
            known = self._is_stored(append.stream, sequence, append.data)
        if known is False:
            raise SequenceConflictError(
                f"sequence {sequence} of stream {append.stream} was committed before with other content"
            )
