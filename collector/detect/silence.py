"""Groups of which nothing is heard: each gap of the rule's timespan or more between two events, or after the last one.

A gap from ``h`` is told at ``h + span``: when no event before that can come any more by the time of the group's events,
or, when nothing comes, one timespan and one lateness after the last event was received.  Its alert stays open until the
group is heard of again, and ends at that event's time when none before it can come any more.  Only gaps and the newest
time are remembered: a late event can fill a gap and never make one.

A group that is expected is watched from the start on, even if it was never heard of.  Any other is given up after a
while of silence: a host that was taken away does not stay an alert for ever.
"""

from array import array
from dataclasses import dataclass
from operator import attrgetter

from collector.detect.counting import RuleState
from collector.detect.group import FOREVER_US, NEVER_US, Episode, Group, HeardGroup, Terms
from collector.detect.grouping import Key, Label, label_of
from collector.detect.matches import CODE
from collector.detect.rule import Silence
from collector.finding import AlertState

_UNKNOWN = -1


@dataclass(slots=True)
class Gap:
    """Nothing was heard after the event at ``start`` until the one at ``end``; FOREVER_US: until now.

    ``number`` is the arrival number of the event at the start, -1 when there was none or it is not known any more.
    """

    start: int
    number: int
    end: int


class SilentGroup(HeardGroup):
    """The gaps of a group.  ``decided``: the start of the last that was told; ``oldest``: the first time heard of."""

    __slots__ = ("decided", "gaps", "oldest")

    def __init__(self, _: str = CODE) -> None:
        super().__init__()
        self.gaps: list[Gap] = []
        self.oldest = FOREVER_US
        self.decided = NEVER_US

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:  # noqa: ARG002 - there is no value
        """Hear of a group; nothing is ever forgotten."""
        self.received = max(self.received, received)
        self._hear(time, number, terms.span)
        self._decide(self.newest - terms.lateness, terms, journal)
        return 0

    def rebuild(self, time: int, number: int, received: int, terms: Terms, value: int = 0) -> tuple[()]:  # noqa: ARG002 - as above
        """Hear of a group again without telling anybody."""
        self.received = max(self.received, received)
        self._hear(time, number, terms.span)
        self._decide(self.newest - terms.lateness, terms, None)
        return ()

    def expect(self, since: int) -> None:
        """Wait to hear of a group for the first time."""
        self.received = since
        self.gaps = [Gap(since, _UNKNOWN, FOREVER_US)]

    def silent_by_clock(self, terms: Terms, journal: list[Episode] | None) -> None:
        """Decide all, for no event is under way any more."""
        if not self.gaps or self.gaps[-1].end != FOREVER_US:
            self.gaps.append(Gap(self.newest, self[1], FOREVER_US))
        self._decide(self.gaps[-1].start + terms.span, terms, journal, by_clock=True)

    def take_up(self, episode: Episode, since: int) -> None:
        """Take up an alert that was open before a restart, about a gap from ``since`` on."""
        self.episode = episode
        self.decided = max(self.decided, since)
        if any(gap.start == since for gap in self.gaps):
            return
        if self.newest == -FOREVER_US:
            if episode.count:
                self.newest = self.oldest = since
                self._remember(_UNKNOWN)
            self.gaps = [Gap(since, _UNKNOWN, FOREVER_US)]
        elif since < self.oldest:
            self.gaps.insert(0, Gap(since, _UNKNOWN, self.oldest))
            self.oldest = since
        elif since == self.newest:
            self.gaps.append(Gap(since, self[1], FOREVER_US))

    def give_up(self, after_us: int, journal: list[Episode]) -> None:
        """End the alert although nothing was heard, so long after the silence began."""
        if self.episode is not None:
            _end(self.episode, self.gaps[-1].start + after_us, "given_up", journal)

    def _hear(self, time: int, number: int, span: int) -> None:
        if time > self.newest:
            self._hear_newest(time, number, span)
        elif time < self.oldest:
            if self.gaps and self.gaps[0].start < time:  # one that began before all that was heard of
                self.gaps[0].end = time
            if self.oldest - time >= span:
                self.gaps.insert(1 if self.gaps and self.gaps[0].start < time else 0, Gap(time, number, self.oldest))
            self.oldest = time
        else:
            self._fill(time, number, span)

    def _hear_newest(self, time: int, number: int, span: int) -> None:
        if self.gaps and self.gaps[-1].end == FOREVER_US:
            if self.gaps[-1].start <= self.decided:
                self.gaps[-1].end = time
            else:  # it was expected, and came in time
                self.gaps.pop()
        elif time - self.newest >= span and self.oldest != FOREVER_US:
            self.gaps.append(Gap(self.newest, self[1], time))
        self.oldest = min(self.oldest, time)
        self.newest = time
        self._remember(number)

    def _remember(self, number: int) -> None:
        self[:] = array("q", (self.newest, number))

    def _fill(self, time: int, number: int, span: int) -> None:
        """Let a late event divide the gap that it falls into."""
        for place, gap in enumerate(self.gaps):
            if gap.start < time < gap.end:
                after, gap.end = gap.end, time
                if after - time >= span:
                    self.gaps.insert(place + 1, Gap(time, number, after))
                if time - gap.start < span and gap.start > self.decided:
                    del self.gaps[place]
                return

    def _decide(self, low: int, terms: Terms, journal: list[Episode] | None, *, by_clock: bool = False) -> None:
        """Open and close alerts, for no event before ``low`` can come any more; without a journal in a replay."""
        while self.gaps:
            gap = self.gaps[0]
            if gap.start > self.decided:
                if low < gap.start + terms.span:
                    return
                self.decided = gap.start
                if journal is not None:
                    opened = self.received + (terms.span + terms.lateness if by_clock else 0)
                    self.episode = _begin(self, gap, opened, terms.span, journal)
            if low < gap.end:
                return
            if self.episode is not None and journal is not None:
                _end(self.episode, gap.end, "returned", journal)
                self.episode = None
            del self.gaps[0]


