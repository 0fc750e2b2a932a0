"""Waiting for a socket or for time to pass, interrupted by the stop."""

import asyncio
import socket


class Readiness:
    """Waits until sockets can be read, or until :meth:`stop`."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[bool]] = set()
        self.stopped = False

    async def of(self, opened: socket.socket, timeout_s: float | None = None) -> bool:
        """Return whether a socket can be read: False at the stop, and when the time is over."""
        if self.stopped:
            return False
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[bool] = loop.create_future()
        loop.add_reader(opened, _resolve, ready, True)
        try:
            return await self._outcome(ready, timeout_s)
        finally:
            loop.remove_reader(opened)

    async def pause(self, seconds: float) -> None:
        """Sleep, but no longer than until the stop."""
        if not self.stopped:
            await self._outcome(asyncio.get_running_loop().create_future(), seconds)

    def stop(self) -> None:
        """End all waiting, for good."""
        self.stopped = True
        for ready in self._waiting:
            _resolve(ready, False)

    async def _outcome(self, ready: asyncio.Future[bool], timeout_s: float | None) -> bool:
        self._waiting.add(ready)
        timer = None if timeout_s is None else ready.get_loop().call_later(timeout_s, _resolve, ready, False)
        try:
            return await ready
        finally:
            self._waiting.discard(ready)
            if timer is not None:
                timer.cancel()


def _resolve(ready: "asyncio.Future[bool]", outcome: bool) -> None:
    if not ready.done():
        ready.set_result(outcome)
