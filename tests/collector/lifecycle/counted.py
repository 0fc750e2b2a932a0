"""Writes counts by the hour, as they lie on disk, for tests of whoever asks for them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from collector.lifecycle import Rollups
from collector.lifecycle.measure import ALL, EVERYTHING, HOUR_US, HourCount, Measured

Event = tuple[int, str]


def count_by_the_hour(path: Path, stored: Iterable[Event], gone: Iterable[Event] = ()) -> None:
    """Count (time, organization) pairs of a segment that is stored and of one that is gone."""
    rollups = Rollups(path)
    try:
        rollups.put("stored", "g", _measured(list(stored)), hours=True)
        rollups.put("gone", "g", _measured(list(gone)), hours=True)
        rollups.gone("gone", 1)
    finally:
        rollups.close()


def _measured(events: list[Event]) -> Measured:
    counts = Counter((time // HOUR_US * HOUR_US, "org", org) for time, org in events)
    counts.update((time // HOUR_US * HOUR_US, EVERYTHING, ALL) for time, _ in events)
    return Measured(len(events), 0, (), tuple(HourCount(*key, events) for key, events in sorted(counts.items())))
