"""``watchbook tail`` and ``watchbook alerts``, and how the words end."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, TOKEN, Desk
from watchbook.operator.connection import Collector
from watchbook.operator.following import follow


async def start(desk: Desk, *words: str) -> Process:
    environment = {**os.environ, "WATCHBOOK_URL": desk.url, "WATCHBOOK_TOKEN": TOKEN}
    command = (sys.executable, "-m", "watchbook", *words)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def test_tail_begins_with_the_last_events_and_goes_on_until_it_is_interrupted(desk: Desk) -> None:
    desk.source.append([an_event(NOW - 10 + n, message=f"old {n}") for n in range(5)])
    async with asyncio.timeout(20):
        process = await start(desk, "tail", "--lines", "2", "-action:create")
        assert process.stdout is not None
        assert process.stderr is not None
        shown = [json.loads(await process.stdout.readline())["message"] for _ in range(2)]
        desk.source.append([an_event(1, message="new"), an_event(2, message="hidden", action="create")])
        shown.append(json.loads(await process.stdout.readline())["message"])
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert shown == ["old 3", "old 4", "new"]
        assert await process.stderr.read() == b""


async def test_a_reader_that_has_enough_ends_a_search_quietly(desk: Desk) -> None:
    for _ in range(20):
        desk.source.append([an_event(NOW, message="x" * 1000)] * 500)
    async with asyncio.timeout(20):
        process = await start(desk, "search", "--all")
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.readline()
        process.stdout._transport.close()  # type: ignore[attr-defined]
        assert await process.wait() == 0
        assert await process.stderr.read() == b""


class StoppedError(Exception):
    """Ends a tail from its wait."""


def followed(collector: Collector, waits: int, lines: int = 10) -> tuple[list[str], list[str]]:
    """Return the messages that a tail shows within so many waits, and what it says."""
    shown: list[str] = []
    said: list[str] = []
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == waits:
            raise StoppedError

    def take(events: Sequence[msgspec.Raw]) -> None:
        shown.extend(json.loads(bytes(event))["message"] for event in events)

    try:
        for events in follow(collector, [], lines, wait, said.append):
            take(events)
    except StoppedError:
        return shown, said
    raise AssertionError("a tail never ends by itself")


async def test_a_tail_without_old_events_shows_only_what_arrives(desk: Desk) -> None:
    desk.source.append([an_event(NOW, message="old")])
    assert await asyncio.to_thread(followed, Collector(desk.url, TOKEN), 1, 0) == ([], [])


async def test_an_event_that_arrives_during_the_first_search_is_shown_once() -> None:
    event = {"id": "a-1-0", "message": "just now"}

    async def answer(request: web.Request) -> web.Response:
        after = request.query.get("after")
        return web.json_response({"events": [event] if after in (None, "6") else [], "last_number": 7 if after else 6})

    app = web.Application()
    app.router.add_get("/v1/events", answer)
    async with TestServer(app) as server:
        assert await asyncio.to_thread(followed, Collector(str(server.make_url("")), None), 1) == (["just now"], [])


async def test_a_tail_outlives_the_collector_and_says_so_once() -> None:
    answers = iter([200, 503, 503, 200, 200])

    async def answer(request: web.Request) -> web.Response:
        number = int(request.query.get("after", "0"))
        event = {"id": f"a-{number}-0", "message": f"after {number}"}
        return web.json_response({"events": [event], "last_number": number + 1}, status=next(answers, 503))

    app = web.Application()
    app.router.add_get("/v1/events", answer)
    async with TestServer(app) as server:
        shown, said = await asyncio.to_thread(followed, Collector(str(server.make_url("")), None), 4)
    assert shown == ["after 0", "after 1", "after 2"]
    assert [line.splitlines()[-1] for line in said] == [
        "trying again until it is back; Ctrl-C ends",
        "the collector is back",
        "trying again until it is back; Ctrl-C ends",
    ]


async def test_the_token_does_not_follow_a_redirect(desk: Desk) -> None:
    seen: list[str | None] = []

    async def thief(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"events": [], "last_number": 0})

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{thieves.make_url('/v1/events')}")

    elsewhere, here = web.Application(), web.Application()
    elsewhere.router.add_get("/v1/events", thief)
    here.router.add_get("/v1/events", redirect)
    async with TestServer(elsewhere) as thieves, TestServer(here) as server:
        result = await desk.run("search", url=str(server.make_url("")))
    assert result.exit_code == 1
    assert seen == []


async def test_another_server_at_the_address_is_recognised(desk: Desk) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>")

    app = web.Application()
    app.router.add_get("/v1/events", page)
    async with TestServer(app) as server:
        strange = await desk.run("search", url=str(server.make_url("")))
        missing = await desk.run("alerts", url=str(server.make_url("")))
    assert "the collector's answer was not understood" in strange.stderr
    assert "not as a Watchbook collector does" in missing.stderr
    assert (strange.exit_code, missing.exit_code) == (1, 1)


async def test_alerts_are_listed_and_filtered(desk: Desk) -> None:
    assert [alert["id"] for alert in await desk.lines("alerts", "--status", "open")] == ["a9", "a7", "a5", "a3", "a1"]
    some = await desk.run("alerts", "--limit", "2")
    assert some.stderr == "2 alerts; there are more: raise --limit\n"
    table = await desk.run("alerts", "--table", "--utc")
    head, first, *_ = table.stdout.splitlines()
    assert head.split() == ["last", "(UTC)", "level", "status", "rule", "group", "count", "id"]
    for part in ("2026-11-21 12:00:00", "high", "open", "Many failures", "actor.id=mallory", "9", "a9"):
        assert part in first


async def test_help_shows_examples(desk: Desk) -> None:
    for word in ("search", "tail", "alerts"):
        result = await desk.run(word, "--help")
        assert result.exit_code == 0
        assert f"\n  watchbook {word}" in result.output
