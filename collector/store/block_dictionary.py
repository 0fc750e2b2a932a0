"""What the blocks of a sealed segment have in common, kept once beside them: a zstd dictionary (RFC 8878, section 5).

A question for a few rare events reads a whole block for each, so blocks are small.  Alone, small blocks compress badly,
for each has to say anew what the one before said; with a dictionary 256 events take no more than 512 did without
(docs/decisions/007-sealing-and-evidence.md).
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import zstandard

from collector.store.packing import PackedError

#: A dictionary is worth its bytes when there is at least so many times as much to learn from (zstd's own advice).
_SAMPLES_WORTH: Final = 100
_SAMPLE_BYTES_MAX: Final = 16 << 20
#: Parameters of the training (ZDICT_cover_params_t): looking for the best ones takes four times as long for 0.1 bytes.
_SEGMENT_BYTES: Final = 64
_WORD_BYTES: Final = 8
#: A thread's decompressors take some 200 KiB each.
_DECOMPRESSORS_KEPT: Final = 32
_local: Final = threading.local()


class BlockDictionary:
    """A dictionary, ready for use from any thread; without bytes there is none, and blocks stand for themselves."""

    def __init__(self, data: bytes) -> None:
        self._known = zstandard.ZstdCompressionDict(data, zstandard.DICT_TYPE_FULLDICT) if data else None

    def compressor(self, level: int) -> zstandard.ZstdCompressor:
        """Return what compresses blocks.

        With a dictionary, frames carry a checksum of their content: a block's own hash does not cover what is kept
        beside it, and a damaged dictionary must not make other events of a block unseen.
        """
        if self._known is None:
            return zstandard.ZstdCompressor(level=level, write_content_size=True)
        return zstandard.ZstdCompressor(
            level=level, write_content_size=True, write_checksum=True, dict_data=self._known
        )

    def decompressor(self) -> zstandard.ZstdDecompressor | None:
        """Return this thread's decompressor of blocks, None when they need none of their own; raises PackedError."""
        if self._known is None:
            return None
        kept: OrderedDict[BlockDictionary, zstandard.ZstdDecompressor] | None = getattr(_local, "kept", None)
        if kept is None:
            kept = _local.kept = OrderedDict()
        try:
            kept[self] = found = kept.pop(self, None) or zstandard.ZstdDecompressor(dict_data=self._known)
        except zstandard.ZstdError as error:
            raise PackedError(f"the dictionary is damaged: {error}") from error
        if len(kept) > _DECOMPRESSORS_KEPT:
            kept.popitem(last=False)
        return found


def learn(samples: Iterable[bytes], bytes_max: int) -> bytes:
    """Return a dictionary of up to ``bytes_max`` bytes for blocks like the samples; nothing when it does not pay."""
    taken: list[bytes | bytearray | memoryview] = []
    size = 0
    for sample in samples:
        taken.append(sample)
        size += len(sample)
        if size > _SAMPLE_BYTES_MAX:
            break
    if not bytes_max or size < _SAMPLES_WORTH * bytes_max:
        return b""
    try:
        return zstandard.train_dictionary(bytes_max, taken, k=_SEGMENT_BYTES, d=_WORD_BYTES).as_bytes()
    except zstandard.ZstdError:  # too few samples, or nothing that they share
        return b""
