"""Does what the plan says, one job at a time, and sees to it that each deletion is told of exactly once.

A job is an iterator: between two of its steps other work can be done, and one closed early leaves all as it was.  The
process may be killed at any instant: what was done is in the store's ledger, what was counted is in ``rollups.db``,
what is to be told is in ``retention.db``, and the next job goes on from there.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from collector.block import DecodedBlock, SegmentInfo
from collector.lifecycle import reports
from collector.lifecycle.measure import Measuring
from collector.lifecycle.plan import Action, Hold, Policy, Scope, SegmentState, is_left_of, plan
from collector.lifecycle.rollups import KnownSegment, Rollups
from collector.lifecycle.settings import LifecycleSettings, duration_us
from collector.lifecycle.state import PURGE_PREFIX, Report, RetentionState, scope_of
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("lifecycle")

#: Reports handed over at a time.
REPORTS_MAX = 64

#: Given a block, the ascending places in it of the events that stay.
Stay = Callable[[DecodedBlock], Sequence[int]]


class Removal(NamedTuple):
    """An entry of the store's ledger that tells of events that went or moved.  ``time`` is microseconds.

    ``events`` are those that went (for ``archived``: those that moved), ``size`` the bytes of the file.
    """

    kind: str
    time: int
    segment: str
    events: int
    size: int
    why: Mapping[str, Any]


class Shelf(Protocol):
    """The finished segments, as somebody who may clear them out sees them.

    Each change is whole or not at all, and in the ledger before it ends; ``why`` goes into the entry.
    """

    def finished(self) -> list[SegmentInfo]:
        """Return the segments that are sealed or archived, oldest first."""
        ...

    def open_since(self) -> int:
        """Return when the first event that is in no finished segment was received; now, when there is none."""
        ...

    def blocks(self, segment: SegmentInfo) -> Iterable[DecodedBlock]:
        """Return all events of a segment; raises KeyError when it is gone."""
        ...

    def archive(self, segment: SegmentInfo, why: Mapping[str, Any]) -> Iterator[object]:
        """Put the Parquet form in the place of a sealed segment, step by step."""
        ...

    def rewrite(self, segment: SegmentInfo, stay: Stay, why: Mapping[str, Any]) -> Iterator[object]:
        """Write a segment again with those events only that stay, step by step."""
        ...

    def remove(self, segment: SegmentInfo, why: Mapping[str, Any]) -> None:
        """Remove a segment."""
        ...

    def removals(self, skip: int) -> Iterator[tuple[int, Removal | None]]:
        """Yield the ledger's entries after the first ``skip``, each with its number from 1; None: of another kind."""
        ...


