"""The body of a hook's request to lines of JSON, one an event.  Pure; what is JSON already is not changed.

``application/json`` (and ``…+json``): an object is one event, an array one each.  NDJSON: a line each.  A form: an
object of its fields, or what its field ``payload`` holds as JSON (GitHub).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from agent.listen.hook_refusal import RefusedError

FORM: Final = "application/x-www-form-urlencoded"
NDJSON: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_array: Final = msgspec.json.Decoder(list[msgspec.Raw])
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"


def lines_of(content_type: str, body: bytes, events_max: int) -> list[bytes]:
    """Return the events of a body as lines; raises RefusedError, and then nothing of it is to be taken."""
    if content_type in NDJSON:
        lines = _ndjson(body)
    elif content_type == FORM:
        lines = _form(body, events_max)
    elif content_type == "application/json" or content_type.endswith("+json"):
        lines = _json(body, "the body")
    else:
        detail = f"expected JSON, NDJSON or a form, found Content-Type {content_type[:100]!r}"
        raise RefusedError(415, "media-type", detail)
    if len(lines) > events_max:
        detail = f"{len(lines)} events in one request, the limit is {events_max}; send fewer at once"
        raise RefusedError(413, "too-many-events", detail)
    return lines


def with_headers(line: bytes, kept: Mapping[str, str]) -> bytes:
    """Return a line with an object ``headers``; ``request_headers`` when the line has one of that name."""
    event: dict[str, Any] = dict(_object.decode(line))
    event["request_headers" if "headers" in event else "headers"] = kept
    return msgspec.json.encode(event)


def _json(body: bytes, where: str) -> list[bytes]:
    text = body.removeprefix(_BOM).strip(_SPACE)
    try:
        parts = [bytes(part) for part in _array.decode(text)] if text.startswith(b"[") else [text]
        for part in parts:
            _object.decode(part)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(where, error) from error
    return [_on_one_line(part) for part in parts]


def _ndjson(body: bytes) -> list[bytes]:
    lines = []
    for number, line in enumerate(body.removeprefix(_BOM).split(b"\n"), 1):
        text = line.strip(_SPACE)
        if text:
            try:
                _object.decode(text)
            except (msgspec.DecodeError, RecursionError) as error:
                raise _malformed(f"line {number}", error) from error
            lines.append(text)
    return lines


def _form(body: bytes, fields_max: int) -> list[bytes]:
    try:
        fields = parse_qs(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=fields_max, errors="replace", separator="&"
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise _malformed("the form", error) from error
    payload = fields.get("payload", [])
    if len(payload) == 1 and payload[0].lstrip().startswith(("{", "[")):
        return _json(payload[0].encode(), "the field 'payload'")
    if not fields:
        raise RefusedError(400, "malformed", "expected a form with fields, found an empty body; nothing was stored")
    return [msgspec.json.encode({name: v[0] if len(v) == 1 else v for name, v in fields.items()})]


def _on_one_line(part: bytes) -> bytes:
    """Return JSON without line ends: outside of texts they are mere space, inside they cannot be."""
    return part.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in part or b"\r" in part else part


def _malformed(where: str, error: Exception) -> RefusedError:
    reason = "nests too deeply" if isinstance(error, RecursionError) else str(error)
    return RefusedError(400, "malformed", f"{where} is no JSON object or list of them: {reason}; nothing was stored")
