"""An event as an answer holds it, decoded no further than rows need: what may be deep or large stays JSON."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from watchbook.event import FIELDS, Kind

#: What may be nested deeply, or must keep its numbers as they were written, stays JSON.
_OF_KIND: Final[Mapping[Kind, Any]] = {
    "time": str,
    "text": str,
    "integer": int,
    "number": float,
    "texts": list[str],
    "object": msgspec.Raw,
    "changes": msgspec.Raw,
    "numbers": msgspec.Raw,
}


def _struct() -> Any:
    groups: dict[str, list[tuple[str, Any, Any]]] = {}
    plain: list[tuple[str, Any, Any]] = [("id", str | None, None), ("received", str | None, None)]
    for field in FIELDS:
        group, dot, member = field.name.partition(".")
        if dot:
            groups.setdefault(group, []).append((member, _optional(field.kind), None))
        else:
            plain.append((field.name, _optional(field.kind), None))
    for group, members in groups.items():
        struct = msgspec.defstruct(f"Rendered_{group}", members)
        plain.append((group, struct, msgspec.field(default_factory=struct)))
    return msgspec.defstruct("RenderedEvent", plain)


def _optional(kind: Kind) -> Any:
    of_kind = _OF_KIND[kind]
    # Raw takes a null by itself, and cannot be a part of a union.
    return of_kind if of_kind is msgspec.Raw else of_kind | None


_decoder: Final = msgspec.json.Decoder(_struct())


def decode_event(event: bytes | msgspec.Raw) -> Any:
    """Return an event as an object with an attribute a field, groups within: ``event.actor.id``; None: absent."""
    return _decoder.decode(event)


def on_one_line(event: bytes | msgspec.Raw) -> bytes:
    """Return JSON without line breaks, which in JSON can only stand between tokens."""
    text = bytes(event)
    return text.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in text or b"\r" in text else text
