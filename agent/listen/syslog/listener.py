"""All the addresses of a syslog input."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from agent.listen.inlet import Inlet
from agent.listen.syslog.address import Address
from agent.listen.syslog.datagrams import Datagrams
from agent.listen.syslog.readiness import Readiness
from agent.listen.syslog.settings import SyslogSettings
from agent.listen.syslog.sockets import Bound, CannotListenError, open_address
from agent.listen.syslog.streams import Streams
from watchbook.logs import RepeatedFailure, get_logger
from watchbook.units import format_size

log = get_logger("syslog")


class SyslogListener:
    """Receives syslog for one input; see :class:`agent.listen.Listener`."""

    def __init__(self, name: str, settings: SyslogSettings, inlet: Inlet) -> None:
        self._input = name
        self._settings = settings
        self._inlet = inlet
        self._readiness = Readiness()
        self._bound: dict[Address, Bound] = {}
        self._errors: dict[Address, str] = {}
        self._connections: set[socket.socket] = set()

    @property
    def state(self) -> Mapping[str, Any]:
        """``listening`` (addresses), ``connections``, ``receive_buffer`` (bytes, of UDP) and ``error``."""
        state: dict[str, Any] = {
            "listening": [str(address) for address in self._bound],
            "connections": len(self._connections),
        }
        buffers = [bound.receive_buffer() for address, bound in self._bound.items() if address.scheme == "udp"]
        if buffers:
            state["receive_buffer"] = min(buffers)
        if self._errors:
            state["error"] = "; ".join(self._errors.values())
        return state

    async def run(self) -> None:
        """Receive until :meth:`stop`; return when everything that was received is in the inlet."""
        async with asyncio.TaskGroup() as tasks:
            for address in self._settings.addresses():
                tasks.create_task(self._listen(address))

    def stop(self) -> None:
        """Accept nothing new."""
        self._readiness.stop()

    async def _listen(self, address: Address) -> None:
        """Listen on one address; try for ever."""
        failure = RepeatedFailure(log.error, "listen")
        while not self._readiness.stopped:
            try:
                bound = await asyncio.to_thread(open_address, address, self._settings)
            except CannotListenError as error:
                self._errors[address] = str(error)
                failure.failed(str(error), input=self._input)
                await self._readiness.pause(self._settings.retry)
                continue
            self._errors.pop(address, None)
            failure.succeeded(input=self._input)
            self._bound[address] = bound
            try:
                await self._receive(address, bound)
            finally:
                del self._bound[address]
                await asyncio.to_thread(bound.close)

    async def _receive(self, address: Address, bound: Bound) -> None:
        if address.is_stream:
            streams = Streams(self._input, bound, self._settings, self._inlet, self._readiness, self._connections)
            await streams.run()
            return
        granted, asked = bound.receive_buffer(), self._settings.receive_buffer
        if address.scheme == "udp" and granted < asked:
            log.warning("receive_buffer_small", address=str(address), next_step=advice_on_buffer(granted, asked))
        await Datagrams(self._input, bound, self._settings, self._inlet, self._readiness).run()


def advice_on_buffer(granted: int, asked: int) -> str:
    """Return what to do when the kernel keeps less than was asked for."""
    return (
        f"the kernel keeps only {format_size(granted)} of the {format_size(asked)} asked for; "
        f"allow more: sysctl -w net.core.rmem_max={asked}"
    )
