"""``GET /v1/export``: every event of a query, as a file.

CSV, JSON and NDJSON are asked for page by page and written as fast as the client reads; Parquet and SQLite are built by
a process of their own and sent when they are whole.  What cannot be finished is broken off, so that the client's HTTP
library fails: a chunked body without its end, or less than Content-Length.  It is never a shorter file.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge

from collector.block import Answerer
from collector.problem import ApiProblem
from collector.web.asking import Asked, ranged
from collector.web.coding import Compressor, accepted_coding, compressor
from collector.web.parameters import Values, one, parameter_problem, read_parameters
from collector.web.ports import CLIENT_GONE, Authorise, RunAlone
from collector.web.settings import WebSettings
from collector.web.vocabulary import EXPORT, FILES
from watchbook.logs import get_logger

log = get_logger("web")

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "sqlite": "application/vnd.sqlite3",
}
_SUFFIXES: Final = {"sqlite": "db"}
#: (before the first page, between two that hold events, after the last)
_STITCHES: Final[Mapping[str, tuple[bytes, bytes, bytes]]] = {"json": (b"[\n", b",\n", b"\n]\n")}
_PIECE_BYTES: Final = 256 << 10
#: How often a page is asked for when every query worker is busy.
_TRIES: Final = 8
#: How many events the first page has; each answer says how many the next may have.
_LIMIT_FIRST: Final = 500

Ended = Literal["complete", "broken", "gone"]


class Page(NamedTuple):
    """A part of an export: where the next one goes on, why it is the last although there are more (None: it is not),
    how many events the next may hold, and its bytes.
    """

    next_cursor: str | None
    incomplete: Mapping[str, Any] | None
    next_limit: int
    payload: bytes


class _Head(msgspec.Struct):
    events: int
    next_cursor: str | None = None
    incomplete: dict[str, Any] | None = None
    next_limit: int = 1


class BrokenExportError(Exception):
    """The rest of an export cannot be had."""


def read_page(answer: bytes) -> Page:
    """Return an answer to ``export_page``: a line of JSON, then the payload."""
    head, _, payload = answer.partition(b"\n")
    found = msgspec.json.decode(head, type=_Head)
    return Page(found.next_cursor, found.incomplete, found.next_limit, payload)


class ExportHandlers:
    """Answers exports, a limited number at the same time.

    ``scratch`` is a folder for files that are being built; what lies there from another run is removed at the start.
    """

    def __init__(
        self,
        answerer: Answerer,
        run_alone: RunAlone,
        scratch: Path,
        authorise: Authorise,
        settings: WebSettings,
        registry: CollectorRegistry,
    ) -> None:
        self._answerer = answerer
        self._run_alone = run_alone
        self._scratch = scratch
        self._authorise = authorise
        self._settings = settings
        self._under_way = 0
        self._stopping = False
        Gauge("watchbook_exports_under_way", "Exports under way.", registry=registry).set_function(
            lambda: self._under_way
        )
        self._ended = Counter(
            "watchbook_exports",
            "Exports that began, by how they ended: complete, broken (the rest could not be had), gone (the client "
            "left).",
            ["format", "ended"],
            registry=registry,
        )

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Answer with every event of the query."""
        caller = self._authorise(request, "read").name
        values = read_parameters(request, EXPORT)
        kind = one(values, "format") or "csv"
        asked: Asked = {**ranged(values, caller), "format": kind, "columns": _columns(values, kind)}
        async with self._place():
            if kind in FILES:
                return await self._send_file(request, kind, asked)
            return await self._stream(request, kind, asked)

    async def startup(self, _: web.Application) -> None:
        """Remove what an earlier run left behind."""
        await asyncio.to_thread(_clear, self._scratch)

    async def shutdown(self, _: web.Application) -> None:
        """Break off what is under way: after its next page."""
        self._stopping = True

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        limit = self._settings.exports_max
        if self._under_way >= limit:
            detail = f"{limit} exports are under way, that is the limit ('web.exports_max'); try again later"
            raise ApiProblem(503, "exports-busy", detail, headers={"Retry-After": "30"})
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _stream(self, request: web.Request, kind: str, asked: Asked) -> web.StreamResponse:
        # Before the first byte, so that a mistake in the request can still be answered as one.
        page = await self._page(asked, None, _LIMIT_FIRST)
        coding = accepted_coding(request.headers.get("Accept-Encoding", ""))
        response = web.StreamResponse(headers={**_headers(kind), "Vary": "Accept-Encoding"})
        if coding is not None:
            response.headers["Content-Encoding"] = coding
        await response.prepare(request)
        body = _Body(response, None if coding is None else compressor(coding))
        await self._finish(request, kind, self._write_pages(body, kind, asked, page))
        return response

    async def _write_pages(self, body: "_Body", kind: str, asked: Asked, page: Page) -> None:
        before, between, after = _STITCHES.get(kind, (b"", b"", b""))
        await body.write(before)
        begun = False
        while True:
            if page.payload:
                await body.write(between * begun + page.payload)
                begun = True
            if page.next_cursor is None:
                break
            page = await self._page(asked, page.next_cursor, page.next_limit)
        if page.incomplete is not None:
            raise BrokenExportError(str(page.incomplete.get("message")))
        await body.write(after)
        await body.end()

    async def _page(self, asked: Asked, cursor: str | None, limit: int) -> Page:
        question = {**asked, "cursor": cursor, "limit": min(limit, self._settings.export_page_events)}
        pause = float(self._settings.busy_pause)
        for tries_left in reversed(range(_TRIES)):
            if self._stopping:
                raise ApiProblem(503, "stopping", "the collector is stopping", headers={"Retry-After": "10"})
            try:
                return read_page(await self._answerer.ask("export_page", question))
            except ApiProblem as problem:
                if problem.status != 503 or not tries_left:
                    raise
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    async def _send_file(self, request: web.Request, kind: str, asked: Asked) -> web.StreamResponse:
        path = self._scratch / f"{token_hex(8)}.{kind}"
        try:
            head = await self._build(asked, path)
            file = await _opened(path)
        finally:
            # An open file goes on without its name; so nothing is left behind, whatever happens from here on.
            await asyncio.to_thread(_clear, self._scratch, f"{path.name}*")
        try:
            size = await asyncio.to_thread(file.seek, 0, 2)
            response = web.StreamResponse(headers={**_headers(kind), "X-Watchbook-Events": str(head.events)})
            response.content_length = size
            await response.prepare(request)
            await asyncio.to_thread(file.seek, 0)
            await self._finish(request, kind, _write_file(response, file, size))
            return response
        finally:
            # Not awaited: a client that has everything hangs up, which cancels what is awaited here.
            asyncio.get_running_loop().run_in_executor(None, file.close)

    async def _build(self, asked: Asked, path: Path) -> _Head:
        await asyncio.to_thread(self._scratch.mkdir, parents=True, exist_ok=True, mode=0o700)
        answer = await self._run_alone("export_file", {**asked, "path": str(path)})
        head = msgspec.json.decode(answer, type=_Head)
        if head.incomplete is not None:
            raise ApiProblem(503, "export-incomplete", f"not all events could be had: {head.incomplete.get('message')}")
        return head

    async def _finish(self, request: web.Request, kind: str, sending: Awaitable[None]) -> None:
        """Send the rest of an answer that has begun; break the connection off when that cannot be done."""
        ended: Ended = "gone"
        try:
            await sending
            ended = "complete"
        except CLIENT_GONE:
            pass
        except (BrokenExportError, ApiProblem, OSError) as error:
            log.warning("export_broken_off", format=kind, reason=str(error))
            if request.transport is not None:
                request.transport.abort()
            ended = "broken"
        finally:
            self._ended.labels(kind, ended).inc()


