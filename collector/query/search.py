"""Walks blocks newest first until no unread one can hold anything that belongs on the page.

Blocks come sorted by their highest time.  Once the page is full and its oldest event is newer than the highest time of
the next block, the page is right.  When the budget ends before, only what is newer than that time is certain; the page
holds just this, and the cursor goes on from there.
"""

from typing import NamedTuple

from collector.block import BlockSource
from collector.query.budget import Budget, Reason
from collector.query.match import Select
from collector.query.order import Event, Newest, Position, first_at
from collector.query.ranges import TimeRange


class Incomplete(NamedTuple):
    """Why a page ends early, and the time (microseconds) down to which everything was searched."""

    reason: Reason
    searched_to: int


class Page(NamedTuple):
    """Events, newest first; where to go on (None: this was all, or going on would not help)."""

    events: list[Event]
    after: Position | None
    incomplete: Incomplete | None


def search(
    source: BlockSource, select: Select, time_range: TimeRange, before: Position | None, limit: int, budget: Budget
) -> Page:
    """Return up to ``limit`` events of the range that come after ``before`` in the order of answers."""
    end = time_range.end if before is None else min(time_range.end, before.time + 1)
    newest = Newest(limit + 1, time_range.time_from, end, before)
    for info in source.blocks(time_range.time_from, end):
        if newest.beats(info.tmax):
            break
        reason = budget.exhausted()
        if reason is not None:
            incomplete = Incomplete(reason, min(info.tmax + 1, end))
            return _incomplete_page(newest.found(), limit, incomplete, before or first_at(end))
        try:
            block = source.read(info)
        except KeyError:
            continue  # retention dropped it since it was listed
        budget.spend(info.n)
        newest.offer(block, select)
    return _page(newest.found(), limit)


def _page(found: list[tuple[Position, Event]], limit: int) -> Page:
    after = found[limit - 1][0] if len(found) > limit else None
    return Page([event for _, event in found[:limit]], after, None)


def _incomplete_page(found: list[tuple[Position, Event]], limit: int, incomplete: Incomplete, before: Position) -> Page:
    certain = [(position, event) for position, event in found if position.time >= incomplete.searched_to]
    if len(certain) > limit:
        return _page(certain, limit)
    after = first_at(incomplete.searched_to)
    # Without progress (more blocks span one instant than the budget allows) the same cursor would come back for ever.
    return Page([event for _, event in certain], after if after < before else None, incomplete)
