"""Runs the tests of rules (:mod:`collector.detect.suite`) and says why one failed.

The events of a test are encoded, stored in blocks as they would come (each received as it happens) and put to the
engine that runs live; at last the clock goes on until everything that was waiting is decided.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.block import BlockInfo, DecodedBlock, Identity
from collector.detect import (
    TESTS_FOLDER,
    Compiled,
    DetectSettings,
    Engine,
    Loaded,
    Rule,
    RuleSet,
    Surroundings,
    block_of,
    detections_of,
    documents_of,
    explain_match,
    failed_tests,
    group_of_event,
    is_match,
    names_of,
    read_rules,
    tick_of,
    window_of,
)
from collector.detect.suite import Case, Suite, read_suite
from collector.detect.view import BatchView
from collector.finding import AlertState
from watchbook.clock import SECOND_US, parse_rfc3339
from watchbook.configfile import ConfigError, Problem
from watchbook.wire import columns_of, decode_batch, encode_batch

#: When the events of a test begin.
START_US: Final = parse_rfc3339("2026-11-18T10:00:00Z")
_STREAM: Final = "a" * 32
#: Events of one block, and how far apart their times may lie: what belongs together is spread over blocks.
_BLOCK_EVENTS: Final = 7
_BLOCK_US: Final = SECOND_US
_BYTES_MAX: Final = 1 << 26
_HINTS_MAX: Final = 3


class SuiteFile(NamedTuple):
    """A file of tests, and the folder or file of rules that it belongs to."""

    path: Path
    rules: Path


@dataclass
class Verdict:
    """How one test went: ``wrong`` says what is not as expected, a line each; nothing when it passed."""

    rule: str
    case: str
    place: str
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def suites_of(paths: Sequence[Path]) -> list[SuiteFile]:
    """Return the files of tests that some paths mean: suites, rule files, or folders of either; raises ConfigError."""
    found: dict[Path, SuiteFile] = {}
    for path in paths:
        before = len(found)
        for suite in _suites_in(path):
            found.setdefault(suite.path.resolve(), suite)
        if len(found) == before and not any(suite.path.resolve() in found for suite in _suites_in(path)):
            hint = f"the tests of rules/NAME.yml are expected in rules/{TESTS_FOLDER}/NAME.yml"
            raise ConfigError([Problem(str(path), 1, 1, f"there are no tests of rules here; {hint}")])
    return list(found.values())


def run_suite(suite: Suite, path: Path, loaded: Loaded, *, only: str | None = None) -> Iterator[Verdict]:
    """Yield how each test of a suite went; raises ConfigError when there is no such rule.

    ``loaded``: the rules among which it is looked for; ``only``: a word that the names of tests must hold.
    """
    rules = rule_under_test(suite.rule, path, loaded)
    for case in suite.cases:
        if only is None or only.lower() in case.name.lower():
            began = time.monotonic()
            verdict = Verdict(suite.rule, case.name, case.place, list(judge(rules, case)))
            verdict.seconds = time.monotonic() - began
            yield verdict


def read_tests(files: Sequence[SuiteFile], surroundings: Surroundings) -> Iterator[tuple[Suite, SuiteFile, Loaded]]:
    """Yield suites with the rules among which theirs is; each folder of rules is read once.  Raises ConfigError."""
    loaded: dict[Path, Loaded] = {}
    for file in files:
        if file.rules not in loaded:
            loaded[file.rules] = read_rules([file.rules], surroundings)
        yield read_suite(file.path), file, loaded[file.rules]


def rule_under_test(name: str, path: Path, loaded: Loaded) -> RuleSet:
    """Return the rule of this name (a name, an id, or the stem of its file); raises ConfigError."""
    named = [each for each in loaded.documents if name in each.names] or [
        each for each in loaded.documents if Path(each.path).stem == name
    ]
    problems = [problem for problem in loaded.problems if problem.path in {each.path for each in named}]
    if problems:
        raise ConfigError(problems)
    ids = {each.id for each in named}
    rules = tuple(rule for rule in loaded.rules.rules if rule.brief.id in ids)
    if not named:
        if loaded.problems:
            raise ConfigError(loaded.problems)
        raise ConfigError([Problem(str(path), 1, 1, f"'rule': there is no rule {name!r} beside these tests")])
    if not rules:
        text = f"'rule': {name!r} raises no alerts of its own; name the correlation that counts it"
        raise ConfigError([Problem(str(path), 1, 1, text)])
    return RuleSet(rules, loaded.rules.documents)


def blocks_of_case(case: Case) -> list[DecodedBlock]:
    """Return the events of a test as blocks, each received right after its last event happened."""
    blocks: list[DecodedBlock] = []
    waiting: list[dict[str, Any]] = []
    number = 1
    for event in [*case.events_from(START_US), None]:
        full = len(waiting) == _BLOCK_EVENTS
        if waiting and (event is None or full or event["time"] - waiting[0]["time"] >= _BLOCK_US):
            blocks.append(_block(waiting, number, len(blocks) + 1))
            number += len(waiting)
            waiting = []
        if event is not None:
            waiting.append(event)
    return blocks


def alerts_of(engine: Engine, blocks: Sequence[DecodedBlock]) -> list[AlertState]:
    """Return the alerts that come of blocks, as they stand when all that waits is decided."""
    alerts: dict[str, AlertState] = {}
    if blocks:
        engine.tick(blocks[0].info.tmin)  # from here on those are missed that a rule expects to hear of
    for block in blocks:
        for change in (*engine.tick(tick_of(block.info.received)), *engine.process(block)):
            alerts[change.alert.id] = change.alert
    if blocks:
        end = blocks[-1].info.received + engine.replay_span_us
        alerts.update((change.alert.id, change.alert) for change in engine.tick(end))
    return list(alerts.values())


def judge(rules: RuleSet, case: Case, blocks: Sequence[DecodedBlock] | None = None) -> Iterator[str]:
    """Yield what is not as a test expects it, a line each."""
    blocks = blocks_of_case(case) if blocks is None else blocks
    found = alerts_of(Engine(rules, DetectSettings()), blocks)
    left = Counter(_line(dict(alert.group), alert.events) for alert in found)
    expected = Counter(_line(each.group, each.count) for each in case.expect)
    if left == expected:
        return
    yield f"expected {_listed(expected)}"
    yield f"got      {_listed(left)}"
    groups = [dict(alert.group) for alert in found]
    missing = [each.group for each in case.expect if dict(each.group) not in groups]
    hints = (
        hint
        for rule in rules.rules
        for group in missing[:_HINTS_MAX]
        for hint in why_quiet(rule, rules.documents, group, blocks)
    )
    yield from dict.fromkeys(hints)


def why_quiet(
    rule: Rule, documents: Sequence[Compiled], group: Mapping[str, Any], blocks: Sequence[DecodedBlock]
) -> Iterator[str]:
    """Yield why no alert of a group came: what no event met, or what is missing in the window."""
    events = [event for block in blocks for event in _apart(block)]
    explained = [explain_match(rule, documents, event) for event in events]
    own = documents_of(rule, documents)
    detections = [list(detections_of(each)) for each in explained]
    for place, document in enumerate(own):
        name = document.name or document.brief.title
        matches = sum(tried[place]["matches"] for tried in detections)
        if matches:
            continue
        ways: dict[str, tuple[int, list[int]]] = {}
        for number, tried in enumerate(detections, 1):
            tests = failed_tests(tried[place]["condition"])
            ways.setdefault(", and ".join(map(_failed, tests)), (len(tests), []))[1].append(number)
        yield f"no event of {len(events)} matches {name!r}; of the nearest:"
        for words, (_, numbers) in sorted(ways.items(), key=lambda way: way[1])[:_HINTS_MAX]:
            more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
            yield f"  event {numbers[0]}{more}: {words}"
    for number, each in enumerate(explained, 1):
        if each["not_counted"] is not None:
            yield f"event {number} matches, but does not count: {each['not_counted']}"
            break
    yield from _why_not_enough(rule, names_of(rule, documents), group, blocks, events)


def _why_not_enough(
    rule: Rule,
    names: Sequence[str],
    group: Mapping[str, Any],
    blocks: Sequence[DecodedBlock],
    events: Sequence[DecodedBlock],
) -> Iterator[str]:
    engine = Engine(RuleSet((rule,)), DetectSettings())
    key = tuple(group.get(name) for name in rule.group_by)
    for block in blocks:
        engine.process(block)
    state = engine.state(rule.brief.id)
    window = None if state is None else window_of(rule, state, key, _STREAM, names)["now"]
    if window is not None and window.get("missing"):
        yield f"the last window of {_words(group)} holds {window['events']} events; missing: {window['missing']}"
    elif window is None:
        matching = [event for event in events if is_match(rule, BatchView(event.batch))]
        others = list(dict.fromkeys(group_of_event(rule, event) for event in matching))
        if others:
            shown = "; ".join(_words(dict(zip(rule.group_by, each, strict=True))) for each in others[:_HINTS_MAX])
            yield f"what matches is of other groups than {_words(group)}: {shown}"


def _suites_in(path: Path) -> list[SuiteFile]:
    if path.is_file():
        if path.parent.name == TESTS_FOLDER:
            return [SuiteFile(path, path.parent.parent)]
        beside = path.parent / TESTS_FOLDER / path.name
        return [SuiteFile(beside, path.parent)] if beside.is_file() else []
    if path.name == TESTS_FOLDER:
        return [SuiteFile(file, path.parent) for file in sorted(path.iterdir()) if _is_yaml(file)]
    folders = sorted({file.parent for file in path.rglob(f"{TESTS_FOLDER}/*") if _is_yaml(file)})
    return [SuiteFile(file, folder.parent) for folder in folders for file in sorted(folder.iterdir()) if _is_yaml(file)]


def _is_yaml(path: Path) -> bool:
    return path.suffix in (".yml", ".yaml") and path.is_file()


def _block(events: Sequence[Mapping[str, Any]], number: int, sequence: int) -> DecodedBlock:
    batch = decode_batch(encode_batch(len(events), columns_of(events)), bytes_max=_BYTES_MAX)
    times = batch.times
    info = BlockInfo(number, batch.n, min(times), max(times), max(times) + 1000, _STREAM, sequence, "test")
    return DecodedBlock(info, batch)


def _apart(block: DecodedBlock) -> Iterator[DecodedBlock]:
    for index in range(block.batch.n):
        identity = block.identity(index)
        yield block_of(block.batch.event(index), Identity(*identity))


def _failed(test: Mapping[str, Any]) -> str:
    value = "it has none" if test["value"] is None else f"it is {test['value']!r}"
    return f"{test['field']} {test['test']}{' must not hold' if test['holds'] else ''}, {value}"


def _line(group: Mapping[str, Any], count: int) -> str:
    return f"{_words(group)} count {count}"


def _words(group: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {'null' if value is None else value}" for name, value in group.items()) + "}"


def _listed(alerts: Counter[str]) -> str:
    return "; ".join(sorted(alerts.elements())) or "no alert"
