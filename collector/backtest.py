"""Back-tests: what rules would have said of stored events, by the very engine that judges them as they come.

Every event of the range is put to the rules once, in the order in which it arrived, with its time of receipt: so the
lateness, what folds into one alert, exceptions and the clock come to what they came to live.  Events before the range
are read as far back as the rules' windows reach.  Alerts whose condition first held within the range are told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from collector.block import BlockInfo, BlockSource, DecodedBlock, SegmentInfo
from collector.detect import DetectSettings, Engine, Exceptions, Rule, RuleSet, Thinned, fields_of, tick_of
from collector.detect.counting import RuleCounters
from collector.detect.view import BatchView
from collector.finding import AlertChange, AlertState, RuleException
from collector.query import Candidates
from watchbook.clock import TIME_MAX_US
from watchbook.wire import WireError

#: Those of some ascending indices whose events are asked for.
Select = Callable[[DecodedBlock, Sequence[int]], Sequence[int]]
#: Gives the rows of a segment that may match; None: nothing is known.
Narrow = Callable[[SegmentInfo], Candidates | None]
#: Told how many events of how many were read.
Progress = Callable[[int, int], None]
#: How often a segment that was sealed or removed while it was read is looked for anew.
_TRIES: Final = 8
_SAID_EVERY: Final = 16
#: Evidence of each alert that is kept.
EVIDENCE_MAX: Final = 100


class BacktestStoppedError(Exception):
    """Nobody waits for the result any more."""


class Archive(Protocol):
    """Reads archived segments: :class:`collector.archive.ArchiveReader`."""

    def scan(
        self, path: Any, condition: Any, time_from: int, time_to: int, fields: Sequence[str] | None = None
    ) -> Iterator[DecodedBlock]:
        """Yield the events of a range of time."""
        ...

    def find(self, path: Any, stream: str, sequence: int) -> DecodedBlock | None:
        """Return the events of one batch, None when there are none here."""
        ...


class Span(NamedTuple):
    """``begin <= time < end``, microseconds; ``end`` None: no end."""

    begin: int
    end: int | None = None

    @property
    def stop(self) -> int:
        """The exclusive end, also when there is none."""
        return TIME_MAX_US + 1 if self.end is None else self.end


class _EveryRow(NamedTuple):
    sql: str = "TRUE"
    values: Mapping[str, object] = {}


@dataclass
class Fired:
    """An alert as it stood in the end, and the ids of its first events."""

    alert: AlertState
    event_ids: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What came of a back-test.

    ``alerts`` are those of the range, in the order in which they opened; ``events`` is how many there were.
    ``before`` counts alerts that had begun before the range, by rule id.  ``unreadable`` counts blocks that are damaged
    or went meanwhile, ``archived`` the events of segments that nobody here can read.
    """

    alerts: list[Fired] = field(default_factory=list)
    events: int = 0
    before: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    archived: int = 0
    counters: Mapping[str, RuleCounters] = field(default_factory=dict)


