"""Rule files to a set of compiled rules, with every mistake of every file named at once."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from uuid import uuid4

from collector.detect.chaining import correlation_rule
from collector.detect.condition import Condition
from collector.detect.documents import read_documents, rule_files
from collector.detect.expression import Atom, Equals, Expression, all_of
from collector.detect.extension import GROUP_BY, QUIET_US, Extension, read_extension
from collector.detect.fields import field_complaint, group_complaint
from collector.detect.matcher import Matcher
from collector.detect.rule import Rule, RuleSet
from collector.detect.sigma_adapter import (
    Complaint,
    Correlation,
    Detection,
    item_complaint,
    read_correlation,
    read_detection,
)
from collector.finding import Level, RuleBrief
from watchbook.configfile import ConfigError, Node, Problem

#: Rules are written for the normalised events, whatever wrote them.
PRODUCT: Final = "watchbook"
_NOT_YET: Final = {
    "filter": "Sigma filters are not supported yet; put the condition into the rule",
    "action": "collection actions (global, repeat, reset) are not supported yet; write each rule out",
}


class _Document(NamedTuple):
    """A document with what was read from it; ``body`` is None when it was wrong."""

    node: Node
    plain: dict[str, Any]
    body: Detection | Correlation | None
    extension: Extension

    @property
    def names(self) -> list[str]:
        return [str(self.plain[key]) for key in ("id", "name") if self.plain.get(key) is not None]


def load_rules(paths: Sequence[Path]) -> RuleSet:
    """Return the compiled rules of some files and folders; raises ConfigError with everything that is wrong in them."""
    problems: list[Problem] = []
    documents: list[_Document] = []
    for file in _files(paths, problems):
        documents.extend(_read(node, problems) for node in _nodes(file, problems))
    known = _by_name(documents, problems)
    rules = _compile(documents, known, problems)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return RuleSet(tuple(rules))


def _files(paths: Sequence[Path], problems: list[Problem]) -> list[Path]:
    """Return every rule file once, however many of the paths lead to it."""
    files: dict[Path, Path] = {}
    for path in paths:
        try:
            for file in rule_files(path):
                files.setdefault(file.resolve(), file)
        except ConfigError as error:
            problems.extend(error.problems)
    return list(files.values())


def _nodes(file: Path, problems: list[Problem]) -> list[Node]:
    try:
        return read_documents(file)
    except ConfigError as error:
        problems.extend(error.problems)
        return []


def _read(node: Node, problems: list[Problem]) -> _Document:
    plain = node.plain()
    found = node.mapping()
    correlation = "correlation" in found
    extension = read_extension(node, correlation=correlation, problems=problems)
    body: Detection | Correlation | None = None
    unsupported = [found[key].problem(text) for key, text in _NOT_YET.items() if key in found]
    if unsupported:
        problems.extend(unsupported)
    elif correlation:
        body, complaints = read_correlation(plain)
        problems.extend(_placed(node, complaint) for complaint in complaints)
        problems.extend(_group_problems(node))
    else:
        body = _read_detection(node, plain, problems)
    return _Document(node, plain, body, extension)


def _read_detection(node: Node, plain: dict[str, Any], problems: list[Problem]) -> Detection | None:
    detection, complaints = read_detection(plain)
    items = list(_detection_problems(node))
    problems.extend(items)
    # A line of the detection that is wrong was named just now; pySigma complains about it without its place.
    problems.extend(
        _placed(node, complaint) for complaint in complaints if not (items and complaint.option == "detection")
    )
    if detection is not None and detection.product not in (None, PRODUCT):
        text = f"expected 'product: {PRODUCT}' (the normalised events), found {detection.product!r}; rules for the raw"
        problems.append(
            _placed(node, Complaint("logsource.product", f"{text} fields of other products are not supported yet"))
        )
    return detection


def _detection_problems(document: Node) -> Iterator[Problem]:
    detection = document.mapping().get("detection")
    if detection is None or not detection.is_mapping:
        return
    for name, key, value in detection.items():
        if name == "timeframe":
            yield key.problem("is Sigma's old form of counting; write a correlation with a 'timespan'")
        elif name != "condition":
            yield from _item_problems(value)


def _item_problems(node: Node) -> Iterator[Problem]:
    if node.is_mapping:
        for key_text, key, value in node.items():
            complaint = _line_complaint(key_text, value)
            if complaint:
                yield key.problem(complaint)
    elif node.is_sequence:
        for item in node.sequence():
            yield from _item_problems(item)
    elif complaint := item_complaint(None, node.plain()):
        yield node.problem(complaint)


def _line_complaint(key: str, value: Node) -> str | None:
    field, *modifiers = key.split("|")
    presence_only = "exists" in modifiers or value.is_null
    if field and (complaint := field_complaint(field, presence_only=presence_only)):
        return complaint
    return item_complaint(key, value.plain())


def _group_problems(document: Node) -> list[Problem]:
    """Return what is wrong with the fields that a correlation names."""
    correlation = document.mapping()["correlation"]
    if not correlation.is_mapping:
        return []
    options = correlation.mapping()
    problems: list[Problem] = []
    aliases: Mapping[str, Node] = {}
    if "aliases" in options and options["aliases"].is_mapping:
        aliases = options["aliases"].mapping()
        for mapping in aliases.values():
            if mapping.is_mapping:
                problems += _field_problems(mapping.mapping().values(), group_complaint)
    if (group_by := options.get("group-by")) is not None and not group_by.is_null:
        items = group_by.sequence() if group_by.is_sequence else [group_by]
        problems += _field_problems([item for item in items if item.plain() not in aliases], group_complaint)
    condition = options.get("condition")
    if condition is not None and condition.is_mapping and (named := condition.mapping().get("field")) is not None:
        items = named.sequence() if named.is_sequence else [named]
        problems += _field_problems(items, lambda name: field_complaint(name, presence_only=False))
    return problems


def _field_problems(nodes: Iterable[Node], complaint_of: Callable[[str], str | None]) -> Iterator[Problem]:
    for node in nodes:
        try:
            complaint = complaint_of(node.text())
        except ConfigError as error:
            yield from error.problems
        else:
            if complaint:
                yield node.problem(complaint)


def _placed(document: Node, complaint: Complaint) -> Problem:
    """Return the complaint as a problem at its option, or at the nearest thing above it that the document has."""
    node = document
    for name in filter(None, complaint.option.split(".")):
        inner = node.mapping().get(name) if node.is_mapping else None
        if inner is None:
            return node.problem(complaint.text)
        node = inner
    return node.problem(complaint.text)


def _by_name(documents: Sequence[_Document], problems: list[Problem]) -> dict[str, _Document]:
    known: dict[str, _Document] = {}
    for document in documents:
        for name in document.names:
            first = known.setdefault(name, document)
            if first is not document:
                place = f"{first.node.path}:{first.node.line}"
                problems.append(
                    document.node.problem(f"another rule is called {name!r} too, at {place}; give it its own")
                )
    return known


def _compile(documents: Sequence[_Document], known: dict[str, _Document], problems: list[Problem]) -> Iterator[Rule]:
    sources: dict[int, list[_Document]] = {}
    silent: set[int] = set()
    for document in documents:
        if isinstance(document.body, Correlation):
            sources[id(document)] = list(_referenced(document, document.body, known, problems))
            if not document.body.generate:
                silent.update(id(source) for source in sources[id(document)])
    matchers: dict[int, Matcher] = {}
    rules = []
    for document in documents:
        if isinstance(document.body, Correlation) and (loop := _loop_of(document, sources)):
            text = f"refers to itself: {' -> '.join(loop)}; leave one of them out"
            problems.append(_placed(document.node, Complaint("correlation.rules", text)))
            return iter(())
    for document in documents:
        if id(document) in silent or document.body is None:
            continue
        if not document.plain.get("id"):
            problems.append(document.node.problem(f"the option 'id' is missing; add id: {uuid4()}"))
            continue
        rule = _rule(document, sources, matchers, problems)
        if rule is not None:
            rules.append(rule)
    return iter(rules)


def _loop_of(document: _Document, sources: Mapping[int, Sequence[_Document]]) -> list[str]:
    """Return the names of the correlations by which one comes back to itself, [] when it does not."""
    ways = [[document]]
    while ways:
        way = ways.pop()
        for source in sources.get(id(way[-1]), ()):
            if source is document:
                return [each.names[-1] if each.names else "(no name)" for each in (*way, source)]
            if source not in way and isinstance(source.body, Correlation):
                ways.append([*way, source])
    return []


def _referenced(
    document: _Document, body: Correlation, known: dict[str, _Document], problems: list[Problem]
) -> Iterator[_Document]:
    for name in body.rules:
        source = known.get(name)
        if source is None:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {close[0]!r}?"
                if close
                else "give the 'name' or the 'id' of a rule in the same rule folders"
            )
            problems.append(
                _placed(document.node, Complaint("correlation.rules", f"there is no rule {name!r}; {hint}"))
            )
        else:
            yield source


def _matcher(document: _Document, matchers: dict[int, Matcher]) -> Matcher:
    """Return the matcher of a detection, the same one for every rule that uses it."""
    found = matchers.get(id(document))
    if found is None:
        assert isinstance(document.body, Detection)
        found = matchers[id(document)] = Matcher(_routed(document.body))
    return found


def _routed(detection: Detection) -> Expression:
    """Return the expression with what its log source asks for: ``category`` is the event's, ``service`` its profile."""
    route = (("category", detection.category), ("origin.profile", detection.service))
    atoms = [Atom(field, Equals(frozenset({text.lower()}))) for field, text in route if text is not None]
    return all_of([*atoms, detection.expression])


