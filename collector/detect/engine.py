"""The engine: every stored event once, in order of arrival, to what the rules say about it.

The state is in memory only.  After a restart it is rebuilt: ``replay`` the blocks of the last windows up to the
watermark, ``restore`` the alerts that were open, then ``process`` what came after the watermark.  All calls come from
one thread.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.block import DecodedBlock
from collector.detect.arrivals import Arrivals
from collector.detect.counting import Match, RuleCounters, RuleState
from collector.detect.feeding import FeedState
from collector.detect.finder import Finder
from collector.detect.group import FOREVER_US
from collector.detect.group import TICK_EVERY_MAX_US as TICK_EVERY_MAX_US
from collector.detect.rule import RuleSet
from collector.detect.settings import DetectSettings
from collector.detect.view import BatchView
from collector.detect.wiring import Wiring
from collector.finding import AlertChange, AlertState


class Engine:
    """Evaluates a set of rules over blocks.  ``rules`` gives the state of each rule by the rule's id."""

    def __init__(self, ruleset: RuleSet, settings: DetectSettings) -> None:
        self._events_max = settings.state_events_max
        self._read_up_to = 0
        wiring = Wiring(settings)
        rules = [wiring.state_of(rule) for rule in ruleset.rules]
        #: Those that feed others come first, each after those that feed it.
        self._states: list[RuleState] = [*wiring.feeds, *rules]
        self._feeds = len(wiring.feeds)
        self._place_of = {state: place for place, state in enumerate(self._states)}
        matchers = list(dict.fromkeys(matcher for state in self._states for matcher in state.rule.matchers))
        numbers = {matcher: number for number, matcher in enumerate(matchers)}
        self._finder = Finder(matchers)
        #: The numbers of the matchers of each rule, and the places of the rules that use each matcher.
        self._numbers = [tuple(map(numbers.__getitem__, state.rule.matchers)) for state in self._states]
        self._users: list[list[int]] = [[] for _ in matchers]
        for place, used in enumerate(self._numbers):
            for number in used:
                self._users[number].append(place)
        self._state_events = 0
        #: The rules that may have something to say, in the order in which they were found to.
        self._touched: dict[RuleState, None] = {}
        #: How far back from the receipt of the last block, in event time, a replay must begin.
        self.replay_span_us = max(map(wiring.memory_us, self._states), default=0) + TICK_EVERY_MAX_US
        self._arrivals = Arrivals(self.replay_span_us)
        self.blocks = 0
        self.events = 0

    @property
    def counters(self) -> Mapping[str, RuleCounters]:
        """The counters of each rule, by rule id; those of what it counts for other rules under ``ID/feed``."""
        feeds = {f"{state.rule.brief.id}/feed": state.counters for state in self._states[: self._feeds]}
        return feeds | {state.rule.brief.id: state.counters for state in self._states[self._feeds :]}

    @property
    def state_events(self) -> int:
        """How many events the windows of all rules hold."""
        return self._state_events

    @property
    def state_groups(self) -> int:
        """How many groups all rules remember."""
        return sum(len(state) for state in self._states)

    @property
    def unsaid(self) -> int:
        """How many alerts changed since :meth:`changes` was asked last."""
        return sum(state.unsaid for state in self._touched)

    def process(self, block: DecodedBlock) -> list[AlertChange]:
        """Return what a block changes; nothing for a block that was read before (an event counts once)."""
        self.read(block)
        return self.changes()

    def read(self, block: DecodedBlock) -> None:
        """Evaluate a block that was not read before; what it changes, :meth:`changes` says."""
        self._read(block, replay=False)

    def changes(self) -> list[AlertChange]:
        """Return what changed since the last call: of several changes of one alert, what they come to."""
        changes = [change for state in self._touched for change in state.changes(self._arrivals.id_of)]
        self._touched.clear()
        return changes

    def replay(self, block: DecodedBlock) -> None:
        """Remember a block that was processed before a restart.  In order of arrival, before :meth:`restore`.

        With the blocks of the last ``replay_span_us`` the memory is exactly what it was, provided that events came
        within the lateness.  Of a backlog that came later, windows that had not fired yet may begin anew.
        """
        self._read(block, replay=True)

    def restore(
        self, alerts: Iterable[AlertState], replayed_from: int = -FOREVER_US, ticked: int = -FOREVER_US
    ) -> list[AlertChange]:
        """Take up the alerts that were open; return the end of those whose rule is gone or groups otherwise now.

        ``replayed_from``: all events from that time on were replayed, as far as they had been read before the restart.
        ``ticked``: the time of the last :meth:`tick` before it, whose work is not done again.
        """
        for feed in self._feed_states():  # first what their users must know of
            feed.resume(replayed_from, ticked)
            self._deliver_by_clock(feed, replay=True)
        states = {state.rule.brief.id: state for state in self._states[self._feeds :]}
        over = []
        for alert in alerts:
            state = states.get(alert.rule.id)
            if state is None or not state.restore(alert):
                over.append(AlertChange("resolved", alert._replace(resolved=alert.last, resolution="rule_changed")))
        for state in self._states[self._feeds :]:
            state.resume(replayed_from, ticked)
        for state in self._states:
            state.counters = RuleCounters()  # what a replay counted was counted before the restart
        self.blocks = self.events = 0
        return over

    def tick(self, now_us: int) -> list[AlertChange]:
        """Return the alerts that are over because nothing came for long enough, to be called when all blocks are read.

        Call it every few seconds, at the latest after :data:`TICK_EVERY_MAX_US`: a replay goes back only as far as a
        group can be remembered then.
        """
        for feed in self._feed_states():
            feed.tick(now_us)
            self._deliver_by_clock(feed, replay=False)
        for state in self._states[self._feeds :]:
            state.tick(now_us)
            if state.unsaid:
                self._touched[state] = None
        self._state_events = sum(state.events for state in self._states)
        return self.changes()

    def _read(self, block: DecodedBlock, *, replay: bool) -> None:
        info, batch = block.info, block.batch
        if info.number <= self._read_up_to or batch.n == 0:
            return
        self._read_up_to = info.number + info.n - 1
        self.blocks += 1
        self.events += batch.n
        self._arrivals.note(info)
        view = BatchView(batch)
        found = self._finder.find(view)
        places = {place for number in found for place in self._users[number]}
        inboxes: dict[int, list[Match]] = {}
        for place in range(self._feeds):
            if place in places or place in inboxes:
                self._count(place, block, view, found, inboxes, replay=replay)
                feed = self._states[place]
                assert isinstance(feed, FeedState)
                for user, matches in feed.deliver().items():
                    inboxes.setdefault(self._place_of[user], []).extend(matches)
        places.update(inboxes)
        for place in sorted(places):
            if place >= self._feeds:
                self._count(place, block, view, found, inboxes, replay=replay)
                self._touched[self._states[place]] = None
        self._keep_limit()

    def _count(
        self,
        place: int,
        block: DecodedBlock,
        view: BatchView,
        found: Mapping[int, Sequence[int]],
        inboxes: Mapping[int, list[Match]],
        *,
        replay: bool,
    ) -> None:
        state, numbers = self._states[place], self._numbers[place]
        before = state.events
        own = {matcher: found[number] for matcher, number in enumerate(numbers) if number in found}
        state.count(block.info, view, own, inboxes.get(place, ()), replay=replay)
        self._state_events += state.events - before

    def _feed_states(self) -> Iterator[FeedState]:
        for state in self._states[: self._feeds]:
            assert isinstance(state, FeedState)
            yield state

    def _deliver_by_clock(self, feed: FeedState, *, replay: bool) -> None:
        """Let the rules that count what another finds count what the clock has decided."""
        for user, matches in feed.deliver().items():
            user.count_fed(matches, replay=replay)

    def _keep_limit(self) -> None:
        while self._state_events > self._events_max:
            largest = max(self._states, key=lambda state: state.events)
            before = largest.events
            largest.evict()
            self._state_events += largest.events - before
            self._touched[largest] = None
