"""What the lines of one variant of a profile mean, ready for writing code: rules, constants, objects that code uses."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.profile.casts import AS_THEY_ARE, CASTS, IN_PART, NUMBER_MAX, VERB, text_of
from agent.profile.definition import ChangesRule, Rule, Source
from agent.profile.memo import Memo
from agent.profile.paths import Chain, Found, close_holes, parse_path, scalar_text, take
from agent.profile.states import check_depth, lift_details
from agent.profile.times import TimeReader
from agent.profile.values import Keys
from agent.profile.verbs import PERMISSION_TYPES, changes_permissions, verb_of
from watchbook.event import FIELD_BY_NAME

_ANY_OTHER: Final = "*"


@dataclass(frozen=True)
class TimeSource:
    """Where a time may stand, and what reads it."""

    sources: tuple[Source, ...]
    read: TimeReader
    nanos: Source | None


class Meaning:
    """What the lines of one variant of a profile mean: its rules, constants, time, and the objects its code uses."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        constants: Mapping[str, str],
        time: Sequence[TimeSource],
        changes: Sequence[ChangesRule],
        keys: Keys,
        columns: tuple[str, ...],
        *,
        keeps_rest: bool,
        told: Sequence[str] = (),
    ) -> None:
        self.rules = rules
        self.constants = constants
        self.time = tuple(time)
        self.changes = tuple(changes)
        self.keys = keys
        self.columns = columns
        self.keeps_rest = keeps_rest
        #: Keys of texts of which everything is told by the groups and the words of a pattern.
        self.told = tuple(told)
        action = rules.get("action")
        self.has_verb = action is not None and any(source.cast == VERB for source in action.sources)
        #: Conversions that leave a text of digits the number that it is.
        self.counted: set[str] = set()
        self.namespace: dict[str, Any] = {
            "text_of": text_of, "scalar_text": scalar_text, "first_text": first_text, "check_depth": check_depth,
            "lift_details": lift_details, "changes_permissions": changes_permissions, "take": take,
            "close_holes": close_holes, "PERMISSION_TYPES": PERMISSION_TYPES, "EMPTY": {}, "NUMBER_MAX": NUMBER_MAX,
            **{f"read_time_{index}": each.read for index, each in enumerate(time)},
        }  # fmt: skip
        for rule in rules.values():
            for index, source in enumerate(rule.sources):
                self._name_objects(rule, index, source)

    @property
    def all_sources(self) -> list[Source]:
        """All the sources of its time and its rules."""
        return [
            *(source for each in self.time for source in (*each.sources, each.nanos) if source is not None),
            *(source for rule in self.rules.values() for source in rule.sources),
        ]

    def _name_objects(self, rule: Rule, index: int, source: Source) -> None:
        name = f"{local_name(rule.field)}_{index}"
        allowed = FIELD_BY_NAME[rule.field].values if rule.field in FIELD_BY_NAME else None
        convert: Callable[[str], Any] | None = None
        if source.cast == VERB:
            absent = source.absent
            self.namespace[f"convert_{name}"] = Memo(lambda text: None if text.lower() in absent else verb_of(text))
        elif source.cast is not None or source.values is not None or allowed is not None:
            memo = self.namespace[f"convert_{name}"] = Memo(_conversion(source, allowed))
            convert = memo.__getitem__
            is_plain = not source.absent and source.values is None and allowed is None
            if is_plain and source.cast in AS_THEY_ARE:
                self.namespace[f"quick_{name}"] = AS_THEY_ARE[source.cast]
            if is_plain and source.cast == "number":
                self.counted.add(f"convert_{name}")
            if source.cast in IN_PART:
                self.namespace[f"part_{name}"] = Memo(_in_part(source))
        elif source.absent:
            self.namespace[f"absent_{name}"] = source.absent
            convert = _unless_absent(source.absent)
        if source.extract is not None:
            extracted = self.namespace[f"extract_{name}"] = Memo(_extraction(source.extract))
            whole = source.cast != VERB and source.cast not in IN_PART and source.cast not in AS_THEY_ARE
            if whole and convert is not None and f"convert_{name}" in self.namespace:
                self.namespace[f"pick_{name}"] = Memo(_picking(extracted.function, convert))
        if source.join is not None:
            self.namespace[f"join_{name}"] = _joining(source.join)
            self.namespace[f"join_all_{name}"] = _joining_all(source.join)
        elif any(parse_path(path).has_every for path in source.paths):
            self.namespace[f"first_{name}"] = _first(source, rule, convert)


