"""The store as the rest of the collector sees it: append from the event loop, read from any thread."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from collector.block import BlockInfo, DecodedBlock
from collector.store.files import SegmentFiles
from collector.store.head import HeadCheckpoint
from collector.store.keys import signer_of
from collector.store.reader import SegmentReader
from collector.store.settings import StoreSettings
from collector.store.writer import Answers, Append, Appended, Writer
from watchbook.clock import Clock
from watchbook.wire import Batch

__all__ = ["Appended", "Store"]


class Store:
    """A folder of segments with its writer thread; made by :meth:`open`."""

    def __init__(
        self,
        files: SegmentFiles,
        reader: SegmentReader,
        settings: StoreSettings,
        clock: Clock,
        on_committed: Callable[[Sequence[DecodedBlock]], None],
        head: HeadCheckpoint | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._files = files
        self.reader = reader
        self._last_number = self._files.heads.next_number - 1
        self._tell = on_committed
        self._writer = Writer(
            self._files,
            waiting_max=settings.waiting_batches_max,
            group_max=settings.group_batches_max,
            clock=clock,
            is_stored=reader.is_stored,
            on_done=self._done_in_writer,
            head=head,
        )
        self._writer.start()

    @classmethod
    async def open(
        cls,
        folder: Path,
        settings: StoreSettings,
        *,
        batch_bytes_max: int,
        clock: Clock,
        on_committed: Callable[[Sequence[DecodedBlock]], None],
        key_path: Path | None = None,
    ) -> "Store":
        """Open or make the store of a folder.

        ``on_committed`` is called on the event loop with the blocks of each commit, in order of arrival, after the
        answers.  ``key_path`` is the file of the private key that checkpoints are signed with, made when there is
        none; without it nothing is signed.  Raises FolderInUseError, NewerDatabaseError or KeyUnusableError when the
        folder cannot be used.
        """
        files = await asyncio.to_thread(SegmentFiles, folder, settings, clock)
        try:
            head = None if key_path is None else await asyncio.to_thread(_head_of, files, key_path, settings, clock)
        except BaseException:
            await asyncio.to_thread(files.close)
            raise
        reader = SegmentReader(folder, batch_bytes_max, settings, clock=clock)
        return cls(files, reader, settings, clock, on_committed, head)

    @property
    def own_stream(self) -> str:
        """The stream that events posted one by one are numbered in."""
        return self._files.store

    @property
    def last_number(self) -> int:
        """The arrival number of the newest event whose commit this loop has seen."""
        return self._last_number

    @property
    def waiting(self) -> int:
        """How many batches wait for the writer."""
        return self._writer.waiting

    def busy_s(self) -> float:
        """Return for how many seconds the writer has been at the same commit, 0 when there is none."""
        return self._writer.steps.busy_s()

    @property
    def keys_forgotten(self) -> int:
        """How many Idempotency-Keys were forgotten within their window because there were too many."""
        return self._files.keys_forgotten

    @property
    def failing(self) -> str | None:
        """Why the last commit failed; None when it worked."""
        return self._writer.failing

    async def append(
        self,
        stream: str,
        sequence: int | None,
        data: bytes,
        batch: Batch,
        *,
        key: tuple[str, bytes] | None = None,
        elsewhere_from: int | None = None,
    ) -> Appended:
        """Return once the batch is on disk (or was before).

        ``sequence`` None numbers it in the collector's own stream; ``key`` is an Idempotency-Key with the
        digest of its body; ``elsewhere_from`` begins a hole before it that its sender knows of.  Raises
        SequenceGapError, SequenceConflictError, KeyReusedError, StoreBusyError or StoreUnavailableError; then nothing
        of it was kept.
        """
        future: asyncio.Future[Appended] = self._loop.create_future()
        self._writer.put(Append(stream, sequence, data, batch, key, partial(_resolve, future), elsewhere_from))
        return await future

    async def close(self) -> None:
        """Write what waits, then close every file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.drain()
        self._files.close()
        self.reader.close()

    def _done_in_writer(self, answers: Answers, blocks: Sequence[DecodedBlock]) -> None:
        self._loop.call_soon_threadsafe(self._done, answers, blocks)

    def _done(self, answers: Answers, blocks: Sequence[DecodedBlock]) -> None:
        for append, result in answers:
            append.answer(result)
        if blocks:
            self._committed(blocks)

    def _committed(self, blocks: Sequence[DecodedBlock]) -> None:
        last: BlockInfo = blocks[-1].info
        self._last_number = last.number + last.n - 1
        self._tell(blocks)


def _head_of(files: SegmentFiles, key_path: Path, settings: StoreSettings, clock: Clock) -> HeadCheckpoint:
    signer = signer_of(files.folder, key_path, files.store)
    every_s = settings.checkpoint_every
    return HeadCheckpoint(files.folder, files.store, signer, files.heads, every_s=every_s, clock=clock)


def _resolve(future: "asyncio.Future[Appended]", result: Appended | Exception) -> None:
    if future.done():  # the request was cancelled; the batch is durable all the same and a repeat will be known
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
