"""Writes what became of draft samples into their profile file, beside everything that stands there already."""

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml

from agent.profile.samples import Outcome, Result

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?:@[A-Za-z0-9_./-]+)?")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
#: Words that YAML, or the reader of a profile, would not take as texts.
_NOT_PLAIN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "inf", "nan", "infinity", "y", "n"})


def filled(text: str, results: Sequence[Result]) -> str:
    """Return the text of a profile file with the outcome of each draft sample written behind it.

    The drafts must be samples of this very text.
    """
    drafts = [each for each in results if each.sample.is_draft]
    for each in sorted(drafts, key=lambda result: -result.sample.node.line):
        text = _filled(text, each.sample.node.yaml, each.outcome)
    return text


def _filled(text: str, node: yaml.Node, outcome: Outcome) -> str:
    assert isinstance(node, yaml.MappingNode)
    if node.flow_style:
        end = node.end_mark.index - 1
        added = ", ".join(f"{name}: {_flow(value)}" for name, value in _parts(outcome))
        return f"{text[:end].rstrip()}, {added}{text[end:]}"
    indent = " " * node.start_mark.column
    lines = text.split("\n")
    last = node.value[-1][1].end_mark
    place = last.line if last.column == 0 else last.line + 1
    while place > node.start_mark.line + 1 and not lines[place - 1].strip():
        place -= 1
    lines[place:place] = [indent + line for name, value in _parts(outcome) for line in _block(name, value)]
    return "\n".join(lines)


def _parts(outcome: Outcome) -> list[tuple[str, Any]]:
    if len(outcome.events) == 1:
        return [("event", outcome.events[0])]
    if outcome.events:
        return [("events", outcome.events)]
    return [("unparsed", outcome.unparsed[0])] if outcome.unparsed else [("dropped", next(iter(outcome.dropped), ""))]


def _block(name: str, value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [f"{name}:", *(f"  {_key(key)}: {_flow(inner)}" for key, inner in value.items())]
    if isinstance(value, list):
        lines = [f"{name}:"]
        for item in value:
            inner = [f"{_key(key)}: {_flow(each)}" for key, each in item.items()]
            lines += [f"  {'- ' if not place else '  '}{line}" for place, line in enumerate(inner)]
        return lines
    return [f"{name}: {_flow(value)}"]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    return _text(value) if isinstance(value, str) else repr(value)


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) and name.lower() not in _NOT_PLAIN else _quoted(name)


def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN else _quoted(text)


def _quoted(text: str) -> str:
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
