"""Lines that hold several events, and lines whose values stand in an envelope.

``each``: every object of a list is an event of its own, with what stands beside the list; the object's own members win,
and what they hide goes under ``envelope``.  ``lift``: the members of an object (or of the JSON text of one) come to the
top of the line, unless the line has such a member.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.profile.paths import Found, close_holes, take

Line = dict[str, Any]
FindAll = Callable[[Line], list[Found]]
Redact = Callable[[Any], Any]

#: Where goes what stands beside a list under a name that the object has too.
ENVELOPE: Final = "envelope"


def split(line: Line, finds: Sequence[FindAll]) -> list[Line]:
    """Return the events of a line: those of the first list of objects that is found, else the line itself."""
    for find in finds:
        for value, chain in find(line):
            items = value if value.__class__ is list else [value]
            if not items or not all(item.__class__ is dict for item in items):
                continue
            holed: list[list[Any]] = []
            take(chain, holed)
            close_holes(holed)
            return [_joined(item, line) for item in items]
    return [line]


def lift(line: Line, find: FindAll, decode: Callable[[str], Line], redact: Redact | None) -> None:
    """Bring the members of the object at a place to the top of a line."""
    for value, chain in find(line)[:1]:
        inner = value
        if value.__class__ is str:
            try:
                inner = decode(value)
            except (ValueError, RecursionError):
                return
            inner = inner if redact is None else redact(inner)
        if inner.__class__ is not dict or not inner:
            return
        moved = [key for key in inner if key not in line]
        # An object that has a member of its own name gives way to it.
        container, key = chain[-1][:2]
        container[key] = {name: member for name, member in inner.items() if name in line}
        line.update((name, inner[name]) for name in moved)
        if not container[key]:
            holed: list[list[Any]] = []
            take(chain, holed)
            close_holes(holed)


def _joined(item: Line, around: Line) -> Line:
    hidden = {key: _copied(value) for key, value in around.items() if key in item}
    joined = {**item, **{key: _copied(value) for key, value in around.items() if key not in item}}
    if hidden:
        name = ENVELOPE
        while name in joined:
            name = f"{name} ({ENVELOPE})"
        joined[name] = hidden
    return joined


def _copied(value: Any) -> Any:
    """Return a value whose containers are its own: each event takes its values out of its line."""
    if value.__class__ is dict:
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if value.__class__ is list else value
