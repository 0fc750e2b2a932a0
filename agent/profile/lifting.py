"""Envelopes: what a line wraps in an object, or in the JSON text of one, stands at its top level afterwards."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from agent.profile.paths import parse_path
from agent.profile.states import check_depth

Line = dict[str, Any]
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def lifter(path: str) -> Callable[[Line, Callable[[Any], Any] | None], None]:
    """Return what lifts the members of the object at a path of keys; ``redact`` is applied to what a text held.

    The line's own members win: an inner one of the same name stays where it was, unless it says the same.
    """
    keys = tuple(map(str, parse_path(path).steps))

    def lift(line: Line, redact: Callable[[Any], Any] | None) -> None:
        chain: list[Line] = []
        inner: Any = line
        for key in keys:
            if inner.__class__ is not dict or key not in inner:
                return
            chain.append(inner)
            inner = inner[key]
        if inner.__class__ is str:
            inner = _decoded(inner)
            inner = inner if redact is None or inner is None else redact(inner)
        if inner.__class__ is dict and inner:
            _take(chain, keys)
            _add(line, keys, inner)

    return lift


def _decoded(text: str) -> Line | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = _decode(text)
        check_depth(value)
    except (ValueError, RecursionError):
        return None
    return value


def _take(chain: list[Line], keys: tuple[str, ...]) -> None:
    """Take the envelope out of the line, and every object that this leaves empty."""
    for container, key in reversed(list(zip(chain, keys, strict=True))):
        del container[key]
        if container:
            return


def _add(line: Line, keys: tuple[str, ...], inner: Line) -> None:
    apart: Line = {}
    for key, value in inner.items():
        if key not in line:
            line[key] = value
        elif line[key].__class__ is not value.__class__ or line[key] != value:
            apart[key] = value
    if not apart:
        return
    container = line
    for key in keys[:-1]:
        below = container.setdefault(key, {})
        if below.__class__ is not dict:
            break
        container = below
    name = keys[-1]
    while name in container:
        name += " (outer)"
    container[name] = apart
