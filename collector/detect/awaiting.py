"""What did not happen: an event that begins a wait, and none that ends it within the rule's timespan.

An event at ``a`` is *answered* when one that ends the wait has a time ``b`` with ``a <= b < a + span`` (the window of
``b`` holds it); one such event answers all that wait.  What is not answered is told at ``a + span``, when that is
certain: when no event before that can come any more by the time of the group's events, or, when nothing comes, one
timespan and one lateness after the event was received (then nothing can come any more that is older than its time and
the timespan, so all that waited for less is decided with it).
"""

import heapq
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import ClassVar

from collector.detect.feeding import FeedState, Said
from collector.detect.group import FOREVER_US, Episode, Group, HeardGroup, Terms
from collector.detect.grouping import Label, PlaceOfGroup
from collector.detect.matches import CODE
from collector.detect.rule import Await


class AwaitGroup(HeardGroup):
    """The events of a group that wait, of value when each was received; and the ``ends`` that late ones may find.

    Of three ends within one span the middle one answers nothing that its neighbours do not, and is left out.
    """

    __slots__ = ("ends", "scheduled", "wanted")
    width: ClassVar[int] = 3

    def __init__(self, _: str = CODE, *, wanted: Await) -> None:
        super().__init__()
        self.wanted = wanted
        self.ends = array("q")
        self.scheduled = False

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:
        """Take note of an event; return how many that waited were forgotten because there were too many."""
        self.received = max(self.received, received)
        self.newest = max(self.newest, time)
        if value & self.wanted.end:
            self._end(time, terms.span)
        if value & self.wanted.begin:
            self._begin(time, number, received, terms.span)
        self.settle(self.newest - terms.lateness, terms, journal)
        excess = max(self.size - terms.keep, 0)
        self.drop(0, excess)
        return excess

    def rebuild(self, time: int, number: int, received: int, terms: Terms, value: int = 0) -> tuple[()]:
        """Take note of an event again; who counts what comes of it knows that it is a replay."""
        self.add(time, number, received, terms, [], value)
        return ()

    def settle(self, low: int, terms: Terms, journal: list[Episode]) -> None:  # noqa: ARG002 - nobody is told here
        """Tell what no event before ``low`` answered, for none can come any more."""
        over = self.until(low - terms.span)
        for place in range(over):
            self._say(place, terms)
        self.drop(0, over)
        del self.ends[: bisect_left(self.ends, low)]

    def due(self, terms: Terms) -> int:
        """Return when the clock decides the first of those that wait, FOREVER_US when none does."""
        return min(self.values) + terms.span + terms.lateness if self.size else FOREVER_US

    def settle_by_clock(self, now: int, terms: Terms) -> None:
        """Tell what nothing answered although there was time enough since it was received, and what waited for less.

        What is told is told in the order of its times, so that it is the same alert however it was decided.
        """
        limit = now - terms.span - terms.lateness
        over = [time for time, received in zip(self.times, self.values, strict=True) if received < limit]
        if over:
            self.settle(over[-1] + terms.span, terms, [])

    def _begin(self, time: int, number: int, received: int, span: int) -> None:
        following = bisect_left(self.ends, time)
        if following < len(self.ends) and self.ends[following] < time + span:
            return
        place = self.until(time)
        if number in self[3 * self.before(time) + 1 : 3 * place : 3]:
            return  # a correlation spoke of it before
        self.put(place, time, number, received)

    def _end(self, time: int, span: int) -> None:
        self.drop(self.until(time - span), self.until(time))
        ends = self.ends
        place = bisect_left(ends, time)
        if place < len(ends) and ends[place] == time:
            return
        ends.insert(place, time)
        for middle in (place + 1, place, place - 1):
            if 0 < middle < len(ends) - 1 and ends[middle + 1] - ends[middle - 1] < span:
                del ends[middle]
                return

    def _say(self, place: int, terms: Terms) -> None:
        assert terms.said is not None
        over = self[3 * place] + terms.span
        terms.said.append(Said(self.key, self.track, over, self[3 * place + 1], holds=True, moment=over))


@dataclass(eq=False)
class AwaitState(FeedState):
    """What waits in all groups of a rule.  ``schedule``: when the clock must look at which group."""

    schedule: list[tuple[int, int, str, PlaceOfGroup]] = field(default_factory=list)
    touched: dict[PlaceOfGroup, None] = field(default_factory=dict)

    def tick(self, now_us: int) -> None:
        """Tell what the clock decides, and forget the groups that were quiet long enough."""
        for place in self.touched:
            self._plan(place)
        self.touched.clear()
        while self.schedule and self.schedule[0][0] < now_us:
            due, _, _, place = heapq.heappop(self.schedule)
            group = self._groups.get(place)
            if isinstance(group, AwaitGroup) and group.scheduled:
                before = group.size
                group.settle_by_clock(due + 1, self.terms)  # no more, whenever the clock looks
                self.events += group.size - before
                self._pass_on(due, group)
                group.scheduled = False
                self._plan(place)
        super().tick(now_us)

    def _plan(self, place: PlaceOfGroup) -> None:
        group = self._groups.get(place)
        if isinstance(group, AwaitGroup) and group.size and not group.scheduled:
            group.scheduled = True
            # Of several at once in the order of their events, restart or not.
            heapq.heappush(self.schedule, (group.due(self.terms), min(group.numbers), repr(place), place))

    def _group(self, track: str, label: Label, quiet: int, *, replay: bool) -> Group:
        self.touched[(label, track) if track else label] = None
        return super()._group(track, label, quiet, replay=replay)
