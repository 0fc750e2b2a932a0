"""What the witnesses of many rules say of the values of one field, each value asked once.

Equalities are one look into a dict, pieces of text one pass of an Aho-Corasick automaton over the value, whatever the
number of rules.  What a text was told is remembered: a log repeats itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import ahocorasick

from collector.detect.expression import Equals, Glob, Matches, Test
from collector.detect.values import (
    TextPredicate,
    ValuePredicate,
    glob_predicate,
    text_of,
    text_predicate,
    value_predicate,
)
from collector.detect.witness import literal_of, literal_of_regex

#: Numbers of rules.
Hits = tuple[int, ...]
_NONE: Final[Hits] = ()
_MEMORY: Final = 16_384
#: Longer texts are asked anew each time.
_REMEMBERED_CHARACTERS_MAX: Final = 512
#: So few texts are looked for in all values of a batch at once.
_FEW_TEXTS: Final = 16


class FieldIndex:
    """The witnesses of one field.  ``remembered[text]`` are the numbers of the rules that a text is a witness for."""

    def __init__(self, witnesses: Sequence[tuple[int, Test]]) -> None:
        equal: defaultdict[str, list[int]] = defaultdict(list)
        cased: defaultdict[str, list[int]] = defaultdict(list)
        pieces: defaultdict[str, list[tuple[int, TextPredicate]]] = defaultdict(list)
        self._others: list[tuple[int, ValuePredicate]] = []
        for number, test in witnesses:
            if isinstance(test, Equals):
                for text in test.texts:
                    (cased if test.cased else equal)[text].append(number)
            elif isinstance(test, Glob):
                pieces[literal_of(test).lower()].append((number, glob_predicate(test)))
            elif isinstance(test, Matches) and (literal := literal_of_regex(test.whole)):
                pieces[literal].append((number, text_predicate(test)))
            else:
                self._others.append((number, value_predicate(test)))
        self._equal, self._cased = dict(equal), dict(cased)
        #: Texts in lower case of which every text with a hit holds one; empty when they are many, or not all is known.
        self.few_texts = _few_texts([*equal, *(text.lower() for text in cased), *pieces]) if not self._others else ()
        self._pieces = _automaton(pieces)
        self.remembered = _Remembered(self._hits_of_text)

    def hits(self, value: Any) -> Hits:
        """Return the rules that a value is a witness for: a text, a number, a boolean, or a list of such."""
        if value.__class__ is str:
            return self.remembered[value]
        if isinstance(value, list):
            return tuple({number for item in value for number in self.hits(item)})
        text = text_of(value)
        if text is None:
            return _NONE
        return tuple({*self._hits_of(text), *(number for number, passes in self._others if passes(value))})

    def _hits_of_text(self, text: str) -> Hits:
        found = self._hits_of(text)
        for number, passes in self._others:
            if passes(text):
                found.add(number)
        return tuple(found) if found else _NONE

    def _hits_of(self, text: str) -> set[int]:
        lowered = text.lower()
        found = set(self._equal.get(lowered, ()))
        if self._cased:
            found.update(self._cased.get(text, ()))
        if self._pieces is not None:
            for _, globs in self._pieces.iter(lowered):
                found.update(number for number, passes in globs if passes(text))
        return found


class _Remembered(dict[str, Hits]):
    """What texts were told, as long as they are not too many."""

    def __init__(self, ask: Any) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, text: str) -> Hits:
        hits: Hits = self._ask(text)
        if len(text) <= _REMEMBERED_CHARACTERS_MAX:
            if len(self) >= _MEMORY:
                self.clear()
            self[text] = hits
        return hits


def _few_texts(texts: Sequence[str]) -> Sequence[str]:
    distinct = tuple(dict.fromkeys(texts))
    return distinct if len(distinct) <= _FEW_TEXTS and all(distinct) else ()


def _automaton(pieces: dict[str, list[tuple[int, TextPredicate]]]) -> Any:
    """Return an automaton that finds pieces in lower-case texts; None without any."""
    if not pieces:
        return None
    automaton = ahocorasick.Automaton()
    for text, globs in pieces.items():
        automaton.add_word(text, globs)
    automaton.make_automaton()
    return automaton
