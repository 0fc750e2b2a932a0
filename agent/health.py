"""How far behind each file is in time, and what went wrong with it last: remembered while the agent runs.

Lag in seconds is how long the oldest unread byte has been seen: sizes are noted with the moment they were first seen,
and the oldest one that lies above the offset tells.  It is never too long; it is right to the interval at which it is
asked for (``status_interval``), or to a quarter of the time since the file was last read to its end; and it begins anew
with the process.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.tail import Track
from watchbook.clock import SECOND_US, format_rfc3339

#: Sizes remembered for each file that is behind; when there are more, the one is forgotten that tells least.
_SIZES_MAX: Final = 8
#: Files whose last error is remembered; the oldest are forgotten.
_ERRORS_MAX: Final = 1000


class FileHealth:
    """Told of tracks and errors at every look; says how long a file has been behind, and its last error."""

    def __init__(self) -> None:
        self._sizes: dict[int, deque[tuple[int, int]]] = {}
        self._errors: dict[str, dict[str, str]] = {}
        self._now: dict[str, str] = {}

    def note(self, tracks: Iterable[Track], errors: Mapping[str, str], now_us: int) -> None:
        """Take in what is known at ``now_us``: the tracks that are read, and what cannot be read just now."""
        sizes: dict[int, deque[tuple[int, int]]] = {}
        for track in tracks:
            if track.size > track.offset:
                sizes[track.id] = _noted(self._sizes.get(track.id), track, now_us)
        self._sizes = sizes
        for path, reason in errors.items():
            if self._now.get(path) != reason:
                self._errors.pop(path, None)
                self._errors[path] = {"time": format_rfc3339(now_us), "error": reason}
        self._now = dict(errors)
        while len(self._errors) > _ERRORS_MAX:
            del self._errors[next(iter(self._errors))]

    def report(self, now_us: int) -> dict[str, Any]:
        """Return ``lags`` (seconds, by id of the track; only those behind) and ``last_errors`` by path."""
        lags = {str(i): round(max(0, now_us - sizes[0][0]) / SECOND_US, 1) for i, sizes in self._sizes.items()}
        return {"lags": lags, "last_errors": dict(self._errors)}


def _noted(sizes: deque[tuple[int, int]] | None, track: Track, now_us: int) -> deque[tuple[int, int]]:
    """Return (moment, size) for sizes above the offset, oldest first, and with the size of now at the end."""
    sizes = sizes if sizes is not None else deque()
    while sizes and sizes[0][1] <= track.offset:
        sizes.popleft()
    if not sizes or track.size > sizes[-1][1]:
        sizes.append((now_us, track.size))
    elif track.size < sizes[-1][1]:  # truncated: what was seen of the old content tells nothing any more
        sizes.clear()
        sizes.append((now_us, track.size))
    if len(sizes) > _SIZES_MAX:
        gaps = {place: sizes[place + 1][0] - sizes[place - 1][0] for place in range(1, len(sizes) - 1)}
        del sizes[min(gaps, key=lambda place: gaps[place])]
    return sizes
