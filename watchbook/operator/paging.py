"""Pages of events and alerts, one after the other by cursor."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from watchbook.operator.connection import Collector, OperatorError, Parameters

#: Most items that one request asks for.
PAGE_MAX: Final = 1000


class Range(msgspec.Struct, rename={"time_from": "from", "time_to": "to"}):
    """The range that an answer covers."""

    time_from: str
    time_to: str | None
    default: bool


class Incomplete(msgspec.Struct):
    """Why a page ends before its range was searched."""

    message: str
    searched_to: str


class Total(msgspec.Struct):
    """How many events the whole range holds; ``exact`` False: at least so many."""

    value: int
    exact: bool


class EventPage(msgspec.Struct):
    """A page of events; each is the collector's JSON, untouched."""

    events: list[msgspec.Raw]
    last_number: int
    next_cursor: str | None = None
    range: Range | None = None
    incomplete: Incomplete | None = None
    total: Total | None = None


class AlertPage(msgspec.Struct):
    """A page of alerts."""

    alerts: list[msgspec.Raw]
    next_cursor: str | None = None


def event_pages(
    collector: Collector, parameters: Parameters, limit: int | None, first: Parameters = ()
) -> Iterator[EventPage]:
    """Yield pages until ``limit`` events (None: all) were found or there are no more; ``first`` goes with the first."""
    cursor: str | None = None
    wanted = limit
    while True:
        asked = [*parameters, *(first if cursor is None else ())]
        page = read_events(collector, _page_parameters(asked, wanted, cursor))
        yield page
        wanted = None if wanted is None else wanted - len(page.events)
        cursor = page.next_cursor
        if cursor is None or wanted == 0:
            return


def alert_pages(collector: Collector, parameters: Parameters, limit: int | None) -> Iterator[AlertPage]:
    """Yield pages until ``limit`` alerts (None: all) were found or there are no more."""
    cursor: str | None = None
    wanted = limit
    while True:
        page = decoded(collector.get("/v1/alerts", _page_parameters(parameters, wanted, cursor)), AlertPage)
        yield page
        wanted = None if wanted is None else wanted - len(page.alerts)
        cursor = page.next_cursor
        if cursor is None or wanted == 0:
            return


def read_events(collector: Collector, parameters: Parameters) -> EventPage:
    """Return one page of events."""
    page: EventPage = decoded(collector.get("/v1/events", parameters), EventPage)
    return page


def _page_parameters(parameters: Parameters, wanted: int | None, cursor: str | None) -> Parameters:
    size = PAGE_MAX if wanted is None else min(wanted, PAGE_MAX)
    more = [("limit", str(size))] if cursor is None else [("limit", str(size)), ("cursor", cursor)]
    return [*parameters, *more]


def decoded(body: bytes, kind: Any) -> Any:
    """Return an answer as a type; raises OperatorError when it is something else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise OperatorError(
            f"the collector's answer was not understood ({error}); are both the same version?"
        ) from error
