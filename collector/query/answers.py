"""The face of the query room: a question and its parameters in, the answer's JSON out.

Synchronous and free of any event loop, so that it runs in a process of its own; safe to call from several threads.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry

from collector.block import BlockSource
from collector.problem import ApiProblem
from collector.query.archive import Archive
from collector.query.arrival import Arrivals, Arrived
from collector.query.asked import Asked, Parameters
from collector.query.budget import Budget, Stopping
from collector.query.cache import CachedBlocks
from collector.query.counting import Counting, beginning_with, countable_field, countable_fields
from collector.query.cursor import decode_cursor, digest_of
from collector.query.documents import Document, array, encode, page_document
from collector.query.errors import QueryError, problem_of
from collector.query.explain import explain
from collector.query.identified import event_of
from collector.query.match import compile_plan
from collector.query.metrics import QueryMetrics
from collector.query.named import DamagedIndexError
from collector.query.reading import MovedError, Question, Reader, Shelf
from collector.query.search import search
from collector.query.settings import QuerySettings
from collector.view import IndexSource
from watchbook.clock import Clock, now_us
from watchbook.event import parse_event_id

_ResultT = TypeVar("_ResultT")
#: How often a query begins anew because what it read was moved (sealed, archived) meanwhile.
_TRIES: Final = 8
#: Most items of any list in an answer.
LIMIT_MAX: Final = 10_000
FACETS_MAX: Final = 64


class Answers:
    """Answers questions about stored events."""

    def __init__(
        self,
        source: BlockSource,
        indexes: IndexSource,
        settings: QuerySettings,
        registry: CollectorRegistry,
        *,
        clock: Clock = now_us,
        stopping: Stopping | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.metrics = metrics = QueryMetrics(registry)
        blocks = CachedBlocks(source, settings.cached_blocks, lambda where: metrics.blocks_read.labels(where).inc())
        self._shelf = Shelf(
            source,
            indexes,
            archive,
            blocks,
            listed_blocks=settings.listed_blocks,
            remembered_bytes=settings.remembered_bytes,
        )
        self._settings = settings
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._answers: Mapping[str, Callable[[Asked], Any]] = {
            "search": self._search,
            "arrived": self._arrived,
            "event": self._event,
            "facets": self._facets,
            "histogram": self._histogram,
            "values": self._values,
            "explain": self._explain,
        }
        self._counting = Counting(settings)

    def answer(self, question: str, parameters: Parameters) -> bytes:
        """Return the JSON of the answer.

        Raises ApiProblem: 400 for what is wrong with a parameter, 404 for a question that is none, 503 when what is
        stored changes faster than it can be read.
        """
        answer = self._answers.get(question)
        if answer is None:
            raise ApiProblem(404, "no-question", f"there is no question {question[:40]!r}")
        with self._refusals(), self.metrics.seconds.time():
            return encode(answer(Asked(parameters, self._clock(), self._settings.default_range)))

    def _search(self, asked: Asked) -> Document:
        texts = [asked.text(name) for name in ("q", "from", "to")]
        digest = digest_of(asked.filters(), [*texts, *asked.texts("exclude")])
        cursor = asked.text("cursor")
        time_range, before = (asked.time_range(), None) if cursor is None else decode_cursor(cursor, digest)
        question, limit = Question(asked.plan(), time_range), asked.number("limit", 50, most=LIMIT_MAX)
        # Asked for first: a reader that goes on from it in order of arrival misses nothing.
        last_number = self._shelf.source.last_number()
        page, reader = self._steadily(lambda reader: search(reader, question, before, limit))
        if page.incomplete:
            self.metrics.incomplete.labels(page.incomplete.reason).inc()
        document = page_document(page, time_range, digest, last_number, len(reader.damaged))
        if asked.truth("total"):
            document["total"] = self._counted(self._counting.total, question, self._settings.total_events_max)
        return document

    def _arrived(self, asked: Asked) -> Document:
        select, limit = compile_plan(asked.plan()), asked.number("limit", 50, most=LIMIT_MAX)
        if asked.number("after", -1, least=-1) < 0:
            found = Arrived([], [], self._shelf.source.last_number())
        else:
            budget = self._budget(self._settings.scanned_events_max)
            arrivals = Arrivals(self._shelf.source, self._shelf.blocks, select, budget)
            found = arrivals.after(asked.number("after", least=0), limit)
            self.metrics.scanned.inc(budget.decoded)
        # Read after the events: a reader that misses some sees that they were removed or archived before.
        followed = (s.first_number for s in self._shelf.source.segments() if s.rows and s.tier != "archived")
        oldest = next(followed, found.last_number + 1)
        return {
            "events": array(found.events),
            "numbers": found.numbers,
            "last_number": found.last_number,
            "first_number": oldest,
        }

    def _event(self, asked: Asked) -> Any:
        try:
            identity = parse_event_id(asked.text("id") or "")
        except ValueError as error:
            raise QueryError(str(error), parameter="id") from error
        return self._steadily(lambda reader: event_of(self._shelf, reader, *identity))[0]

    def _facets(self, asked: Asked) -> Document:
        names, size, other = asked.texts("fields"), asked.number("size", 10, most=LIMIT_MAX), asked.text("distinct")
        fields = {name: countable_field(name, "fields") for name in names[:FACETS_MAX]}
        distinct = other and countable_field(other, "distinct")
        question = Question(asked.plan(), asked.time_range())
        return self._counted(lambda reader, q: self._counting.facets(reader, q, fields, size, distinct), question)

    def _histogram(self, asked: Asked) -> Document:
        interval, by = asked.text("interval"), asked.text("by")
        field = by and countable_field(by, "by")
        question = Question(asked.plan(), asked.time_range())
        return self._counted(
            lambda reader, q: self._counting.histogram(reader, q, asked.now, interval, field), question
        )

    def _values(self, asked: Asked) -> Document:
        fields = countable_fields(asked.text("field") or "", "field")
        prefix, limit = asked.text("prefix") or "", asked.number("limit", 20, most=LIMIT_MAX)
        question = Question(beginning_with(asked.plan(), fields, prefix), asked.time_range())
        return self._counted(
            lambda reader, q: self._counting.values(reader, q, fields, prefix, limit),
            question,
            self._settings.total_events_max,
        )

    def _explain(self, asked: Asked) -> Document:
        question = Question(asked.plan(), asked.time_range())
        return self._steadily(lambda reader: explain(reader, question))[0]

    def _counted(
        self, work: Callable[[Reader, Question], Document], question: Question, events_max: int | None = None
    ) -> Document:
        """Return what ``work`` counts with a reader; ``events_max`` events may be decoded, if that is to be few."""
        document, _ = self._steadily(lambda reader: work(reader, question), events_max)
        if "incomplete" in document:
            self.metrics.incomplete.labels(document["incomplete"]["reason"]).inc()
        return document

    def _steadily(self, work: Callable[[Reader], _ResultT], events_max: int | None = None) -> tuple[_ResultT, Reader]:
        """Return what ``work`` makes of a reader; it begins anew when what it reads is moved meanwhile."""
        stale: set[str] = set()
        damaged: set[str] = set()
        budget = self._budget(events_max or self._settings.scanned_events_max)
        for _ in range(_TRIES):
            reader = Reader(self._shelf, budget, frozenset(damaged))
            try:
                return work(reader), reader
            except MovedError:
                self.metrics.begun_anew.labels("moved").inc()
            except DamagedIndexError as error:
                self.metrics.begun_anew.labels("index_damaged").inc()
                # A view may only be too old; when a fresh one fails too, the events tell all.
                (damaged if error.generation in stale else stale).add(error.generation)
            finally:
                self.metrics.scanned.inc(reader.spent())
        detail = "what is stored was changed several times while the query ran; try again in a moment"
        raise ApiProblem(503, "moved", detail, headers={"Retry-After": "1"})

    def _budget(self, events_max: int) -> Budget:
        return Budget(self._settings.deadline, events_max, self._stopping)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except QueryError as error:
            self.metrics.refused.labels(error.parameter).inc()
            raise problem_of(error) from error