class _Body:
    """The body of an answer under way, compressed when the client takes that; a write waits for a slow client."""

    def __init__(self, response: web.StreamResponse, coder: Compressor | None) -> None:
        self._response = response
        self._coder = coder

    async def write(self, data: bytes) -> None:
        if self._coder is not None and data:
            data = await asyncio.to_thread(self._coder.compress, data)
        if data:
            await self._response.write(data)

    async def end(self) -> None:
        if self._coder is not None:
            await self._response.write(self._coder.flush())
        await self._response.write_eof()


async def _opened(path: Path) -> BinaryIO:
    """Open a file to be read; cancelled meanwhile, it is closed as soon as it is open."""
    opening: asyncio.Future[BinaryIO] = asyncio.get_running_loop().run_in_executor(None, lambda: path.open("rb"))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_if_open)
        raise


def _close_if_open(opening: "asyncio.Future[BinaryIO]") -> None:
    if opening.exception() is None:
        opening.result().close()


async def _write_file(response: web.StreamResponse, file: BinaryIO, size: int) -> None:
    left = size
    while left:
        piece = await asyncio.to_thread(file.read, min(left, _PIECE_BYTES))
        if not piece:
            raise BrokenExportError(f"the file ends {left} bytes early")
        await response.write(piece)
        left -= len(piece)
    await response.write_eof()


def _columns(values: Values, kind: str) -> list[str] | None:
    text = one(values, "columns")
    if text is None:
        return None
    if kind != "csv":
        message = f"'columns' goes with format=csv only, found format={kind}"
        raise parameter_problem([{"parameter": "columns", "message": message}])
    return [column.strip() for column in text.split(",")]


def _headers(kind: str) -> dict[str, str]:
    name = f"watchbook-events.{_SUFFIXES.get(kind, kind)}"
    return {"Content-Type": MEDIA_TYPES[kind], "Content-Disposition": f'attachment; filename="{name}"'}


def _clear(folder: Path, names: str = "*") -> None:
    for path in folder.glob(names):
        path.unlink(missing_ok=True)
