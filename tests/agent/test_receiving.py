"""Listeners over reloads: those of unchanged inputs go on, others are stopped with all that they have received."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent import config
from agent.config import AgentSettings, InputSettings
from agent.listen import Arrival, Inlet, factory
from agent.receiving import Receiving
from agent.records import Chunk
from agent.ship import ShipSettings


@dataclass(frozen=True)
class PortSettings:
    """A source of lines over TCP, on a port of the system's choice."""

    greeting: str = ""


@dataclass(frozen=True)
class Input(InputSettings):
    """An input that may listen on a port."""

    port: PortSettings | None = None


class PortListener:
    """Receives lines over TCP; each connection gives its last lines up when it is stopped."""

    made = 0

    def __init__(self, name: str, source: PortSettings, inlet: Inlet, mark: bytes | None) -> None:
        type(self).made += 1
        self.name, self.inlet, self.mark, self.address = name, inlet, mark, ("", 0)
        self._stopped = asyncio.Event()
        self.ready = asyncio.Event()

    @property
    def state(self) -> Mapping[str, Any]:
        return {"port": self.address[1]}

    async def run(self) -> None:
        server = await asyncio.start_server(self._receive, "127.0.0.1", 0)
        self.address = server.sockets[0].getsockname()
        self.ready.set()
        try:
            await self._stopped.wait()
        finally:
            server.close()
        await self.inlet.put(Arrival(Chunk(self.name, "", [b"the last line"], [None]), b"mark"))

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            await self.inlet.put(Arrival(Chunk(self.name, "", [line.strip()], [None])))
        writer.close()

    def stop(self) -> None:
        self._stopped.set()


@pytest.fixture(autouse=True)
def ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make 'port' a source, as a room would."""
    monkeypatch.setattr(config, "RECEIVED", ("port",))
    monkeypatch.setitem(factory._MAKERS, PortSettings, PortListener)
    PortListener.made = 0


def settings_of(**sources: PortSettings) -> AgentSettings:
    inputs = tuple(Input(name=name, profile="jsonl", port=source) for name, source in sources.items())
    return AgentSettings(collector=ShipSettings(url="http://x", token="t"), state=Path("/x"), inputs=inputs)


async def test_only_what_changed_is_stopped_and_nothing_received_is_left_behind() -> None:
    inlet, finished = Inlet(1 << 20, lambda: None), []

    async def finish() -> None:
        while (arrival := inlet.take()) is not None:
            finished.append((arrival.chunk.input, arrival.chunk.lines[0], arrival.mark))

    first = settings_of(kept=PortSettings(), changed=PortSettings(), removed=PortSettings())
    second = settings_of(kept=PortSettings(), changed=PortSettings("hello"), added=PortSettings())
    async with asyncio.TaskGroup() as tasks:
        receiving = Receiving(inlet, tasks)
        receiving.start(first, {"kept": b"here"})
        running = {name: each.listener for name, each in receiving._running.items()}
        for listener in running.values():
            assert isinstance(listener, PortListener)
            await listener.ready.wait()
        before = receiving.states()
        reader, writer = await asyncio.open_connection("127.0.0.1", before["kept"]["port"])
        await receiving.stop(second, finish)
        receiving.start(second, {"changed": b"mark"})
        assert sorted(finished) == [("changed", b"the last line", b"mark"), ("removed", b"the last line", b"mark")]
        assert receiving.states()["kept"] == before["kept"]
        assert receiving.states().keys() == {"kept", "changed", "added"}
        changed = receiving._running["changed"].listener
        assert isinstance(changed, PortListener)
        assert changed.mark == b"mark"
        assert PortListener.made == 5
        finished.clear()
        writer.write(b"over the reload\n")
        writer.close()
        while not finished:
            await asyncio.sleep(0.01)
            await finish()
        assert finished == [("kept", b"over the reload", None)]
        for listener in (each.listener for each in receiving._running.values()):
            assert isinstance(listener, PortListener)
            await listener.ready.wait()
        await receiving.stop(None, finish)
        assert receiving.states() == {}
        assert await reader.read() == b""
    assert len(finished) == 4


async def test_a_new_profile_leaves_the_listener_of_an_input_alone() -> None:
    inlet = Inlet(1 << 20, lambda: None)

    async def finish() -> None:
        while inlet.take():
            pass

    first = settings_of(kept=PortSettings())
    second = replace(first, inputs=(replace(first.inputs[0], profile="sshd"),))
    async with asyncio.TaskGroup() as tasks:
        receiving = Receiving(inlet, tasks)
        receiving.start(first, {})
        await receiving.stop(second, finish)
        receiving.start(second, {})
        assert PortListener.made == 1
        await receiving.stop(None, finish)


async def test_a_listener_that_does_not_end_is_cut_off_so_that_a_reload_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def finish() -> None:
        return

    monkeypatch.setattr(PortListener, "stop", lambda self: None)
    async with asyncio.TaskGroup() as tasks:
        receiving = Receiving(Inlet(1 << 20, lambda: None), tasks)
        receiving.start(settings_of(stuck=PortSettings()), {})
        await receiving.stop(settings_of(), finish, 0.05)
        assert receiving.states() == {}
