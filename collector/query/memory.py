"""What is remembered from one query to the next: bounded by weight, the least used goes first."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Memory(Generic[ValueT]):
    """Remembers values whose weights add up to at most ``weight_max``.  Thread-safe.

    Values are never changed once they are here, and keys name what they were made of for ever (a segment's generation,
    not its name), so nothing has to be taken back.
    """

    def __init__(self, weight_max: int) -> None:
        self._weight_max = weight_max
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[ValueT, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: Hashable) -> ValueT | None:
        """Return what is remembered, None when nothing is."""
        with self._lock:
            found = self._known.get(key)
            if found is None:
                return None
            self._known.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: ValueT, weight: int = 1) -> None:
        """Remember a value; one that outweighs everything else together is not kept."""
        if weight > self._weight_max:
            return
        with self._lock:
            old = self._known.pop(key, None)
            self._weight += weight - (old[1] if old else 0)
            self._known[key] = (value, weight)
            while self._weight > self._weight_max:
                _, (_, dropped) = self._known.popitem(last=False)
                self._weight -= dropped

    def __len__(self) -> int:
        return len(self._known)
