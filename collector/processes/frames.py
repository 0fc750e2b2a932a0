"""Frames: what the main process and its children say to each other over the pipes at their stdin and stdout.

A frame is::

    u32 le   bytes of the head
    u32 le   bytes of the body
    head     a msgpack map: what it is (``kind``), and what belongs to that
    body     raw bytes: an answer, the settings, or nothing

Both sizes are checked before anything is read, so that a child gone mad cannot fill the memory of the main process.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

_SIZES: Final = struct.Struct("<II")
SIZES_BYTES: Final = _SIZES.size
HEAD_BYTES_MAX: Final = 1 << 20

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(dict[str, Any])


class Frame(NamedTuple):
    """One message."""

    head: dict[str, Any]
    body: bytes = b""

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.head.get("kind", ""))


class FrameError(Exception):
    """What came is no frame, or a larger one than is taken."""


def encode_frame(head: Mapping[str, Any], body: bytes = b"", *, body_bytes_max: int) -> list[bytes]:
    """Return the pieces to write, without copying the body; raises FrameError when a size is over its limit."""
    encoded = _encoder.encode(head)
    _check_sizes(len(encoded), len(body), body_bytes_max)
    return [_SIZES.pack(len(encoded), len(body)) + encoded, body]


def frame_sizes(data: bytes, body_bytes_max: int) -> tuple[int, int]:
    """Return the sizes of head and body that the first 8 bytes of a frame name; raises FrameError."""
    head, body = _SIZES.unpack(data)
    _check_sizes(head, body, body_bytes_max)
    return head, body


def decode_head(data: bytes) -> dict[str, Any]:
    """Return the head of a frame; raises FrameError."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise FrameError(f"the head of a frame cannot be read: {error}") from error


def _check_sizes(head: int, body: int, body_bytes_max: int) -> None:
    if head > HEAD_BYTES_MAX:
        raise FrameError(f"a frame's head has {head} bytes, at most {HEAD_BYTES_MAX} are taken")
    if body > body_bytes_max:
        raise FrameError(f"a frame's body has {body} bytes, 'processes.frame_bytes_max' is {body_bytes_max}")