class Keeper:
    """Keeps segments as long as they are to be kept.  One thread at a time."""

    def __init__(
        self, shelf: Shelf, settings: LifecycleSettings, rollups: Rollups, state: RetentionState, clock: Clock
    ) -> None:
        self._shelf = shelf
        self._settings = settings
        self._rollups = rollups
        self._state = state
        self._clock = clock
        self._policies = policies_of(settings)
        self._due = True
        self._failure = RepeatedFailure(log.error, "lifecycle", clock)
        self._failing: set[str] = set()
        #: What was done since the start: archived, rewritten, removed, failed.
        self.counters: Counter[str] = Counter()

    @property
    def failing(self) -> str | None:
        """Why the last piece of work failed; None when it worked."""
        return self._failure.last_error

    def ring(self) -> None:
        """Look at everything again, also at what failed before."""
        self._due = True
        self._failing.clear()

    def job(self) -> Generator[object, None, None] | None:
        """Return the next job, None when nothing is left until the next bell.

        A job that fails is logged; its segment is left alone until the next bell.
        """
        self._note_removals()
        segments = self._shelf.finished()
        known = self._rollups.known()
        for segment in segments:
            if segment.name not in self._failing and self._is_new(segment, known.get(segment.name)):
                return self._guarded(segment.name, self._measure(segment, known))
        if not self._due:
            return None
        action = self._next_action(segments, known)
        if action is None:
            self._due = False
            self._end_purges(segments)
            return None
        segment = next(each for each in segments if each.name == action.segment)
        return self._guarded(segment.name, self._do(action, segment))

    def reports(self) -> list[Report]:
        """Return what the store does not know yet: append each, then call :meth:`reported`."""
        return self._state.reports(REPORTS_MAX)

    def reported(self, sequence: int) -> None:
        """Note that the store has the reports up to a sequence."""
        self._state.reported(sequence)

    def _guarded(self, name: str, work: Iterator[object]) -> Generator[object, None, None]:
        try:
            yield from work
        except KeyError:
            pass  # the segment went; the next look does not find it
        except Exception as error:  # noqa: BLE001  # one segment that cannot be read must not stop all retention
            self._failing.add(name)
            self.counters["failed"] += 1
            self._failure.failed(str(error) or repr(error), segment=name, next_step="run 'watchbook verify'")
        else:
            self._failure.succeeded()

    def _is_new(self, segment: SegmentInfo, known: KnownSegment | None) -> bool:
        return known is None or known.generation != segment.generation

    def _measure(self, segment: SegmentInfo, known: Mapping[str, KnownSegment]) -> Iterator[object]:
        measuring = Measuring(self._settings.rollup_fields, self._settings.rollup_values_max)
        for block in self._shelf.blocks(segment):
            measuring.add(block)
            yield None
        self._rollups.put(segment.name, segment.generation, measuring.result(), hours=segment.name not in known)

    def _next_action(self, segments: Iterable[SegmentInfo], known: Mapping[str, KnownSegment]) -> Action | None:
        states = [
            SegmentState(segment.name, segment.tier, about.received_max, about.scopes)
            for segment in segments
            if segment.name not in self._failing and (about := known.get(segment.name)) is not None
        ]
        for action in plan(self._clock(), states, self._policies, self._holds(), self._state.purges()):
            if action.kind != "hold":
                return action
            self._state.note(f"held:{action.reason}:{action.segment}", reports.held(self._clock(), action))
        return None

    def _holds(self) -> list[Hold]:
        configured = [Hold(hold.name, Scope(hold.org, hold.category)) for hold in self._settings.holds]
        return configured + [scope_of(hold) for hold in self._state.holds()]

    def _do(self, action: Action, segment: SegmentInfo) -> Iterator[object]:
        why = {"reason": action.reason, **reports.scopes_document(action.scopes)}
        if action.kind == "archive":
            yield from self._shelf.archive(segment, why)
            moved = next((each for each in self._shelf.finished() if each.name == segment.name), None)
            if moved is not None:
                self._rollups.renamed(segment.name, moved.generation)
        elif action.kind == "remove":
            self._shelf.remove(segment, why)
            yield None
        else:
            yield from self._shelf.rewrite(segment, staying(action), why)
        self.counters[{"archive": "archived", "remove": "removed"}.get(action.kind, "rewritten")] += 1
        self._note_removals()

    def _end_purges(self, segments: Sequence[SegmentInfo]) -> None:
        """Lay the stone for each purge of which nothing is left, nothing failed and nothing may still be open."""
        known = self._rollups.known()
        for purge in self._state.purges():
            finished = (known.get(segment.name) for segment in segments)
            left = any(is_left_of(span, purge) for each in finished if each is not None for span in each.scopes)
            if not left and not self._failing and self._shelf.open_since() > purge.requested:
                self._rollups.forget_org(purge.org)
                self._state.end_purge(purge, self._clock(), reports.purged(self._clock(), purge))

    def _note_removals(self) -> None:
        """Turn what the ledger says into reports: it was written with each deletion, and the process may die after."""
        read = self._state.ledger_read()
        found: list[tuple[str, Mapping[str, Any]]] = []
        last = read
        for number, removal in self._shelf.removals(read):
            last = number
            if removal is not None:
                self._count_off(removal)
                found.append((f"ledger:{number}", event_of(removal)))
        if last > read:
            self._state.note_ledger(last, found)

    def _count_off(self, removal: Removal) -> None:
        """Let the counts outlive what was past its time; what was purged must not live on in them."""
        if str(removal.why.get("reason", "")).startswith(PURGE_PREFIX):
            self._rollups.forget(removal.segment)
        elif removal.kind == "removed":
            self._rollups.gone(removal.segment, removal.time)


def policies_of(settings: LifecycleSettings) -> list[Policy]:
    """Return the policies of the settings, the one that fits everything last."""
    scoped = [
        Policy(Scope(each.org, each.category), duration_us(each.keep), duration_us(each.archive_after))
        for each in settings.scopes
    ]
    return [*scoped, Policy(Scope(None, None), duration_us(settings.keep), duration_us(settings.archive_after))]


def staying(action: Action) -> Stay:
    """Return which events of a block an action leaves alone."""
    going = {span.scope for span in action.scopes}

    def stay(block: DecodedBlock) -> list[int]:
        batch = block.batch
        nothing = [None] * batch.n
        orgs, categories = batch.column("org") or nothing, batch.column("category") or nothing
        return [
            place
            for place, scope in enumerate(zip(orgs, categories, strict=True))
            if scope not in going
            or (action.received_to is not None and block.identity(place).received > action.received_to)
        ]

    return stay


def event_of(removal: Removal) -> dict[str, Any]:
    """Return the event that tells of an entry of the ledger."""
    if removal.kind == "removed":
        return reports.segment_removed(removal.time, removal.segment, removal.events, removal.size, removal.why)
    if removal.kind == "rewritten":
        return reports.segment_rewritten(removal.time, removal.segment, removal.events, removal.why)
    return reports.segment_archived(removal.time, removal.segment, removal.events, removal.size, removal.why)
