"""The matches of one group of one rule: a sliding window over event time, and the alert that comes of it.

The contract, which does not depend on the order in which events arrive (within the lateness):

- The window of a time ``t`` holds the matches in ``(t - span, t]``.  The condition *holds* at a match when it is true
  of the matches in its window: here, of at least ``threshold``; :mod:`collector.detect.windowed` has the others.
- Times at which it holds belong to one alert when no two neighbours are further apart than ``span``.  An alert counts
  the matches from the start of its first window to the last time it held; so no match is counted by two alerts.
- An alert is over when no match can come any more within ``span`` of the last time it held: the newest match, less the
  lateness, has passed it.

A time that is too far from the alert to belong to it, but which a late match may still join to it, waits in
``pending``; no longer than its window is remembered.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, ClassVar, Final, NamedTuple

from collector.detect.condition import Condition
from collector.detect.matches import CODE, Matches
from collector.finding import GroupValue

FOREVER_US = 2**62
#: One object for all groups: each negation would make another one.
NEVER_US = -FOREVER_US
#: The clock looks at the groups at the latest after this.
TICK_EVERY_MAX_US = 60_000_000
#: Matches to forget are mostly so few.
_FEW: Final = 4
_COUNT = Condition()
PAIR: Final = Struct("qq").pack


class Terms(NamedTuple):
    """What a rule asks of a group.  ``keep`` is how many matches a window remembers; times are microseconds.

    ``threshold``: how many matches are enough, where the ``condition`` asks for nothing else.  ``said``: where a group
    that feeds other rules puts what it found (:mod:`collector.detect.feeding`); ``evidence``: how far back from it.
    """

    span: int
    threshold: int
    lateness: int
    keep: int
    condition: Condition = _COUNT
    said: list[Any] | None = None
    evidence: int = 0


class Episode:
    """An alert in the making: from the first to the last time the condition held, and what was counted.

    ``fresh`` are the arrival numbers of the events counted since the last change was told.
    """

    __slots__ = (
        "alert_id", "count", "first", "fresh", "group", "holds_from", "holds_until", "last", "opened", "queued",
        "resolution", "resolved", "told",
    )  # fmt: skip

    def __init__(self, group: "Group", holds: int, opened: int) -> None:
        self.group = group
        self.holds_from = self.holds_until = holds
        self.opened = opened
        self.count = 0
        self.first = FOREVER_US
        self.last = NEVER_US
        self.fresh: list[int] = []
        self.alert_id = ""
        self.queued = False
        self.told = False
        self.resolved: int | None = None
        self.resolution: str | None = None


class Group(Matches):
    """The state of one group: its matches, and what came of them.  Episodes that changed go into the journal given.

    Made as any array is: ``Group(CODE)``.  ``label`` is the value that the rule groups by, or a tuple of them where it
    groups by several or none.  There may be very many groups: each is as small as can be.
    """

    __slots__ = ("episode", "label", "pending", "received", "track")
    #: Whether :meth:`begin` does what :meth:`add` comes to.
    begins: ClassVar[bool] = True

    def __init__(self, _: str = CODE) -> None:
        self.label: Any = ()
        self.track = ""
        self.received = NEVER_US
        self.pending: list[int] | tuple[()] = ()
        self.episode: Episode | None = None

    @property
    def newest(self) -> int:
        """The time of the newest match that was counted, also before a restart."""
        newest = self[-self.width] if self else -FOREVER_US
        episode = self.episode
        return newest if episode is None or episode.last <= newest else episode.last

    @property
    def place(self) -> Any:
        """Where the group is kept among those of its rule."""
        return (self.label, self.track) if self.track else self.label

    @property
    def key(self) -> tuple[GroupValue, ...]:
        """The values that the rule groups by."""
        label: Any = self.label
        return label if label.__class__ is tuple else (label,)

    def begin(self, time: int, number: int, received: int, value: int, rules: int) -> None:  # noqa: ARG002 - for others
        """Count one match that no other is within reach of, and because of which alone nothing holds.

        That is what most matches are, and all that :meth:`add` comes to for them while there is no alert.
        """
        if received > self.received:
            self.received = received
        if not self:
            self.frombytes(PAIR(time, number))
            return
        if len(self) > self.width:
            del self[self.width :]
        self[0], self[1] = time, number

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:
        """Count one match; return how many matches were forgotten because the window was full."""
        if received > self.received:
            self.received = received
        newest = self.newest
        if time > newest and not self.pending:
            newest = time
            held = self._append(time, number, value, terms)
            if held or self.episode is not None:
                self.note_newest(time, number, terms, journal, held=held)
        else:
            newest = max(time, newest)
            self._add_among_others(time, number, value, terms, journal)
        if self[0] > newest - terms.lateness - terms.span and len(self) <= terms.keep * self.width:
            return 0  # all may still be needed
        return self.forget(newest, terms, journal)

    def _append(self, time: int, number: int, value: int, terms: Terms) -> bool:  # noqa: ARG002 - for other conditions
        """Put a match after all others into the window; return whether the condition holds at it."""
        self.frombytes(PAIR(time, number))
        begin = -2 * terms.threshold
        return len(self) >= -begin and self[begin] > time - terms.span

    def note_newest(self, time: int, number: int, terms: Terms, journal: list[Episode], *, held: bool) -> None:
        """Do what :meth:`_add_among_others` comes to for a match after all others when nothing waits: the common case.

        Then no window but its own changes, and what is known of the alert is final up to here.
        """
        episode, span = self.episode, terms.span
        if episode is not None:
            if held and time - episode.holds_until <= span:
                if len(self) == self.width or self[-2 * self.width] <= episode.holds_until:
                    _count_newest(episode, time, number, journal)
                else:
                    self._count_between(episode, episode.holds_until, time, journal)
                episode.holds_until = time
                return
            if time - terms.lateness <= episode.holds_until + span:  # something may yet join the two
                if held:
                    self.wait(time)
                return
            self._close(episode, terms, journal)
            self.episode = None
        if held:
            episode = self.episode = Episode(self, time, self.received)
            if len(self) == self.width or self[-2 * self.width] <= time - span:
                _count_newest(episode, time, number, journal)
            else:
                self._count_between(episode, time - span, time, journal)

    def _add_among_others(self, time: int, number: int, value: int, terms: Terms, journal: list[Episode]) -> None:
        held = self._insert(time, number, value, terms)
        episode = self.episode
        if episode is not None and episode.holds_from - terms.span < time <= episode.holds_until:
            _count(episode, (time,), (number,), journal)
        for moment in held:
            if not within(episode, moment):
                self.wait(moment)
        self.settle(self.newest - terms.lateness, terms, journal)

    def settle(self, low: int, terms: Terms, journal: list[Episode]) -> None:
        """Open, extend and close alerts, knowing that no match before ``low`` can come any more."""
        while True:
            episode = self.episode
            if episode is None:
                if not self.pending:
                    return
                episode = self.episode = self._open(self._take_first(), terms, journal)
            self._absorb(episode, terms, journal)
            while self.pending and self.pending[0] < episode.holds_from <= low:
                self._close(self._earlier(terms, journal), terms, journal)
            if low <= episode.holds_until + terms.span:
                return
            self._close(episode, terms, journal)
            self.episode = None

    def rebuild(self, time: int, number: int, received: int, terms: Terms, value: int = 0) -> Sequence[int]:
        """Remember a match that was counted before a restart, without telling anybody.

        Of one that is not the newest return the times at which the condition holds because of it.
        """
        self.received = max(self.received, received)
        late = time < self.newest
        held = self._insert(time, number, value, terms)
        self.forget(self.newest, terms, [])
        return held if late else ()

    def restore(self, episode: Episode, received: int, terms: Terms, late: Iterable[int] = ()) -> None:
        """Take up an alert that was open before a restart, when its window was rebuilt.

        A time after the alert at which the condition held was not decided yet (the alert would know): it waits again.
        So does a time before it that holds because of a match that was received after the alert was opened (``late``),
        unless a full window forgot that match.
        """
        self.episode = episode
        self.received = max(self.received, received)
        for moment in late:
            if moment < episode.holds_from - terms.span and self.before(moment) < self.until(moment):
                self.wait(moment)
        for moment in self._waited(episode.holds_until + terms.span, terms):
            self.wait(moment)

    def _waited(self, after: int, terms: Terms) -> list[int]:
        return [moment for moment in self.times[self.until(after) :] if self._holds_at(moment, terms)]

    def wait(self, moment: int) -> None:
        """Let a time at which the condition holds wait, unless it does already."""
        if not self.pending:
            self.pending = [moment]
            return
        place = bisect_left(self.pending, moment)
        if place == len(self.pending) or self.pending[place] != moment:
            self.pending.insert(place, moment)

    def _take_first(self) -> int:
        assert self.pending
        first = self.pending[0]
        self.pending = self.pending[1:] or ()
        return first

    def resume(self, replayed_from: int, terms: Terms) -> None:
        """Take note that the replay after a restart is over, and that all matches from a time on were in it."""

    def _holds_at(self, moment: int, terms: Terms) -> bool:
        """Return whether the condition holds at the time of a match."""
        return self._reaches(self.until(moment), moment, terms)

    def _reaches(self, end: int, moment: int, terms: Terms) -> bool:
        """Return whether enough of the matches before a place are in the window of a moment, which ends there."""
        first = end - terms.threshold
        return first >= 0 and self[first * self.width] > moment - terms.span

    def _insert(self, time: int, number: int, value: int, terms: Terms) -> list[int]:  # noqa: ARG002 - as above
        """Put a match into the window; return the times at which the condition holds because of it."""
        place = self.until(time)
        self.put(place, time, number)
        held = []
        for at in range(place, self.size):
            moment = self[2 * at]
            if moment >= time + terms.span:
                break
            if self._reaches(at + 1, moment, terms):
                held.append(moment)
                if terms.threshold == 1:  # the match itself is enough, and alone to be so because of it
                    break
        return held

    def _open(self, holds: int, terms: Terms, journal: list[Episode]) -> Episode:
        episode = Episode(self, holds, self.received)
        self._count_between(episode, holds - terms.span, holds, journal)
        return episode

    def _absorb(self, episode: Episode, terms: Terms, journal: list[Episode]) -> None:
        """Extend an alert over the pending times that belong to it."""
        for moment in self.pending:
            if episode.holds_until < moment <= episode.holds_until + terms.span:
                self._count_between(episode, episode.holds_until, moment, journal)
                episode.holds_until = moment
        for moment in reversed(self.pending):
            if episode.holds_from - terms.span <= moment < episode.holds_from:
                self._count_between(episode, moment - terms.span, episode.holds_from - terms.span, journal)
                episode.holds_from = moment
        self.pending = [moment for moment in self.pending if not within(episode, moment)] or ()

    def _earlier(self, terms: Terms, journal: list[Episode]) -> Episode:
        """Return an alert of its own for pending times before the open one, which nothing can join to it any more."""
        episode = self._open(self._take_first(), terms, journal)
        self._absorb(episode, terms, journal)
        return episode

    def _close(self, episode: Episode, terms: Terms, journal: list[Episode]) -> None:
        episode.resolved = episode.holds_until + terms.span
        episode.resolution = "quiet"
        _queue(episode, journal)

    def _count_between(self, episode: Episode, after: int, until: int, journal: list[Episode]) -> None:
        begin, end, width = self.until(after), self.until(until), self.width
        _count(
            episode, self[begin * width : end * width : width], self[begin * width + 1 : end * width : width], journal
        )

    def forget(self, newest: int, terms: Terms, journal: list[Episode]) -> int:
        """Drop matches that no window can need any more; return how many were dropped because the window was full."""
        excess = self.size - terms.keep
        if excess > 0 and self.pending:
            self._decide_before(self[(excess - 1) * self.width], terms, journal)
        low = newest - terms.lateness
        if self.pending and self.pending[0] < low:
            low = self.pending[0]
        horizon = low - terms.span
        if self[0] > horizon and excess <= 0:
            return 0
        old, width, size = 0, self.width, len(self)
        while old < _FEW and old * width < size and self[old * width] <= horizon:
            old += 1
        if old == _FEW:
            old = self.until(horizon)
        cut = max(old, excess)
        self.drop(0, cut)
        return max(cut - old, 0)

    def _decide_before(self, forgotten: int, terms: Terms, journal: list[Episode]) -> None:
        """Decide what waits for late matches before the matches of its window up to a time are forgotten.

        It would be an alert without events else.
        """
        while self.pending and self.pending[0] < forgotten + terms.span:
            first, episode = self.pending[0], self.episode
            self.settle(first if episode is None else max(first, episode.holds_from), terms, journal)


class HeardGroup(Group):
    """A group of which more was heard than its matches say."""

    __slots__ = ("_newest",)
    begins: ClassVar[bool] = False

    def __init__(self, _: str = CODE) -> None:
        super().__init__()
        self._newest = NEVER_US

    @property
    def newest(self) -> int:
        """The time of the newest event that was heard of."""
        return self._newest

    @newest.setter
    def newest(self, time: int) -> None:
        self._newest = time


def within(episode: Episode | None, moment: int) -> bool:
    """Return whether a time at which the condition holds belongs to an alert as it stands."""
    return episode is not None and episode.holds_from <= moment <= episode.holds_until


def _count_newest(episode: Episode, time: int, number: int, journal: list[Episode]) -> None:
    """Count one match that is the latest of its alert so far."""
    episode.count += 1
    if time < episode.first:
        episode.first = time
    episode.last = time
    episode.fresh.append(number)
    if not episode.queued:
        episode.queued = True
        journal.append(episode)


def _count(episode: Episode, times: Sequence[int], numbers: Sequence[int], journal: list[Episode]) -> None:
    if not numbers:
        return
    episode.count += len(numbers)
    episode.first = min(episode.first, times[0])
    episode.last = max(episode.last, times[-1])
    episode.fresh.extend(numbers)
    _queue(episode, journal)


def _queue(episode: Episode, journal: list[Episode]) -> None:
    if not episode.queued:
        episode.queued = True
        journal.append(episode)
