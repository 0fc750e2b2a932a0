"""JSON, one object a line.

Whole numbers keep their exact value, whatever their size.  The lenient way takes what sloppy writers make: a byte order
mark, bytes that are not UTF-8, raw control characters in texts, half surrogate pairs (each becomes U+FFFD), and
``NaN`` or numbers beyond a double (kept as text).  Some write one long array, an element a line: the comma behind an
element belongs to none, and the brackets alone are no event.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from agent.parse.format import Format, lenient_text
from agent.records import NotAnEventError

_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def _decode(line: bytes) -> dict[str, Any]:
    try:
        return _decode_object(line)
    except msgspec.DecodeError:
        if line[-1:] == b",":  # an element of an array
            return _decode_object(line[:-1])
        raise


def _decode_leniently(line: bytes) -> tuple[dict[str, Any], bool]:
    text, replaced = lenient_text(line)
    text = text.strip().removesuffix(",")
    if text in ("[", "]", ""):
        raise NotAnEventError("bracket of an array")
    if not text.startswith("{"):
        raise ValueError("is no JSON object: it does not start with '{'")
    try:
        return _decode_object(text.encode()), replaced
    except RecursionError as error:
        raise ValueError("nests too deeply") from error
    except msgspec.DecodeError:
        pass
    value = _read_sloppy(text)
    dumped = json.dumps(value, ensure_ascii=False)
    mended = _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", dumped)
    return _decode_object(mended.encode()), replaced or mended != dumped


def _read_sloppy(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, strict=False, parse_constant=str, parse_float=_finite_or_text)
    except RecursionError as error:
        raise ValueError("nests too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise ValueError(f"is not JSON that can be read: {error}") from error
    assert isinstance(value, dict)  # it starts with "{"
    return value


def _finite_or_text(number: str) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else number


def _decoder_of(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode


JSON: Final = Format("json", None, _decode, _decode_leniently, _decoder_of)
