"""What each rule of a set remembers, and which rules are told what others find."""

import math
from functools import partial
from typing import Final

from collector.detect.awaiting import AwaitGroup, AwaitState
from collector.detect.condition import TEMPORAL
from collector.detect.counting import RuleState
from collector.detect.feeding import DecidedFeedGroup, FeedGroup, FeedState, Mode, StartsGroup
from collector.detect.group import TICK_EVERY_MAX_US, Terms
from collector.detect.rule import Await, Rule, Silence
from collector.detect.settings import DetectSettings
from collector.detect.silence import SilenceState, SilentGroup
from watchbook.clock import SECOND_US

_GROUPS: Final[dict[Mode, type[FeedGroup]]] = {
    "moments": FeedGroup, "decided": DecidedFeedGroup, "starts": StartsGroup
}  # fmt: skip


class Wiring:
    """Makes the states of rules, each with states of its own for the correlations that it counts.

    So what one rule is spared by its exceptions, another one counts nevertheless.
    """

    def __init__(self, settings: DetectSettings) -> None:
        self._lateness_us = round(settings.lateness * SECOND_US)
        self._window_events_max = settings.window_events_max
        self._remember_us = round(settings.silence_remembered * SECOND_US)
        self._made: dict[tuple[Rule, Mode, int], FeedState] = {}
        self._delays: dict[FeedState, int] = {}
        self._feeds_of: dict[RuleState, list[FeedState]] = {}
        self._of_rule: list[FeedState] = []

    def state_of(self, rule: Rule) -> RuleState:
        """Return the state of a rule that raises alerts."""
        self._made.clear()
        self._of_rule = []
        feeds = self._feeds(rule)
        terms = self._terms(rule, feeds)
        state: RuleState
        if isinstance(rule.absence, Silence):
            remember_us = rule.absence.remember_us or max(self._remember_us, 2 * rule.span_us)
            state = SilenceState(rule, terms, SilentGroup, remember_us=remember_us)
        else:
            state = RuleState(rule, terms)
        self._connect(state, feeds)
        state.feeds = self._of_rule
        return state

    def memory_us(self, state: RuleState) -> int:
        """Return how old an event may be that matters to what a state remembers, by way of other rules too."""
        return _memory_us(state.terms) + max(map(self.memory_us, self._feeds_of[state]), default=0)

    def _feeds(self, rule: Rule) -> list[FeedState]:
        """Return what tells a rule of the findings that it counts, one for each correlation that it refers to."""
        return [self._feed(fed.rule, _mode(rule, fed.rule), rule.span_us) for fed in rule.fed]

    def _feed(self, rule: Rule, mode: Mode, evidence_us: int) -> FeedState:
        evidence_us = min(evidence_us, rule.span_us) if mode in ("moments", "decided") else 0
        made = self._made.get((rule, mode, evidence_us))
        if made is None:
            feeds = self._feeds(rule)
            terms = self._terms(rule, feeds)._replace(said=[], evidence=evidence_us)
            made = self._made[rule, mode, evidence_us] = _feed_state(rule, terms, mode)
            late = terms.lateness - self._lateness_us
            self._delays[made] = late if mode == "moments" else late + _wait_us(terms, mode)
            self._connect(made, feeds)
            self._of_rule.append(made)
        return made

    def _connect(self, state: RuleState, feeds: list[FeedState]) -> None:
        self._feeds_of[state] = feeds
        for fed, feed in zip(state.rule.fed, feeds, strict=True):
            feed.users.append((state, fed))

    def _terms(self, rule: Rule, feeds: list[FeedState]) -> Terms:
        condition = rule.condition
        counts = condition.kind in ("event_count", "value_count")
        keep = max(self._window_events_max, math.ceil(condition.bound) if counts else 0)
        lateness = self._lateness_us + max(map(self._delays.__getitem__, feeds), default=0)
        return Terms(rule.span_us, condition.threshold or 0, lateness, keep, condition)


def _wait_us(terms: Terms, mode: Mode) -> int:
    """Return how long after its time at the latest a finding is told that waits for certainty."""
    waits = 2 * terms.lateness + TICK_EVERY_MAX_US
    return waits if mode == "await" else waits + terms.span


def _mode(outer: Rule, inner: Rule) -> Mode:
    if isinstance(inner.absence, Await):
        return "await"
    if outer.condition.kind not in TEMPORAL:
        return "starts"
    return "moments" if inner.condition.only_grows else "decided"


def _feed_state(rule: Rule, terms: Terms, mode: Mode) -> FeedState:
    if isinstance(rule.absence, Await):
        return AwaitState(rule, terms, partial(AwaitGroup, wanted=rule.absence))
    return FeedState(rule, terms, _GROUPS[mode])


def _memory_us(terms: Terms) -> int:
    """Return how old an event may be that a group still remembers and needs.

    A group lives for its span and the lateness after its last match was received, and that match may have been late by
    as much again.  What may still be undecided reaches back to the start of a window that ends at a late match.
    """
    alive = terms.span + 2 * terms.lateness
    return alive if terms.threshold == 1 else alive + terms.span + terms.lateness
