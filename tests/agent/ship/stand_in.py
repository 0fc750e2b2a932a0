"""A collector's receiving side on a real socket, with the real sequence guard, that fails as a test asks for; and the
agent's sending side with its real spool."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from agent.journal import make_journal
from agent.ship import Session, Shipper, ShipSettings
from agent.spool import Backlog, Mark, Spool
from collector.store.guard import SequenceGapError, Verdict, judge
from tests.agent.spool.test_spool import group
from tests.stand import free_port
from watchbook import wire
from watchbook.clock import Clock, now_us
from watchbook.units import Seconds

_OURS = "urn:watchbook:problem:"


class Receiving:
    """Takes batches as a collector does.

    ``status`` refuses all with it (as a page where not ``ours``); ``lose_answers``: commits, then hangs up;
    ``knows_holes`` False is a collector from before there were several; ``bad`` is an actor that makes a batch invalid,
    and which event it is, is never said.
    """

    def __init__(self, *, token: str = "t") -> None:
        self.stored: list[tuple[str, int, list[str]]] = []
        self.last: dict[str, int] = {}
        self.content: dict[tuple[str, int], bytes] = {}
        self.requests = 0
        self.token = token
        self.status: int | None = None
        self.ours = True
        self.lose_answers = False
        self.knows_holes = True
        self.bad: str | None = None
        self.port = free_port()
        self._runner: web.AppRunner | None = None

    @property
    def actors(self) -> list[str]:
        """The events stored, in order of arrival."""
        return [actor for _, _, actors in self.stored for actor in actors]

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_post("/v1/batches", self._post)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=tls).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _readyz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ready"}) if self.status is None else _problem(self.status, "not-ready")

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if self.status is not None:
            return _problem(self.status, "test") if self.ours else web.Response(status=self.status, text="<html>")
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _problem(401, "token")
        if wire.STREAM_HEADER not in request.headers:
            return _problem(400, "stream")
        self.requests += 1
        stream, sequence = request.headers[wire.STREAM_HEADER], int(request.headers[wire.SEQUENCE_HEADER])
        hole = request.headers.get(wire.ELSEWHERE_HEADER) if self.knows_holes else None
        data = await request.read()
        batch = wire.decode_batch(data, bytes_max=1 << 20)
        actors = [batch.value("actor.id", index) for index in range(batch.n)]
        if self.bad in actors:
            return _problem(422, "invalid-batch", errors=[{"message": "one of them is bad"}])
        try:
            verdict = judge(self.last.get(stream, 0), sequence, int(hole) if hole else None)
        except SequenceGapError as error:
            return _problem(409, "sequence-gap", expected=error.expected)
        if verdict is Verdict.REPEAT and self.content.get((stream, sequence), data) != data:
            return _problem(409, "sequence-conflict")
        if verdict is Verdict.NEW:
            self.last[stream], self.content[stream, sequence] = sequence, data
            self.stored.append((stream, sequence, actors))
        if self.lose_answers:
            assert request.transport is not None
            request.transport.abort()
        answer = web.json_response({"duplicate": verdict is Verdict.REPEAT, "sequence": sequence, "events": batch.n})
        answer.force_close()  # so that every batch is a connection of its own
        return answer


def _problem(status: int, kind: str, **members: Any) -> web.Response:
    return web.json_response({"type": f"{_OURS}{kind}", "title": kind, **members}, status=status)


class Sending:
    """A spool in a folder and the shipper that works it off; ``crash`` leaves the folder as a kill would."""

    def __init__(self, folder: Path, *collectors: str, **settings: Any) -> None:
        self._folder = folder
        values: dict[str, Any] = {
            "token": "t", "retry_min": Seconds(0.001), "retry_max": Seconds(0.01), "refused_wait": Seconds(0.01),
            "failover_after": Seconds(0.05), "return_interval": Seconds(0.02),
        }  # fmt: skip
        self.settings = ShipSettings(urls=collectors, **{**values, **settings})
        self.clock: Clock = lambda: 7
        self.wall_clock: Clock = now_us
        self.own_events: list[Mapping[str, Any]] = []
        self.shipper: Shipper
        self.spool: Spool
        self.backlog: Backlog
        self._worker: ThreadPoolExecutor

    async def _in_worker(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call, *arguments)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the shipper; at the end the spool is closed without a word about what was acknowledged."""
        self._worker = ThreadPoolExecutor(1)
        self.spool = spool = await self._in_worker(Spool, self._folder, lambda: 7)
        self.backlog = Backlog(
            lambda after, limit: self._in_worker(spool.after, after, limit),
            last_stored=await self._in_worker(spool.last_sequence),
            acknowledged=await self._in_worker(spool.acknowledged),
            memory_bytes_max=1 << 20,
        )
        last_used = await self._in_worker(spool.collector)
        async with Session() as session:
            journal = make_journal(spool, self.backlog, self._worker, self.own_events.append, lambda: 7)
            self.shipper = Shipper(self.settings, session, journal, clock=self.clock, last_used=last_used)
            try:
                async with asyncio.TaskGroup() as tasks:
                    task = tasks.create_task(self.shipper.run())
                    try:
                        yield
                    finally:
                        task.cancel()
            finally:
                await self._in_worker(spool.close)
                self._worker.shutdown()

    async def store(self, *batches: str) -> None:
        """Spool batches, each given as its events' actors, one letter an event."""
        for actors in batches:
            self.backlog.add(await self._in_worker(self.spool.commit, group(*actors), Mark("", 0)))

    async def sent(self) -> None:
        """Wait until everything is acknowledged."""
        await self.until(lambda: self.backlog.is_empty)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so; fails with what the shipper thinks when it takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                while not is_so():
                    await asyncio.sleep(0.002)
        assert is_so(), self.shipper.report()
