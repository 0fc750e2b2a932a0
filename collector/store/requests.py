"""Remembers which Idempotency-Keys were answered, and how.

Each answer is committed with its batch, in the hot segment that the batch went to; a sealed segment keeps the answers
that were still within their window when it was sealed.  In memory there are those of all segments.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from collector.store.connections import open_segment
from collector.store.layout import Form, path_of
from collector.store.segment import Request


class Requests:
    """The answers of the last ``window_us``, at most ``keys_max`` of them; the oldest are forgotten first."""

    def __init__(self, window_us: int, keys_max: int) -> None:
        self._window_us = window_us
        self._keys_max = keys_max
        self._known: dict[str, Request] = {}
        self.forgotten = 0

    def get(self, key: str) -> Request | None:
        """Return the answer that a key got."""
        return self._known.get(key)

    def remember(self, requests: Iterable[Request]) -> None:
        """Note answers, the oldest first, and forget those past the window."""
        newest = 0
        for request in requests:
            self._known[request.key] = request
            newest = max(newest, request.received)
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest.received >= newest - self._window_us:
                if len(self._known) <= self._keys_max:
                    break
                self.forgotten += 1
            del self._known[oldest.key]


def stored_requests(folder: Path, form: Form, received_from: int) -> list[Request]:
    """Return the answers that a segment keeps, given at or after a time, the oldest first."""
    if form.tier == "archived":
        return []
    path = path_of(folder, form.name, form.tier)
    with closing(open_segment(path, immutable=form.tier == "sealed")) as connection:
        rows = connection.execute(
            "SELECT key, digest, sequence, n, received FROM request WHERE received >= ? ORDER BY received",
            (received_from,),
        ).fetchall()
    return [Request(*row) for row in rows]
