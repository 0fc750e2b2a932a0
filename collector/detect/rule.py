"""A compiled rule: what it matches, what it counts, and when that is an alert.

A plain detection is a rule for which one match is enough: every matching event makes the condition hold, and matches of
one group fold into one alert until none came for the rule's quiet time.  A correlation has a condition on the matches
of one group within ``span_us``.
"""

from dataclasses import dataclass
from typing import Literal

from collector.detect.condition import Condition
from collector.detect.matcher import Matcher
from collector.finding import Inhibition, RuleBrief

#: What happens to an event that lacks a field to group by: it is not counted, or it counts in a group of its own kind.
Missing = Literal["skip", "group"]


@dataclass(frozen=True)
class Rule:
    """A rule that can raise alerts.

    ``group_by``: the fields to group by, as the alert shows them; ``group_fields``: for each matcher the fields of its
    events that stand for them, where they differ.
    ``span_us`` is the length of the window, and also how long it must be quiet until an alert is over.  ``place`` is
    where the rule stands: ``rules/failure_spike.yml:3``.
    """

    brief: RuleBrief
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    span_us: int
    condition: Condition
    missing: Missing
    place: str
    group_fields: tuple[tuple[str, ...], ...] = ()

    def fields_of(self, matcher: int) -> tuple[str, ...]:
        """Return the fields by which the events that a matcher finds are grouped."""
        return self.group_fields[matcher] if self.group_fields else self.group_by


@dataclass(frozen=True)
class RuleSet:
    """The rules that are in force, and which of them keep others quiet."""

    rules: tuple[Rule, ...]
    inhibitions: tuple[Inhibition, ...] = ()