def first_text(found: Sequence[Found]) -> str | None:
    """Return the text of the first value found that has one."""
    return next((text for value, _ in found if (text := scalar_text(value)) is not None), None)


def _conversion(source: Source, allowed: frozenset[str] | None) -> Callable[[str], Any]:
    absent, values = source.absent, source.values
    cast = CASTS[source.cast or "lower"][0]
    if not absent and values is None and allowed is None:
        return cast
    words = values or {}
    other = words.get(_ANY_OTHER)

    def mapped(text: str) -> str | None:
        return words.get(text.lower(), other) if text else None

    def converted(text: str) -> Any:
        if text.lower() in absent:
            return None
        value = cast(text) if values is None else mapped(text)
        return value if allowed is None or value in allowed else None

    return converted


def _in_part(source: Source) -> Callable[[str], Any]:
    absent, cast = source.absent, IN_PART[source.cast]
    return lambda text: None if text.lower() in absent else cast(text)


def _unless_absent(absent: frozenset[str]) -> Callable[[str], str | None]:
    return lambda text: None if text.lower() in absent else text


def _extraction(regex: str) -> Callable[[str], str | None]:
    search = re.compile(regex).search

    def first_group(text: str) -> str | None:
        found = search(text)
        return None if found is None else found[1] or None

    return first_group


def _picking(extract: Callable[[str], str | None], convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what extracts and converts in one."""
    return lambda text: None if (found := extract(text)) is None else convert(found)


def _joining(separator: str) -> Callable[[Any], str | None]:
    """Return what joins a list of texts and numbers; None for anything else."""

    def join(value: Any) -> str | None:
        if value.__class__ is not list:
            return scalar_text(value)
        texts = [scalar_text(item) for item in value]
        return separator.join(filter(None, texts)) or None if None not in texts else None

    return join


def _joining_all(separator: str) -> Callable[[Sequence[Found]], tuple[str, list[Chain]] | None]:
    """Return what joins the values found that have a text, with their chains."""

    def join(found: Sequence[Found]) -> tuple[str, list[Chain]] | None:
        texts = [(text, chain) for value, chain in found if (text := scalar_text(value)) is not None]
        return (separator.join(text for text, _ in texts), [chain for _, chain in texts]) if texts else None

    return join


def _first(
    source: Source, rule: Rule, convert: Callable[[str], Any] | None
) -> Callable[[Sequence[Found]], tuple[Any, Chain, bool] | None]:
    """Return what takes the first usable of the values found: (value of the field, chain, whether it is unchanged)."""
    extract = None if source.extract is None else _extraction(source.extract)
    in_part = IN_PART.get(source.cast)
    is_number = rule.kind == "number" and source.cast in (None, "number")

    def first(found: Sequence[Found]) -> tuple[Any, Chain, bool] | None:
        for given, chain in found:
            if is_number and extract is None and given.__class__ in (int, float) and abs(given) < NUMBER_MAX:
                return given, chain, True
            text = scalar_text(given) if extract is None else extract(given) if given.__class__ is str else None
            value = text if text is None or convert is None else convert(text)
            if value is not None:
                return value, chain, str(value) in (str(given), str(given).lower())
            if text is not None and in_part is not None and (value := in_part(text)) is not None:
                return value, (), False
        return None

    return first


def local_name(field: str) -> str:
    """Return the name of a field's variable in the code."""
    return "".join(character if character.isalnum() else "_" for character in field)
