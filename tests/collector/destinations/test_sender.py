"""Checkpoints leave the host, byte for byte, and again until they were taken."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from collector.destinations import Checkpoint, CheckpointSender, CheckpointSettings, DestinationSettings
from collector.destinations.delivery import syslog_message
from collector.destinations.settings import FileDestination, SyslogDestination, WebhookDestination
from watchbook.units import Seconds

NOTE = "watchbook.example/log\n42\nq83vEjRWeJA=\n\n— watchbook.example az3hVWXK…==\n"
FIRST = Checkpoint("segments", NOTE)
SECOND = Checkpoint("segments", NOTE.replace("42", "43"))


class Place:
    """A sender over checkpoints that a test puts there, and the events it told."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.session = session
        self.checkpoints: list[Checkpoint] = []
        self.told: list[Mapping[str, Any]] = []
        self.keys: list[str] = []
        self.fail_append = False

    async def sender(self, *destinations: DestinationSettings) -> CheckpointSender:
        settings = CheckpointSettings(destinations, retry_first=Seconds(0.01), retry_max=Seconds(0.05))
        memory = self.folder / "destinations.json"
        return await CheckpointSender.open(
            settings, lambda: list(self.checkpoints), memory, self.session, jitter=lambda: 1.0
        )

    async def append(self, events: Sequence[Mapping[str, Any]], key: str) -> None:
        self.keys.append(key)
        if self.fail_append:
            raise OSError(28, "No space left on device")
        self.told.extend(events)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with aiohttp.ClientSession() as session:
        yield Place(tmp_path, session)


async def sent(sender: CheckpointSender, times: int, *, failed: int = 0) -> None:
    """Run a sender until each destination took so many checkpoints and refused so many."""
    stop = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(sender.run(stop))
        while any(each.sent < times or each.failed < failed for each in sender.counters.values()):
            await asyncio.sleep(0.005)
        stop.set()


async def test_a_file_gets_each_checkpoint_once_over_restarts(place: Place) -> None:
    kept = place.folder / "elsewhere.txt"
    destination = DestinationSettings("copy", file=FileDestination(kept))
    place.checkpoints = [FIRST]
    await sent(await place.sender(destination), 1)
    place.checkpoints = [SECOND]
    await sent(await place.sender(destination), 1)
    await sent(await place.sender(destination), 0)
    assert await asyncio.to_thread(kept.read_text) == f"{FIRST.text}\n{SECOND.text}\n"


async def test_a_file_that_is_replaced_has_the_newest_of_each_kind(place: Place) -> None:
    destination = DestinationSettings("copy", file=FileDestination(place.folder / "newest", "replace"))
    place.checkpoints = [FIRST, Checkpoint("head", "head\n")]
    await sent(await place.sender(destination), 2)
    place.checkpoints = [SECOND, Checkpoint("head", "head\n")]
    await sent(await place.sender(destination), 1)
    assert await asyncio.to_thread((place.folder / "newest.segments").read_text) == SECOND.text
    assert await asyncio.to_thread((place.folder / "newest.head").read_text) == "head\n"


async def test_a_webhook_that_fails_is_tried_again_until_it_takes_the_checkpoint(place: Place) -> None:
    bodies: list[tuple[bytes, str | None, str | None]] = []

    async def receive(request: web.Request) -> web.Response:
        headers = request.headers
        bodies.append((await request.read(), headers.get("Authorization"), headers.get("Watchbook-Checkpoint")))
        return web.Response(status=503 if len(bodies) < 4 else 201, text="not now")

    app = web.Application()
    app.router.add_post("/checkpoints", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    await asyncio.to_thread((place.folder / "token").write_text, "s3cret\n")
    webhook = WebhookDestination(f"http://127.0.0.1:{port}/checkpoints", place.folder / "token")
    place.checkpoints = [FIRST]
    sender = await place.sender(DestinationSettings("web", webhook=webhook))
    await sent(sender, 1, failed=3)
    await runner.cleanup()
    assert bodies == [(FIRST.text.encode(), "Bearer s3cret", "segments")] * 4
    assert sender.counters["web"].waiting == 0
    assert sender.counters["web"].last_error is None


async def test_syslog_over_udp_tcp_and_unix_carries_the_text_unchanged(place: Place) -> None:
    unix_path = place.folder / "log"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix,
        socket.create_server(("127.0.0.1", 0)) as tcp,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(unix_path))
        addresses = [f"udp://127.0.0.1:{udp.getsockname()[1]}", f"unix://{unix_path}"]
        addresses.append(f"tcp://127.0.0.1:{tcp.getsockname()[1]}")
        destinations = [
            DestinationSettings(address.partition(":")[0], syslog=SyslogDestination(address)) for address in addresses
        ]
        accepting = asyncio.create_task(asyncio.to_thread(_accept, tcp))
        place.checkpoints = [FIRST]
        await sent(await place.sender(*destinations), 1)
        framed = await accepting
        messages = [udp.recv(65536), unix.recv(65536)]
    length, _, message = framed.partition(b" ")
    assert int(length) == len(message)
    for each in [*messages, message]:
        assert re.match(rb"<133>1 \d{4}-\d\d-\d\dT\S+Z \S+ watchbook \d+ checkpoint - \{", each)
        assert each.isascii()
        assert b"\n" not in each
        assert json.loads(each[each.index(b"{") :]) == {"kind": "segments", "checkpoint": NOTE}


