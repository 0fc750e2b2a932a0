"""Answers in threads of this process, for a face that runs in an event loop: for tests and small set-ups."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Gauge

from collector.block import BlockSource
from collector.query.answers import Answers
from collector.query.asked import Filters
from collector.query.settings import QuerySettings
from collector.query.workers import QueryThreads
from collector.view import IndexSource, IndexView
from watchbook.clock import Clock, now_us


class NoIndexes:
    """No segment has an index: everything is found by decoding."""

    def view(self, name: str, generation: str, path: object) -> IndexView | None:  # noqa: ARG002 - a port's
        """Return None."""
        return None


class Searcher:
    """Implements :class:`collector.block.Answerer` with threads.  Belongs to one event loop."""

    def __init__(
        self,
        source: BlockSource,
        settings: QuerySettings,
        registry: CollectorRegistry,
        clock: Clock = now_us,
        indexes: IndexSource | None = None,
    ) -> None:
        self._threads = QueryThreads(settings.threads, settings.waiting_max)
        self._answers = Answers(
            source, indexes or NoIndexes(), settings, registry, clock=clock, stopping=self._threads.stopping
        )
        under_way = Gauge("watchbook_query_under_way", "Queries that run or wait for a thread.", registry=registry)
        under_way.set_function(lambda: self._threads.under_way)

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer as JSON; raises ApiProblem 400 and 503."""
        return await self._threads.run(self._answers.answer, question, parameters)

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
        """Return ``{events, next_cursor, range, last_number, incomplete?}``, newest first."""
        asked = {"filters": filters, "q": q, "from": time_from, "to": time_to, "limit": limit, "cursor": cursor}
        page: dict[str, Any] = await self._decoded("search", asked)
        return page

    async def arrived(
        self, *, filters: Mapping[str, Sequence[str]], q: str | None, after: int | None, limit: int
    ) -> dict[str, Any]:
        """Return ``{events, last_number}`` in order of arrival; without ``after`` only the number of the newest."""
        asked = {"filters": filters, "q": q, "after": after, "limit": limit}
        found: dict[str, Any] = await self._decoded("arrived", asked)
        return found

    async def event(self, event_id: str) -> dict[str, Any] | None:
        """Return one event, None when there is none with this id."""
        event: dict[str, Any] | None = await self._decoded("event", {"id": event_id})
        return event

    async def close(self) -> None:
        """End the queries under way, which answer with what they have, and the threads."""
        await self._threads.close()

    async def _decoded(self, question: str, parameters: Mapping[str, object]) -> Any:
        return msgspec.json.decode(await self.ask(question, parameters))
