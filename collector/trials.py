"""Trials of rules over stored events, in a process of their own or offline: back-tests, and explaining unloaded rules.

A question names its rules by ``documents`` (compiled, as they are in force) with ``ids``, or brings them as ``text`` of
a file ``name``.  A text is read against the profiles, aliases and lists of the settings; what it refers to, and the
filters that apply to it, are found among the rules on disk.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.alert import read_exceptions
from collector.backtest import Archive, Backtest, BacktestStoppedError, Narrow, Progress, Select, Span, chosen
from collector.backtest_candidates import narrowing
from collector.backtest_report import ALERTS_DEFAULT, ALERTS_MAX, Run, report
from collector.block import BlockSource, DecodedBlock, Identity
from collector.config import CollectorSettings
from collector.detect import (
    Compiled,
    Exceptions,
    Rule,
    RuleCache,
    RuleSet,
    Surroundings,
    block_of,
    explain_match,
    link,
    read_rules,
    read_surroundings,
    read_text,
)
from collector.finding import RuleException
from collector.problem import ApiProblem
from collector.query import Plan, QueryError, asked_plan, asked_range, compile_plan, problem_of
from collector.state import COMPATIBILITY
from collector.view import IndexSource
from watchbook.clock import Clock, now_us
from watchbook.configfile import Problem
from watchbook.database import connect_readonly

Parameters = Mapping[str, Any]
#: Without a range a back-test looks back so far.
RANGE_S: Final = 30 * 86_400.0
#: How often the progress is written down.
_SAY_S: Final = 0.25
_MISTAKES_MAX: Final = 50
_documents: Final = msgspec.json.Decoder(list[Compiled])


class Trials:
    """Answers the questions ``backtest``, ``explain_text`` and ``archived_event``.

    ``stopping`` says that nobody waits for the answer any more.
    """

    def __init__(
        self,
        settings: CollectorSettings,
        source: BlockSource,
        archive: Archive | None = None,
        indexes: IndexSource | None = None,
        *,
        stopping: Callable[[], bool] = lambda: False,
        clock: Clock = now_us,
    ) -> None:
        self._settings = settings
        self._source = source
        self._archive = archive
        self._indexes = indexes
        self._stopping = stopping
        self._clock = clock

    def backtest(self, parameters: Parameters, progress: Progress | None = None) -> bytes:
        """Return the JSON of :func:`collector.backtest_report.report`.

        ``parameters``: the rules (see above), ``from``, ``to``, ``q``, ``alerts`` (how many are listed), ``progress``
        (a file that is told how far it is).  Raises ApiProblem: 422 for rules that are wrong, 400 for the rest.
        """
        now = self._clock()
        rules = self.rules(parameters)
        try:
            plan = asked_plan(parameters, now)
            time_range = asked_range(parameters, now, RANGE_S)
        except QueryError as error:
            raise problem_of(error) from error
        select: Select | None = None if plan is None else compile_plan(plan)
        listed = int(parameters.get("alerts") or ALERTS_DEFAULT)
        if progress is None and parameters.get("progress"):
            progress = _Teller(Path(parameters["progress"]))
        span = Span(time_range.time_from, time_range.time_to)
        began, cpu_began = time.monotonic(), time.process_time()
        trial = Backtest(
            rules,
            self._source,
            self._settings.detect,
            span,
            archive=self._archive,
            exceptions=self.exceptions(),
            select=select,
            narrowing=lambda judged: self._narrow(judged, plan),
            progress=progress or (lambda _done, _all: None),
            stopping=self._stopping,
        )
        try:
            outcome = trial.run(now)
        except BacktestStoppedError as error:
            raise ApiProblem(503, "stopped", "the back-test was broken off") from error
        run = Run(span, now, str(parameters.get("q") or ""), time.monotonic() - began, time.process_time() - cpu_began)
        return msgspec.json.encode(report(outcome, rules.rules, run, min(listed, ALERTS_MAX)))

    def _narrow(self, rules: Sequence[Rule], also: Plan | None) -> Narrow | None:
        """Return what picks the blocks that are worth reading, as far as there are indexes and they can tell."""
        return None if self._indexes is None else narrowing(rules, self._indexes, self._source, also)

    def explain_text(self, parameters: Parameters) -> bytes:
        """Return the JSON ``{"rules": [explanations]}`` for the rules of a text and the ``event`` in flat form.

        ``identity``: what names the event; raises ApiProblem 422.
        """
        rules = self.rules(parameters)
        block = block_of(parameters["event"], Identity(*parameters["identity"]))
        exceptions = Exceptions(self.exceptions())
        explained = [explain_unloaded(rule, rules, block, exceptions) for rule in rules.rules]
        return msgspec.json.encode({"rules": explained})

    def archived_event(self, parameters: Parameters) -> bytes:
        """Return the JSON ``[flat event, identity]`` of the event with an ``identity``, null when no archive has it."""
        found = self._find_archived(*parameters["identity"])
        return msgspec.json.encode(None if found is None else [found[0], list(found[1])])

    def find_event(self, stream: str, sequence: int, index: int) -> tuple[Mapping[str, Any], Identity] | None:
        """Return an event in flat form and what names it, None when it is not here (any more)."""
        for info in self._source.find(stream, sequence):
            block = self._source.read(info)
            found = _event_in(block, stream, sequence, index)
            if found is not None:
                return found
        return self._find_archived(stream, sequence, index)

    def _find_archived(self, stream: str, sequence: int, index: int) -> tuple[Mapping[str, Any], Identity] | None:
        for segment in self._source.segments():
            if segment.tier != "archived" or self._archive is None:
                continue
            block = self._archive.find(segment.path, stream, sequence)
            found = None if block is None else _event_in(block, stream, sequence, index)
            if found is not None:
                return found
        return None

    def rules(self, parameters: Parameters) -> RuleSet:
        """Return the rules that a question is about; raises ApiProblem 422."""
        if "on_disk" in parameters:
            return self._on_disk(str(parameters["on_disk"]))
        if "text" in parameters:
            return self._of_text(str(parameters.get("name") or "rule.yml"), str(parameters["text"]))
        documents = _documents.decode(parameters["documents"])
        return chosen(link(documents, [], self._surroundings()), parameters["ids"])

    def exceptions(self) -> list[RuleException]:
        """Return the exceptions that people made; none where there is no state."""
        if not self._settings.state_db.exists():
            return []
        with closing(connect_readonly(self._settings.state_db, compatibility=COMPATIBILITY)) as connection:
            return read_exceptions(connection)

    def _on_disk(self, name: str) -> RuleSet:
        """Return a rule among those on disk, by its id or its name."""
        surroundings = self._surroundings()
        documents = read_rules(self._settings.rule_paths, surroundings).documents
        found = next((each for each in documents if name in each.names and each.kind != "filter"), None)
        if found is None:
            raise ApiProblem(404, "not-found", f"there is no rule {name[:80]!r} among the rules on disk")
        rules = chosen(link(closure(documents, found), [], surroundings), [found.id or ""])
        if not rules.rules:
            raise ApiProblem(422, "rule-wrong", f"the rule {name[:80]!r} is wrong: watchbook rules lint says where")
        return rules

    def _surroundings(self) -> Surroundings:
        detect = self._settings.detect
        return read_surroundings(detect.profiles, detect.aliases, detect.lists)

    def _of_text(self, name: str, text: str) -> RuleSet:
        surroundings = self._surroundings()
        problems: list[Problem] = []
        own = read_text(name, text, surroundings, problems)
        cache = RuleCache(self._settings.rules_cache) if self._settings.rules_cache.exists() else None
        paths = self._settings.rule_paths
        taken = {named for document in own for named in document.names}
        others = [each for each in read_rules(paths, surroundings, cache).documents if taken.isdisjoint(each.names)]
        linked: list[Problem] = []
        rules = link([*own, *others], linked, surroundings)
        problems += [problem for problem in linked if problem.path == name]
        if problems:
            raise _wrong(problems)
        found = chosen(rules, [document.id for document in own if document.id])
        if not found.rules:
            raise _wrong([Problem(name, 1, 1, "holds no rule that raises alerts")])
        return found


def explain_unloaded(rule: Rule, rules: RuleSet, block: DecodedBlock, exceptions: Exceptions) -> dict[str, Any]:
    """Return what a rule makes of the one event of a block, where no engine is at work."""
    found = explain_match(rule, rules.documents, block, exceptions)
    return {**found, "state": "not_loaded"}


class _Teller:
    """Writes into a file how far a back-test is, not too often; the file is whole at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")
        self._said = 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._said >= _SAY_S:
            self._said = now
            self._new.write_bytes(msgspec.json.encode({"events": done, "of": of}))
            self._new.replace(self._path)


