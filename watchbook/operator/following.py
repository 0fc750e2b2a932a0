"""Follows events as they arrive, over server-sent events, through restarts of the collector."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from watchbook.operator.connection import Answer, Collector, Parameters, UnreachableError
from watchbook.operator.paging import PAGE_MAX, decoded, read_events

#: How long after a lost connection the collector is asked again: at first, and at most.
PAUSE_S: Final = 1.0
PAUSE_S_MAX: Final = 10.0
#: A filter with a range is followed without it: what arrives has no end.
_RANGE: Final = ("from", "to")


class Message(NamedTuple):
    """A message of the stream: its type, its data, and the position after it; no data: only the position."""

    kind: str
    data: bytes
    position: str


class _Identity(msgspec.Struct):
    id: str


class _Gap(msgspec.Struct):
    after: int
    before: int
    message: str


def follow(
    collector: Collector,
    parameters: Parameters,
    lines: int,
    wait: Callable[[float], object],
    say: Callable[[str], object],
) -> Iterator[Sequence[msgspec.Raw]]:
    """Yield the last ``lines`` events, oldest first, then for ever what arrives.

    ``wait`` sleeps, ``say`` tells the operator of gaps, and that the collector is gone or back.  Raises what the first
    request, or a request that was refused, raises.
    """
    parameters = [(name, value) for name, value in parameters if name not in _RANGE]
    start = ("limit", str(min(lines, PAGE_MAX))) if lines else ("after", "latest")
    page = read_events(collector, [*parameters, start])
    yield page.events[::-1]
    # What arrived while the collector searched may be in the first page already.
    shown = {_identity(event) for event in page.events}
    for events in _Following(collector, parameters, str(page.last_number), wait, say).batches():
        yield [event for event in events if not shown or _identity(event) not in shown]


def messages(answer: Answer) -> Iterator[Message]:
    """Yield the messages of a stream (HTML standard, section 9.2.6), also those without data."""
    kind, data, position = "message", list[bytes](), ""
    for raw in answer.lines():
        line = raw.rstrip(b"\r\n")
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            yield Message(kind, b"\n".join(data), position)
            kind, data = "message", []
        elif name == b"event":
            kind = value.decode()
        elif name == b"data":
            data.append(value)
        elif name == b"id":
            position = value.decode()


class _Following:
    """The stream at one position; it goes on from there when the connection is lost."""

    def __init__(
        self,
        collector: Collector,
        parameters: Parameters,
        position: str,
        wait: Callable[[float], object],
        say: Callable[[str], object],
    ) -> None:
        self._collector = collector
        self._parameters = parameters
        self._position = position
        self._wait = wait
        self._say = say
        self._pause = PAUSE_S
        self._lost = False

    def batches(self) -> Iterator[Sequence[msgspec.Raw]]:
        """Yield events as they come, those that came together at once."""
        while True:
            try:
                with self._collector.opened(
                    "/v1/tail", self._parameters, {"Accept": "text/event-stream", "Last-Event-ID": self._position}
                ) as answer:
                    self._found_again()
                    yield from self._read(answer)
                self._lose("the collector ended the tail: it is stopping, or the token may not read any more")
            except UnreachableError as error:
                self._lose(error.format_message())

    def _read(self, answer: Answer) -> Iterator[Sequence[msgspec.Raw]]:
        batch: list[msgspec.Raw] = []
        try:
            for message in messages(answer):
                self._position = message.position or self._position
                if message.data and message.kind == "message":
                    batch.append(msgspec.Raw(message.data))
                elif message.kind == "gap":
                    self._tell_of_gap(message.data)
                if batch and not message.data:
                    yield batch
                    batch = []
        except UnreachableError:
            # They will not come again: the position is after them.
            yield batch
            raise
        yield batch

    def _tell_of_gap(self, data: bytes) -> None:
        gap: _Gap = decoded(data, _Gap)
        self._say(f"a gap: events {gap.after + 1} to {gap.before - 1} are not shown; {gap.message}")

    def _found_again(self) -> None:
        if self._lost:
            self._say("the collector is back")
        self._lost = False
        self._pause = PAUSE_S

    def _lose(self, reason: str) -> None:
        if not self._lost:
            self._say(f"{reason}\ntrying again until it is back; Ctrl-C ends")
        self._lost = True
        self._wait(self._pause)
        self._pause = min(self._pause * 2, PAUSE_S_MAX)


def _identity(event: Any) -> str:
    found: _Identity = msgspec.json.decode(event, type=_Identity)
    return found.id
