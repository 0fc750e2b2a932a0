"""What a format is, and how text formats treat bytes that are not UTF-8."""

import codecs
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from agent.records import OptionError


class Format(NamedTuple):
    """A way to read a line.

    ``keys`` are all the keys a line can have, None when the line brings its own.  ``decode`` is the quick way for a
    line in order; whatever it raises means "try ``decode_leniently``", which repairs what can be repaired.  That one
    returns the values and whether bytes or characters had to be replaced, and raises ValueError with the reason in
    words a user reads.  ``decoder_of`` makes a decoder that refuses every line that is not of a msgspec type, for
    formats that can be read that way.

    ``read`` takes a text apart, for values that hold a text of a format; None when ``decode`` is the only way.
    ``make`` returns the format for ``options`` a profile gives (plain YAML values) and must be called even for none;
    None when the format has no options.  It raises OptionError.

    ``objects`` are those of the ``keys`` under which objects stand, into which the paths of profiles may look.
    """

    name: str
    keys: frozenset[str] | None
    decode: Callable[[bytes], dict[str, Any]]
    decode_leniently: Callable[[bytes], tuple[dict[str, Any], bool]]
    decoder_of: Callable[[Any], Callable[[bytes], Any]] | None = None
    read: Callable[[str], dict[str, Any]] | None = None
    options: tuple[str, ...] = ()
    make: "Callable[[Mapping[str, Any]], Format] | None" = None
    objects: frozenset[str] = frozenset()


def text_format(
    name: str, keys: frozenset[str] | None, read: Callable[[str], dict[str, Any]], objects: frozenset[str] = frozenset()
) -> Format:
    """Return the format whose lines ``read`` takes apart; ``read`` raises ValueError with the reason."""

    def decode(line: bytes) -> dict[str, Any]:
        return read(line.decode())

    def decode_leniently(line: bytes) -> tuple[dict[str, Any], bool]:
        text, replaced = lenient_text(line)
        return read(text), replaced

    return Format(name, keys, decode, decode_leniently, read=read, objects=objects)


def lenient_text(line: bytes) -> tuple[str, bool]:
    """Return the text of a line without a byte order mark, and whether bytes that are no UTF-8 became U+FFFD."""
    line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.decode(), False
    except UnicodeDecodeError:
        return line.decode(errors="replace"), True


def check_known(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise OptionError for the first option that a format does not know."""
    for name in options:
        if name not in known:
            raise OptionError(name, f"is none of this format; known here: {', '.join(known)}")


def text_option(options: Mapping[str, Any], name: str, default: str) -> str:
    """Return an option that is a text; raises OptionError."""
    value = options.get(name, default)
    if not isinstance(value, str):
        raise OptionError(name, f"expects a text, found {value!r}; put it in quotes")
    return value


def character_option(options: Mapping[str, Any], name: str, default: str, *, may_be_empty: bool = False) -> str:
    """Return an option that is one character (or none, where that makes sense); raises OptionError."""
    value = text_option(options, name, default)
    if len(value) > 1 or (not value and not may_be_empty) or value in ("\n", "\r"):
        raise OptionError(name, f"expects one character{' or none' if may_be_empty else ''}, found {value!r}")
    return value
