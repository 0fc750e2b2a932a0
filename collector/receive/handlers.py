"""``POST /v1/batches`` and ``POST /v1/events``."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from collector.problem import ApiProblem, ErrorEntry
from collector.receive.posted import NDJSON, PostedError, flat_event, split_body
from collector.receive.provenance import (
    AnySender,
    Sender,
    Senders,
    StoredEvent,
    claim_of,
    is_perhaps_stored,
    marked,
    was_stored,
    wrong_claims,
)
from collector.receive.quick import quick_batch
from collector.receive.settings import ReceiveSettings
from watchbook import wire
from watchbook.clock import Clock
from watchbook.event import FLAG_MISMATCH, FLAG_UNVERIFIED, event_id

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


def _nothing(*_: object) -> None:
    """Nothing is known of what was stored before."""


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
    ``authorise(request)`` returns whose token it is, or raises the problem that answers it.
    ``room()`` returns when it is time to take more; until then a sender waits.  ``senders`` knows who may send what.
    ``stored_event(stream, sequence, index)`` returns a stored event in flat form, None: there is none; it may block.
    """

    def __init__(
        self,
        settings: ReceiveSettings,
        *,
        append: Append,
        own_stream: Callable[[], str],
        authorise: Callable[[web.Request], Sender],
        translate: Callable[[Exception], ApiProblem | None],
        clock: Clock,
        registry: CollectorRegistry,
        room: Callable[[], Awaitable[None]] = _no_wait,
        senders: Senders | None = None,
        stored_event: StoredEvent = _nothing,
    ) -> None:
        self._settings = settings
        self._append = append
        self._own_stream = own_stream
        self._authorise = authorise
        self._translate = translate
        self._clock = clock
        self._room = room
        self._senders = senders or AnySender()
        self._stored_event = stored_event
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
        self._marked = Counter(
            "watchbook_receive_marked", "Events that were given a flag on arrival.", ["flag"], registry=registry
        )
        for flag in (FLAG_MISMATCH, FLAG_UNVERIFIED):
            self._marked.labels(flag)

    def add_routes(self, app: web.Application) -> None:
        """Add the two routes."""
        app.router.add_post("/v1/batches", self.post_batch)
        app.router.add_post("/v1/events", self.post_events)

    async def post_batch(self, request: web.Request) -> web.Response:
        """Take one batch of an agent's stream."""
        sender = self._authorise(request)
        with self._counting_refusals():
            self._senders.check_agent(sender)
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
        try:
            await self._admit(sender, stream, batch)
            checked = self._marked_batch(sender, batch, all_of_them=True)
            data = body if checked is batch else wire.encode_batch(checked.n, checked.columns)
            appended = await self._store(stream, sequence, data, checked, None, elsewhere_from)
        except ApiProblem as problem:
            if not is_perhaps_stored(problem):
                raise
            if not await asyncio.to_thread(was_stored, self._stored_event, stream, sequence, batch):
                raise
            self._repeats.labels("batches").inc()
            return _answer({"duplicate": True, "sequence": sequence, "events": batch.n})
        if checked is not batch and not appended.repeat:
            self._count_marked(checked, batch)
        return _answer({"duplicate": appended.repeat, "sequence": appended.sequence, "events": appended.n})

    async def post_events(self, request: web.Request) -> web.Response:
        """Take events as JSON: one object, an array, or NDJSON."""
        sender = self._authorise(request)
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
        if claim_of(batch) is not None:
            with self._counting_refusals():
                self._senders.check_agent(sender)
        stream = self._own_stream()
        identity = (f"{sender.name}\0{key}", hashlib.sha256(body).digest()) if key else None
        checked = self._marked_batch(sender, batch, all_of_them=False)
        appended = await self._store(stream, None, self._encoded(checked), checked, identity)
        if checked is not batch and not appended.repeat:
            self._count_marked(checked, batch)
        stem = event_id(stream, appended.sequence, 0).removesuffix("0")
        ids = [stem + index for index in _INDICES[: appended.n]]
        return _answer({"accepted": appended.n, "ids": ids, "duplicate": appended.repeat})

    async def _admit(self, sender: Sender, stream: str, batch: wire.Batch) -> None:
        with self._counting_refusals():
            await self._senders.admit(sender, stream, claim_of(batch) if sender.agent is None else None)

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except ApiProblem as problem:
            self._refusals.labels(problem.kind).inc()
            raise

    def _marked_batch(self, sender: Sender, batch: wire.Batch, *, all_of_them: bool) -> wire.Batch:
        """Return the batch with a flag at what is not known to come from whom it says; the batch itself if all is.

        ``all_of_them``: of a sender who is not known, events that name no agent are marked too.
        """
        flag, right = self._senders.mark_of(sender)
        if flag is None:
            return batch
        if all_of_them and flag == FLAG_UNVERIFIED:
            return marked(batch, flag, range(batch.n))
        wrong = wrong_claims(batch, right)
        return marked(batch, flag, wrong) if wrong else batch

    def _count_marked(self, checked: wire.Batch, batch: wire.Batch) -> None:
        for flag in (FLAG_MISMATCH, FLAG_UNVERIFIED):
            after, before = (_flagged(each, flag) for each in (checked, batch))
            if after > before:
                self._marked.labels(flag).inc(after - before)

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


def _flagged(batch: wire.Batch, flag: str) -> int:
    return sum(flag in flags for flags in batch.column("flags") or () if flags is not None)


def _answer(document: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")
