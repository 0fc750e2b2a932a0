"""Words for where the value of a field comes from."""

from collections.abc import Iterable, Mapping

from agent.profile.casts import VERB
from agent.profile.definition import Source, TemplatePath
from agent.profile.meaning import Meaning
from agent.profile.paths import Select, Step
from agent.profile.values import Value

_BY_ITSELF: Mapping[str, str] = {
    "time": "when the line was read: it names no time",
    "actor.type": "derived: is there an actor?",
    "actor.email": "derived: actor.id is an address",
    "changes": "what the profile's changes found",
    "details": "what no field took",
    "flags": "derived: what a reader must know",
    "measures": "rules of measures",
    "raw": "the line",
}
_OF_THE_VERB = ("event_type", "category", "outcome", "reason")


def origin_of(source: Source | None, value: Value | None) -> str:
    """Return where a source takes a value from, in words."""
    if source is None:
        return "derived"
    if source.value is not None:
        return f"value {source.value!r}{'' if source.when is None else ' on a condition'}"
    if source.template:
        text = "".join(f"{{{each.path}}}" if isinstance(each, TemplatePath) else each for each in source.template)
        return f"template {text}"
    words = "path ?" if value is None else f"path {_written(value.key, value.below)}"
    if source.extract is not None:
        words += ", extracted"
    if source.join is not None:
        words += ", joined"
    if source.cast is not None:
        words += f", as {source.cast}"
    return f"{words}, mapped" if source.values is not None else words


def origins_of(
    event: Iterable[str], meaning: Meaning, traced: Mapping[str, str], groups: Mapping[str, str], shared: Iterable[str]
) -> dict[str, str]:
    """Return where each field of an event comes from.

    ``traced`` is what the code noted, ``groups`` says whose groups the names are that a line does not have by itself,
    ``shared`` are the fields that every event has with the same value.
    """
    constant = {*shared}
    origins: dict[str, str] = {}
    for field in event:
        if field in traced:
            origins[field] = _of_group(traced[field], groups)
        elif field == "flags" and meaning.constants.get("flags"):
            origins[field] = "constant, and what a reader must know"
        elif field in meaning.rules and meaning.rules[field].default is not None:
            origins[field] = "default"
        elif field in meaning.constants or field in constant:
            origins[field] = "constant"
        elif meaning.has_verb and field in _OF_THE_VERB:
            origins[field] = f"derived from the word of the action, as {VERB}"
        else:
            origins[field] = _BY_ITSELF.get(field, "derived")
    origins.update((field, _of_group(words, groups)) for field, words in traced.items() if _is_within(field, origins))
    return origins


def _is_within(field: str, origins: Mapping[str, str]) -> bool:
    return field.partition(".")[0] in ("measures", "details") and field.partition(".")[0] in origins


def _of_group(words: str, groups: Mapping[str, str]) -> str:
    path, comma, rest = words.partition(",")
    name = path.removeprefix("path ")
    return f"group {name} of the {groups[name]}{comma}{rest}" if path != name and name in groups else words


def _written(key: str, below: Iterable[Step]) -> str:
    words = _quoted(key)
    for step in below:
        if isinstance(step, str):
            words += f".{_quoted(step)}"
        elif isinstance(step, Select):
            words += f"[{step.key}={step.text}]"
        else:
            words += f"[{step}]" if isinstance(step, int) else "[]"
    return words


def _quoted(key: str) -> str:
    return f'"{key}"' if "." in key else key
