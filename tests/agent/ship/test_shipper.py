"""The shipper against a real server that answers as a collector may: everything arrives, in order, once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from pytest_aiohttp import AiohttpServer

from agent.ship import Journal, Session, Shipper, ShipSettings
from watchbook import wire
from watchbook.units import Seconds

Answer = Callable[[web.Request, bytes], web.StreamResponse | None]


class Batch(NamedTuple):
    stream: str
    sequence: int
    n: int
    data: bytes


class Bench:
    """Three batches to send, and what became of them."""

    def __init__(self) -> None:
        self.batches = [Batch("s" * 32, sequence, 2, b"data%d" % sequence) for sequence in (1, 2, 3)]
        self.received: list[tuple[str, str, bytes]] = []
        self.rejected: list[tuple[int, tuple[int, ...] | None]] = []
        self.renewed: list[str] = []
        self.changes: list[str] = []
        self.elsewheres: list[tuple[int, int]] = []
        self.paused_for: str | None = None
        self.shipper: Shipper
        self.started = asyncio.Event()
        self.done = asyncio.Event()

    async def next(self) -> Batch:
        if not self.batches:
            self.done.set()
            await asyncio.Event().wait()
        return self.batches[0]

    def acknowledge(self, batch: Batch) -> None:
        assert self.batches.pop(0) == batch

    async def reject(self, sequence: int, indexes: tuple[int, ...] | None, reason: str) -> int:
        self.rejected.append((sequence, indexes))
        self.batches[0] = self.batches[0]._replace(data=b"without")
        return len(indexes or ())

    async def renew(self, reason: str) -> None:
        self.renewed.append(reason)
        self.batches = [b._replace(stream="n" * 32, sequence=i) for i, b in enumerate(self.batches, 1)]

    async def change(self, url: str) -> None:
        self.changes.append(url)

    def elsewhere(self, stream: str, first: int, last: int) -> None:
        self.elsewheres.append((first, last))

    async def run(self, server: AiohttpServer, answer: Answer, **settings: Any) -> Shipper:
        """Send everything to a server that answers with ``answer``, or as a collector does where that gives None."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            given = answer(request, body)
            if given is not None:
                return given
            self.received.append((request.headers[wire.STREAM_HEADER], request.headers[wire.SEQUENCE_HEADER], body))
            return web.json_response({"duplicate": False, "sequence": 1, "events": 2})

        app = web.Application()
        app.router.add_post("/v1/batches", handle)
        url = str((await server(app)).make_url("/"))
        values: dict[str, Any] = {"token": "t", "retry_min": Seconds(0.001), "refused_wait": Seconds(0.01), **settings}
        async with Session() as session:
            journal = Journal(self.next, self.acknowledge, self.reject, self.renew, self.change, self.elsewhere)
            shipper = self.shipper = Shipper(ShipSettings(url=url, **values), session, journal, clock=lambda: 0)
            self.started.set()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(shipper.run())
                with suppress(TimeoutError):
                    async with asyncio.timeout(20):
                        await self.done.wait()
                running.cancel()
        assert self.done.is_set(), "not everything was sent"
        return shipper


def problem(status: int, **members: Any) -> web.Response:
    document = {"type": "urn:watchbook:problem:test", "title": "t", "status": status, **members}
    return web.json_response(document, status=status)


async def test_a_server_that_fails_gets_every_batch_all_the_same(aiohttp_server: AiohttpServer) -> None:
    bench, failures = Bench(), iter([web.Response(status=503), web.Response(status=500), problem(429)])
    shipper = await bench.run(aiohttp_server, lambda request, body: next(failures, None))
    assert [body for _, _, body in bench.received] == [b"data1", b"data2", b"data3"]
    assert (shipper.state.retries, shipper.state.batches, shipper.state.events) == (3, 3, 6)
    assert shipper.state.last_error is None


