"""The distinct texts of one field of a segment: each has a code, from 1, in the order of their first appearance.

Codes are only ever added.  They lie in *pages* of :data:`PAGE_TEXTS`: page ``p`` holds the codes ``p * PAGE_TEXTS + 1``
and on; only the last is not full, and it is written again when it grows.  A page is two blobs: the checksums (CRC-32)
of its case-folded texts as ``u32`` little-endian, and a zstd frame of the MessagePack list of its texts, where a text
that is too long to keep (or could be taken for several) is represented by its 16-byte BLAKE2b digest, as bytes.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.index.folding import folded_checksum, folded_texts, indexed_words, text_checksums
from collector.index.packing import PackingError, compress, decompress

PAGE_TEXTS: Final = 4096
Kept = str | bytes
_DIGEST_BYTES: Final = 16
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Any])


class Page(NamedTuple):
    """Consecutive codes of a dictionary, as they are written: see the module."""

    number: int
    size: int
    checksums: bytes
    texts: bytes


class Growth(NamedTuple):
    """What has come to a dictionary: the pages to write, and (code, text with the words) of each new text."""

    pages: list[Page]
    words: list[tuple[int, str]]


class Dictionary(dict[Kept | None, int]):
    """Gives out codes: ``dictionary[text]`` is the code of a text, a new one when it is new; of None it is 0.

    A text above ``chars_max`` characters is not kept.  Beyond ``remembered_max`` texts the older ones are forgotten and
    get a second code when they come again, so that the memory is bounded.
    """

    def __init__(self, chars_max: int, remembered_max: int) -> None:
        super().__init__()
        self._chars_max = chars_max
        self._remembered_max = remembered_max
        #: The largest code.
        self.size = 0
        self._written = 0
        self._tail: list[Kept] = []
        self._tail_checksums: list[int] = []
        #: What would be lost of texts that are not kept: checksum and words by code.
        self._unkept: dict[int, tuple[int, str]] = {}
        dict.__setitem__(self, None, 0)

    def __missing__(self, text: Kept | None) -> int:
        if len(text) > self._chars_max:  # type: ignore[arg-type]  # None is there from the beginning
            return self.code_of_unkept(text)  # type: ignore[arg-type]
        self.size = code = self.size + 1
        self[text] = code
        self._tail.append(text)  # type: ignore[arg-type]
        return code

    def code_of_unkept(self, text: str) -> int:
        """Return the code of a text of which only the digest and the words are kept."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
        code = self.get(digest)
        if code is None:
            self.size = code = self.size + 1
            self[digest] = code
            self._tail.append(digest)
            folded = text.casefold()
            self._unkept[code] = folded_checksum(folded), indexed_words([folded])[0]
        return code

    def restore(self, texts: Sequence[Kept], checksums: NDArray[np.uint32]) -> None:
        """Take up the next page of a dictionary that was written before."""
        for code, text in enumerate(texts, self.size + 1):
            self[text] = code
        self.size += len(texts)
        self._written = self.size
        self._tail, self._tail_checksums = list(texts), checksums.tolist()
        self._drop_full_pages()

    def take_growth(self) -> Growth:
        """Return what has come since the last call."""
        if self.size == self._written:
            return Growth([], [])
        words = self._take_words()
        self._written = self.size
        first = (self.size - len(self._tail)) // PAGE_TEXTS
        pages = [
            Page(
                first + at // PAGE_TEXTS,
                len(texts := self._tail[at : at + PAGE_TEXTS]),
                np.array(self._tail_checksums[at : at + PAGE_TEXTS], "<u4").tobytes(),
                compress(_encoder.encode(texts)),
            )
            for at in range(0, len(self._tail), PAGE_TEXTS)
        ]
        self._drop_full_pages()
        if len(self) > self._remembered_max:
            self.clear()
            dict.__setitem__(self, None, 0)
        return Growth(pages, words)

    def _take_words(self) -> list[tuple[int, str]]:
        new = self._tail[len(self._tail_checksums) :]
        folded = folded_texts([text if isinstance(text, str) else "" for text in new])
        checksums, words = text_checksums(folded), indexed_words(folded)
        for code, (checksum, unkept_words) in self._unkept.items():
            at = code - self._written - 1
            checksums[at], words[at] = checksum, unkept_words
        self._unkept.clear()
        self._tail_checksums += checksums
        return [(code, text) for code, text in enumerate(words, self._written + 1) if text and not text.isspace()]

    def _drop_full_pages(self) -> None:
        full = len(self._tail) // PAGE_TEXTS * PAGE_TEXTS
        del self._tail[:full]
        del self._tail_checksums[:full]


def unpack_checksums(data: bytes, size: int) -> NDArray[np.uint32]:
    """Return the checksums of a page; raises PackingError."""
    if len(data) != 4 * size:
        raise PackingError(f"the page has {len(data)} bytes of checksums, {size} texts")
    return np.frombuffer(data, "<u4")


def unpack_texts(data: bytes, size: int) -> list[Kept]:
    """Return the texts of a page, digests for those that are not kept; raises PackingError."""
    try:
        texts = _decoder.decode(decompress(data))
    except msgspec.MsgspecError as error:
        raise PackingError(f"the page holds no texts: {error}") from error
    if len(texts) != size:
        raise PackingError(f"the page holds {len(texts)} texts, {size} were expected")
    return texts
