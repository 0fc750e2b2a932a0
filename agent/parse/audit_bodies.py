r"""Bodies of audit records that come again and again, read in one go.

The kernel and PAM write their names in the same order each time: the records of a log have few shapes.  A shape is all
of a body but its values: the names, what stands between the assignments (``\x1d``, ``msg='``), and the values that are
none, such as ``(null)``.  A shape that was seen often gets a regular expression of its own, provided that it gives the
same as the careful way did.  The characters that may change what the careful way makes of a body are in no value of
such an expression: a body with any of them is not taken.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

#: Times that a shape is seen before it is learnt.
SEEN_MIN: Final = 4
#: Shapes that are learnt, and how many of one kind of record.
SHAPES_MAX: Final = 256
ALIKE_MAX: Final = 8
#: Kinds of records that are learnt, and how many bodies of each are looked at for their shape.
KINDS_MAX: Final = 256
LOOKS_MAX: Final = 2048
#: Shapes that are counted until they are seen often enough; the count starts afresh when there are more.
COUNTED_MAX: Final = 512
#: Assignments of a body beyond which its shape is not learnt.
ASSIGNMENTS_MAX: Final = 64
#: What a record says before its body, in order; others than the first of an event have only a type.
HEAD: Final = ("type", "timestamp", "serial")

_NO_VALUES: Final = r'\(null\)|\(none\)|\?|"\?"|"\(null\)"|"\(none\)"'
_PLAIN: Final = r"""([^ "\\\t\n\x1d'{(?=]*+)"""
_QUOTED: Final = r'''"([^"\\\t\n\x1d'{(?=]*+)"'''
_ASSIGNMENT: Final = re.compile(rf"""([^\s="'\x1d]++)=(?!')(?:({_NO_VALUES})(?=[ \x1d']|\Z)|{_QUOTED}|{_PLAIN})""")

#: What the careful way makes of the body of a kind of record; None when it is too strange to be learnt.
Read = Callable[[str, str], dict[str, Any] | None]


def names_nothing(body: str) -> bool:
    """Return whether some value of a body may be none."""
    return "=?" in body or "=(n" in body or '"?"' in body


class _Shape(NamedTuple):
    """``names`` by the number of values in the head.  ``encoded``: the names of values that are to be decoded.

    ``absent``: values that are none may be among those decoded.  ``arguments``: how many a command line has.
    """

    match: Callable[[str], re.Match[str] | None]
    names: dict[int, tuple[str, ...]]
    encoded: tuple[str, ...]
    absent: frozenset[str]
    arguments: int


class Bodies:
    """Reads bodies of learnt shapes.

    ``read`` is the careful way.  Plain values of whose name ``is_encoded`` (by kind of record) holds are what
    ``decode`` makes of (name, value).  ``absent``: values that are none.
    """

    def __init__(
        self,
        read: Read,
        is_encoded: Callable[[str, str], bool],
        decode: Callable[[str, str], str],
        absent: frozenset[str],
    ) -> None:
        self._read = read
        self._is_encoded = is_encoded
        self._decode = decode
        self._absent = absent
        self._shapes: dict[str, list[_Shape]] = {}
        self._learnt = 0
        self._seen: Counter[str] = Counter()
        self._looks: dict[str, int] = {}

    def read(self, body: str, head: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the values of a record: its head (the type, or all of HEAD) and its body.

        None when the shape is not learnt, or the body too strange.
        """
        alike = self._shapes.get(head[0])
        if alike is None:
            return None
        for place, (match, names, encoded, absent, arguments) in enumerate(alike):
            found = match(body)
            if found is None:
                continue
            if place:
                alike.insert(0, alike.pop(place))
            # strict=True would check at some expense what a shape makes sure.
            values: dict[str, Any] = dict(zip(names[len(head)], head + found.groups()))  # noqa: B905
            for name in encoded:
                values[name] = self._decode(name, values[name])
                if values[name] in absent:
                    del values[name]
            if arguments:
                if values["argc"] != str(arguments):
                    return None
                command = " ".join([*values.values()][-arguments:])
                if command:
                    values["command"] = command
            return values
        return None

    def learn(self, kind: str, body: str) -> None:
        """Look at a body that could not be read, so that others of its shape can be."""
        looks = self._looks.get(kind, 0)
        if looks >= LOOKS_MAX or self._learnt >= SHAPES_MAX or (not looks and len(self._looks) >= KINDS_MAX):
            return
        self._looks[kind] = looks + 1
        pieces, names, encoded, end = [], [], [], 0
        for found in _ASSIGNMENT.finditer(body):
            name, nothing, quoted, _ = found.groups()
            pieces.append(re.escape(body[end : found.start()]) + re.escape(name) + "=")
            end = found.end()
            if nothing is not None:
                pieces.append(re.escape(nothing))
                continue
            pieces.append(_PLAIN if quoted is None else _QUOTED)
            names.append(name)
            if quoted is None and self._is_encoded(kind, name):
                encoded.append(name)
        pattern = "".join(pieces) + re.escape(body[end:])
        shape = f"{kind} {pattern}"
        if len(self._seen) >= COUNTED_MAX:
            self._seen.clear()
        self._seen[shape] += 1
        if self._seen[shape] == SEEN_MIN and 0 < len(names) <= ASSIGNMENTS_MAX and set(names).isdisjoint(HEAD):
            self._add(kind, body, re.compile(pattern), tuple(names), tuple(encoded))

    def _add(
        self, kind: str, body: str, pattern: re.Pattern[str], names: tuple[str, ...], encoded: tuple[str, ...]
    ) -> None:
        arguments = 0
        if kind == "EXECVE":
            arguments = len(names) - 1
            if names != ("argc", *(f"a{number}" for number in range(arguments))) or not arguments:
                return
        shape = _Shape(
            pattern.fullmatch,
            {length: (*HEAD[:length], *names) for length in (1, len(HEAD))},
            encoded,
            self._absent if names_nothing(body) else frozenset(),
            arguments,
        )
        alike = self._shapes.setdefault(kind, [])
        alike.insert(0, shape)
        expected = self._read(kind, body)
        given = self.read(body, (kind,))
        if expected is None or given is None or [*given.items()] != [("type", kind), *expected.items()]:
            alike.pop(0)
            return
        self._learnt += 1
        if len(alike) > ALIKE_MAX:
            alike.pop()
            self._learnt -= 1
