"""Channels that have to be told again and again of what fires."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any


class Refreshed(ABC):
    """A channel that takes an alert for over when it is not told of it for a while."""

    @property
    @abstractmethod
    def refresh_s(self) -> float:
        """How often :meth:`refresh` is to be called."""

    @abstractmethod
    async def refresh(self, firing: Callable[[], Awaitable[Sequence[dict[str, Any]]]]) -> int:
        """Tell of all that fires again; return how many.  Raises AttemptFailedError."""
