"""Remembers what was used last, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

#: What an entry costs besides its content.
_ENTRY_BYTES: Final = 200


class ByteCache:
    """Values by key, the least recently used given up first.  Thread-safe."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable) -> Any | None:
        """Return a value, None when it is not remembered."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self._entries.move_to_end(key)
            self.hits += 1
            return entry[0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Remember a value of ``size`` bytes; one that is larger than everything together is not kept."""
        size += _ENTRY_BYTES
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self.size -= old[1]
            if size > self._bytes_max:
                return
            self._entries[key] = (value, size)
            self.size += size
            while self.size > self._bytes_max:
                _, (_, freed) = self._entries.popitem(last=False)
                self.size -= freed
