"""The distinct texts of one field of a segment: each has a code, from 1, in the order of their first appearance.

Codes are only ever added.  They lie in *pages* of :data:`PAGE_TEXTS`: page ``p`` holds the codes ``p * PAGE_TEXTS + 1``
and on; only the last is not full, and it is written again when it grows.  A page is two blobs: the checksums (CRC-32)
of its case-folded texts as ``u32`` little-endian, and a zstd frame of the MessagePack list of its texts, where a text
that is too long to keep (or could be taken for several) is represented by its 16-byte BLAKE2b digest, as bytes.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.index.packing import PackingError, compress, decompress
from collector.words import words_of

PAGE_TEXTS: Final = 4096
Kept = str | bytes
_DIGEST_BYTES: Final = 16
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Any])


class Page(NamedTuple):
    """Consecutive codes of a dictionary, as they are written: see the module."""

    number: int
    texts_count: int
    checksums: bytes
    texts: bytes


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
        self._new_words: list[tuple[int, str]] = []
        dict.__setitem__(self, None, 0)

    def __missing__(self, text: Kept | None) -> int:
        assert isinstance(text, str)
        if len(text) <= self._chars_max:
            return self._add(text, text)
        return self.code_of_unkept(text)

    def code_of_unkept(self, text: str) -> int:
        """Return the code of a text of which only the digest and the words are kept."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
        return self.get(digest) or self._add(digest, text)

    def _add(self, kept: Kept, text: str) -> int:
        if len(self) > self._remembered_max:
            self.clear()
            dict.__setitem__(self, None, 0)
        self.size += 1
        self[kept] = self.size
        folded = text.casefold()
        self._tail.append(kept)
        self._tail_checksums.append(folded_checksum(folded))
        words = " ".join(words_of(folded))
        if words:
            self._new_words.append((self.size, words))
        return self.size

    def restore(self, texts: Sequence[Kept], checksums: NDArray[np.uint32]) -> None:
        """Take up the next page of a dictionary that was written before."""
        for code, text in enumerate(texts, self.size + 1):
            self[text] = code
        self.size += len(texts)
        self._written = self.size
        self._tail, self._tail_checksums = list(texts), checksums.tolist()
        self._drop_full_pages()

    def take_pages(self) -> list[Page]:
        """Return the pages that are new or grew since the last call."""
        if self.size == self._written:
            return []
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
        return pages

    def take_words(self) -> list[tuple[int, str]]:
        """Return (code, words separated by blanks) of the texts that are new since the last call."""
        words, self._new_words = self._new_words, []
        return words

    def _drop_full_pages(self) -> None:
        full = len(self._tail) // PAGE_TEXTS * PAGE_TEXTS
        del self._tail[:full]
        del self._tail_checksums[:full]


def folded_checksum(folded: str) -> int:
    """Return the checksum by which a page finds a case-folded text."""
    return crc32(folded.encode("utf-8", "surrogatepass"))


def unpack_checksums(data: bytes, count: int) -> NDArray[np.uint32]:
    """Return the checksums of a page; raises PackingError."""
    if len(data) != 4 * count:
        raise PackingError(f"the page has {len(data)} bytes of checksums, {count} texts")
    return np.frombuffer(data, "<u4")


def unpack_texts(data: bytes, count: int) -> list[Kept]:
    """Return the texts of a page, digests for those that are not kept; raises PackingError."""
    try:
        texts = _decoder.decode(decompress(data))
    except msgspec.MsgspecError as error:
        raise PackingError(f"the page holds no texts: {error}") from error
    if len(texts) != count:
        raise PackingError(f"the page holds {len(texts)} texts, {count} were expected")
    return texts
