"""What the lines of one variant of a profile mean, ready for writing code: rules, constants, objects that code uses."""

from collections.abc import Callable, Mapping
from typing import Any

from agent.profile.casts import AS_THEY_ARE, CASTS, NUMBER_MAX, VERB, text_of
from agent.profile.definition import Rule, Source
from agent.profile.memo import Memo
from agent.profile.states import check_depth, lift_details
from agent.profile.times import TimeReader
from agent.profile.values import Keys
from agent.profile.verbs import PERMISSION_TYPES, changes_permissions, verb_of
from watchbook.event import FIELD_BY_NAME


class Meaning:
    """What the lines of one variant of a profile mean: its rules, constants, time, and the objects its code uses."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        constants: Mapping[str, str],
        time: tuple[Source, ...],
        read_time: TimeReader | None,
        keys: Keys,
        columns: tuple[str, ...],
        *,
        keeps_rest: bool,
        nests: bool,
    ) -> None:
        self.rules = rules
        self.constants = constants
        self.time = time
        self.keys = keys
        self.columns = columns
        self.keeps_rest = keeps_rest
        #: Whether values can be objects and lists.
        self.nests = nests
        action = rules.get("action")
        self.has_verb = action is not None and any(source.cast == VERB for source in action.sources)
        self.namespace: dict[str, Any] = {
            "read_time": read_time, "text_of": text_of, "check_depth": check_depth, "lift_details": lift_details,
            "changes_permissions": changes_permissions, "PERMISSION_TYPES": PERMISSION_TYPES, "EMPTY": {},
            "NUMBER_MAX": NUMBER_MAX,
        }  # fmt: skip
        for rule in rules.values():
            for index, source in enumerate(rule.sources):
                self._name_objects(rule, index, source)

    def _name_objects(self, rule: Rule, index: int, source: Source) -> None:
        name = f"{local_name(rule.field)}_{index}"
        allowed = FIELD_BY_NAME[rule.field].values if rule.field in FIELD_BY_NAME else None
        if source.cast == VERB:
            absent = source.absent
            self.namespace[f"convert_{name}"] = Memo(lambda text: None if text.lower() in absent else verb_of(text))
        elif source.cast is not None or source.values is not None or allowed is not None:
            self.namespace[f"convert_{name}"] = Memo(_conversion(source, allowed))
            if source.cast in AS_THEY_ARE and not source.absent:
                self.namespace[f"quick_{name}"] = AS_THEY_ARE[source.cast]
        elif source.absent:
            self.namespace[f"absent_{name}"] = source.absent


def _conversion(source: Source, allowed: frozenset[str] | None) -> Callable[[str], Any]:
    absent, values = source.absent, source.values
    cast = CASTS[source.cast or "lower"][0]
    if not absent and values is None and allowed is None:
        return cast

    def converted(text: str) -> Any:
        if text.lower() in absent:
            return None
        value = cast(text) if values is None else values.get(text.lower())
        return value if allowed is None or value in allowed else None

    return converted


def local_name(field: str) -> str:
    """Return the name of a field's variable in the code."""
    return "".join(character if character.isalnum() else "_" for character in field)
