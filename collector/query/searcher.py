"""The face of the query room: takes the texts of a request, answers with what becomes JSON.

Everything that touches the store runs in the room's own threads.  What is wrong with a request is raised as
:class:`collector.problem.ApiProblem` 400 naming the parameter and the position in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from collector.block import BlockSource
from collector.problem import ApiProblem, ErrorEntry
from collector.query.arrival import Arrived, arrived
from collector.query.budget import Budget
from collector.query.cache import CachedBlocks
from collector.query.cursor import decode_cursor, digest_of, encode_cursor
from collector.query.errors import QueryError
from collector.query.fields import target_of
from collector.query.language import QUERY_CHARS_MAX, VALUES_MAX, parse_query
from collector.query.match import Select, compile_plan
from collector.query.metrics import QueryMetrics
from collector.query.order import Event, Position, render
from collector.query.plan import And, Plan, any_of
from collector.query.ranges import TimeRange, resolve_range
from collector.query.search import Incomplete, Page, search
from collector.query.settings import QuerySettings
from collector.query.terms import value_term
from collector.query.workers import QueryThreads
from watchbook.clock import TIME_MAX_US, Clock, format_rfc3339, now_us
from watchbook.event import parse_event_id

_INCOMPLETE_WORDS = {
    "deadline": "the query's time was up",
    "scan_budget": "the query had looked at as many events as one may",
    "stopping": "the collector is stopping",
}

Filters = Mapping[str, Sequence[str]]


class Searcher:
    """Answers queries over a :class:`collector.block.BlockSource`."""

    def __init__(
        self, source: BlockSource, settings: QuerySettings, registry: CollectorRegistry, clock: Clock = now_us
    ) -> None:
        self._metrics = metrics = QueryMetrics(registry)
        self._blocks = CachedBlocks(
            source, settings.cached_blocks, lambda where: metrics.blocks_read.labels(where).inc()
        )
        self._settings = settings
        self._clock = clock
        self._threads = QueryThreads(settings.threads, settings.waiting_max)
        metrics.under_way.set_function(lambda: self._threads.under_way)

    async def search(
        self,
        *,
        filters: Filters,
        q: str | None,
        time_from: str | None,
        time_to: str | None,
        limit: int,
        cursor: str | None,
    ) -> dict[str, Any]:
        """Return ``{events, next_cursor, range, last_number, incomplete?}``, newest first.

        ``filters`` maps field names to alternatives; ``time_from`` and ``time_to`` are RFC 3339 or relative;
        ``details`` and ``changes`` of events are ``msgspec.Raw``.  Raises ApiProblem 400 and 503.
        """
        with self._refusals():
            digest = digest_of(filters, (q, time_from, time_to))
            if cursor is None:
                begun = resolve_range(time_from, time_to, self._clock(), self._settings.default_range)
                position = None
            else:
                begun, position = decode_cursor(cursor, digest)
            select = compile_plan(plan_of(filters, q))
        with self._metrics.seconds.time():
            page, last_number = await self._threads.run(self._search, select, begun, position, limit)
        return _page_document(page, begun, digest, last_number)

    async def arrived(self, *, filters: Filters, q: str | None, after: int | None, limit: int) -> dict[str, Any]:
        """Return ``{events, last_number}`` in order of arrival, after the event numbered ``after``.

        Without ``after``: no events, only the number of the newest.  Raises ApiProblem 400 and 503.
        """
        with self._refusals():
            select = compile_plan(plan_of(filters, q))
        with self._metrics.seconds.time():
            found = await self._threads.run(self._arrived, select, after, limit)
        return {"events": found.events, "last_number": found.last_number}

    async def event(self, event_id: str) -> Event | None:
        """Return one event, None when there is none with this id.  Raises ApiProblem 400 when it is no id."""
        with self._refusals():
            try:
                stream, sequence, index = parse_event_id(event_id)
            except ValueError as error:
                raise QueryError(str(error), parameter="id") from error
        return await self._threads.run(self._event, stream, sequence, index)

    async def close(self) -> None:
        """End the queries under way, which answer with what they have, and the threads."""
        await self._threads.close()

    def _search(self, select: Select, time_range: TimeRange, before: Position | None, limit: int) -> tuple[Page, int]:
        # Asked for first: a reader that goes on from it in order of arrival misses nothing.
        last_number = self._blocks.last_number()
        budget = self._budget()
        page = search(self._blocks, select, time_range, before, limit, budget)
        self._metrics.scanned.inc(budget.scanned)
        if page.incomplete:
            self._metrics.incomplete.labels(page.incomplete.reason).inc()
        return page, last_number

    def _arrived(self, select: Select, after: int | None, limit: int) -> Arrived:
        if after is None:
            return Arrived([], self._blocks.last_number())
        budget = self._budget()
        found = arrived(self._blocks, select, after, limit, budget)
        self._metrics.scanned.inc(budget.scanned)
        return found

    def _event(self, stream: str, sequence: int, index: int) -> Event | None:
        info = self._blocks.find(stream, sequence)
        if info is None or index >= info.n:
            return None
        try:
            return render(self._blocks.read(info), index)
        except KeyError:
            return None

    def _budget(self) -> Budget:
        settings = self._settings
        return Budget(settings.deadline, settings.scanned_events_max, self._threads.stopping)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except QueryError as error:
            self._metrics.refused.labels(error.parameter).inc()
            raise problem_of(error) from error


def plan_of(filters: Filters, q: str | None) -> Plan:
    """Return the plan of a request: every filter (its values are alternatives) and the query.  Raises QueryError."""
    parts = [_filter_plan(name, values) for name, values in filters.items()]
    if sum(map(len, filters.values())) > VALUES_MAX:
        raise QueryError(f"the request has more than {VALUES_MAX} values", parameter=next(iter(filters)))
    return And((*parts, parse_query(q or "")))


def problem_of(error: QueryError) -> ApiProblem:
    """Return the answer to a request that cannot be understood."""
    entry: ErrorEntry = {"parameter": error.parameter, "message": str(error)}
    if error.position is not None:
        entry["position"] = error.position
    return ApiProblem(
        400, "query", f"'{error.parameter}': {error}", title="The query was not understood", errors=[entry]
    )


def _filter_plan(name: str, values: Sequence[str]) -> Plan:
    try:
        target = target_of(name)
        for value in values:
            if not value or len(value) > QUERY_CHARS_MAX:
                raise QueryError(f"expected a value of 1 to {QUERY_CHARS_MAX} characters")
        return any_of([value_term(target, value.removesuffix("*"), open_end=value.endswith("*")) for value in values])
    except QueryError as error:
        error.parameter = name
        raise


def _page_document(page: Page, time_range: TimeRange, digest: str, last_number: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "events": page.events,
        "next_cursor": page.after and encode_cursor(digest, time_range, page.after),
        "range": time_range.document(),
        "last_number": last_number,
    }
    if page.incomplete is not None:
        document["incomplete"] = _incomplete_document(page.incomplete, time_range, goes_on=page.after is not None)
    return document


def _incomplete_document(incomplete: Incomplete, time_range: TimeRange, *, goes_on: bool) -> dict[str, Any]:
    next_step = "go on with 'next_cursor'" if goes_on else "narrow the range with 'from' and 'to'"
    return {
        "reason": incomplete.reason,
        "message": f"{_INCOMPLETE_WORDS[incomplete.reason]} before the whole range was searched; {next_step}",
        "searched_to": format_rfc3339(max(time_range.time_from, min(incomplete.searched_to, TIME_MAX_US))),
    }
