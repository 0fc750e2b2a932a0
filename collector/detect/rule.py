"""A compiled rule: what it matches, what it counts, and when that is an alert.

A plain detection is a rule for which one match is enough: every matching event makes the condition hold, and matches of
one group fold into one alert until none came for the rule's quiet time.  A correlation has a condition on the matches
of one group within ``span_us``.
"""

from dataclasses import dataclass
from typing import Literal

from collector.detect.condition import Condition
from collector.detect.matcher import Matcher
from collector.finding import RuleBrief

#: What happens to an event that lacks a field to group by: it is not counted, or it counts in a group of its own kind.
Missing = Literal["skip", "group"]


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

    def fields_of(self, matcher: int) -> tuple[str, ...]:
        """Return the fields by which the events that a matcher finds are grouped."""
        return self.group_fields[matcher] if self.group_fields else self.group_by


@dataclass(frozen=True)
class RuleSet:
    """The rules that are in force."""

    rules: tuple[Rule, ...]