def _begin(group: SilentGroup, gap: Gap, opened: int, span: int, journal: list[Episode]) -> Episode:
    episode = Episode(group, gap.start + span, opened)
    episode.first = episode.last = gap.start
    if gap.number != _UNKNOWN:
        episode.count = 1
        episode.fresh.append(gap.number)
    episode.queued = True
    journal.append(episode)
    return episode


def _end(episode: Episode, at: int, why: str, journal: list[Episode]) -> None:
    episode.resolved = episode.holds_until = max(at, episode.holds_from)
    episode.resolution = why
    if not episode.queued:
        episode.queued = True
        journal.append(episode)


@dataclass(eq=False)
class SilenceState(RuleState):
    """The groups that a rule listens for.  ``remember_us``: how long after its last event a silent one is given up."""

    ends_unheard = False  # that nothing is heard is what it is about
    remember_us: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        silence = self.rule.absence
        assert isinstance(silence, Silence)
        self._expected: frozenset[Key] = frozenset(silence.expected)
        # A late event can come from any stream: it is counted as late, and no more.
        self._beyond = SilentGroup(CODE)
        self._beyond.newest = FOREVER_US

    def tick(self, now_us: int) -> None:
        """Tell of the groups that were not heard of for long enough, and give up those that stay away."""
        self._expect(now_us)
        limit = now_us - self.terms.span - self.terms.lateness
        given_up = []
        for group in self._silent_since(limit):
            group.silent_by_clock(self.terms, self._journal)
            if group.received < now_us - self.remember_us and group.key not in self._expected:
                group.give_up(self.remember_us, self._journal)
                given_up.append(group)
        for group in given_up:
            self._forget(group)
        self._groups.keep_all()

    def restore(self, alert: AlertState) -> bool:
        """See :class:`RuleState`."""
        if tuple(name for name, _ in alert.group) != self.rule.group_by:
            return False
        group = self._group("", label_of(tuple(value for _, value in alert.group)), -FOREVER_US, replay=True)
        assert isinstance(group, SilentGroup)
        before = group.size
        group.take_up(self._episode_of(alert, group), alert.last)
        group.received = max(group.received, alert.received)
        self.events += group.size - before
        return True

    def resume(self, replayed_from: int, ticked: int) -> None:
        """Take as told what the clock had decided."""
        if replayed_from > 0:
            self._expect(replayed_from)
        for group in self._silent_since(ticked - self.terms.span - self.terms.lateness):
            if group.newest != -FOREVER_US:
                group.silent_by_clock(self.terms, None)

    def _silent_since(self, limit: int) -> list[SilentGroup]:
        """Return the groups that were received last before a time, in order."""
        silent = [each for each in self._groups.values() if each.received < limit and isinstance(each, SilentGroup)]
        return sorted(silent, key=attrgetter("received"))

    def _expect(self, since: int) -> None:
        for key in self._expected:
            label = label_of(key)
            if self._groups.get(label) is None:
                group = self._group("", label, -FOREVER_US, replay=False)
                assert isinstance(group, SilentGroup)
                group.expect(since)

    def _group(self, track: str, label: Label, quiet: int, *, replay: bool) -> Group:  # noqa: ARG002 - see above
        return self._beyond if track else super()._group(track, label, -FOREVER_US, replay=replay)
