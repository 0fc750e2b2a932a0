"""Receiving datagrams: each is a message.

Nobody waits for UDP: it is read often, gathered, and what finds no room in the inlet is dropped and counted, as is what
the kernel dropped.  A sender to a unix socket waits in the kernel until it is read: when the inlet is full, it is not.
"""

import asyncio
import socket

from agent.listen.inlet import Inlet, InletClosedError
from agent.listen.syslog.framing import TRAILER
from agent.listen.syslog.gathering import Gathering
from agent.listen.syslog.readiness import Readiness
from agent.listen.syslog.settings import SyslogSettings
from agent.listen.syslog.sockets import Bound


class Datagrams:
    """Receives from one bound socket."""

    def __init__(self, name: str, bound: Bound, settings: SyslogSettings, inlet: Inlet, readiness: Readiness) -> None:
        self._input = name
        self._socket = bound.socket
        self._bound = bound
        self._settings = settings
        self._inlet = inlet
        self._readiness = readiness
        self._loop = asyncio.get_running_loop()
        self._gathering = Gathering(name, bound.address)
        self._view = memoryview(bytearray(settings.message_bytes_max))
        self._kernel_drops = 0
        self._waits = bound.address.is_unix

    async def run(self) -> None:
        """Receive until the stop, and then what had come by then."""
        try:
            while not self._readiness.stopped:
                await self._turn()
            self._read_what_waits()
            await self._hand_over()
        except InletClosedError:
            return

    async def _turn(self) -> None:
        """Wait for datagrams and gather them for a while."""
        if not await self._readiness.of(self._socket):
            return
        due = self._loop.time() + self._settings.gather_time
        while True:
            count = self._read()
            if self._gathering.count >= self._settings.read_batch or self._loop.time() >= due:
                break
            if count < self._settings.read_batch and not await self._pause(due):
                break
        await self._hand_over()
        await asyncio.sleep(0)

    async def _pause(self, due: float) -> bool:
        """Let more come; return whether there is time and reason to read again."""
        if self._readiness.stopped:
            return False
        if self._waits:
            # The kernel holds few datagrams of a unix socket, and their senders wait: they are read as they come.
            return await self._readiness.of(self._socket, due - self._loop.time())
        await self._readiness.pause(self._settings.read_interval)
        return True

    def _read(self) -> int:
        """Read what is there, up to a batch; return how many datagrams that was."""
        receive, view, limit = self._socket.recvfrom_into, self._view, len(self._view)
        add = self._gathering.add
        for count in range(self._settings.read_batch):
            try:
                size, sender = receive(view, 0, socket.MSG_TRUNC)
            except BlockingIOError:
                return count
            except OSError:  # an error that came back for something sent before: nothing of what is received
                continue
            message = bytes(view[:size]).rstrip(TRAILER)
            if message:
                add(sender[0] if sender.__class__ is tuple else "", message, truncated=size > limit)
            if size > limit:
                self._inlet.counters[self._input, "bytes_skipped"] += size - limit
        return self._settings.read_batch

    def _read_what_waits(self) -> None:
        """Read what the kernel holds, and not what comes for ever."""
        room = self._bound.receive_buffer()
        while self._gathering.bytes <= room and self._read() == self._settings.read_batch:
            pass

    async def _hand_over(self) -> None:
        self._count_kernel_drops()
        for arrival in self._gathering.take():
            if self._waits:
                await self._inlet.put(arrival)
            else:
                self._inlet.offer(arrival)

    def _count_kernel_drops(self) -> None:
        if self._waits:
            return
        drops = self._bound.kernel_drops()
        if drops != self._kernel_drops:
            # The kernel's counter has 32 bits.
            self._inlet.counters[self._input, "kernel_dropped"] += (drops - self._kernel_drops) % 2**32
            self._kernel_drops = drops
