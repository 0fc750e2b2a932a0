"""Tells whoever waits that events were stored."""

import asyncio


class News:
    """Belongs to one event loop; any number may wait."""

    def __init__(self, last_number: int) -> None:
        self._last_number = last_number
        self._arrived = asyncio.Event()

    def arrived(self, last_number: int) -> None:
        """Take note of the number of the newest event, and wake all who wait."""
        self._last_number = last_number
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def wait(self, after: int) -> int:
        """Return the arrival number of the newest event as soon as it is above ``after``."""
        while self._last_number <= after:
            await self._arrived.wait()
        return self._last_number
