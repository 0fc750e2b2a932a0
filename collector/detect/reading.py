"""One rule file to its documents, with every mistake in it named where it stands.

This is where pySigma is imported, when there is something to read: a file that the cache knows does not come here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from collector.detect.actions import expanded
from collector.detect.compiled import Compiled, Complaint, Correlation, Detection, Remark
from collector.detect.documents import parse_documents, read_documents
from collector.detect.encoded import encode_expression
from collector.detect.expression import Expression
from collector.detect.extension import Extension, read_extension
from collector.detect.fields import field_complaint, group_complaint
from collector.detect.judging import (
    CORRELATION_OPTIONS,
    RULE_OPTIONS,
    impossible_values,
    matches_without_anything,
    misspelt_options,
    remark_on_cost,
    unused_selections,
)
from collector.detect.logsources import LogSource, log_source
from collector.detect.surroundings import CannotMatchError, Route, Surroundings
from collector.finding import Level, RuleBrief
from watchbook.configfile import ConfigError, Node, Problem

if TYPE_CHECKING:
    from types import ModuleType

#: Options whose places are kept: what is wrong with them shows when all rules are read.
_PLACES: Final = ("correlation.rules", "filter.rules", "correlation", "filter")


def read_file(file: Path, surroundings: Surroundings, problems: list[Problem]) -> list[Compiled]:
    """Return the documents of a file; what is wrong with them is added to ``problems``, and they are broken."""
    try:
        nodes = read_documents(file)
    except ConfigError as error:
        problems.extend(error.problems)
        return []
    return _compiled(nodes, surroundings, problems)


def read_text(name: str, text: str, surroundings: Surroundings, problems: list[Problem]) -> list[Compiled]:
    """Return the documents of a text that is said to be the file ``name``; see :func:`read_file`."""
    try:
        nodes = parse_documents(name, text)
    except ConfigError as error:
        problems.extend(error.problems)
        return []
    documents = _compiled(nodes, surroundings, problems)
    for document in documents:
        document.path = name
    return documents


def _compiled(nodes: list[Node], surroundings: Surroundings, problems: list[Problem]) -> list[Compiled]:
    try:
        rules = expanded(nodes, problems)
    except ConfigError as error:
        problems.extend(error.problems)
        return []
    found = []
    for node in rules:
        mistakes: list[Problem] = []
        document = _Reader(node, surroundings, mistakes).read()
        found.append(_broken(node) if document is None or mistakes else document)
        problems.extend(mistakes)
    return found


class _Reader:
    """Reads one document."""

    def __init__(self, node: Node, surroundings: Surroundings, problems: list[Problem]) -> None:
        self._node = node
        self._plain: dict[str, Any] = node.plain()
        self._options = node.mapping()
        self._surroundings = surroundings
        self._problems = problems
        self._used: dict[str, tuple[str, ...]] = {}
        self._remarks: list[Remark] = []
        self._source = log_source(self._plain.get("logsource"))
        self._own = surroundings.is_own(self._source)

    def read(self) -> Compiled | None:
        """Return the document, None when it is wrong."""
        correlation = "correlation" in self._options
        extension = read_extension(self._node, correlation=correlation, problems=self._problems)
        if correlation:
            return self._read_correlation(extension)
        if "filter" in self._options:
            return self._read_filter(extension)
        detection = self._read_detection(self._plain, self._options.get("detection"))
        return None if detection is None else self._bound("detection", detection, extension)

    def _read_correlation(self, extension: Extension) -> Compiled | None:
        body, complaints = _sigma().read_correlation(self._plain)
        self._complain(complaints)
        self._problems.extend(_group_problems(self._options["correlation"], self._surroundings))
        if body is None:
            return None
        return self._document("correlation", extension, correlation=cast(Correlation, body))

    def _read_filter(self, extension: Extension) -> Compiled | None:
        """Read a filter: a detection whose condition the events of other rules must meet too."""
        node = self._options["filter"]
        if not node.is_mapping:
            self._problems.append(node.problem(f"expected rules, selections and a condition, found {node.described()}"))
            return None
        plain = dict(self._plain)
        body = dict(plain.pop("filter"))
        rules = body.pop("rules", None)
        if rules is None:
            self._problems.append(
                node.problem("the option 'rules' is missing; add rules: any, or names or ids of rules")
            )
        listed = [] if rules in (None, "any", "Any") else rules if isinstance(rules, list) else [rules]
        detection = self._read_detection({**plain, "detection": body}, node)
        if detection is None:
            return None
        return self._bound("filter", detection, extension, applies_to=tuple(map(str, listed)))

    def _read_detection(self, plain: Mapping[str, Any], node: Node | None) -> Detection | None:
        # First: a rule that can never match here is not worth the list that it needs.
        if any(self._source) and not self._own and (why := self._why_never()):
            self._complain([why])
        detection, complaints = _sigma().read_detection(plain, self._surroundings.lists)
        items = list(self._detection_problems(node))
        self._problems.extend(items)
        # A line of the detection that is wrong was named just now; pySigma complains about it without its place.
        self._complain(complaint for complaint in complaints if not (items and complaint.option == "detection"))
        return cast("Detection | None", detection)

    def _bound(self, kind: Any, detection: Detection, extension: Extension, **more: Any) -> Compiled | None:
        try:
            expression, routes = self._surroundings.bound(detection.expression, self._source, self._used)
        except CannotMatchError:
            return None  # it was said when it was read
        except RecursionError:
            self._complain([Complaint("detection", "nests too deeply")])
            return None
        self._note_remarks(kind, detection.expression, expression, routes)
        profiles = None if self._own else tuple(name for route in routes for name in route.profiles)
        encoded = encode_expression(expression)
        return self._document(kind, extension, expression=encoded, profiles=profiles, **more)

    def _why_never(self) -> Complaint | None:
        try:
            self._surroundings.routes(self._source)
        except CannotMatchError as error:
            hint = "give the profiles of your own in 'detect.profiles', or remove the rule"
            return Complaint("logsource", f"{error}; {hint}")
        return None

    def _note_remarks(self, kind: str, raw: Expression, bound: Expression, routes: list[Route]) -> None:
        place = self._options.get("detection", self._options.get("filter", self._node))
        said = []
        if kind == "detection" and matches_without_anything(raw):
            said.append("matches every event that has none of its fields; ask for something that must be there")
        if kind == "detection" and (costly := remark_on_cost(bound)):
            said.append(costly)
        if self._own:
            said.extend(impossible_values(bound))
            said.extend(self._surroundings.unknown_service(self._source))
        self._note_unused(place)
        self._remarks.extend(Remark(place.line, place.column, text) for text in said)
        for key in _line_keys(self._options.get("detection")):
            field = str(key.yaml.value).split("|")[0]
            if field and routes and not any(route.aliases.knows(field) for route in routes):
                names = ", ".join(name for route in routes for name in route.profiles)
                text = f"no alias is known for the field {field!r} of {names}; it is looked for in 'details.{field}'"
                self._remarks.append(Remark(key.line, key.column, text))

    def _note_unused(self, detection: Node) -> None:
        """Remark on selections that the condition leaves out: the rule asks for less than it seems to."""
        if not detection.is_mapping:
            return
        keys = {name: key for name, key, _ in detection.items() if name not in ("condition", "rules", "timeframe")}
        condition = detection.mapping()["condition"].plain() if "condition" in detection.mapping() else ""
        for name in unused_selections(list(keys), condition):
            text = f"the condition does not ask for {name!r}; remove it, or name it there"
            self._remarks.append(Remark(keys[name].line, keys[name].column, text))

    def _note_misspelt(self) -> None:
        """Remark on options that nobody knows and that look like known ones: Sigma leaves them alone."""
        levels: list[tuple[Node, Sequence[str]]] = [(self._node, RULE_OPTIONS)]
        if "correlation" in self._options:
            levels.append((self._options["correlation"], CORRELATION_OPTIONS))
        for node, known in levels:
            if not node.is_mapping:
                continue
            keys = {name: key for name, key, _ in node.items()}
            for name, meant in misspelt_options(list(keys), known):
                text = f"the option {name!r} is not known and is left alone; did you mean {meant!r}?"
                self._remarks.append(Remark(keys[name].line, keys[name].column, text))

    def _document(self, kind: Any, extension: Extension, **more: Any) -> Compiled:
        plain = self._plain
        self._note_misspelt()
        return Compiled(
            kind=kind,
            places=dict(_places(self._node)),
            id=_text(plain.get("id")),
            name=_text(plain.get("name")),
            brief=_brief(plain, extension),
            status=_text(plain.get("status")),
            source=LogSource() if kind == "correlation" else self._source,
            extension=extension,
            used=self._used,
            remarks=tuple(self._remarks),
            **more,
        )

    def _complain(self, complaints: Iterable[Complaint]) -> None:
        if "filter" in self._options:  # which is read as a detection
            complaints = [each._replace(option=each.option.replace("detection", "filter", 1)) for each in complaints]
        self._problems.extend(_placed(self._node, complaint) for complaint in complaints)

    def _detection_problems(self, detection: Node | None) -> Iterator[Problem]:
        if detection is None or not detection.is_mapping:
            return
        for name, key, value in detection.items():
            if name == "timeframe":
                yield key.problem("is Sigma's old form of counting; write a correlation with a 'timespan'")
            elif name not in ("condition", "rules"):
                yield from self._item_problems(value)

    def _item_problems(self, node: Node) -> Iterator[Problem]:
        if node.is_mapping:
            for key_text, key, value in node.items():
                complaint = self._line_complaint(key_text, value)
                if complaint:
                    yield key.problem(complaint)
        elif node.is_sequence:
            for item in node.sequence():
                yield from self._item_problems(item)
        elif complaint := _sigma().item_complaint(None, node.plain(), self._surroundings.lists):
            yield node.problem(complaint)

    def _line_complaint(self, key: str, value: Node) -> str | None:
        field, *modifiers = key.split("|")
        presence_only = "exists" in modifiers or value.is_null
        if field and self._own and (complaint := field_complaint(field, presence_only=presence_only)):
            return complaint
        return cast("str | None", _sigma().item_complaint(key, value.plain(), self._surroundings.lists))


def _sigma() -> "ModuleType":
    """Return the module that knows pySigma, which takes a while to import and is not needed for files known before."""
    from collector.detect import sigma_adapter

    return sigma_adapter


def _line_keys(node: Node | None) -> Iterator[Node]:
    """Yield the keys of the lines of a detection's selections."""
    if node is None or not node.is_mapping:
        return
    stack = [value for name, _, value in node.items() if name != "condition"]
    while stack:
        found = stack.pop()
        if found.is_mapping:
            yield from (key for _, key, _ in found.items())
        elif found.is_sequence:
            stack.extend(found.sequence())


