"""Follows events as they arrive, through restarts of the collector."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from watchbook.operator.connection import Collector, Parameters, UnreachableError
from watchbook.operator.paging import PAGE_MAX, EventPage, read_events

#: How often the collector is asked for more.
POLL_S: Final = 1.0
BACKOFF_S_MAX: Final = 10.0


class _Identity(msgspec.Struct):
    id: str


def follow(
    collector: Collector,
    parameters: Parameters,
    lines: int,
    wait: Callable[[float], object],
    say: Callable[[str], object],
) -> Iterator[Sequence[msgspec.Raw]]:
    """Yield the last ``lines`` events, oldest first, then for ever what arrives.

    ``wait`` sleeps, ``say`` tells the operator that the collector is gone or back.  Raises what the first request, or
    a request that was refused, raises.
    """
    start = ("limit", str(min(lines, PAGE_MAX))) if lines else ("after", "latest")
    page = read_events(collector, [*parameters, start])
    yield page.events[::-1]
    # What arrived while the collector searched may be in the first page already.
    seen = {msgspec.json.decode(event, type=_Identity).id for event in page.events}
    after = page.last_number
    while True:
        page = _next_page(collector, [*parameters, ("after", str(after)), ("limit", str(PAGE_MAX))], wait, say)
        yield [event for event in page.events if msgspec.json.decode(event, type=_Identity).id not in seen]
        if page.last_number == after:
            seen.clear()
            wait(POLL_S)
        after = page.last_number


def _next_page(
    collector: Collector, parameters: Parameters, wait: Callable[[float], object], say: Callable[[str], object]
) -> EventPage:
    pause = POLL_S
    lost = False
    while True:
        try:
            page = read_events(collector, parameters)
        except UnreachableError as error:
            if not lost:
                say(f"{error.format_message()}\ntrying again until it is back; Ctrl-C ends")
            lost = True
            wait(pause)
            pause = min(pause * 2, BACKOFF_S_MAX)
        else:
            if lost:
                say("the collector is back")
            return page
