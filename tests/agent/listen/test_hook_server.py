"""Hooks over real HTTP: who is taken, who is refused, what is counted, and that 2xx means stored."""

import asyncio
import base64
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from agent.listen import HookSettings, HooksSettings
from agent.listen.hook import Hook
from agent.listen.hook_server import HookServer
from agent.listen.hook_settings import TlsSettings
from tests.agent.listen.arrivals import Taker, taking
from tests.stand import free_port
from watchbook.units import Bytes, Seconds

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OPEN = HookSettings(auth="none")
JSON = {"Content-Type": "application/json"}


class Served:
    def __init__(
        self, url: str, taker: Taker, hooks: dict[str, Hook], server: HookServer, session: aiohttp.ClientSession
    ) -> None:
        self.url, self.taker, self.hooks, self.server, self._session = url, taker, hooks, server, session

    async def post(
        self, path: str, body: bytes = b"{}", method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Return status and document; the answer's own headers are in ``last_headers``."""
        named = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self._session.request(method, self.url + path, data=body, headers=named, ssl=False) as answer:
            self.last_headers = answer.headers
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def served(
    *,
    inlet_bytes: int = 1 << 20,
    marks: dict[str, bytes] | None = None,
    settings: HooksSettings | None = None,
    **hooks: HookSettings,
) -> AsyncIterator[Served]:
    async with taking(inlet_bytes) as taker, aiohttp.ClientSession() as session:
        made = {name: Hook(name, each, taker.inlet, (marks or {}).get(name)) for name, each in hooks.items()}
        chosen = settings or HooksSettings(listen=f"127.0.0.1:{free_port()}")
        server = HookServer(chosen, list(made.values()))
        running = asyncio.ensure_future(server.run())
        scheme = "https" if chosen.tls else "http"
        await until_open(chosen.listen)
        yield Served(f"{scheme}://{chosen.listen}/hooks/", taker, made, server, session)
        server.stop()
        await running


async def until_open(address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def signed(body: str, message: str = "msg_1") -> dict[str, str]:
    now = int(time.time())
    signature = Webhook(SECRET).sign(message, datetime.fromtimestamp(now, UTC), body)
    return {"webhook_id": message, "webhook_timestamp": str(now), "webhook_signature": signature}


async def test_a_signed_webhook_is_taken_once_however_often_it_is_sent() -> None:
    async with served(app=HookSettings(auth="standard", secrets=(SECRET,))) as it:
        body = '{"action":"viewed"}'
        assert await it.post("app", body.encode(), **signed(body)) == (200, {"events": 1, "repeat": False})
        assert await it.post("app", body.encode(), **signed(body)) == (200, {"events": 1, "repeat": True})
        assert await it.post("app", body.encode(), **signed(body, "msg_2")) == (200, {"events": 1, "repeat": False})
        assert it.taker.lines == [body.encode()] * 2
        assert it.taker.inlet.counters == {("app", "requests"): 2, ("app", "repeats"): 1}
        mark = it.taker.mark
    assert mark is not None
    async with served(marks={"app": mark}, app=HookSettings(auth="standard", secrets=(SECRET,))) as it:
        assert (await it.post("app", body.encode(), **signed(body)))[1]["repeat"]
        assert it.taker.lines == []


async def test_only_so_many_messages_are_remembered() -> None:
    async with served(app=HookSettings(auth="none", repeats_max=2)) as it:
        for message in ("a", "b", "c", "a", "c"):
            await it.post("app", webhook_id=message)
        assert len(it.taker.lines) == 4
        assert len(it.taker.mark or b"") == 2 * 12


async def test_nobody_is_answered_before_the_lines_are_stored() -> None:
    async with served(app=OPEN) as it:
        it.taker.open.clear()
        posts = [asyncio.ensure_future(it.post("app", b'{"n":1}', webhook_id="m")) for _ in range(3)]
        async with asyncio.timeout(20):
            while it.taker.inlet.is_empty:
                await asyncio.sleep(0.01)
        done, _ = await asyncio.wait(posts, timeout=0.2)
        assert not done
        it.taker.open.set()
        answers = [await each for each in posts]
        assert [status for status, _ in answers] == [200] * 3
        assert sorted(document["repeat"] for _, document in answers) == [False, True, True]
        assert it.taker.lines == [b'{"n":1}']


async def test_a_full_inlet_is_said_with_when_to_come_again() -> None:
    async with served(inlet_bytes=400, app=OPEN) as it:
        it.taker.open.clear()
        first = asyncio.ensure_future(it.post("app", b'{"n":1,"x":"' + b"y" * 200 + b'"}', webhook_id="1"))
        async with asyncio.timeout(20):
            while it.taker.inlet.is_empty:
                await asyncio.sleep(0.01)
        status, problem = await it.post("app", b'{"n":2}', webhook_id="2")
        assert (status, problem["type"], it.last_headers["Retry-After"]) == (503, "urn:watchbook:problem:busy", "5")
        it.taker.open.set()
        assert (await first)[0] == 200
        assert await it.post("app", b'{"n":2}', webhook_id="2") == (200, {"events": 1, "repeat": False})
        assert it.taker.inlet.counters["app", "refused_busy"] == 1


async def test_a_sender_whose_messages_have_ids_is_not_kept_waiting_for_ever() -> None:
    settings = HooksSettings(listen=f"127.0.0.1:{free_port()}", answer_timeout=Seconds(0.2))
    async with served(settings=settings, app=OPEN) as it:
        it.taker.open.clear()
        without_id = asyncio.ensure_future(it.post("app", b'{"n":0}'))
        for _ in range(2):
            status, problem = await it.post("app", b'{"n":1}', webhook_id="1")
            assert (status, problem["type"]) == (503, "urn:watchbook:problem:slow")
        assert not without_id.done()
        it.taker.open.set()
        assert (await without_id)[0] == 200
        assert await it.post("app", b'{"n":1}', webhook_id="1") == (200, {"events": 1, "repeat": True})
        assert sorted(it.taker.lines) == [b'{"n":0}', b'{"n":1}']


async def test_a_stop_refuses_what_is_new_and_answers_what_is_under_way() -> None:
    async with served(app=OPEN) as it:
        await it.post("app", b'{"n":0}')
        it.taker.open.clear()
        under_way = asyncio.ensure_future(it.post("app", b'{"n":1}'))
        async with asyncio.timeout(20):
            while it.taker.inlet.is_empty:
                await asyncio.sleep(0.01)
        it.hooks["app"].stop()
        assert (await it.post("app", b'{"n":2}'))[1]["type"] == "urn:watchbook:problem:stopping"
        it.server.stop()
        it.taker.open.set()
        assert (await under_way)[0] == 200
        assert it.taker.lines == [b'{"n":0}', b'{"n":1}']


async def test_an_agent_that_ends_first_tells_its_senders() -> None:
    async with served(app=OPEN) as it:
        it.taker.open.clear()
        under_way = asyncio.ensure_future(it.post("app"))
        async with asyncio.timeout(20):
            while it.taker.inlet.is_empty:
                await asyncio.sleep(0.01)
        it.taker.inlet.close()
        assert (await under_way)[0] == 503


@pytest.mark.parametrize(
    ("path", "method", "headers", "body", "status", "kind"),
    [
        ("nothing", "POST", {}, b"{}", 404, "not-found"),
        ("../x", "POST", {}, b"{}", 404, "not-found"),
        ("app", "GET", {}, b"", 405, "method"),
        ("app", "POST", {"Authorization": "Bearer wrong"}, b"{}", 401, "unauthorized"),
        ("app", "POST", {"Authorization": ""}, b"{}", 401, "unauthorized"),
        ("app", "POST", {"Content_Type": "text/xml"}, b"<a/>", 415, "media-type"),
        ("app", "POST", {"Content_Type": "application/json; charset=utf-16"}, b"{}", 415, "media-type"),
        ("app", "POST", {"Content_Encoding": "gzip"}, b"x", 415, "content-encoding"),
        ("app", "POST", {}, b"{" + b" " * 3000 + b"}", 413, "body-too-large"),
        ("app", "POST", {}, b"[{},{},{},{}]", 413, "too-many-events"),
        ("app", "POST", {}, b"[{},", 400, "malformed"),
    ],
)  # fmt: skip
async def test_what_is_refused_says_why_and_is_counted(
    path: str, method: str, headers: dict[str, str], body: bytes, status: int, kind: str
) -> None:
    settings = HooksSettings(listen=f"127.0.0.1:{free_port()}", body_bytes_max=Bytes(2000), events_max=3)
    async with served(settings=settings, app=HookSettings(auth="bearer", secrets=("right",))) as it:
        named = {"Authorization": "Bearer right", **headers}
        answered, problem = await it.post(path, body, method, **named)
        assert (answered, problem["status"], problem["type"]) == (status, status, f"urn:watchbook:problem:{kind}")
        assert it.last_headers["Content-Type"] == "application/problem+json"
        assert len(problem["detail"]) > 20
        if status == 404:
            assert it.server.state["refused"] == 1
        else:
            assert it.taker.inlet.counters == {("app", f"refused_{kind.replace('-', '_')}"): 1}
            assert it.hooks["app"].state["last_refusal"].startswith(f"{status} ")
        assert it.taker.lines == []


async def test_a_body_that_does_not_come_in_time_is_refused() -> None:
    settings = HooksSettings(listen=f"127.0.0.1:{free_port()}", read_timeout=Seconds(0.2))
    async with served(settings=settings, app=OPEN) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(settings.listen.rpartition(":")[2]))
        writer.write(
            b"POST /hooks/app HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert it.taker.inlet.counters["app", "refused_timeout"] == 1


async def test_connections_have_a_limit_and_those_that_say_nothing_are_closed() -> None:
    settings = HooksSettings(listen=f"127.0.0.1:{free_port()}", connections_max=2, keepalive_timeout=Seconds(0.5))
    async with served(settings=settings, app=OPEN) as it:
        port = int(settings.listen.rpartition(":")[2])
        async with asyncio.timeout(20):
            while it.server.state["connections"]:
                await asyncio.sleep(0.01)
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            while it.server.state["connections"] < 2:
                await asyncio.sleep(0.01)
            extra, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await extra.read() == b""
            writer.close()
            assert it.server.state["connections_refused"] == 1
            for reader, writer in silent:
                assert await reader.read() == b""
                writer.close()
        assert (await it.post("app"))[0] == 200


async def test_a_secret_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old\n")
    async with served(app=HookSettings(auth="bearer", secret_file=path)) as it:
        assert (await it.post("app", Authorization="Bearer old"))[0] == 200
        path.write_text("old\nnew\n")
        assert (await it.post("app", Authorization="Bearer new"))[0] == 200
        path.write_text("new\n")
        assert (await it.post("app", Authorization="Bearer old"))[0] == 401
        path.unlink()
        status, problem = await it.post("app", Authorization="Bearer new")
        assert (status, problem["type"]) == (503, "urn:watchbook:problem:secret")
        assert str(path) in it.hooks["app"].state["error"]
        path.write_text("new")
        assert (await it.post("app", Authorization="Bearer new"))[0] == 200
        assert "error" not in it.hooks["app"].state


async def test_githubs_way_with_headers_that_are_kept() -> None:
    import hashlib
    import hmac

    body = b'{"action":"opened"}'
    signature = "sha256=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()
    settings = HookSettings(auth="hmac", secrets=("s",), keep_headers=("X-GitHub-Event", "X-Absent"))
    async with served(github=settings) as it:
        headers = {"X_Hub_Signature_256": signature, "X_GitHub_Event": "issues", "X_GitHub_Delivery": "d1"}
        assert (await it.post("github", body, **headers))[1] == {"events": 1, "repeat": False}
        assert (await it.post("github", body, **headers))[1] == {"events": 1, "repeat": True}
        assert [json.loads(line) for line in it.taker.lines] == [
            {"action": "opened", "headers": {"X-GitHub-Event": "issues"}}
        ]


async def test_a_port_that_is_taken_is_said_and_tried_again() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with taking() as taker:
            server = HookServer(HooksSettings(listen=f"127.0.0.1:{port}"), [Hook("app", OPEN, taker.inlet, None)])
            running = asyncio.ensure_future(server.run())
            async with asyncio.timeout(20):
                while "error" not in server.state:
                    await asyncio.sleep(0.01)
                assert f"127.0.0.1:{port} cannot be listened on" in server.state["error"]
                other.close()
                while "error" in server.state:
                    await asyncio.sleep(0.05)
            server.stop()
            await running


async def test_https_with_a_certificate(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert), "-days", "2"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not there to make a certificate")
    settings = HooksSettings(listen=f"127.0.0.1:{free_port()}", tls=TlsSettings(cert, key))
    async with served(settings=settings, app=OPEN) as it:
        assert (await it.post("app"))[0] == 200
    os.truncate(cert, 0)
    async with taking() as taker:
        server = HookServer(settings, [Hook("app", OPEN, taker.inlet, None)])
        running = asyncio.ensure_future(server.run())
        async with asyncio.timeout(20):
            while "error" not in server.state:
                await asyncio.sleep(0.01)
        server.stop()
        await running
    assert issubclass(ssl.SSLError, OSError)