def closure(documents: Sequence[Compiled], document: Compiled) -> list[Compiled]:
    """Return a document with what it refers to, however far, and the filters there are."""
    by_name = {name: each for each in documents for name in each.names}
    found: dict[int, Compiled] = {}
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found[id(each)] = each
            names = () if each.correlation is None else each.correlation.rules
            waiting += [by_name[name] for name in names if name in by_name]
    filters = [each for each in documents if each.kind == "filter" and id(each) not in found]
    return [each for each in documents if id(each) in found] + filters


def encode_documents(documents: Sequence[Compiled]) -> str:
    """Return documents as text for the parameter ``documents``."""
    return msgspec.json.encode(documents).decode()


def _event_in(block: DecodedBlock, stream: str, sequence: int, index: int) -> tuple[Mapping[str, Any], Identity] | None:
    wanted = (stream, sequence, index)
    for place in range(block.batch.n):
        identity = block.identity(place)
        if identity[:3] == wanted:
            return block.batch.event(place), identity
    return None


def _wrong(problems: Sequence[Problem]) -> ApiProblem:
    told = [str(problem) for problem in problems]
    detail = f"the rule is wrong: {told[0]}" + (f" (and {len(told) - 1} more)" if len(told) > 1 else "")
    return ApiProblem(422, "rule-wrong", detail, errors=[{"message": text} for text in told[:_MISTAKES_MAX]])
