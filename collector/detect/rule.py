"""A compiled rule: what it matches, what it counts, and when that is an alert.

A plain detection is a rule for which one match is enough: every matching event makes the condition hold, and matches of
one group fold into one alert until none came for the rule's quiet time.  A correlation has a condition on the matches
of one group within ``span_us``.
"""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from collector.detect.compiled import Compiled
from collector.detect.condition import Condition
from collector.detect.encoded import digest
from collector.detect.extension import Missing
from collector.detect.matcher import Matcher
from collector.finding import Inhibition, RuleBrief

#: What of a rule does not decide what it finds (or is told apart otherwise).
_NOT_SIGNED: Final = frozenset({"brief", "matchers", "place", "fed"})


@dataclass(frozen=True)
class Fed:
    """A place in a correlation's rules that is a correlation itself: what that one finds counts as matches here.

    ``key``: for each field that the outer groups by, where it stands in the inner's group; ``value`` likewise for the
    fields whose values the outer counts.
    """

    place: int
    rule: "Rule"
    key: tuple[int, ...]
    value: tuple[int, ...] = ()


@dataclass(frozen=True)
class Await:
    """Which places of a rule begin a wait, and which end it, as sets of bits; a wait that nobody ends is found."""

    begin: int
    end: int


@dataclass(frozen=True)
class Silence:
    """Finds groups of which nothing is heard for the rule's span.

    ``remember_us``: after so long an alert is given up, and the group forgotten.  ``expected``: groups that must be
    heard of even if they never were, and are never given up.
    """

    remember_us: int
    expected: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Rule:
    """A rule that can raise alerts.

    ``group_by``: the fields to group by, as the alert shows them; ``group_fields``: for each matcher the fields of its
    events that stand for them, where they differ.
    ``span_us`` is the length of the window, and also how long it must be quiet until an alert is over.  ``place`` is
    where the rule stands: ``rules/failure_spike.yml:3``.
    ``fed`` are the places of its rules that are correlations themselves; then ``places`` are those of the matchers.
    """

    brief: RuleBrief
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    span_us: int
    condition: Condition
    missing: Missing
    place: str
    group_fields: tuple[tuple[str, ...], ...] = ()
    fed: tuple[Fed, ...] = ()
    places: tuple[int, ...] = ()
    absence: Await | Silence | None = None

    def bit_of(self, matcher: int) -> int:
        """Return the bit that stands for a matcher's place among the rule's rules."""
        return 1 << (self.places[matcher] if self.places else matcher)

    @cached_property
    def signature(self) -> str:
        """What names all that decides which alerts a rule raises: two with the same one may share their memory."""
        told = [
            msgspec.to_builtins(getattr(self, each.name))
            for each in dataclasses.fields(self)
            if each.name not in _NOT_SIGNED
        ]
        fed = [(each.place, each.rule.signature, each.key, each.value) for each in self.fed]
        return digest([self.brief.id, [matcher.key for matcher in self.matchers], told, fed])

    def fields_of(self, matcher: int) -> tuple[str, ...]:
        """Return the fields by which the events that a matcher finds are grouped."""
        return self.group_fields[matcher] if self.group_fields else self.group_by


@dataclass(frozen=True)
class RuleSet:
    """The rules that can raise alerts, the documents they were made of, which are more, and which keep others quiet."""

    rules: tuple[Rule, ...]
    documents: tuple[Compiled, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()

    def with_shadow(self, shadow: Mapping[str, bool]) -> "RuleSet":
        """Return the set with some rules, by id, on trial or not, whatever their files say."""
        return RuleSet(tuple(_shadowed(rule, shadow) for rule in self.rules), self.documents, self.inhibitions)

    def without(self, ids: Collection[str]) -> "RuleSet":
        """Return the set without the rules of these ids; what counts them goes on counting."""
        kept = tuple(rule for rule in self.rules if rule.brief.id not in ids)
        return RuleSet(kept, self.documents, self.inhibitions)


def _shadowed(rule: Rule, shadow: Mapping[str, bool]) -> Rule:
    wanted = shadow.get(rule.brief.id, rule.brief.shadow)
    return rule if wanted == rule.brief.shadow else dataclasses.replace(rule, brief=rule.brief._replace(shadow=wanted))
