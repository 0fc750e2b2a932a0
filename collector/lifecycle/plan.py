"""What is to be done with which segment now.  Pure: everything it knows is handed in.

A *scope* is an organization and a category, each perhaps absent.  A segment knows the scopes in it, and for each how
many events it has and which times they span.  The first policy that fits a scope says how long it is kept.

- A segment whose scopes are all past their time is removed; one of which only some are is written again without them.
- A segment whose scopes may all be archived is archived.
- A hold that fits a scope keeps it, and so whatever would have removed it.
- The age of events is that of the youngest of their scope in the segment, by their own time; but a time that lies after
  their receipt is not believed, or an event of a clock gone wrong would be kept for a century.
- The newest segment, and any that is not sealed yet, is left alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from collector.block import Tier


class Scope(NamedTuple):
    """An organization and a category; in a rule None is "any", in an event "none"."""

    org: str | None
    category: str | None

    def fits(self, other: "Scope") -> bool:
        """Return whether an event's scope falls under this rule's."""
        return self.org in (None, other.org) and self.category in (None, other.category)


class ScopeSpan(NamedTuple):
    """The events of one scope in a segment; times (of the events, and of the first receipt) are microseconds."""

    scope: Scope
    events: int
    tmin: int
    tmax: int
    received_min: int


class SegmentState(NamedTuple):
    """What is known of a finished segment; ``received_max`` is when the last of its events came."""

    name: str
    tier: Tier
    received_max: int
    scopes: tuple[ScopeSpan, ...]


class Policy(NamedTuple):
    """How long what it fits is kept, and from what age it may be archived, in microseconds; None: for ever, never."""

    scope: Scope
    keep_us: int | None
    archive_after_us: int | None


class Hold(NamedTuple):
    """A legal hold."""

    name: str
    scope: Scope


class Purge(NamedTuple):
    """An organization is gone, and what came from it up to ``requested`` (microseconds) is to go."""

    name: str
    org: str
    requested: int


class Action(NamedTuple):
    """One thing to do.

    ``scopes`` are those that go (for ``hold``: those that would go), ``reason`` is ``age``, or the name of a purge, or
    of a hold.  ``received_to``: only what came up to then goes (a purge), None: all of it.
    """

    kind: Literal["archive", "remove", "rewrite", "hold"]
    segment: str
    scopes: tuple[ScopeSpan, ...] = ()
    reason: str = "age"
    received_to: int | None = None

    @property
    def events(self) -> int:
        """How many events it is about, at most."""
        return sum(span.events for span in self.scopes)


def plan(
    now: int,
    segments: Sequence[SegmentState],
    policies: Sequence[Policy],
    holds: Sequence[Hold] = (),
    purges: Sequence[Purge] = (),
) -> list[Action]:
    """Return what is due now, oldest segment first; removals before archiving, so that nothing is done in vain.

    The last policy must fit everything.
    """
    actions: list[Action] = []
    for segment in segments:
        if segment.tier == "hot" or not segment.scopes:
            continue
        going = [_purged(segment, purge, holds) for purge in purges]
        due = [span for span in segment.scopes if _is_past(span, segment, policies, now)]
        going.append(_leaving(segment, due, "age", None, holds))
        found = [action for actions in going for action in actions]
        actions.extend(found)
        if not any(action.kind == "remove" for action in found) and _may_be_archived(segment, policies, now):
            actions.append(Action("archive", segment.name, segment.scopes))
    return sorted(actions, key=lambda action: action.kind == "archive")


def policy_of(scope: Scope, policies: Iterable[Policy]) -> Policy:
    """Return the first policy that fits."""
    return next(policy for policy in policies if policy.scope.fits(scope))


def is_left_of(span: ScopeSpan, purge: Purge) -> bool:
    """Return whether some event of a scope should not be there any more."""
    return span.scope.org == purge.org and span.received_min <= purge.requested


def _purged(segment: SegmentState, purge: Purge, holds: Sequence[Hold]) -> list[Action]:
    spans = [span for span in segment.scopes if is_left_of(span, purge)]
    return _leaving(segment, spans, purge.name, purge.requested, holds)


def _leaving(
    segment: SegmentState, spans: Sequence[ScopeSpan], reason: str, received_to: int | None, holds: Sequence[Hold]
) -> list[Action]:
    held = {span: hold for span in spans if (hold := _hold_of(span, holds)) is not None}
    free = tuple(span for span in spans if span not in held)
    actions = list(_kept(segment, held))
    if not free:
        return actions
    whole = len(free) == len(segment.scopes) and (received_to is None or segment.received_max <= received_to)
    actions.append(Action("remove" if whole else "rewrite", segment.name, free, reason, received_to))
    return actions


def _kept(segment: SegmentState, held: dict[ScopeSpan, Hold]) -> Iterator[Action]:
    for name in dict.fromkeys(hold.name for hold in held.values()):
        spans = tuple(span for span, hold in held.items() if hold.name == name)
        yield Action("hold", segment.name, spans, name)


def _hold_of(span: ScopeSpan, holds: Sequence[Hold]) -> Hold | None:
    return next((hold for hold in holds if hold.scope.fits(span.scope)), None)


def _is_past(span: ScopeSpan, segment: SegmentState, policies: Sequence[Policy], now: int) -> bool:
    keep_us = policy_of(span.scope, policies).keep_us
    return keep_us is not None and _youngest(span, segment) + keep_us <= now


def _may_be_archived(segment: SegmentState, policies: Sequence[Policy], now: int) -> bool:
    if segment.tier != "sealed":
        return False
    for span in segment.scopes:
        after_us = policy_of(span.scope, policies).archive_after_us
        if after_us is None or _youngest(span, segment) + after_us > now:
            return False
    return True


def _youngest(span: ScopeSpan, segment: SegmentState) -> int:
    return min(span.tmax, segment.received_max)
