"""``watchbook tail`` and ``watchbook alerts``, and how the words end."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, TOKEN, Desk, another_server
from watchbook.operator.connection import Collector, OperatorError
from watchbook.operator.following import follow


async def start(desk: Desk, *words: str) -> Process:
    environment = {**os.environ, "WATCHBOOK_URL": desk.url, "WATCHBOOK_TOKEN": TOKEN}
    command = (sys.executable, "-m", "watchbook", *words)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def test_tail_begins_with_the_last_events_and_goes_on_until_it_is_interrupted(desk: Desk) -> None:
    desk.append([an_event(NOW - 10 + n, message=f"old {n}") for n in range(5)])
    async with asyncio.timeout(20):
        process = await start(desk, "tail", "--lines", "2", "-action:create")
        assert process.stdout is not None
        assert process.stderr is not None
        shown = [json.loads(await process.stdout.readline())["message"] for _ in range(2)]
        desk.append([an_event(1, message="new"), an_event(2, message="hidden", action="create")])
        shown.append(json.loads(await process.stdout.readline())["message"])
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert shown == ["old 3", "old 4", "new"]
        assert await process.stderr.read() == b""


async def test_a_reader_that_has_enough_ends_a_search_quietly(desk: Desk) -> None:
    for _ in range(20):
        desk.append([an_event(NOW, message="x" * 1000)] * 500)
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
    desk.append([an_event(NOW, message="old")])
    async with asyncio.timeout(20):
        process = await start(desk, "tail", "--lines", "0", "--exclude", "login")
        assert process.stdout is not None
        while not desk.registry.get_sample_value("watchbook_tails"):
            await asyncio.sleep(0.01)
        desk.append([an_event(NOW, message="hidden", category="authentication"), an_event(NOW, message="new")])
        assert json.loads(await process.stdout.readline())["message"] == "new"
        process.kill()
        await process.wait()


def frames(*pairs: tuple[int, str]) -> bytes:
    """Return a stream of events, each with its number, as one batch."""
    events = "".join(f'id: {number}\ndata: {{"id": "a-{number}-0", "message": "{text}"}}\n\n' for number, text in pairs)
    return f"retry: 2000\nid: {pairs[0][0]}\n\n{events}id: {pairs[-1][0]}\n\n".encode()


async def latest(request: web.Request) -> web.Response:
    return web.json_response({"events": [], "last_number": 6})


async def test_an_event_that_arrives_during_the_first_search_is_shown_once() -> None:
    async def search(request: web.Request) -> web.Response:
        return web.json_response({"events": [{"id": "a-7-0", "message": "just now"}], "last_number": 6})

    async def tail(request: web.Request) -> web.Response:
        return web.Response(body=frames((7, "just now"), (8, "then")))

    async with another_server(events=search, tail=tail) as url:
        shown, _ = await asyncio.to_thread(followed, Collector(url, None), 1)
    assert shown == ["just now", "then"]


async def test_a_tail_outlives_the_collector_goes_on_where_it_was_and_says_so_once() -> None:
    answers = iter([frames((7, "a"), (8, "b")), None, None, frames((9, "c"))])
    positions: list[str | None] = []

    async def tail(request: web.Request) -> web.Response:
        positions.append(request.headers.get("Last-Event-ID"))
        body = next(answers, None)
        return web.json_response({"detail": "busy"}, status=503) if body is None else web.Response(body=body)

    async with another_server(events=latest, tail=tail) as url:
        shown, said = await asyncio.to_thread(followed, Collector(url, None), 4, 0)
    assert shown == ["a", "b", "c"]
    assert positions == ["6", "8", "8", "8"]
    assert [line.splitlines()[-1] for line in said] == [
        "trying again until it is back; Ctrl-C ends",
        "the collector is back",
        "trying again until it is back; Ctrl-C ends",
    ]


async def test_a_tail_whose_connection_breaks_in_the_middle_of_an_event_gets_it_again() -> None:
    whole = frames((7, "a"), (8, "b"))
    answers = iter([whole[: whole.index(b'"b"')], frames((8, "b"))])
    positions: list[str | None] = []

    async def tail(request: web.Request) -> web.StreamResponse:
        positions.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(next(answers))
        assert request.transport is not None
        request.transport.close()
        return response

    async with another_server(events=latest, tail=tail) as url:
        shown, _ = await asyncio.to_thread(followed, Collector(url, None), 2, 0)
    assert shown == ["a", "b"]
    assert positions[0] == "6"


async def test_a_gap_is_told(desk: Desk) -> None:
    async def tail(request: web.Request) -> web.Response:
        gap = b'event: gap\nid: 9\ndata: {"after": 6, "before": 10, "reason": "removed", "message": "gone"}\n\n'
        return web.Response(body=gap + frames((10, "a")))

    async with another_server(events=latest, tail=tail) as url:
        shown, said = await asyncio.to_thread(followed, Collector(url, None), 1, 0)
    assert shown == ["a"]
    assert said[0] == "a gap: events 7 to 9 are not shown; gone"


async def test_a_refused_tail_ends() -> None:
    async def tail(request: web.Request) -> web.Response:
        return web.json_response({"detail": "this token was revoked"}, status=401)

    async with another_server(events=latest, tail=tail) as url:
        with pytest.raises(OperatorError, match="this token was revoked"):
            await asyncio.to_thread(followed, Collector(url, None), 1, 0)


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
