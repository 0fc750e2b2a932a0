"""A compiled rule: what it matches, what it counts, and when that is an alert.

A plain detection is a rule with a threshold of one: every matching event makes the condition hold, and matches of one
group fold into one alert until none came for the rule's quiet time.  A correlation needs ``threshold`` matches of one
group within ``span_us``.
"""

from dataclasses import dataclass
from typing import Literal

from collector.detect.matcher import Matcher
from collector.finding import RuleBrief

#: What happens to an event that lacks a field to group by: it is not counted, or it counts in a group of its own kind.
Missing = Literal["skip", "group"]


@dataclass(frozen=True)
class Rule:
    """A rule that can raise alerts.

    ``span_us`` is the length of the window, and also how long it must be quiet until an alert is over.  ``place`` is
    where the rule stands: ``rules/failure_spike.yml:3``.
    """

    brief: RuleBrief
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    span_us: int
    threshold: int
    missing: Missing
    place: str


@dataclass(frozen=True)
class RuleSet:
    """The rules that are in force."""

    rules: tuple[Rule, ...]
