"""The engine: every stored event once, in order of arrival, to what the rules say about it.

The state is in memory only.  After a restart it is rebuilt: ``replay`` the blocks of the last windows up to the
watermark, ``restore`` the alerts that were open, then ``process`` what came after the watermark.  All calls come from
one thread.
"""

from collections.abc import Collection, Iterable, Mapping

from collector.block import DecodedBlock
from collector.detect.arrivals import Arrivals
from collector.detect.costs import CostWatch
from collector.detect.counted import Found
from collector.detect.counting import Match, RuleCounters, RuleState
from collector.detect.exceptions import Exceptions
from collector.detect.feeding import FeedState
from collector.detect.finder import Finder
from collector.detect.group import FOREVER_US
from collector.detect.group import TICK_EVERY_MAX_US as TICK_EVERY_MAX_US
from collector.detect.hearing import tick_of
from collector.detect.rule import Rule, RuleSet
from collector.detect.settings import DetectSettings
from collector.detect.view import BatchView
from collector.detect.wiring import Wiring
from collector.finding import AlertChange, AlertState


class Engine:
    """Evaluates a set of rules over blocks.  ``exceptions`` decide which matches do not count."""

    def __init__(self, ruleset: RuleSet, settings: DetectSettings, exceptions: Exceptions | None = None) -> None:
        self._settings = settings
        self.exceptions = Exceptions() if exceptions is None else exceptions
        self._events_max = settings.state_events_max
        self._read_up_to = self._replayed_up_to = 0
        wiring = Wiring(settings)
        self._arrange([wiring.state_of(rule) for rule in ruleset.rules])
        matchers = list(dict.fromkeys(matcher for state in self._states for matcher in state.rule.matchers))
        numbers = {matcher: number for number, matcher in enumerate(matchers)}
        self._finder = Finder(matchers)
        #: The numbers of the matchers of each state, and the places of the states that use each matcher.
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
        self._costs = CostWatch(settings)
        #: Why rules were set aside, by rule id.
        self.set_aside: dict[str, str] = {}
        self._aside_places: set[int] = set()

    def _arrange(self, rules: list[RuleState]) -> None:
        """Put what rules remember in order: what feeds others comes first, each after what feeds it."""
        self._rules = rules
        self._states: list[RuleState] = [*(feed for state in rules for feed in state.feeds), *rules]
        self._feeds = len(self._states) - len(rules)
        self._place_of = {state: place for place, state in enumerate(self._states)}
        #: By place the rule that a state belongs to, which is itself but for those that feed it.
        self._rule_of = [*(state for state in rules for _ in state.feeds), *rules]

    @property
    def counters(self) -> Mapping[str, RuleCounters]:
        """The counters of each rule, by rule id; those of a rule that it counts under the ids of both: ``ID/ID``."""
        found: dict[str, RuleCounters] = {}
        for state in self._rules:
            found[state.rule.brief.id] = state.counters
            found |= {f"{state.rule.brief.id}/{feed.rule.brief.id}": feed.counters for feed in state.feeds}
        return found

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
        changes = [change for state in self._touched for change in state.changes(self._arrivals.ids_of)]
        self._touched.clear()
        return changes

    def replay(self, block: DecodedBlock, ticked: int = FOREVER_US) -> None:
        """Remember a block that was processed before a restart.  In order of arrival, before :meth:`restore`.

        With the blocks of the last ``replay_span_us`` the memory is exactly what it was, provided that events came
        within the lateness.  Of a backlog that came later, windows that had not fired yet may begin anew.  ``ticked``
        is the time of the last :meth:`tick` before the restart: what the clock had not decided then is still to tell.
        """
        if self._feeds and (now := min(tick_of(block.info.received), ticked)) > self._replayed_up_to:
            self._replayed_up_to = now  # what the clock had ended before a block came does not go on with it
            for place in range(self._feeds):
                feed = self._feed(place)
                feed.tick(now)
                self._deliver_by_clock(feed, replay=True)
        self._read(block, replay=True)

    def restore(
        self, alerts: Iterable[AlertState], replayed_from: int = -FOREVER_US, ticked: int = -FOREVER_US
    ) -> list[AlertChange]:
        """Take up the alerts that were open; return the end of those whose rule is gone or groups otherwise now.

        ``replayed_from``: all events from that time on were replayed, as far as they had been read before the restart.
        ``ticked``: the time of the last :meth:`tick` before it, whose work is not done again.
        """
        for place in range(self._feeds):  # first what their users must know of
            feed = self._feed(place)
            feed.resume(replayed_from, ticked)
            self._deliver_by_clock(feed, replay=True)
        states = {state.rule.brief.id: state for state in self._rules}
        over = []
        for alert in alerts:
            state = states.get(alert.rule.id)
            if state is None or not state.restore(alert):
                over.append(AlertChange("resolved", alert._replace(resolved=alert.last, resolution="rule_changed")))
        for state in self._rules:
            state.resume(replayed_from, ticked)
        for state in self._states:
            state.counters = RuleCounters()  # what a replay counted was counted before the restart
        self.blocks = self.events = 0
        return over

    def tick(self, now_us: int) -> list[AlertChange]:
        """Return the alerts that are over because nothing came for long enough, to be called when all blocks are read.

        Call it every few seconds, at the latest after :data:`TICK_EVERY_MAX_US`: a replay goes back only as far as a
        group can be remembered then.  Where rules wait for what does not happen, :func:`collector.detect.tick_of` says
        at which times, so that a back-test comes to the same.
        """
        for place in range(self._feeds):
            feed = self._feed(place)
            feed.tick(now_us)
            self._deliver_by_clock(feed, replay=False)
        for state in self._rules:
            state.tick(now_us)
            if state.unsaid:
                self._touched[state] = None
        self._state_events = sum(state.events for state in self._states)
        return self.changes()

    @property
    def judged(self) -> list[Rule]:
        """Every rule that events are put to, also those that only others are told of."""
        return [state.rule for state in self._states]

    def state(self, rule_id: str) -> RuleState | None:
        """Return what is remembered for a rule, None when it is not at work; only for the thread of the engine."""
        return next((state for state in self._rules if state.rule.brief.id == rule_id), None)

    def unlike(self, other: "Engine") -> list[Rule]:
        """Return the rules that another engine has not, or has otherwise: whose memory must be made anew."""
        same = {state.rule.signature for state in other._rules}
        return [state.rule for state in self._rules if state.rule.signature not in same]

    def kept_from(self, other: "Engine") -> set[str]:
        """Return the ids of the rules whose memory another engine has."""
        new = {rule.brief.id for rule in self.unlike(other)}
        return {state.rule.brief.id for state in self._rules} - new

    def prepare_like(self, other: "Engine") -> None:
        """Make what the first block would have to wait for, for the sources that another engine has met."""
        self._finder.prepare(other._finder)

    def take_over(self, old: "Engine", fresh: "Engine", *, aside: Collection[str] = ()) -> None:
        """Go on where another engine stands: with its memory of the rules that are the same, and with that of
        ``fresh`` for the others.  Neither must be used any more.

        ``aside``: the ids of rules that stay set aside, if they were.
        """
        known = {state.rule.signature: state for engine in (fresh, old) for state in engine._rules}
        taken = [known[state.rule.signature] for state in self._rules]
        for state, mine in zip(taken, self._rules, strict=True):
            state.rule = mine.rule
        self._arrange(taken)
        self._touched = {state: None for state in self._states if state.unsaid}
        self._state_events = sum(state.events for state in self._states)
        self._read_up_to, self.blocks, self.events = old._read_up_to, old.blocks, old.events
        self._arrivals = old._arrivals
        self._arrivals.join(fresh._arrivals, self.replay_span_us)
        self._finder.go_on_from(old._finder)
        for rule_id in old.set_aside.keys() & set(aside):
            self._put_aside(rule_id, old.set_aside[rule_id])

    def costs(self) -> dict[str, tuple[int, int]]:
        """Return what each rule has cost: (nanoseconds, events it was asked of), by rule id."""
        cost, asked = self._finder.cost_ns, self._finder.asked
        numbers: dict[RuleState, set[int]] = {}
        for state, used in zip(self._rule_of, self._numbers, strict=True):
            numbers.setdefault(state, set()).update(used)
        return {
            state.rule.brief.id: (sum(cost[n] for n in used), sum(asked[n] for n in used))
            for state, used in numbers.items()
        }

    def look_at_costs(self, now_s: float) -> dict[str, str]:
        """Set rules aside that take too much; return why, by rule id.  ``now_s``: a clock that never goes back."""
        found: dict[str, str] = {}
        for runaway in self._costs.look(now_s, self._finder.cost_ns, self.events):
            why = (
                f"took {runaway.share:.0%} of a core for {self._settings.runaway_time:g} s, "
                f"{runaway.event_us:,.0f} us an event ('detect.runaway_share')"
            )
            for place in self._users[runaway.number]:
                rule_id = self._rule_of[place].rule.brief.id
                if rule_id not in self.set_aside:
                    found[rule_id] = why
        for rule_id, why in found.items():
            self._put_aside(rule_id, why)
        return found

    def _put_aside(self, rule_id: str, why: str) -> None:
        places = [place for place, state in enumerate(self._rule_of) if state.rule.brief.id == rule_id]
        self._aside_places.update(places)
        for place in places:
            self.set_aside[rule_id] = why
            for number in self._numbers[place]:
                # A matcher that another rule needs too goes on for that one.
                if self._aside_places.issuperset(self._users[number]):
                    self._finder.put_aside(number)

    def _read(self, block: DecodedBlock, *, replay: bool) -> None:
        info, batch = block.info, block.batch
        if info.number <= self._read_up_to or batch.n == 0:
            return
        self._read_up_to = info.number + info.n - 1
        self.blocks += 1
        self.events += batch.n
        self._arrivals.note(info)
        view = BatchView(batch, block.numbers())
        found = self._finder.find(view)
        places = {place for number in found for place in self._users[number]}
        places -= self._aside_places
        inboxes: dict[int, list[Match]] = {}
        for place in range(self._feeds):
            if place in places or place in inboxes:
                self._count(place, block, view, found, inboxes, replay=replay)
                for user, matches in self._feed(place).deliver().items():
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
        found: Found,
        inboxes: Mapping[int, list[Match]],
        *,
        replay: bool,
    ) -> None:
        state, rule_id = self._states[place], self._rule_of[place].rule.brief.id
        own: Found = {matcher: found[n] for matcher, n in enumerate(self._numbers[place]) if n in found}
        if own and self.exceptions.concern(rule_id):
            own = self.exceptions.left(rule_id, block.info, view, own, replay=replay)
        inbox = inboxes.get(place, ())
        if own or inbox:
            before = state.events
            state.count(block.info, view, own, inbox, replay=replay)
            self._state_events += state.events - before

    def _feed(self, place: int) -> FeedState:
        feed = self._states[place]
        assert isinstance(feed, FeedState)
        return feed

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
