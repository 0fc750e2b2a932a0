"""``GET /v1/tail``: events as they arrive, as server-sent events (HTML standard, section 9.2).

The store itself is the buffer: a tail remembers only its position, asks for what arrived after it, and writes as fast
as the client reads.  One that is further behind than the limit is told so by a ``gap`` and goes on from the newest.

::

    retry: 2000                         how long a browser waits before it connects again
    id: 4711                            the position, sent with every event and with every heartbeat
    data: {"id": …, "time": …}          one event
    event: gap                          events of these numbers will not come: {"after", "before", "reason"}
    : still here                        a heartbeat
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge

from collector.block import Answerer
from collector.problem import ApiProblem
from collector.web.asking import NUMBER_MAX, Asked, selected
from collector.web.parameters import Values, one, parameter_problem, read_parameters, whole_number
from collector.web.ports import CLIENT_GONE, Authorise, News
from collector.web.settings import WebSettings
from collector.web.stream import Arrivals, Gap, event_frames, gap_frame, gap_of, heartbeat, opening, read_arrivals
from collector.web.vocabulary import LIMIT_MAX, TAIL

LAST_EVENT_ID: Final = "Last-Event-ID"
_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}


class TailHandlers:
    """Holds the open tails; all of it belongs to the event loop."""

    def __init__(
        self, answerer: Answerer, news: News, authorise: Authorise, settings: WebSettings, registry: CollectorRegistry
    ) -> None:
        self._answerer = answerer
        self._news = news
        self._authorise = authorise
        self._settings = settings
        self._open: set[asyncio.Task[Any]] = set()
        self._stopping = False
        Gauge("watchbook_tails", "Open tails.", registry=registry).set_function(lambda: len(self._open))
        self._gaps = Counter(
            "watchbook_tail_gaps", "Gaps that tails were told of: removed, behind, ahead.", ["reason"],
            registry=registry,
        )  # fmt: skip
        self._dropped = Counter(
            "watchbook_tails_dropped", "Tails ended for a client that did not read in time.", registry=registry
        )

    async def tail(self, request: web.Request) -> web.StreamResponse:
        """Answer with events as they arrive, until the client goes."""
        asked = selected(values := read_parameters(request, TAIL), self._authorise(request, "read").name)
        after = _position(request, values)
        async with self._place():
            # Before the first byte, so that a mistake in the query can still be answered as one.
            start = await self._ask(asked, after=None)
            response = web.StreamResponse(headers=_HEADERS)
            await response.prepare(request)
            await self._stream(request, response, asked, start, start.last_number if after is None else after)
            return response

    async def shutdown(self, _: web.Application) -> None:
        """End every tail; the clients come back to where they were."""
        self._stopping = True
        for task in self._open:
            task.cancel()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if len(self._open) >= self._settings.tails_max or self._stopping:
            detail = f"{len(self._open)} tails are open, the limit ('web.tails_max') is {self._settings.tails_max}"
            raise ApiProblem(503, "tails-full", f"{detail}; try again later", headers={"Retry-After": "10"})
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            yield
        finally:
            self._open.discard(task)

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, asked: Asked, start: Arrivals, position: int
    ) -> None:
        try:
            await self._write(response, opening(position))
            gap = gap_of(position, start.first_number, start.last_number, self._settings.tail_behind_max)
            if gap is not None:
                position = self._passed_over(gap)
                await self._write(response, gap_frame(gap))
            async for frames in self._frames(request, asked, position):
                await self._write(response, frames)
        except TimeoutError:
            self._dropped.inc()
            assert request.transport is not None
            request.transport.abort()
        except CLIENT_GONE:
            pass  # the client went away: that is how a tail ends
        except ApiProblem:
            pass  # the token was revoked meanwhile: the next request says so
        except asyncio.CancelledError:
            if not self._stopping:
                raise

    async def _frames(self, request: web.Request, asked: Asked, position: int) -> AsyncIterator[bytes]:
        """Yield what to write next, for ever; raises ApiProblem when the caller may not read any more."""
        while True:
            newest = await self._newest(position)
            self._authorise(request, "read")
            page = None if newest == position else await self._page(asked, position)
            if page is None:
                yield heartbeat(position)
                continue
            newest = max(newest, page.last_number)
            gap = gap_of(position, page.first_number, newest, self._settings.tail_behind_max)
            if gap is not None:
                position = self._passed_over(gap)
                yield gap_frame(gap)
            if gap is None or gap.reason == "removed":
                position = page.last_number
                yield event_frames(page)
            await asyncio.sleep(self._settings.tail_interval)

    def _passed_over(self, gap: Gap) -> int:
        self._gaps.labels(gap.reason).inc()
        return gap.before - 1

    async def _newest(self, position: int) -> int:
        """Return the newest number once it is not ``position`` any more; ``position`` when nothing came in time."""
        try:
            async with asyncio.timeout(self._settings.tail_heartbeat):
                return await self._news.wait(position)
        except TimeoutError:
            return position

    async def _page(self, asked: Asked, position: int) -> Arrivals | None:
        try:
            return await self._ask(asked, after=position)
        except ApiProblem as problem:
            if problem.status != 503:
                raise
            await asyncio.sleep(self._settings.busy_pause)
            return None

    async def _ask(self, asked: Asked, after: int | None) -> Arrivals:
        return read_arrivals(await self._answerer.ask("arrived", {**asked, "after": after, "limit": LIMIT_MAX}))

    async def _write(self, response: web.StreamResponse, frames: bytes) -> None:
        async with asyncio.timeout(self._settings.tail_write_timeout):
            await response.write(frames)


def _position(request: web.Request, values: Values) -> int | None:
    """Return where the client wants to go on, None: from now on.  A browser that comes back repeats ``after``."""
    if LAST_EVENT_ID not in request.headers:
        text = one(values, "after")
        return None if text is None else whole_number("after", text, 0, NUMBER_MAX)
    text = request.headers[LAST_EVENT_ID]
    try:
        return whole_number(LAST_EVENT_ID, text, 0, NUMBER_MAX)
    except ApiProblem as problem:
        message = f"the header {LAST_EVENT_ID!r} holds the 'id' of an event of this stream; found {text[:40]!r}"
        raise parameter_problem([{"parameter": LAST_EVENT_ID, "message": message}]) from problem