async def test_a_refused_token_pauses_and_a_mended_token_file_is_read_again(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("old\n")
    bench = Bench()
    seen: list[str] = []

    def answer(request: web.Request, body: bytes) -> web.Response | None:
        seen.append(request.headers["Authorization"])
        if seen[-1] == "Bearer new":
            return None
        token_file.write_text("new\n")
        return problem(401)

    await bench.run(aiohttp_server, answer, token=None, token_file=token_file)
    assert seen == ["Bearer old", *["Bearer new"] * 3]
    assert len(bench.received) == 3


async def test_the_event_at_fault_is_set_aside_and_the_rest_is_sent(aiohttp_server: AiohttpServer) -> None:
    bench = Bench()

    def answer(request: web.Request, body: bytes) -> web.Response | None:
        return problem(422, errors=[{"index": 1, "message": "bad"}]) if body == b"data1" else None

    shipper = await bench.run(aiohttp_server, answer)
    assert bench.rejected == [(1, (1,))]
    assert [body for _, _, body in bench.received] == [b"without", b"data2", b"data3"]
    assert shipper.state.rejected == 1


async def test_a_proxy_that_says_413_costs_no_event(aiohttp_server: AiohttpServer) -> None:
    bench, pages = (
        Bench(),
        iter(
            [
                web.Response(status=413, text="<html>too large</html>"),
                web.json_response({"title": "Bad Request"}, status=400),
                web.Response(status=422, body=b'{"title":"\xe9"}'),
            ]
        ),
    )
    await bench.run(aiohttp_server, lambda request, body: next(pages, None))
    assert bench.rejected == []
    assert len(bench.received) == 3


async def test_a_page_that_is_no_collector_is_not_taken_for_an_acknowledgement(aiohttp_server: AiohttpServer) -> None:
    bench, pages = Bench(), iter([web.Response(text="welcome"), web.json_response({"ok": True})])
    await bench.run(aiohttp_server, lambda request, body: next(pages, None))
    assert len(bench.received) == 3


async def test_a_stream_that_does_not_fit_is_renewed(aiohttp_server: AiohttpServer) -> None:
    bench, answers = Bench(), iter([None, problem(409, expected=1), None, problem(409)])
    shipper = await bench.run(aiohttp_server, lambda request, body: next(answers, None))
    assert len(bench.renewed) == 2
    assert [body for _, _, body in bench.received] == [b"data1", b"data2", b"data3"]
    assert [sequence for _, sequence, _ in bench.received] == ["1", "1", "1"]
    assert shipper.state.renewals == 2


async def test_a_redirect_is_not_followed_and_says_where_the_collector_is_now(aiohttp_server: AiohttpServer) -> None:
    bench, seen = Bench(), []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({"duplicate": False, "sequence": 1, "events": 2})

    elsewhere = web.Application()
    elsewhere.router.add_post("/v1/batches", handle)
    new = str((await aiohttp_server(elsewhere)).make_url("/v1/batches"))
    moves = iter([web.Response(status=status, headers={"Location": new}) for status in (301, 302, 307, 308)])
    errors: list[str | None] = []

    def answer(request: web.Request, body: bytes) -> web.Response | None:
        errors.append(bench.shipper.state.last_error)
        return next(moves, None)

    await bench.run(aiohttp_server, answer)
    assert (seen, len(bench.received)) == ([], 3)
    address = new.removesuffix("/v1/batches")
    assert [error and error[:3] for error in errors[1:5]] == ["301", "302", "307", "308"]
    assert all(f"is now {address}; set 'collector.url' to it" in str(error) for error in errors[1:5])


async def test_a_token_file_that_is_not_there_yet_pauses_without_asking(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    token_file, bench = tmp_path / "token", Bench()
    seen: list[str] = []

    def answer(request: web.Request, body: bytes) -> None:
        seen.append(request.headers["Authorization"])

    async def make_token() -> None:
        while bench.shipper.state.state != "paused":
            await asyncio.sleep(0.001)
        bench.paused_for = bench.shipper.state.last_error
        token_file.write_text("made\n")

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.run(aiohttp_server, answer, token=None, token_file=token_file))
        await bench.started.wait()
        tasks.create_task(make_token())
        await running
    assert bench.paused_for == f"the token file {token_file} cannot be read: No such file or directory"
    assert seen == ["Bearer made"] * 3


async def test_an_empty_batch_that_is_refused_is_tried_again_and_not_divided_for_ever(
    aiohttp_server: AiohttpServer,
) -> None:
    bench, refusals = Bench(), iter([problem(422), problem(422)])
    bench.batches = [bench.batches[0]._replace(n=0)]
    shipper = await bench.run(aiohttp_server, lambda request, body: next(refusals, None))
    assert (bench.rejected, shipper.state.retries, len(bench.received)) == ([], 2, 1)


async def test_a_header_that_something_takes_away_costs_no_event(aiohttp_server: AiohttpServer) -> None:
    def refusal(kind: str) -> web.Response:
        return web.json_response({"type": f"urn:watchbook:problem:{kind}", "title": "t"}, status=400)

    bench, refusals = Bench(), iter([refusal("stream"), refusal("sequence")])
    await bench.run(aiohttp_server, lambda request, body: next(refusals, None))
    assert (bench.rejected, len(bench.received)) == ([], 3)
