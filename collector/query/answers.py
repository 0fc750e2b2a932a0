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
from collector.query.cursor import decode_cursor, digest_of
from collector.query.documents import Document, array, encode, page_document
from collector.query.errors import QueryError, problem_of
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
LIMIT_MAX: Final = 10_000


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
        }

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
        digest = digest_of(
            asked.filters(), [asked.text(name) for name in ("q", "from", "to")] + [*asked.texts("exclude")]
        )
        cursor = asked.text("cursor")
        time_range, before = (asked.time_range(), None) if cursor is None else decode_cursor(cursor, digest)
        question, limit = Question(asked.plan(), time_range), asked.number("limit", 50, most=LIMIT_MAX)
        # Asked for first: a reader that goes on from it in order of arrival misses nothing.
        last_number = self._shelf.source.last_number()
        page, reader = self._steadily(lambda reader: search(reader, question, before, limit))
        if page.incomplete:
            self.metrics.incomplete.labels(page.incomplete.reason).inc()
        return page_document(page, time_range, digest, last_number, len(reader.damaged))

    def _arrived(self, asked: Asked) -> Document:
        select, limit = compile_plan(asked.plan()), asked.number("limit", 50, most=LIMIT_MAX)
        if asked.number("after", -1, least=-1) < 0:
            found = Arrived([], [], self._shelf.source.last_number())
        else:
            budget = self._budget()
            arrivals = Arrivals(self._shelf.source, self._shelf.blocks, select, budget)
            found = arrivals.after(asked.number("after", least=0), limit)
            self.metrics.scanned.inc(budget.decoded)
        # Read after the events: a reader that misses some sees that they were removed before.
        oldest = next((s.first_number for s in self._shelf.source.segments() if s.rows), found.last_number + 1)
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

    def _steadily(self, work: Callable[[Reader], _ResultT]) -> tuple[_ResultT, Reader]:
        """Return what ``work`` makes of a reader; it begins anew when what it reads is moved meanwhile."""
        damaged: set[str] = set()
        budget = self._budget()
        for _ in range(_TRIES):
            reader = Reader(self._shelf, budget, frozenset(damaged))
            try:
                return work(reader), reader
            except MovedError:
                self.metrics.begun_anew.labels("moved").inc()
            except DamagedIndexError as error:
                self.metrics.begun_anew.labels("index_damaged").inc()
                damaged.add(error.generation)
            finally:
                self.metrics.scanned.inc(reader.spent())
        detail = "what is stored was changed several times while the query ran; try again in a moment"
        raise ApiProblem(503, "moved", detail, headers={"Retry-After": "1"})

    def _budget(self) -> Budget:
        return Budget(self._settings.deadline, self._settings.scanned_events_max, self._stopping)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except QueryError as error:
            self.metrics.refused.labels(error.parameter).inc()
            raise problem_of(error) from error
