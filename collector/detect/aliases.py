"""Field aliases: from the names that a product's rules use to where the values lie in our events.

A file of ``config/aliases/`` holds one or more documents:

    logsource: {product: okta, service: okta}   # which profiles it is for; or
    profiles: [okta]                            # by name
    serves: [{product: linux, service: auth}]   # further log sources whose rules these profiles' events may match
    fields:
      eventType: event_type                     # one place,
      sourceIPAddress: [source.ip, details.x]   # or several: the value lies in one of them
      request.*: [details.request.*, resource.id]  # all that is below it
      outcome.result: {field: outcome, values: {SUCCESS: success, DENY: failure}}
    keywords: [message, details.query]          # where values without a field are searched
    rest: [requestParameters]                   # raw names that are known to be kept below details
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.detect.documents import read_documents, rule_files
from collector.detect.expression import (
    KEYWORD_MARK,
    Absent,
    Atom,
    Equals,
    Expression,
    Glob,
    Matches,
    all_of,
    any_of,
    changed,
)
from collector.detect.fields import KEYWORD_FIELDS, field_complaint, split_object
from collector.detect.logsources import LogSource, log_source
from collector.detect.values import value_predicate
from watchbook.configfile import ConfigError, Node, Problem
from watchbook.event import FIELD_BY_NAME

#: Stands at the end of a raw name for all that is below it, and in a place for the rest of the name.
_REST: Final = "*"
_OPTIONS: Final = ("logsource", "profiles", "serves", "fields", "keywords", "rest")


class Alias(NamedTuple):
    """Where a raw field's values lie.  ``values``: what a raw value (lower case) became there, where they differ."""

    fields: tuple[str, ...]
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AliasMap:
    """The aliases of some profiles."""

    source: LogSource
    profiles: tuple[str, ...] = ()
    serves: tuple[LogSource, ...] = ()
    fields: Mapping[str, Alias] = field(default_factory=dict)
    keywords: tuple[str, ...] = KEYWORD_FIELDS
    rest: tuple[str, ...] = ()

    def places_of(self, name: str) -> Alias:
        """Return where a raw field lies: by its alias, else below ``details`` (and in a field of ours of that name)."""
        found = self.fields.get(name) or self.fields.get(name.lower())
        if found is not None:
            return found
        for start, alias in self._families:
            if name.startswith(start):
                rest = name[len(start) :]
                return Alias(tuple(place.replace(_REST, rest) for place in alias.fields), alias.values)
        if split_object(name) is not None:
            return Alias((name,))
        return Alias((name, f"details.{name}") if name in FIELD_BY_NAME else (f"details.{name}",))

    @cached_property
    def _families(self) -> list[tuple[str, Alias]]:
        """The aliases of all fields below one, the longest first: what their names begin with."""
        found = [(name[: -len(_REST)], alias) for name, alias in self.fields.items() if name.endswith(f".{_REST}")]
        return sorted(found, key=lambda item: -len(item[0]))

    def knows(self, name: str) -> bool:
        """Return whether anything is said of a raw field."""
        if name in self.fields or name.lower() in self.fields or split_object(name) is not None:
            return True
        if any(name.startswith(start) for start, _ in self._families):
            return True
        return name in FIELD_BY_NAME or any(name == root or name.startswith(f"{root}.") for root in self.rest)

    def applied(self, expression: Expression, used: dict[str, tuple[str, ...]]) -> Expression:
        """Return a condition over raw fields as one over our events; ``used`` is told which places stand for what."""
        return changed(expression, lambda atom: self._placed(atom, used))

    def _placed(self, atom: Atom, used: dict[str, tuple[str, ...]]) -> Expression:
        if atom.field == KEYWORD_MARK:
            return any_of([Atom(name, atom.test) for name in self.keywords])
        alias = self.places_of(atom.field)
        used[atom.field] = alias.fields
        atoms = [Atom(name, _translated(atom, alias)) for name in alias.fields]
        return all_of(atoms) if isinstance(atom.test, Absent) else any_of(atoms)


def with_keywords(expression: Expression, fields: Sequence[str]) -> Expression:
    """Return a condition whose keywords are searched in these fields."""

    def placed(atom: Atom) -> Expression:
        return any_of([Atom(name, atom.test) for name in fields]) if atom.field == KEYWORD_MARK else atom

    return changed(expression, placed)


def _translated(atom: Atom, alias: Alias) -> Any:
    """Return a test of raw values as one of what they became."""
    test = atom.test
    if not alias.values or not isinstance(test, Equals | Glob | Matches):
        return test
    passes = value_predicate(test)
    became = {new for old, new in alias.values if passes(old) or passes(old.lower())}
    if isinstance(test, Equals):
        known = {old.lower() for old, _ in alias.values}
        became |= {text.lower() for text in test.texts if text.lower() not in known}
    return Equals(frozenset(became))


def read_aliases(paths: Iterable[Path]) -> list[AliasMap]:
    """Return the alias maps of files and folders, the later before the earlier; raises ConfigError."""
    found: list[AliasMap] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            nodes = [node for file in rule_files(path) for node in read_documents(file)]
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        found.extend(_read_map(node, problems) for node in nodes)
    if problems:
        raise ConfigError(problems)
    return found[::-1]


def _read_map(node: Node, problems: list[Problem]) -> AliasMap:
    options = node.mapping()
    for name, key, _ in node.items():
        if name not in _OPTIONS:
            close = difflib.get_close_matches(name, _OPTIONS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_OPTIONS)}"
            problems.append(key.problem(f"there is no such option; {hint}"))
    if "logsource" not in options and "profiles" not in options:
        problems.append(node.problem("the option 'logsource' or 'profiles' is missing: whose fields are these?"))
    keywords = tuple(_texts(options.get("keywords"), problems)) or KEYWORD_FIELDS
    fields = dict(_read_fields(options.get("fields"), problems))
    for name in keywords:
        complaint = field_complaint(name, presence_only=False)
        if complaint:
            problems.append(options["keywords"].problem(complaint))
    serves = options.get("serves")
    return AliasMap(
        log_source(options["logsource"].plain()) if "logsource" in options else LogSource(),
        tuple(_texts(options.get("profiles"), problems)),
        tuple(log_source(item.plain()) for item in serves.sequence()) if serves is not None else (),
        fields,
        keywords,
        tuple(_texts(options.get("rest"), problems)),
    )


def _texts(node: Node | None, problems: list[Problem]) -> Iterator[str]:
    if node is None or node.is_null:
        return
    for item in node.sequence() if node.is_sequence else [node]:
        try:
            yield item.text()
        except ConfigError as error:
            problems.extend(error.problems)


def _read_fields(node: Node | None, problems: list[Problem]) -> Iterator[tuple[str, Alias]]:
    if node is None or node.is_null:
        return
    for name, _, value in node.items():
        values: tuple[tuple[str, str], ...] = ()
        places: Sequence[Node] = [value]
        if value.is_mapping:
            inner = value.mapping()
            if "field" not in inner or set(inner) - {"field", "values"}:
                problems.append(value.problem("expected a field, a list of fields, or {field: …, values: {RAW: ours}}"))
                continue
            places = [inner["field"]]
            if "values" in inner:
                values = tuple((old, item.text()) for old, _, item in inner["values"].items())
        if places[0].is_sequence:
            places = places[0].sequence()
        for place in places:
            complaint = field_complaint(place.text(), presence_only=False)
            if complaint:
                problems.append(place.problem(complaint))
        alias = Alias(tuple(place.text() for place in places), values)
        yield name, alias
        yield name.lower(), alias
