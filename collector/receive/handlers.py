"""``POST /v1/batches`` and ``POST /v1/events``."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from collector.problem import ApiProblem, ErrorEntry
from collector.receive.posted import NDJSON, PostedError, flat_event, split_body
from collector.receive.quick import quick_batch
from collector.receive.settings import ReceiveSettings
from watchbook import wire
from watchbook.clock import Clock
from watchbook.event import event_id

_STREAM = re.compile(r"[0-9a-f]{32}")
_INDICES = tuple(map(str, range(wire.EVENTS_MAX)))


class Appended(Protocol):
    """A durable append."""

    @property
    def sequence(self) -> int:
        """The sequence it was committed as."""
        ...

    @property
    def n(self) -> int:
        """How many events."""
        ...

    @property
    def repeat(self) -> bool:
        """Whether it had been committed before."""
        ...


async def _no_wait() -> None:
    """There is always room."""


class Append(Protocol):
    """The store's append: returns when the batch is on disk."""

    def __call__(
        self,
        stream: str,
        sequence: int | None,
        data: bytes,
        batch: wire.Batch,
        *,
        key: tuple[str, bytes] | None = None,
        elsewhere_from: int | None = None,
    ) -> Awaitable[Appended]:
        """Append a batch."""
        ...


class Receiver:
    """Handlers of what comes in.

    ``translate`` turns an error of the store into the problem that answers it (None: it is none of the store's).
    ``authorise(request)`` returns the name of the token's holder, or raises the problem that answers it.
    ``room()`` returns when it is time to take more; until then a sender waits.
    """

    def __init__(
        self,
        settings: ReceiveSettings,
        *,
        append: Append,
        own_stream: Callable[[], str],
        authorise: Callable[[web.Request], str],
        translate: Callable[[Exception], ApiProblem | None],
        clock: Clock,
        registry: CollectorRegistry,
        room: Callable[[], Awaitable[None]] = _no_wait,
    ) -> None:
        self._settings = settings
        self._append = append
        self._own_stream = own_stream
        self._authorise = authorise
        self._translate = translate
        self._clock = clock
        self._room = room
        self._events = Counter("watchbook_receive_events", "Events that were stored.", ["route"], registry=registry)
        self._batches = Counter(
            "watchbook_receive_batches", "Requests whose events were stored.", ["route"], registry=registry
        )
        self._repeats = Counter(
            "watchbook_receive_repeats",
            "Requests that had been stored before; nothing was stored again.",
            ["route"],
            registry=registry,
        )
        self._refusals = Counter(
            "watchbook_receive_refused", "Requests refused, by the kind of the problem.", ["kind"], registry=registry
        )

    def add_routes(self, app: web.Application) -> None:
        """Add the two routes."""
        app.router.add_post("/v1/batches", self.post_batch)
        app.router.add_post("/v1/events", self.post_events)

    async def post_batch(self, request: web.Request) -> web.Response:
        """Take one batch of an agent's stream."""
        self._authorise(request)
        stream, sequence = self._stream_and_sequence(request)
        elsewhere_from = self._elsewhere_from(request)
        if request.content_type != wire.CONTENT_TYPE:
            raise self._refused(415, "media-type", f"expected Content-Type {wire.CONTENT_TYPE}")
        await self._room()
        body = await self._body(request)
        try:
            batch = wire.decode_batch(body, bytes_max=self._settings.batch_bytes_max)
        except wire.WireError as error:
            raise self._wire_problem(error) from error
        appended = await self._store(stream, sequence, body, batch, None, elsewhere_from)
        return _answer({"duplicate": appended.repeat, "sequence": appended.sequence, "events": appended.n})

    async def post_events(self, request: web.Request) -> web.Response:
        """Take events as JSON: one object, an array, or NDJSON."""
        holder = self._authorise(request)
        if request.content_type not in ("application/json", NDJSON):
            raise self._refused(415, "media-type", "expected Content-Type application/json or application/x-ndjson")
        key = request.headers.get("Idempotency-Key")
        if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            raise self._refused(400, "idempotency-key", "an Idempotency-Key has 1 to 255 printable ASCII characters")
        await self._room()
        body = await self._body(request)
        batch = self._posted(body, request.content_type)
        if not batch.n:
            return _answer({"accepted": 0, "ids": [], "duplicate": False})
        stream = self._own_stream()
        identity = (f"{holder}\0{key}", hashlib.sha256(body).digest()) if key else None
        appended = await self._store(stream, None, self._encoded(batch), batch, identity)
        stem = event_id(stream, appended.sequence, 0).removesuffix("0")
        ids = [stem + index for index in _INDICES[: appended.n]]
        return _answer({"accepted": appended.n, "ids": ids, "duplicate": appended.repeat})

    def _posted(self, body: bytes, content_type: str) -> wire.Batch:
        settings, lines = self._settings, content_type == NDJSON
        n_max, depth_max = settings.post_events_max, settings.event_depth_max
        batch = quick_batch(body, lines=lines, events_max=n_max, now=self._clock, depth_max=depth_max)
        if batch is not None:
            return batch
        try:
            parts = split_body(body, content_type)
            if len(parts) > n_max:
                detail = f"{len(parts)} events in one request, the limit is {n_max}; send fewer"
                raise self._refused(413, "too-many-events", detail)
            flat = [flat_event(index, part, self._clock, depth_max) for index, part in enumerate(parts)]
            return wire.Batch(len(flat), wire.columns_of(flat))
        except PostedError as error:
            entry = ErrorEntry(index=error.index, message=error.message)
            if error.field:
                entry["field"] = error.field
            detail = f"{error}; nothing of this request was stored"
            raise self._refused(422, "invalid-event", detail, errors=[entry]) from error

    def _encoded(self, batch: wire.Batch) -> bytes:
        """Return a batch made here as the bytes to store: what is stored must be readable under the same limit."""
        data = wire.encode_json(batch.n, batch.columns)
        limit = self._settings.batch_bytes_max
        if len(data) > limit:
            detail = f"the events make a batch of {len(data)} bytes, the limit is {limit}; send fewer at once"
            raise self._refused(413, "batch-too-large", detail)
        return wire.compress(data)

    def _stream_and_sequence(self, request: web.Request) -> tuple[str, int]:
        stream = request.headers.get(wire.STREAM_HEADER, "")
        sequence = request.headers.get(wire.SEQUENCE_HEADER, "")
        if not _STREAM.fullmatch(stream):
            raise self._refused(400, "stream", f"expected 32 hexadecimal digits in the header {wire.STREAM_HEADER}")
        if not (sequence.isdecimal() and sequence.isascii() and 0 < int(sequence[:19]) < 2**62 and len(sequence) < 19):
            raise self._refused(400, "sequence", f"expected a number from 1 in the header {wire.SEQUENCE_HEADER}")
        return stream, int(sequence)

    def _elsewhere_from(self, request: web.Request) -> int | None:
        text = request.headers.get(wire.ELSEWHERE_HEADER)
        if text is None:
            return None
        if not (text.isdecimal() and text.isascii() and 0 < len(text) < 19 and int(text)):
            raise self._refused(400, "sequence", f"expected a number from 1 in the header {wire.ELSEWHERE_HEADER}")
        return int(text)

    async def _body(self, request: web.Request) -> bytes:
        limit = self._settings.body_bytes_max
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise self._refused(413, "body-too-large", f"the body is over {limit} bytes; send less at once") from error
        if len(body) > limit:
            raise self._refused(413, "body-too-large", f"the body has {len(body)} bytes, the limit is {limit}")
        return body

    async def _store(
        self,
        stream: str,
        sequence: int | None,
        data: bytes,
        batch: wire.Batch,
        key: tuple[str, bytes] | None,
        elsewhere_from: int | None = None,
    ) -> Appended:
        try:
            appended = await self._append(stream, sequence, data, batch, key=key, elsewhere_from=elsewhere_from)
        except Exception as error:  # translated or raised again: nothing is swallowed
            problem = self._translate(error)
            if problem is None:
                raise
            self._refusals.labels(problem.kind).inc()
            raise problem from error
        route = "batches" if sequence is not None else "events"
        if appended.repeat:
            self._repeats.labels(route).inc()
        else:
            self._events.labels(route).inc(appended.n)
            self._batches.labels(route).inc()
        return appended

    def _wire_problem(self, error: wire.WireError) -> ApiProblem:
        entry = ErrorEntry(message=str(error))
        if error.index is not None:
            entry["index"] = error.index
        if error.field is not None:
            entry["field"] = error.field
        if error.too_large:
            return self._refused(413, "batch-too-large", str(error), errors=[entry])
        return self._refused(422, "invalid-batch", f"{error}; nothing of this batch was stored", errors=[entry])

    def _refused(self, status: int, kind: str, detail: str, *, errors: Sequence[ErrorEntry] = ()) -> ApiProblem:
        self._refusals.labels(kind).inc()
        return ApiProblem(status, kind, detail, errors=errors)


def _answer(document: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")
