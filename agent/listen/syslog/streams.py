"""Receiving over connections.  When the inlet is full, nothing is read, and senders feel it."""

import asyncio
import contextlib
import socket

from agent.listen.inlet import Inlet, InletClosedError
from agent.listen.syslog.framing import Deframer, Framed
from agent.listen.syslog.gathering import arrival_of
from agent.listen.syslog.readiness import Readiness
from agent.listen.syslog.settings import SyslogSettings
from agent.listen.syslog.sockets import Bound

#: Connections taken in one go, before others have their turn.
_ACCEPTED_TOGETHER = 64
#: Wait after a connection could not be taken (no more open files).
_ACCEPT_RETRY_S = 0.5
#: At the stop, a sender from whom nothing comes for this long has said all that it had to say.
_SILENCE_S = 0.2


class Streams:
    """Accepts the connections of one bound socket.  ``connections`` are those of all the sockets of an input."""

    def __init__(
        self,
        name: str,
        bound: Bound,
        settings: SyslogSettings,
        inlet: Inlet,
        readiness: Readiness,
        connections: set[socket.socket],
    ) -> None:
        self._input = name
        self._bound = bound
        self._settings = settings
        self._inlet = inlet
        self._readiness = readiness
        self._connections = connections

    async def run(self) -> None:
        """Accept until the stop; return when every connection has ended."""
        async with asyncio.TaskGroup() as tasks:
            while await self._readiness.of(self._bound.socket):
                if not self._accepted(tasks):
                    self._count("connections_refused")
                    await self._readiness.pause(_ACCEPT_RETRY_S)
            self._accepted(tasks)  # who has connected by now may have sent all that it has to say

    def _accepted(self, tasks: asyncio.TaskGroup) -> bool:
        """Take the connections that wait; return False when one could not be taken."""
        try:
            self._accept(tasks)
        except BlockingIOError:
            return True
        except OSError:  # no more open files, or a connection that ended while it waited
            return False
        return True

    def _accept(self, tasks: asyncio.TaskGroup) -> None:
        for _ in range(_ACCEPTED_TOGETHER):
            connection, sender = self._bound.socket.accept()
            if len(self._connections) >= self._settings.connections_max:
                connection.close()
                self._count("connections_refused")
                continue
            connection.setblocking(False)
            self._connections.add(connection)
            host = sender[0] if isinstance(sender, tuple) else ""
            tasks.create_task(self._serve(connection, self._bound.address.sender(host)))

    async def _serve(self, connection: socket.socket, sender: str) -> None:
        """Receive from one connection until it ends."""
        deframer = Deframer(self._settings.message_bytes_max)
        try:
            clean = await self._receive(connection, sender, deframer)
            await self._hand_over(sender, deframer.finish(clean=clean))
        except InletClosedError:
            pass
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _receive(self, connection: socket.socket, sender: str, deframer: Deframer) -> bool:
        """Receive until the end; return whether the sender ended it in order."""
        loop, settings = asyncio.get_running_loop(), self._settings
        begun: float | None = None
        while True:
            left = settings.idle_timeout if begun is None else begun + settings.message_timeout - loop.time()
            # Who sends a byte now and then is always ready, and late all the same.
            if left <= 0 or not await self._readiness.of(connection, left):
                break
            try:
                data = connection.recv(settings.read_bytes)
            except BlockingIOError:
                continue
            except OSError:
                return False
            if not data:
                return True
            ended = await self._take(data, sender, deframer)
            if not deframer.in_message:
                begun = None
            elif ended or begun is None:
                begun = loop.time()
            # A sender that has said all for now is given time for more; others have their turn in any case.
            await self._readiness.pause(settings.gather_time if len(data) < settings.read_bytes else 0)
        if not self._readiness.stopped:
            self._count("connections_timed_out")
            return False
        return await self._receive_what_is_under_way(connection, sender, deframer)

    async def _receive_what_is_under_way(self, connection: socket.socket, sender: str, deframer: Deframer) -> bool:
        """At the stop: tell the sender, and receive until it closes, falls silent, or the time is over.

        Not only what the kernel holds here: what a sender wrote before may wait on its own side for room.
        """
        loop, readiness = asyncio.get_running_loop(), Readiness()
        ends = loop.time() + self._settings.stop_timeout
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        while (left := ends - loop.time()) > 0:
            try:
                data = connection.recv(self._settings.read_bytes)
            except BlockingIOError:
                if not await readiness.of(connection, min(left, _SILENCE_S)):
                    return False
                continue
            except OSError:
                return False
            if not data:
                return True
            await self._take(data, sender, deframer)
            await asyncio.sleep(0)
        return False

    async def _take(self, data: bytes, sender: str, deframer: Deframer) -> bool:
        """Hand the messages on that end with some bytes; return whether there were any."""
        skipped = deframer.skipped
        framed = deframer.feed(data)
        if deframer.skipped != skipped:
            self._inlet.counters[self._input, "bytes_skipped"] += deframer.skipped - skipped
        await self._hand_over(sender, framed)
        return bool(framed.messages)

    async def _hand_over(self, sender: str, framed: Framed) -> None:
        if framed.messages:
            await self._inlet.put(arrival_of(self._input, sender, framed.messages, framed.truncated))

    def _count(self, counter: str) -> None:
        self._inlet.counters[self._input, counter] += 1