def _rule(
    document: _Document,
    sources: Mapping[int, Sequence[_Document]],
    matchers: dict[int, Matcher],
    problems: list[Problem],
) -> Rule | None:
    """Return the rule of a document, with those that it refers to; None when one of them is wrong."""
    body, extension = document.body, document.extension
    brief = _brief(document)
    place = f"{document.node.path}:{document.node.line}"
    if isinstance(body, Correlation):
        used = sources[id(document)]
        if len(used) < len(body.rules) or any(source.body is None for source in used):
            return None
        inner = [
            _rule(source, sources, matchers, problems) if isinstance(source.body, Correlation) else None
            for source in used
        ]
        if any(rule is None and isinstance(each.body, Correlation) for rule, each in zip(inner, used, strict=True)):
            return None
        found = [_matcher(each, matchers) for each in used if isinstance(each.body, Detection)]
        rule, complaints = correlation_rule(
            brief, body, found, inner, missing=extension.missing or "skip", place=place, absence=extension.absence
        )
        problems.extend(_placed(document.node, complaint) for complaint in complaints)
        return rule
    group_by = GROUP_BY if extension.group_by is None else extension.group_by
    # A plain match is an alert by itself: it must not be lost only because nobody is named.
    missing = extension.missing or "group"
    found = [_matcher(document, matchers)]
    return Rule(brief, tuple(found), group_by, extension.quiet_us or QUIET_US, Condition(), missing, place)


def _brief(document: _Document) -> RuleBrief:
    plain = document.plain
    return RuleBrief(
        id=str(plain.get("id") or plain.get("name")),  # what only other rules count needs no id
        title=str(plain["title"]),
        level=cast(Level, str(plain.get("level") or "medium").lower()),
        description=_text(plain.get("description")),
        response=document.extension.response,
        runbook=document.extension.runbook,
        tags=tuple(map(str, plain.get("tags") or ())),
        falsepositives=tuple(map(str, plain.get("falsepositives") or ())),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip()