def _accept(server: socket.socket) -> bytes:
    connection, _ = server.accept()
    with connection:
        pieces = []
        while piece := connection.recv(4096):
            pieces.append(piece)
    return b"".join(pieces)


async def test_one_destination_that_hangs_does_not_hold_up_another(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        webhook = WebhookDestination(address, timeout=Seconds(0.2))
        hanging = DestinationSettings("web", webhook=webhook)
        copy = DestinationSettings("copy", file=FileDestination(place.folder / "copy"))
        place.checkpoints = [FIRST]
        sender = await place.sender(hanging, copy)
        stop = asyncio.Event()
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(sender.run(stop))
            while not sender.counters["copy"].sent or not sender.counters["web"].failed:
                await asyncio.sleep(0.005)
            stop.set()
    assert sender.counters["web"].last_error == "no answer in time"
    assert sender.counters["web"].waiting == 1


async def test_a_destination_that_comes_changes_or_goes_is_an_event_without_secrets(place: Place) -> None:
    def at(url: str) -> DestinationSettings:
        return DestinationSettings("web", webhook=WebhookDestination(url))

    copy = DestinationSettings("copy", file=FileDestination(place.folder / "copy"))
    await (await place.sender(at("https://user:pw@a.example/in?token=1"), copy)).tell_changes(place.append)
    await (await place.sender(at("https://user:pw@a.example/in?token=1"), copy)).tell_changes(place.append)
    await (await place.sender(at("https://user:pw@a.example/in?token=2"))).tell_changes(place.append)
    told = [(each["action"], each["resource.id"], each["resource.type"]) for each in place.told]
    assert told == [
        ("create", "copy", "streaming_destination"),
        ("create", "web", "streaming_destination"),
        ("delete", "copy", "streaming_destination"),
        ("update", "web", "streaming_destination"),
    ]
    assert place.told[1]["changes"] == [{"field": "destination", "new": "webhook https://a.example/in"}]
    assert "pw" not in repr(place.told)
    assert "token" not in repr(place.told)


async def test_a_change_that_could_not_be_told_is_told_with_the_same_words_and_key_later(place: Place) -> None:
    copy = DestinationSettings("copy", file=FileDestination(place.folder / "copy"))
    place.fail_append = True
    with pytest.raises(OSError, match="No space"):
        await (await place.sender(copy)).tell_changes(place.append)
    place.fail_append = False
    await (await place.sender(copy)).tell_changes(place.append)
    await (await place.sender(copy)).tell_changes(place.append)
    assert [each["action"] for each in place.told] == ["create"]
    assert place.keys[0] == place.keys[1]
    assert len(place.keys) == 2


def test_a_name_of_a_host_that_syslog_cannot_carry_is_cut_down() -> None:
    message = syslog_message(Checkpoint("head", "🦆"), 0, "bad host\n")
    assert message.startswith(b"<133>1 1970-01-01T00:00:00.000000Z badhost watchbook ")
    assert json.loads(message[message.index(b"{") :])["checkpoint"] == "🦆"


def test_pauses_grow_up_to_the_limit(tmp_path: Path) -> None:
    settings = CheckpointSettings((), retry_first=Seconds(1), retry_max=Seconds(60))
    session: Any = None

    async def pauses() -> list[float]:
        sender = await CheckpointSender.open(settings, list, tmp_path / "d.json", session, jitter=lambda: 1.0)
        return [sender.pause_s(failures) for failures in (1, 2, 5, 100, 10_000)]

    assert asyncio.run(pauses()) == [1, 2, 16, 60, 60]
