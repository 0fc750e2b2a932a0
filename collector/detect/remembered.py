"""The groups that a rule remembers, and which of them were not heard of for longest.

To put a group in its place in that order whenever it is heard of would cost more than to count the match.  So they
wait in rounds by when they were received, and are looked at again when their round is over: most have moved on then.
"""

from collections.abc import Callable
from heapq import heapify, heappop
from operator import itemgetter
from typing import Final

from collector.detect.group import Group
from collector.detect.grouping import PlaceOfGroup

_ROUNDS: Final = 16


class Remembered:
    """The groups of one rule by their place.  ``span_us`` is how long they are remembered after they were heard of."""

    def __init__(self, span_us: int) -> None:
        self._round_us = max(1, span_us // _ROUNDS)
        self._groups: dict[PlaceOfGroup, Group] = {}
        #: Groups that are in no round yet.
        self._new: list[Group] = []
        self._rounds: dict[int, list[Group]] = {}
        #: What is left of the first round while groups are forgotten for want of room, as a heap.
        self._oldest: list[tuple[tuple[int, int], int, Group]] = []
        self.get: Callable[[PlaceOfGroup], Group | None] = self._groups.get
        self.values = self._groups.values

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, group: Group) -> None:
        """Remember a group."""
        self._groups[group.place] = group
        self._new.append(group)

    def forget(self, group: Group) -> None:
        """Forget a group."""
        del self._groups[group.place]

    def quiet(self, limit_us: int) -> list[Group]:
        """Return the groups that were received last before a time, the oldest first.

        Each must be forgotten, or be put among the others again with :meth:`keep`.
        """
        self._arrange()
        quiet: list[Group] = []
        for number in sorted(self._rounds):
            if number * self._round_us >= limit_us:
                break
            for group in self._rounds.pop(number):
                if self._is_remembered(group):
                    (quiet if group.received < limit_us else self._new).append(group)
        self._arrange()
        quiet.sort(key=_last_heard)
        return quiet

    def keep(self, group: Group) -> None:
        """Remember a quiet group for longer."""
        self._new.append(group)

    def keep_all(self) -> None:
        """Remember all groups for longer, where nobody asks which are quiet."""
        self._new = list(self._groups.values())
        self._rounds.clear()
        self._oldest.clear()

    def oldest(self) -> Group:
        """Return the group that was not heard of for longest, to be forgotten.  There must be one."""
        while True:
            while not self._oldest:
                self._open_first_round()
            heard, _, group = heappop(self._oldest)
            if not self._is_remembered(group):
                continue
            if group.received == heard[0]:
                return group
            self._new.append(group)  # it was heard of meanwhile: after all that are left here

    def _open_first_round(self) -> None:
        self._arrange()
        number = min(self._rounds)
        for order, group in enumerate(self._rounds.pop(number)):
            if group.received // self._round_us == number:
                self._oldest.append((_last_heard(group), order, group))
            else:
                self._new.append(group)
        heapify(self._oldest)

    def _is_remembered(self, group: Group) -> bool:
        return self._groups.get(group.place) is group

    def _arrange(self) -> None:
        """Put each group that is in no round into its own."""
        for group in (*map(itemgetter(2), self._oldest), *self._new):
            self._rounds.setdefault(group.received // self._round_us, []).append(group)
        self._oldest.clear()
        self._new.clear()


def _last_heard(group: Group) -> tuple[int, int]:
    """Return when a group was heard of last; of several at once, in the order of their events, restart or not."""
    return group.received, max(group.numbers, default=-1)