class Backtest:
    """One run of some rules over what is stored; belongs to one thread.

    ``narrowing`` gives, for some rules, what gives the rows of a segment that may match: other blocks are not read.
    """

    def __init__(
        self,
        rules: RuleSet,
        source: BlockSource,
        settings: DetectSettings,
        span: Span,
        *,
        archive: Archive | None = None,
        exceptions: Iterable[RuleException] = (),
        select: Select | None = None,
        narrowing: Callable[[Sequence[Rule]], Narrow | None] = lambda _: None,
        progress: Progress = lambda _done, _all: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        exceptions = list(exceptions)
        self._engine = Engine(rules, settings, Exceptions(exceptions))
        self._source = source
        self._archive = archive
        self._span = span
        self._select = select
        judged = self._engine.judged
        self._narrow = narrowing(judged) or (lambda _: None)
        self._progress = progress
        self._stopping = stopping
        ids = {rule.brief.id for rule in rules.rules}
        named = [name for each in exceptions if each.rule_id in ids for name, _ in each.fields]
        self._fields = fields_of(judged, named)
        self._matchers = list(dict.fromkeys(matcher for rule in judged for matcher in rule.matchers))
        # What lies after the range may decide what is too late within it.
        memory = self._engine.replay_span_us
        self._from, self._to = span.begin - memory, min(span.stop + memory, TIME_MAX_US + 1)
        self._found: dict[str, Fired] = {}
        self._ticked = 0
        self._done = self._all = 0
        self._told = 0
        self._outcome = Outcome()

    def run(self, now: int) -> Outcome:
        """Return what came of it; ``now`` ends what was quiet long enough.  Raises BacktestStoppedError."""
        outcome = self._outcome
        read_up_to = tries = 0
        last_number = self._source.last_number()  # what comes while it runs is for the next one
        while read_up_to < last_number and (segment := self._next_segment(read_up_to)) is not None:
            last = min(segment.first_number + segment.rows - 1, last_number)
            try:
                self._read_segment(segment, read_up_to, last_number)
            except KeyError:
                tries += 1  # sealed or archived meanwhile: the same events lie elsewhere
                if tries < _TRIES:
                    continue
                outcome.unreadable += 1
            read_up_to, tries = max(read_up_to, last), 0
        self._note(self._engine.tick(now))
        self._progress(self._done, self._done)
        outcome.events = self._done
        outcome.counters = dict(self._engine.counters)
        for fired in self._found.values():
            if self._span.begin <= fired.alert.holds_from < self._span.stop:
                outcome.alerts.append(fired)
            elif fired.alert.holds_from < self._span.begin <= fired.alert.holds_until:
                rule_id = fired.alert.rule.id
                outcome.before[rule_id] = outcome.before.get(rule_id, 0) + 1
        return outcome

    def _next_segment(self, read_up_to: int) -> SegmentInfo | None:
        """Return the next segment of the range, in order of arrival; all that are left are counted."""
        segments = [each for each in self._source.segments() if each.rows and self._touches(each)]
        left = [each for each in sorted(segments, key=_arrival) if each.first_number + each.rows - 1 > read_up_to]
        self._all = self._done + sum(each.rows for each in left)
        return left[0] if left else None

    def _touches(self, spanned: SegmentInfo | BlockInfo) -> bool:
        return spanned.tmax >= self._from and spanned.tmin < self._to

    def _read_segment(self, segment: SegmentInfo, after: int, last: int) -> None:
        """Put a segment to the rules; raises KeyError when it is gone: then what was read of it is not read again."""
        if segment.tier == "archived":
            self._read_archived(segment)
            return
        # As they came they need no putting back; only where a query narrows them down do they change.
        thinned = Thinned(self._fields) if segment.tier == "sealed" or self._select is not None else None
        done = self._done
        # The rows of a hot segment are in the order of their numbers.
        rows = (max(0, after + 1 - segment.first_number), min(segment.rows, last + 1 - segment.first_number))
        try:
            candidates = self._narrow(segment)
            for info in self._source.blocks(segment, *rows) if segment.tier == "hot" else self._source.blocks(segment):
                self._say(info.n)
                if not self._touches(info) or not (candidates is None or candidates.may_match(info)):
                    continue
                block = self._read(info)
                if block is not None and thinned is None:
                    self._put(block)
                elif block is not None and thinned is not None:
                    self._thin(block, thinned)
        except KeyError:
            self._done = done
            raise
        self._put_all(thinned, segment)

    def _read_archived(self, segment: SegmentInfo) -> None:
        if self._archive is None:
            self._outcome.archived += segment.rows
            self._say(segment.rows)
            return
        thinned = Thinned(self._fields)
        fields = self._fields if self._select is None else None
        done = self._done
        for block in self._archive.scan(segment.path, _EveryRow(), self._from, self._to, fields):
            self._say(block.batch.n)
            self._thin(block, thinned)
        self._done = done + segment.rows
        self._put_all(thinned, segment)

    def _read(self, info: BlockInfo) -> DecodedBlock | None:
        try:
            return self._source.read(info)
        except WireError:
            self._outcome.unreadable += 1
            return None

    def _thin(self, block: DecodedBlock, thinned: Thinned) -> None:
        """Keep what the rules match of a block."""
        view = BatchView(block.batch)
        hits = [found for matcher in self._matchers if (found := matcher(view))]
        if not hits:
            return
        indices: Sequence[int] = hits[0] if len(hits) == 1 else sorted(set().union(*hits))
        if self._select is not None:
            indices = self._select(block, indices)
        if indices:
            thinned.add(block, view, indices)

    def _put_all(self, thinned: Thinned | None, segment: SegmentInfo) -> None:
        if thinned is not None:
            for block in thinned.blocks(segment.name):
                self._put(block)

    def _put(self, block: DecodedBlock) -> None:
        """Let the rules judge a block, at the time at which it was received."""
        at = tick_of(block.info.received)
        if at > self._ticked:
            self._ticked = at
            self._note(self._engine.tick(at))
        self._engine.read(block)
        if self._engine.unsaid:
            self._note(self._engine.changes())

    def _note(self, changes: Iterable[AlertChange]) -> None:
        for change in changes:
            fired = self._found.get(change.alert.id)
            if fired is None:
                fired = self._found[change.alert.id] = Fired(change.alert)
            fired.alert = change.alert
            room = EVIDENCE_MAX - len(fired.event_ids)
            fired.event_ids.extend(change.event_ids[: max(0, room)])

    def _say(self, events: int) -> None:
        self._done += events
        self._told += 1
        if self._told % _SAID_EVERY == 0:
            if self._stopping():
                raise BacktestStoppedError
            self._progress(self._done, max(self._all, self._done))


def chosen(rules: RuleSet, ids: Iterable[str]) -> RuleSet:
    """Return the set with these rules only."""
    wanted = set(ids)
    kept: tuple[Rule, ...] = tuple(rule for rule in rules.rules if rule.brief.id in wanted)
    return RuleSet(kept, rules.documents, rules.inhibitions)


def _arrival(segment: SegmentInfo) -> int:
    return segment.first_number