def _group_problems(correlation: Node, surroundings: Surroundings) -> list[Problem]:
    """Return what is wrong with the fields that a correlation names: ours, or raw ones that have an alias."""
    if not correlation.is_mapping:
        return []
    options = correlation.mapping()
    problems: list[Problem] = []
    aliases: Mapping[str, Node] = {}

    def grouped(name: str) -> str | None:
        return None if surroundings.knows(name) else group_complaint(name)

    def valued(name: str) -> str | None:
        return None if surroundings.knows(name) else field_complaint(name, presence_only=False)

    if "aliases" in options and options["aliases"].is_mapping:
        aliases = options["aliases"].mapping()
        for mapping in aliases.values():
            if mapping.is_mapping:
                problems += _field_problems(mapping.mapping().values(), grouped)
    if (group_by := options.get("group-by")) is not None and not group_by.is_null:
        items = group_by.sequence() if group_by.is_sequence else [group_by]
        problems += _field_problems([item for item in items if item.plain() not in aliases], grouped)
    condition = options.get("condition")
    if condition is not None and condition.is_mapping and (named := condition.mapping().get("field")) is not None:
        items = named.sequence() if named.is_sequence else [named]
        problems += _field_problems(items, valued)
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


def _places(node: Node) -> Iterator[tuple[str, tuple[int, int]]]:
    yield "", (node.line, node.column)
    for option in _PLACES:
        found: Node | None = node
        for name in option.split("."):
            found = found.mapping().get(name) if found is not None and found.is_mapping else None
        if found is not None:
            yield option, (found.line, found.column)


def _broken(node: Node) -> Compiled:
    """Return what is known of a document with mistakes: its names, so that nobody misses it for that."""
    plain = node.plain()
    kind: Any = next((kind for kind in ("correlation", "filter") if kind in plain), "detection")
    brief = RuleBrief(str(plain.get("id")), str(plain.get("title")), cast(Level, str(plain.get("level") or "medium")))
    return Compiled(
        kind=kind,
        places=dict(_places(node)),
        id=_text(plain.get("id")),
        name=_text(plain.get("name")),
        brief=brief,
        source=log_source(plain.get("logsource")),
        extension=Extension(),
        broken=True,
    )


def _brief(plain: Mapping[str, Any], extension: Extension) -> RuleBrief:
    return RuleBrief(
        id=str(plain.get("id") or plain.get("name")),  # what only other rules count needs no id
        title=str(plain.get("title")),
        level=cast(Level, str(plain.get("level") or "medium").lower()),
        description=_text(plain.get("description")),
        response=extension.response,
        runbook=extension.runbook,
        tags=tuple(map(str, plain.get("tags") or ())),
        falsepositives=tuple(map(str, plain.get("falsepositives") or ())),
        shadow=bool(extension.shadow),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip()
