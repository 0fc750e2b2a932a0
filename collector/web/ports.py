"""What the HTTP face needs from the other rooms; ``app.py`` hands it in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web


class EventSearcher(Protocol):
    """Finds events.  Raises :class:`collector.problem.ApiProblem` for what is wrong with a request."""

    async def search(
        self,
        *,
        filters: Mapping[str, Sequence[str]],
        q: str | None,
        time_from: str | None,
        time_to: str | None,
        limit: int,
        cursor: str | None,
    ) -> Mapping[str, Any]:
        """Return ``{events, next_cursor, range, last_number, incomplete?}``, newest first."""
        ...

    async def arrived(
        self, *, filters: Mapping[str, Sequence[str]], q: str | None, after: int | None, limit: int
    ) -> Mapping[str, Any]:
        """Return ``{events, last_number}`` in order of arrival; without ``after`` only the newest number."""
        ...

    async def event(self, event_id: str) -> Mapping[str, Any] | None:
        """Return one event, None when there is none with this id."""
        ...


class AlertReader(Protocol):
    """Reads alerts.  Called in worker threads, several at once."""

    def page(
        self,
        *,
        status: str | None = None,
        rule: str | None = None,
        level: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Mapping[str, Any]:
        """Return ``{"alerts": [...], "next_cursor": …}``, newest first; raises ValueError when the cursor is none."""
        ...

    def get(self, alert_id: str, /) -> Mapping[str, Any] | None:
        """Return one alert, None when there is none with this id."""
        ...


#: Lets a request with this scope through, or raises the problem that answers it.
Authorise = Callable[[web.Request, str], object]

#: Returns why the collector is not ready, None when it is.  Called in a worker thread.
ReadinessCheck = Callable[[], str | None]
