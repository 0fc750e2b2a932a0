r"""Docker's json-file log: ``{"log":"a line\n","stream":"stdout","attrs":{"tag":"a"},"time":"2026-11-21T14:05:09Z"}``.

A text without ``\n`` at its end is a part of a line; Docker cuts at 16 KiB.
"""

from typing import Any, Final

import msgspec

from agent.records import Piece
from agent.unwrap.wrapper import Wrapped, Wrapper

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_REASON: Final = "is no line of Docker's json-file log: expected a JSON object with 'log' and 'time'"


def _open(line: bytes) -> Wrapped:
    try:
        values = _decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(_REASON) from error
    log, stream, time = values.pop("log", None), values.pop("stream", ""), values.pop("time", "")
    is_wrapped = isinstance(log, str) and isinstance(stream, str) and isinstance(time, str)
    if not is_wrapped:
        raise ValueError(_REASON)
    text = log.encode()
    if text[-1:] == b"\n":
        return Wrapped(Piece(stream, text[:-1].removesuffix(b"\r"), whole=True), time, values)
    return Wrapped(Piece(stream, text, whole=False), time, values)


DOCKER: Final = Wrapper("docker", _open)
