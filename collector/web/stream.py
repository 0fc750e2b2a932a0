"""What a tail writes, and where it goes on: decisions and bytes, no I/O."""

from typing import Any, Final, Literal, NamedTuple

import msgspec

#: How long a browser waits before it connects again.
RETRY_MS: Final = 2000

Reason = Literal["removed", "behind", "ahead"]
REASON_WORDS: Final[dict[Reason, str]] = {
    "removed": "these events were removed or archived before this tail read them; a search finds what is archived",
    "behind": "this tail was too far behind and goes on from the newest; /v1/events?after= has what it left out",
    "ahead": "the position is above the newest event: this is another store; the tail goes on from the newest",
}


class Arrivals(msgspec.Struct):
    """The answer to ``arrived``: ``events`` are JSON objects, ``numbers`` their arrival numbers.

    ``last_number`` is the number up to which was searched, ``first_number`` that of the oldest event that can be
    followed: what lies in archives is not read in order of arrival.
    """

    events: list[msgspec.Raw]
    last_number: int
    numbers: list[int] = []
    first_number: int = 0


class Gap(NamedTuple):
    """Events that a tail does not send: those after the number ``after`` and before the number ``before``."""

    after: int
    before: int
    reason: Reason


_decoder: Final = msgspec.json.Decoder(Arrivals)


def read_arrivals(body: bytes) -> Arrivals:
    """Return an answer, its events undecoded."""
    return _decoder.decode(body)


def gap_of(position: int, oldest: int, newest: int, behind_max: int) -> Gap | None:
    """Return what a tail at ``position`` cannot send any more, None when it can go on.

    ``oldest`` and ``newest`` are the numbers of the events there are.  "behind" and "ahead" go on after the newest,
    "removed" with the oldest.
    """
    if position > newest:
        return Gap(newest, newest + 1, "ahead")
    if newest - position > behind_max:
        return Gap(position, newest + 1, "behind")
    if oldest > position + 1:
        return Gap(position, oldest, "removed")
    return None


def opening(position: int) -> bytes:
    """Return the first frame: how to come back, and the position to come back to."""
    return b"retry: %d\nid: %d\n\n" % (RETRY_MS, position)


def heartbeat(position: int) -> bytes:
    """Return a frame that no reader is told of, and that moves the position on."""
    return b": still here\nid: %d\n\n" % position


def event_frames(page: Arrivals) -> bytes:
    """Return a frame for each event; the last one moves the position to the end of the page."""
    numbers = page.numbers or [page.last_number] * len(page.events)
    frames = [
        b"id: %d\ndata: %b\n\n" % (number, _one_line(event)) for number, event in zip(numbers, page.events, strict=True)
    ]
    return b"".join([*frames, b"id: %d\n\n" % page.last_number])


def gap_frame(gap: Gap) -> bytes:
    """Return the frame that says what will not come."""
    data: dict[str, Any] = {
        "after": gap.after,
        "before": gap.before,
        "reason": gap.reason,
        "message": REASON_WORDS[gap.reason],
    }
    return b"event: gap\nid: %d\ndata: %b\n\n" % (gap.before - 1, msgspec.json.encode(data))


def _one_line(event: msgspec.Raw) -> bytes:
    # A line break in JSON can only stand between tokens, but it would end the line of the frame.
    return bytes(event).replace(b"\n", b" ").replace(b"\r", b" ")
