"""An inlet with a taker: what the pump and the spool do, in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.listen import Arrival, Inlet


class Taker:
    """Takes arrivals as they come, and says that they are stored, as long as it is open."""

    def __init__(self, bytes_max: int = 1 << 20) -> None:
        self._woken = asyncio.Event()
        self.inlet = Inlet(bytes_max, self._woken.set)
        self.arrivals: list[Arrival] = []
        self.open = asyncio.Event()
        self.open.set()

    @property
    def lines(self) -> list[bytes]:
        return [line for arrival in self.arrivals for line in arrival.chunk.lines]

    @property
    def mark(self) -> bytes | None:
        """The mark as it is stored now."""
        return next((arrival.mark for arrival in reversed(self.arrivals) if arrival.mark is not None), None)

    async def until(self, lines: int) -> None:
        """Wait for at least so many lines."""
        async with asyncio.timeout(30):
            while len(self.lines) < lines:
                await asyncio.sleep(0.01)

    async def take(self) -> None:
        while True:
            await self._woken.wait()
            await self.open.wait()
            self._woken.clear()
            while arrival := self.inlet.take():
                self.arrivals.append(arrival)
                if arrival.stored is not None and not arrival.stored.done():
                    arrival.stored.set_result(None)


@asynccontextmanager
async def taking(bytes_max: int = 1 << 20) -> AsyncIterator[Taker]:
    taker = Taker(bytes_max)
    task = asyncio.ensure_future(taker.take())
    try:
        yield taker
    finally:
        task.cancel()
