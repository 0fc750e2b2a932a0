"""What logfmt and the audit log have in common: ``key=value`` and ``key="quoted value"`` with single spaces between.

Machines keep the order of keys, and which values they quote: the lines of a log have few shapes.  A shape that comes
again and again gets a regular expression of its own, anchored at both ends, which takes a line of it apart in one go
and can fit no other.  Lines of other shapes are split: at the quotes, then at the spaces outside of them, then at
``=``.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

#: Times that a shape is seen before it is learnt.
SEEN_MIN: Final = 4
#: Shapes that are learnt, and how many with the same numbers of ``=`` and quotes.
SHAPES_MAX: Final = 256
ALIKE_MAX: Final = 6
#: Assignments of a line beyond which its shape is not learnt.
ASSIGNMENTS_MAX: Final = 64
#: Shapes that are counted until they are seen often enough; the count starts afresh when there are more.
_COUNTED_MAX: Final = 1024

_PLAIN: Final = r'=([^ "\\\t\n]*+)'
_QUOTED: Final = r'="([^"\\\t\n]*+)"'


class _Shape(NamedTuple):
    """``encoded``: the names of values that are not quoted and are to be decoded."""

    match: Callable[[str], re.Match[str] | None]
    names: tuple[str, ...]
    encoded: tuple[str, ...]


class Assignments:
    """Reads texts of assignments, and learns their shapes.

    Values that are not quoted, and of whose name ``is_encoded`` holds, are what ``decode`` makes of (name, value).
    """

    def __init__(
        self, is_encoded: Callable[[str], bool] | None = None, decode: Callable[[str, str], str] | None = None
    ) -> None:
        self._is_encoded = is_encoded
        self._decode = decode
        self._shapes: dict[tuple[int, int], list[_Shape]] = {}
        self._learnt = 0
        self._seen: dict[tuple[str, ...], int] = {}

    def read(self, text: str) -> dict[str, str] | None:
        """Return the values of a text of assignments; None when it is anything but such a text in order.

        Not in order are a backslash, a tab or line end, a word without ``=``, a key that comes twice, two spaces in a
        row, and a quote that does not begin right behind ``=`` or does not end before a space.
        """
        alike = self._shapes.get((text.count("="), text.count('"')))
        if alike is not None:
            for place, (match, names, encoded) in enumerate(alike):
                found = match(text)
                if found is not None:
                    if place:
                        alike.insert(0, alike.pop(place))
                    # A shape has as many names as groups, which strict=True would check at some expense.
                    values = dict(zip(names, found.groups()))  # noqa: B905
                    if encoded:
                        self._decode_some(values, encoded)
                    return values
        return self._split(text)

    def _split(self, text: str) -> dict[str, str] | None:
        if "\\" in text or "\t" in text or "\n" in text:
            return None
        pieces = text.split('"')
        outside = text if len(pieces) == 1 else '"'.join(pieces[::2])
        assignments = [word.split("=", 1) for word in outside.split(" ")]
        try:
            values: dict[str, str] = dict(assignments)
        except ValueError:
            return None
        if len(values) != len(assignments) or "" in values:
            return None
        quoted = [key for key, value in values.items() if value == '"'] if len(pieces) > 1 else []
        # Every quote that is left outside must be a whole value: then each stands for one quoted text, in order.
        if len(pieces) != 2 * len(quoted) + 1:
            return None
        encoded = self._encoded([name for name in values if values[name] != '"'])
        if len(values) <= ASSIGNMENTS_MAX and self._learnt < SHAPES_MAX:
            self._note(text, values, encoded)
        self._decode_some(values, encoded)
        values.update(zip(quoted, pieces[1::2], strict=True))
        return values

    def _encoded(self, plain: Sequence[str]) -> tuple[str, ...]:
        is_encoded = self._is_encoded
        return () if is_encoded is None else tuple(name for name in plain if is_encoded(name))

    def _decode_some(self, values: dict[str, str], names: Sequence[str]) -> None:
        decode = self._decode
        if decode is not None:
            for name in names:
                values[name] = decode(name, values[name])

    def _note(self, text: str, values: dict[str, str], encoded: tuple[str, ...]) -> None:
        """Note that a shape was seen, and learn it when that was often enough; a quoted value is a quote here."""
        shape = tuple(f'{name}="' if value == '"' else name for name, value in values.items())
        seen = self._seen.get(shape, 0) + 1
        if seen < SEEN_MIN:
            if len(self._seen) >= _COUNTED_MAX:
                self._seen.clear()
            self._seen[shape] = seen
            return
        self._seen.pop(shape, None)
        alike = self._shapes.setdefault((text.count("="), text.count('"')), [])
        if len(alike) >= ALIKE_MAX:
            alike.pop()
            self._learnt -= 1
        self._learnt += 1
        pattern = " ".join(re.escape(name) + (_QUOTED if value == '"' else _PLAIN) for name, value in values.items())
        alike.insert(0, _Shape(re.compile(pattern).fullmatch, tuple(values), encoded))


def add_value(values: dict[str, Any], key: str, value: Any) -> None:
    """Add a value; a key that is there already holds a list of all its values, in order."""
    if key not in values:
        values[key] = value
    elif isinstance(values[key], list):
        values[key].append(value)
    else:
        values[key] = [values[key], value]
