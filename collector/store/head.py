"""Signs how far the store is: the number of the last event and the hash that the chain has there.

The checkpoint follows the commits at a distance of at most ``every_s``; a tail that is cut off later is missed.
"""

import time
from pathlib import Path

from collector.store.checkpoint import HEAD_FILE, HEAD_ORIGIN, Checkpoint, State, name_of_store, sign
from collector.store.durable import write_durably
from collector.store.segment import Heads
from collector.store.signing import Signer
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("store")


class HeadCheckpoint:
    """Keeps ``checkpoint.head`` near the end of the chain.  Belongs to the writer's thread once that runs."""

    def __init__(self, folder: Path, store: str, signer: Signer, heads: Heads, *, every_s: float, clock: Clock) -> None:
        """Sign where the store stands: what comes from now on comes after a checkpoint that is open."""
        self._path = folder / HEAD_FILE
        self._origin = name_of_store(store) + HEAD_ORIGIN
        self._signer = signer
        self._heads = heads
        self._every_s = every_s
        self._clock = clock
        self._signed: int | None = None
        self._signed_at = 0.0
        self._failure = RepeatedFailure(log.error, "head_checkpoint", clock)
        self._tried("running")

    def wait_s(self) -> float | None:
        """Return in how many seconds :meth:`sign_when_due` is to be called; None: not before the next commit."""
        if self._heads.next_number - 1 == self._signed:
            return None
        return max(0.0, self._signed_at + self._every_s - time.monotonic())

    def sign_when_due(self) -> None:
        """Sign when something was stored since the last time and that is long enough ago.  A failure is logged."""
        if self.wait_s() == 0.0:
            self._tried("running")

    def sign_now(self) -> None:
        """Sign where the store stands, unless that is signed."""
        if self._heads.next_number - 1 != self._signed:
            self._tried("running")

    def close(self) -> None:
        """Sign that nothing follows."""
        self._tried("closed")

    def _tried(self, state: State) -> None:
        try:
            self._sign(state)
        except OSError as error:
            self._signed_at = time.monotonic()
            self._failure.failed(str(error), next_step="free space; the newest events are not covered by a checkpoint")
        else:
            self._failure.succeeded()

    def _sign(self, state: State) -> None:
        last = self._heads.next_number - 1
        checkpoint = Checkpoint(self._origin, last, self._heads.chain, self._clock(), state, self._every_s)
        write_durably(self._path, sign(self._signer, checkpoint))
        self._signed, self._signed_at = last, time.monotonic()
