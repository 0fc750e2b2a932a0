r"""What a rule is: how it finds the places of secrets in a text, and a gate (RE2) that is never stricter.

The gates run over undecoded bytes, so they allow for what JSON does to a text: ``\/`` for a slash, ``\n`` before a
word.  Every pattern starts at a literal and is bounded, so that no line makes a scan quadratic.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from agent.records import REDACTED

#: Start and end of a secret in a text.
Span = tuple[int, int]
Find = Callable[[str], Iterable[Span]]


class Rule(NamedTuple):
    """A shape of secrets: its name, what finds them, the gate, what stands in their place, and where it holds.

    A label is the value of a key such as ``type`` or ``action``: the name of a kind, where a column name or a sentence
    about a key gives nothing away.  ``in_phrases``: whether it holds for labels of several words, which may say more.
    ``optional``: off until the settings ask for it.  ``is_own``: a user's.  ``shapes``: the patterns of tokens.
    ``is_local``: what it finds in a text it also finds in what the text is a part of.  ``begins_word``: what it finds
    stands at a :data:`START`, and the gate begins there, so that a scan need not look within words.
    """

    name: str
    find: Find
    gate: str
    replacement: str = REDACTED
    in_labels: bool = True
    in_phrases: bool = True
    optional: bool = False
    is_own: bool = False
    shapes: tuple[str, ...] = ()
    is_local: bool = False
    begins_word: bool = False


def spans_of(pattern: str, *, flags: int = re.ASCII) -> Find:
    """Return what finds the matches of a pattern; of a pattern with a group ``s`` only that group."""
    compiled = re.compile(pattern, flags)
    group = compiled.groupindex.get("s", 0)

    def find(text: str) -> list[Span]:
        return [found.span(group) for found in compiled.finditer(text)]

    return find


#: Where a token can start: not inside a longer word, but right behind an escape for a line end or for punctuation.
START: Final = (
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2})|(?<=\\x[0-9A-Fa-f]{2})"
    r"|(?<=&amp;)|(?<=\x1b\[0m))"
)


#: The same for a gate, which is before the decoding of any format: JSON may write what stands there as ``\\f`` or
#: ``\\u2028``.
GATE_START: Final = r"(?:^|[^A-Za-z0-9]|\\[a-z0-9]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\x1b\[0m)"
_REPEATED: Final = re.compile(r"\{(\d+)(?:,\d*)?\}")
_SCANNED_CHARACTERS: Final = 12


def token(name: str, *shapes: str, gate: str | None = None) -> Rule:
    """Return the rule for tokens of these shapes (case-sensitive, understood alike by ``re`` and RE2).

    Shapes that begin with a run of any letters need a ``gate`` that begins with what is rarer: the automaton of the
    scan would need a state for every length of every run.
    """
    return Rule(
        name,
        spans_of(f"{START}(?:{'|'.join(shapes)})"),
        f"(?-i:{gate or '|'.join(map(_beginning, shapes))})",
        shapes=shapes,
        is_local=True,
        begins_word=gate is None,
    )


def _beginning(shape: str) -> str:
    """Return a shape up to its first long run, and some characters of that: more only makes the automaton larger."""
    for found in _REPEATED.finditer(shape):
        before = shape[: found.start()]
        if int(found[1]) > _SCANNED_CHARACTERS and before.count("(") == before.count(")"):
            return f"{before}{{{_SCANNED_CHARACTERS}}}"
    return shape
