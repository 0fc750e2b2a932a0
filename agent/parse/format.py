"""What a format is, and how text formats treat bytes that are not UTF-8."""

import codecs
from collections.abc import Callable
from typing import Any, NamedTuple


class Format(NamedTuple):
    """A way to read a line.

    ``keys`` are all the keys a line can have, None when the line brings its own.  ``decode`` is the quick way for a
    line in order; whatever it raises means "try ``decode_leniently``", which repairs what can be repaired.  That one
    returns the values and whether bytes or characters had to be replaced, and raises ValueError with the reason in
    words a user reads.  ``decoder_of`` makes a decoder that refuses every line that is not of a msgspec type, for
    formats that can be read that way.  ``objects`` are those of the ``keys`` under which objects stand, into which the
    paths of profiles may look.
    """

    name: str
    keys: frozenset[str] | None
    decode: Callable[[bytes], dict[str, Any]]
    decode_leniently: Callable[[bytes], tuple[dict[str, Any], bool]]
    decoder_of: Callable[[Any], Callable[[bytes], Any]] | None = None
    objects: frozenset[str] = frozenset()


def text_format(
    name: str, keys: frozenset[str], read: Callable[[str], dict[str, Any]], objects: frozenset[str] = frozenset()
) -> Format:
    """Return the format whose lines ``read`` takes apart; ``read`` raises ValueError with the reason."""

    def decode(line: bytes) -> dict[str, Any]:
        return read(line.decode())

    def decode_leniently(line: bytes) -> tuple[dict[str, Any], bool]:
        text, replaced = lenient_text(line)
        return read(text), replaced

    return Format(name, keys, decode, decode_leniently, objects=objects)


def lenient_text(line: bytes) -> tuple[str, bool]:
    """Return the text of a line without a byte order mark, and whether bytes that are no UTF-8 became U+FFFD."""
    line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.decode(), False
    except UnicodeDecodeError:
        return line.decode(errors="replace"), True
