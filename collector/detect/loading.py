"""Rule files to a set of compiled rules, with every mistake of every file named at once."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from collector.detect.cache import RuleCache, file_key
from collector.detect.chaining import correlation_rule
from collector.detect.compiled import Compiled, Complaint
from collector.detect.condition import Condition
from collector.detect.documents import rule_files
from collector.detect.encoded import decode_expression
from collector.detect.expression import Expression, all_of
from collector.detect.extension import GROUP_BY, QUIET_US
from collector.detect.inhibiting import read_inhibitions
from collector.detect.matcher import Matcher
from collector.detect.reading import read_file
from collector.detect.rule import Rule, RuleSet
from collector.detect.surroundings import Surroundings, read_surroundings
from watchbook.configfile import ConfigError, Problem

_EXPAND: Final = b"expand"


class Loaded(NamedTuple):
    """What files held: documents that are right by themselves, the rules made of them, and all that is wrong."""

    documents: list[Compiled]
    rules: RuleSet
    problems: list[Problem]


def load_rules(
    paths: Sequence[Path], surroundings: Surroundings | None = None, cache: RuleCache | None = None
) -> RuleSet:
    """Return the compiled rules of some files and folders; raises ConfigError with everything that is wrong in them."""
    loaded = read_rules(paths, surroundings, cache)
    if loaded.problems:
        raise ConfigError(loaded.problems)
    return loaded.rules


def read_rules(
    paths: Sequence[Path], surroundings: Surroundings | None = None, cache: RuleCache | None = None
) -> Loaded:
    """Return what some files and folders hold, with what is wrong in them beside what is right.

    Without ``surroundings`` they are read against the shipped profiles and aliases.
    """
    problems: list[Problem] = []
    surroundings = read_surroundings() if surroundings is None else surroundings
    if cache is not None:
        cache.begin()
    documents: list[Compiled] = []
    for file in _files(paths, problems):
        for document in _read(file, surroundings, cache, problems):
            document.path = str(file)
            documents.append(document)
    if cache is not None:
        cache.commit()
    rules = link(documents, problems, surroundings)
    return Loaded(documents, rules, list(dict.fromkeys(problems)))


def link(documents: Sequence[Compiled], problems: list[Problem], surroundings: Surroundings) -> RuleSet:
    """Return the rules of some documents: correlations with what they count, under the filters that are there."""
    known = _by_name(documents, problems)
    filters = _filters(documents, known, problems)
    rules = tuple(_compile(documents, known, filters, problems, surroundings))
    return RuleSet(rules, tuple(documents), read_inhibitions(rules, documents, problems))


def _files(paths: Sequence[Path], problems: list[Problem]) -> list[Path]:
    """Return every rule file once, however many of the paths lead to it."""
    files: dict[str, Path] = {}
    for path in paths:
        try:
            for file in rule_files(path):
                files.setdefault(os.path.realpath(file), file)
        except ConfigError as error:
            problems.extend(error.problems)
    return list(files.values())


def _read(
    file: Path, surroundings: Surroundings, cache: RuleCache | None, problems: list[Problem]
) -> Sequence[Compiled]:
    """Return the documents of a file, from the cache where it is known: only files without a mistake are."""
    key = b""
    if cache is not None:
        try:
            content = file.read_bytes()
        except OSError:
            cache = None  # reading it says what is wrong
        else:
            lists = surroundings.lists_digest if _EXPAND in content else ""
            key = file_key(content, surroundings.digest, lists)
            found = cache.get(key)
            if found is not None:
                return found
    before = len(problems)
    documents = read_file(file, surroundings, problems)
    if cache is not None and len(problems) == before:
        cache.put(key, documents)
    return documents


def _by_name(documents: Sequence[Compiled], problems: list[Problem]) -> dict[str, Compiled]:
    known: dict[str, Compiled] = {}
    for document in documents:
        for name in document.names:
            first = known.setdefault(name, document)
            if first is not document:
                text = f"another rule is called {name!r} too, at {first.place}; give it its own"
                problems.append(document.problem(Complaint("", text)))
    return known


def _filters(
    documents: Sequence[Compiled], known: Mapping[str, Compiled], problems: list[Problem]
) -> dict[int, list[Expression]]:
    """Return by document (its ``id()``) the conditions of the filters that apply to it."""
    filters: dict[int, list[Expression]] = {}
    detections = [document for document in documents if document.kind == "detection"]
    for each in documents:
        if each.kind != "filter" or each.broken or each.expression is None:
            continue
        chosen = list(_filtered(each, known, problems)) if each.applies_to else detections
        condition = decode_expression(each.expression)
        for document in chosen:
            if each.source.takes(document.source):
                filters.setdefault(id(document), []).append(condition)
            elif each.applies_to:
                text = f"its log source is not that of {document.brief.title!r}, {{{document.source}}}; use that one"
                problems.append(each.problem(Complaint("filter.rules", text)))
    return filters


def _filtered(each: Compiled, known: Mapping[str, Compiled], problems: list[Problem]) -> Iterator[Compiled]:
    for name in each.applies_to:
        document = known.get(name)
        if document is None:
            problems.append(each.problem(Complaint("filter.rules", _unknown(name, known))))
        elif document.kind != "detection":
            text = f"{name!r} is a {document.kind}, and has no events of its own; name the rules that it counts"
            problems.append(each.problem(Complaint("filter.rules", text)))
        else:
            yield document


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "give the 'name' or the 'id' of a rule in the same rule folders"
    return f"there is no rule {name!r}; {hint}"


def _compile(
    documents: Sequence[Compiled],
    known: Mapping[str, Compiled],
    filters: Mapping[int, Sequence[Expression]],
    problems: list[Problem],
    surroundings: Surroundings,
) -> Iterator[Rule]:
    sources: dict[int, list[Compiled]] = {}
    silent: set[int] = set()
    for document in documents:
        if document.correlation is not None:
            sources[id(document)] = list(_referenced(document, known, problems))
            if not document.correlation.generate:
                silent.update(id(source) for source in sources[id(document)])
    for document in documents:
        if document.correlation is not None and (loop := _loop_of(document, sources)):
            text = f"refers to itself: {' -> '.join(loop)}; leave one of them out"
            problems.append(document.problem(Complaint("correlation.rules", text)))
            return
    linker = _Linker(sources, filters, surroundings, problems)
    for document in documents:
        if id(document) in silent or document.kind == "filter" or document.broken:
            continue
        if not document.id:
            problems.append(document.problem(Complaint("", f"the option 'id' is missing; add id: {uuid4()}")))
            continue
        rule = linker.rule(document)
        if rule is not None:
            yield rule


class _Linker:
    """Makes the rules of documents, a matcher for each detection, whatever uses it."""

    def __init__(
        self,
        sources: Mapping[int, Sequence[Compiled]],
        filters: Mapping[int, Sequence[Expression]],
        surroundings: Surroundings,
        problems: list[Problem],
    ) -> None:
        self._sources = sources
        self._filters = filters
        self._surroundings = surroundings
        self._problems = problems
        self._matchers: dict[int, Matcher] = {}

    def rule(self, document: Compiled) -> Rule | None:
        """Return the rule of a document, with those that it refers to; None when one of them is wrong."""
        body = document.correlation
        if body is None:
            return _detection_rule(document, [self._matcher(document)])
        used = self._sources[id(document)]
        if len(used) < len(body.rules) or any(source.broken for source in used):
            return None
        inner: list[Rule | None] = []
        for source in used:
            found = self.rule(source) if source.correlation is not None else None
            if found is None and source.correlation is not None:
                return None
            inner.append(found)
        own_field = self._surroundings.own_field
        detections = [source for source in used if source.correlation is None]
        rule, complaints = correlation_rule(
            document.brief,
            body,
            [self._matcher(source) for source in detections],
            inner,
            own_fields=[partial(own_field, source=source.source) for source in detections],
            missing=document.extension.missing or "skip",
            place=document.place,
            absence=document.extension.absence,
        )
        self._problems.extend(map(document.problem, complaints))
        return rule

    def _matcher(self, document: Compiled) -> Matcher:
        found = self._matchers.get(id(document))
        if found is None:
            assert document.expression is not None
            expression = decode_expression(document.expression)
            filters = self._filters.get(id(document), ())
            found = self._matchers[id(document)] = Matcher(all_of([expression, *filters]))
        return found


def _loop_of(document: Compiled, sources: Mapping[int, Sequence[Compiled]]) -> list[str]:
    """Return the names of the correlations by which one comes back to itself, [] when it does not."""
    ways = [[document]]
    while ways:
        way = ways.pop()
        for source in sources.get(id(way[-1]), ()):
            if source is document:
                return [each.names[-1] if each.names else "(no name)" for each in (*way, source)]
            if source not in way and source.correlation is not None:
                ways.append([*way, source])
    return []


def _referenced(document: Compiled, known: Mapping[str, Compiled], problems: list[Problem]) -> Iterator[Compiled]:
    assert document.correlation is not None
    for name in document.correlation.rules:
        source = known.get(name)
        if source is None:
            problems.append(document.problem(Complaint("correlation.rules", _unknown(name, known))))
        elif source.kind == "filter":
            text = f"{name!r} is a filter; name the rules that it filters"
            problems.append(document.problem(Complaint("correlation.rules", text)))
        else:
            yield source


def _detection_rule(document: Compiled, matchers: Sequence[Matcher]) -> Rule:
    extension = document.extension
    group_by = GROUP_BY if extension.group_by is None else extension.group_by
    # A plain match is an alert by itself: it must not be lost only because nobody is named.
    missing = extension.missing or "group"
    span_us = extension.quiet_us or QUIET_US
    return Rule(document.brief, tuple(matchers), group_by, span_us, Condition(), missing, document.place)
