"""A back-test gives exactly the alerts of the live run, from hot segments, sealed ones and archives."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.archive import ArchiveReader, ArchiveSettings
from collector.backtest import Backtest, BacktestStoppedError, Outcome, Span, chosen
from collector.backtest_candidates import narrowing
from collector.block import BlockInfo, DecodedBlock
from collector.config import CollectorSettings
from collector.detect import DetectSettings, Engine, Exceptions, RuleSet, load_rules, tick_of
from collector.finding import AlertChange, AlertState, RuleException
from collector.index import IndexReader
from collector.lifecycle import LifecycleSettings
from collector.query import Plan, asked_plan, compile_plan
from collector.store import SegmentReader, Store, StoreSettings
from collector.upkeep import open_upkeep
from tests.collector.kinds_of_rules import MINUTE, RULES, SECOND, STREAMS, Sent, log_of
from watchbook.clock import parse_rfc3339
from watchbook.wire import columns_of, decode_batch, encode_batch

BYTES_MAX = 1 << 30
DAY_US = 86_400 * SECOND
START = parse_rfc3339("2026-03-01T00:00:00Z")
STORE = StoreSettings(segment_events_max=3000, sealed_block_events=256)
EVENTS = 12_000


class Seen(NamedTuple):
    """All that an alert says, and its first event."""

    alert: AlertState
    first_event: str


class Stage:
    """A store that rules watched while it was filled."""

    def __init__(self, path: Path, rules: RuleSet, exceptions: Sequence[RuleException] = ()) -> None:
        retention = LifecycleSettings(keep="forever", archive_after="20d")
        self.settings = CollectorSettings(data=path, store=STORE, retention=retention)
        self.rules = rules
        self.exceptions = exceptions
        self.now = START
        self.live: dict[str, Seen] = {}
        self.reads = 0

    async def run(self, log: Sequence[Sent], bells: int) -> None:
        """Fill the store; the rules read each block as it is stored, and the clock rings now and then."""
        engine = Engine(self.rules, DetectSettings(), Exceptions(self.exceptions))
        rng = random.Random(bells)

        def ring(now: int) -> None:
            self._note(engine.tick(tick_of(now)))

        def committed(blocks: Sequence[DecodedBlock]) -> None:
            for block in blocks:
                ring(block.info.received)
                self._note(engine.process(block))

        store = await Store.open(
            self.settings.segments, STORE, batch_bytes_max=BYTES_MAX, clock=lambda: self.now,
            on_committed=committed, key_path=self.settings.checkpoint_key,
        )  # fmt: skip
        for sent in log:
            while rng.random() < 0.7 and self.now < sent.received:
                self.now = min(sent.received, self.now + rng.randint(1, 90) * SECOND)
                ring(self.now)
            self.now = sent.received
            data = encode_batch(len(sent.events), columns_of(sent.events))
            await store.append(sent.stream, sent.sequence, data, decode_batch(data, bytes_max=BYTES_MAX))
        await store.close()
        self.now += 90 * MINUTE
        self._note(engine.tick(self.now))

    def _note(self, changes: Sequence[AlertChange]) -> None:
        for change in changes:
            known = self.live.get(change.alert.id)
            self.live[change.alert.id] = Seen(change.alert, known.first_event if known else change.event_ids[0])

    def tend(self, days: float) -> set[str]:
        """Do what is due so many days after the start; return the tiers there are then."""
        reader = self.reader()
        clock = int(START + days * DAY_US)
        with open_upkeep(self.settings, reader.segments, lambda _: None, clock=lambda: clock) as upkeep:
            while upkeep.step():
                pass
        tiers: set[str] = {segment.tier for segment in reader.segments() if segment.rows}
        reader.close()
        return tiers

    def reader(self) -> SegmentReader:
        return SegmentReader(self.settings.segments, BYTES_MAX, STORE)

    def backtest(
        self,
        span: Span | None = None,
        rules: RuleSet | None = None,
        *,
        indexed: bool = False,
        also: Plan | None = None,
        before: Callable[[int], None] = lambda _: None,
        **more: Any,
    ) -> Outcome:
        """Run one over everything, or a span of it; ``indexed``: only over blocks that the index picks."""
        reader, archive = self.reader(), ArchiveReader(self.settings.segments, ArchiveSettings())
        counting: Any = CountingReader(reader, before)
        rules = rules or self.rules
        if indexed:
            indexes = IndexReader(self.settings.index.cache_bytes, self.settings.index.open_files_max)
            more["narrowing"] = lambda judged: narrowing(judged, indexes, reader, also)
        try:
            trial = Backtest(
                rules, counting, DetectSettings(), span or Span(START - DAY_US), archive=archive,
                **{"exceptions": self.exceptions, **more},
            )  # fmt: skip
            return trial.run(self.now)
        finally:
            self.reads = counting.reads
            archive.close()
            reader.close()


class CountingReader:
    """A reader that counts how many blocks are read."""

    def __init__(self, reader: SegmentReader, before: Callable[[int], None] = lambda _: None) -> None:
        self._reader = reader
        self._before = before
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, info: BlockInfo) -> DecodedBlock:
        self.reads += 1
        self._before(self.reads)
        return self._reader.read(info)


def seen(outcome: Outcome) -> dict[str, Seen]:
    return {fired.alert.id: Seen(fired.alert, fired.event_ids[0]) for fired in outcome.alerts}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    path = tmp_path_factory.mktemp("rules") / "kinds.yml"
    path.write_text(RULES)
    return load_rules([path])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, rules: RuleSet) -> Stage:
    """A store of hot and sealed segments, and what the rules said when it was filled."""
    stage = Stage(tmp_path_factory.mktemp("store"), rules)
    asyncio.run(stage.run(list(log_of(EVENTS, START)), bells=1))
    assert stage.tend(1) == {"hot", "sealed"}
    return stage


def test_the_log_makes_every_kind_of_rule_fire_and_has_late_events(stage: Stage) -> None:
    fired = {each.alert.rule.title for each in stage.live.values()}
    assert fired == {
        "failed", "granted", "exported", "deleted",
        "many failures", "many addresses", "many rows", "few rows", "together", "in order",
        "failures then grant", "grant then few rows", "many spikes", "grant without export", "nothing exported",
    }  # fmt: skip
    assert any(each.alert.track == STREAMS[2] for each in stage.live.values())
    ends = {"nothing exported": {"returned", None}}
    for title in fired:
        resolutions = {each.alert.resolution for each in stage.live.values() if each.alert.rule.title == title}
        assert resolutions == ends.get(title, {"quiet"})


@pytest.mark.timeout(120)
def test_a_backtest_gives_the_alerts_of_the_live_run_whatever_the_segments(stage: Stage) -> None:
    outcome = stage.backtest()
    assert seen(outcome) == stage.live
    assert outcome.events == EVENTS
    assert outcome.before == {}


@pytest.mark.timeout(120)
def test_it_does_not_depend_on_when_the_clock_rang(tmp_path: Path, rules: RuleSet, stage: Stage) -> None:
    other = Stage(tmp_path, rules)
    asyncio.run(other.run(list(log_of(EVENTS, START)), bells=2))
    assert {key: each.alert for key, each in other.live.items()} == {
        key: each.alert for key, each in stage.live.items()
    }


@pytest.mark.timeout(120)
def test_a_backtest_reads_archives_too(tmp_path: Path, rules: RuleSet) -> None:
    stage = Stage(tmp_path, rules)
    asyncio.run(stage.run(list(log_of(EVENTS, START)), bells=1))
    assert stage.tend(40) == {"archived", "hot"}
    assert seen(stage.backtest()) == stage.live


def test_one_rule_alone_gives_its_alerts(stage: Stage) -> None:
    for rule in stage.rules.rules:
        found = seen(stage.backtest(rules=chosen(stage.rules, [rule.brief.id]), indexed=True))
        assert found == {key: each for key, each in stage.live.items() if each.alert.rule.id == rule.brief.id}


@pytest.mark.parametrize(("begin_min", "end_min"), [(30, None), (20, 60), (0, 40)])
def test_a_range_gives_the_alerts_that_began_within_it(stage: Stage, begin_min: int, end_min: int | None) -> None:
    span = Span(START + begin_min * MINUTE, None if end_min is None else START + end_min * MINUTE)
    expected = {key for key, each in stage.live.items() if span.begin <= each.alert.holds_from < span.stop}
    assert expected
    # What had begun before the range is known from the windows before it on: only alerts that reach over its beginning
    # may begin elsewhere there.
    over = {
        each.alert.rule.id + str(each.alert.group)
        for each in stage.live.values()
        if each.alert.holds_from < span.begin <= each.alert.holds_until + 10 * MINUTE
    }
    found = seen(stage.backtest(span))
    clear = {key for key in expected if stage.live[key].alert.rule.id + str(stage.live[key].alert.group) not in over}
    assert len(clear) > len(expected) / 2
    assert clear <= found.keys()
    assert {key: found[key] for key in clear} == {key: stage.live[key] for key in clear}


def test_a_query_narrows_down_what_the_rules_see(stage: Stage) -> None:
    plan = asked_plan({"q": "actor:user7 OR actor:user8"}, stage.now)
    assert plan is not None
    found = seen(stage.backtest(select=compile_plan(plan)))
    assert found == seen(stage.backtest(select=compile_plan(plan), indexed=True, also=plan))
    expected = {
        key: each for key, each in stage.live.items() if dict(each.alert.group).get("actor.id") in ("user7", "user8")
    }
    assert expected
    assert found == expected


@pytest.mark.timeout(120)
def test_exceptions_count_as_they_did_live(tmp_path: Path, rules: RuleSet) -> None:
    ids = {rule.brief.title: rule.brief.id for rule in rules.rules}
    far = START + 1000 * DAY_US
    exceptions = [
        RuleException("e1", ids["many failures"], (("actor.id", "user7"),), 2000, far),
        RuleException("e2", ids["many failures"], (("source.ip", "10.0.0.2"),), 4000, far, 9000),
        RuleException("e3", ids["deleted"], (("details.n", 3),), 1, START + 200 * MINUTE),
        RuleException("e4", ids["failures then grant"], (("source.ip", "10.0.0.3"),), 1, far),
        RuleException("e5", ids["grant without export"], (("outcome", "failure"),), 1, far),
        RuleException("e6", ids["nothing exported"], (("actor.id", "user9"),), 3000, far),
    ]
    stage = Stage(tmp_path, rules, exceptions)
    asyncio.run(stage.run(list(log_of(EVENTS, START)), bells=1))
    assert stage.tend(1) == {"hot", "sealed"}
    assert seen(stage.backtest()) == stage.live
    assert seen(stage.backtest(exceptions=())) != stage.live


def test_a_backtest_ends_when_nobody_waits_for_it(stage: Stage) -> None:
    with pytest.raises(BacktestStoppedError):
        stage.backtest(stopping=lambda: True)


def test_progress_comes_to_all_events(stage: Stage) -> None:
    told: list[tuple[int, int]] = []
    stage.backtest(progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (EVENTS, EVENTS)
    assert all(done <= of for done, of in told)
    assert sorted(told) == told


def test_the_index_picks_the_blocks_that_are_read(tmp_path: Path, stage: Stage) -> None:
    path = tmp_path / "rare.yml"
    text = RULES.split("---\n")[3].replace(
        "action: delete", "action: delete, actor.id: USER7, source.ip|cidr: 10.0.0.2/31"
    )
    path.write_text(text)
    rules = load_rules([path])
    everything = stage.backtest(rules=rules)
    reads = stage.reads
    picked = stage.backtest(rules=rules, indexed=True)
    assert seen(picked) == seen(everything) != {}
    assert picked.events == everything.events == EVENTS
    assert 0 < stage.reads < 0.75 * reads


@pytest.mark.timeout(120)
@pytest.mark.parametrize("days", [(1,), (1, 40), (40,)])
def test_segments_may_be_sealed_and_archived_while_they_are_read(
    tmp_path: Path, rules: RuleSet, days: tuple[float, ...]
) -> None:
    stage = Stage(tmp_path, rules)
    asyncio.run(stage.run(list(log_of(EVENTS, START)), bells=1))
    due = list(days)

    def before(reads: int) -> None:
        if reads % 20 == 0 and due:
            stage.tend(due.pop(0))

    assert seen(stage.backtest(before=before)) == stage.live
    assert not due
