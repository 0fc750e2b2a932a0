"""Bounds what is remembered of segments: whoever was not asked for longest forgets first."""

import threading
from collections import OrderedDict
from typing import Protocol


class Forgetful(Protocol):
    """Remembers something that it can read again."""

    def forget(self) -> None:
        """Let go of it.  May be called from any thread at any time."""
        ...


class Remembered:
    """Who remembers how many blocks, up to ``blocks_max`` together (but always the last one)."""

    def __init__(self, blocks_max: int) -> None:
        self._blocks_max = blocks_max
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Forgetful, int] = OrderedDict()

    def note(self, who: Forgetful, blocks: int) -> None:
        """Take note of how much somebody remembers now."""
        with self._lock:
            self._blocks[who] = blocks
            self._blocks.move_to_end(who)
            while len(self._blocks) > 1 and sum(self._blocks.values()) > self._blocks_max:
                oldest, _ = self._blocks.popitem(last=False)
                oldest.forget()

    def drop(self, who: Forgetful) -> None:
        """Strike out somebody who is no longer there."""
        with self._lock:
            self._blocks.pop(who, None)
