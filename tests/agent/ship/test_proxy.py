"""Through a real forward proxy: plain requests as it gets them, and tunnels for TLS."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.ship.proxy import proxy_for, shown, without_password
from agent.ship.settings import TlsSettings
from tests.agent.ship.stand_in import Receiving, Sending
from tests.agent.ship.test_tls import serve
from tests.authority import Authority

WANTED = "Basic " + base64.b64encode(b"user:pass word").decode()


class ForwardProxy:
    """An HTTP/1.1 proxy (RFC 9110, section 9.3.6: CONNECT; RFC 9112, section 3.2.2: absolute form)."""

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self.asked: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._pass_on(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.split("\r\n")
        method, target, _ = line.split(" ")
        self.asked.append(f"{method} {target}")
        given = next((h.split(": ", 1)[1] for h in headers if h.lower().startswith("proxy-authorization:")), None)
        if given != self._wanted:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await writer.drain()
            return
        place = target if method == "CONNECT" else target.split("/")[2]
        host, port = place.split(":")
        there = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            kept = [h for h in headers if not h.lower().startswith(("proxy-", "connection:"))]
            kept.insert(0, "Connection: close")
            there[1].write("\r\n".join([f"{method} {path} HTTP/1.1", *kept]).encode())
        try:
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        finally:
            there[1].close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    with suppress(OSError, RuntimeError, NotImplementedError):
        sink.close()


@pytest.fixture
async def collector() -> AsyncIterator[Receiving]:
    made = Receiving()
    yield made
    await made.stop()


@pytest.fixture
async def proxy() -> AsyncIterator[ForwardProxy]:
    made = ForwardProxy(WANTED)
    await made.start()
    yield made
    await made.stop()


async def deliver(agent: Sending) -> None:
    async with agent.running():
        await agent.store("a", "b")
        await agent.sent()


async def test_batches_go_through_the_proxy(tmp_path: Path, collector: Receiving, proxy: ForwardProxy) -> None:
    await collector.start()
    await deliver(Sending(tmp_path, collector.url(), proxy=f"http://user:pass%20word@127.0.0.1:{proxy.port}"))
    assert collector.actors == ["a", "b"]
    assert proxy.asked == [f"POST {collector.url()}/v1/batches"] * 2


async def test_tls_goes_through_a_tunnel_and_is_verified_at_its_end(
    tmp_path: Path, collector: Receiving, proxy: ForwardProxy
) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server"))
    settings: dict[str, Any] = {"proxy": f"http://user:pass%20word@127.0.0.1:{proxy.port}"}
    tls = TlsSettings(ca_file=authority.file)
    await deliver(Sending(tmp_path / "spool", collector.url("https"), tls=tls, **settings))
    assert collector.actors == ["a", "b"]
    assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{collector.port}"}
    stranger = TlsSettings(ca_file=Authority(tmp_path, "other").file)
    agent = Sending(tmp_path / "other", collector.url("https"), tls=stranger, **settings)
    async with agent.running():
        await agent.store("c")
        await agent.until(lambda: agent.shipper.state.retries)
        assert "certificate is not trusted" in str(agent.shipper.state.last_error)
    assert collector.actors == ["a", "b"]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_named_without_the_password(
    tmp_path: Path, collector: Receiving, proxy: ForwardProxy, scheme: str
) -> None:
    agent = Sending(tmp_path, collector.url(scheme), proxy=f"http://user:secret@127.0.0.1:{proxy.port}")
    async with agent.running():
        await agent.store("a")
        await agent.until(lambda: agent.shipper.state.retries)
        reason = str(agent.shipper.state.last_error)
    assert "407" in reason
    assert "check 'collector.proxy'" in reason
    assert "secret" not in reason
    assert collector.requests == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_named_without_the_password(tmp_path: Path, scheme: str) -> None:
    agent = Sending(tmp_path, f"{scheme}://127.0.0.1:9", proxy="http://user:secret@127.0.0.1:1")
    async with agent.running():
        await agent.store("a")
        await agent.until(lambda: agent.shipper.state.retries)
        reason = str(agent.shipper.state.last_error)
    assert reason.startswith("the proxy http://127.0.0.1:1 cannot be reached: ")
    assert "secret" not in reason


async def test_the_environment_counts_only_when_it_is_asked_for(
    tmp_path: Path, collector: Receiving, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await collector.start()
    monkeypatch.setenv("http_proxy", f"http://user:pass%20word@127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    await deliver(Sending(tmp_path / "a", collector.url()))
    assert proxy.asked == []
    await deliver(Sending(tmp_path / "b", collector.url(), proxy="environment"))
    assert len(proxy.asked) == 2
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    await deliver(Sending(tmp_path / "c", collector.url(), proxy="environment"))
    assert len(proxy.asked) == 2
    assert collector.actors == ["a", "b"] * 3


def test_a_proxy_of_the_environment_may_lack_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", ".inner.example")
    assert proxy_for("environment", "https://collector.example") == "http://proxy.example:3128"
    assert proxy_for("environment", "https://a.inner.example:8420") is None
    assert proxy_for(None, "https://collector.example") is None


def test_a_proxy_is_shown_without_its_password() -> None:
    assert shown("http://u:p@proxy.example:3128") == "http://proxy.example:3128"
    hide = without_password("http://u:p@proxy.example:3128")
    assert hide("cannot reach http://u:p@proxy.example:3128/") == "cannot reach http://proxy.example:3128/"
    assert without_password(None)("as it was") == "as it was"
