"""Content codings (RFC 9110, section 8.4): which one a client takes, and the compressors.  Pure."""

import zlib
from typing import Final, Literal, Protocol

import zstandard

Coding = Literal["zstd", "gzip"]

#: In order of preference: zstd costs a quarter of gzip's time for a smaller answer.
CODINGS: Final[tuple[Coding, ...]] = ("zstd", "gzip")
_ZSTD_LEVEL: Final = 3
_GZIP_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31


class Compressor(Protocol):
    """Compresses a body piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what is ready so far."""
        ...

    def flush(self) -> bytes:
        """Return the rest; nothing follows it."""
        ...


def accepted_coding(header: str) -> Coding | None:
    """Return the coding to use for an ``Accept-Encoding``, None for none (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        weights[name.strip()] = _weight(parameters)
    others = weights.get("*", 0.0)
    known = {coding: weights.get(coding, others) for coding in CODINGS}
    best = max(CODINGS, key=lambda coding: known[coding])
    return best if known[best] > 0 else None


def compressor(coding: Coding) -> Compressor:
    """Return a new compressor."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)


def compressed(body: bytes, coding: Coding) -> bytes:
    """Return a whole body compressed."""
    begun = compressor(coding)
    return begun.compress(body) + begun.flush()


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
