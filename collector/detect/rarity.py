"""How often values were seen: which of the tests of a rule is the rarest can be measured, where a guess may be far off.

What is seen does not change what a rule matches, only how soon it is known that it matches nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from collector.detect.expression import Atom, Equals
from collector.detect.fields import TEXT_FIELDS, split_object
from collector.detect.view import BatchView
from collector.detect.witness import guessed_share

#: Values of a field that are counted; where there are more, none of them is frequent.
_VALUES_MAX: Final = 4096
#: What the guess counts for where something was measured: it decides between tests that were equally rare.
_GUESS_WEIGHT: Final = 1e-3
#: A look at every value of a column costs as much as being asked at so many of its events.
_VARIED_WEIGHT: Final = 0.01


class Rarity:
    """The values of some fields in the batches that were noted."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in fields if _is_counted(name)}
        self._events = 0
        #: Fields that came with too many different values to look at each once.
        self._varied: set[str] = set()

    def note(self, view: BatchView) -> None:
        """Count the values of a batch."""
        self._events += view.n
        for name, counts in self._counts.items():
            place = split_object(name)
            if place is not None:
                if view.has("changes"):
                    texts, _ = view.change_values(place[1][0])
                    times = _times_of_places(view, "changes")
                    _add(counts, {text: sum(times[each] for each in places) for text, places in texts.items()})
                continue
            coded = view.coded(name)
            column = None if coded is not None else view.batch.columns.get(name)
            if coded is not None:
                codes = Counter(coded.codes())
                _add(counts, {text: codes[code] for code, text in enumerate(coded.values) if text is not None})
            elif isinstance(column, str):
                _add(counts, {column: view.n})
            elif column is not None:
                self._varied.add(name)
                _add(counts, Counter(filter(None, column)))

    def share(self, atom: Atom) -> float | None:
        """Return the part of the events for which a test holds, as far as that is known; None when it is no witness."""
        guess = guessed_share(atom)
        counts = self._counts.get(atom.field)
        if guess is None or counts is None or not self._events:
            return guess
        if not counts:
            return guess * _GUESS_WEIGHT
        if not isinstance(atom.test, Equals):
            return guess  # to put every pattern to every value would take too long
        found = sum(counts[text.lower()] for text in atom.test.texts)
        dear = _VARIED_WEIGHT if atom.field in self._varied else 0.0
        return found / self._events + dear + guess * _GUESS_WEIGHT


def _is_counted(name: str) -> bool:
    return name in TEXT_FIELDS or name.startswith("changes.")


def _times_of_places(view: BatchView, name: str) -> Sequence[int] | Mapping[int, int]:
    """Return how many events each place of :meth:`BatchView.distinct_objects` stands for."""
    coded = view.coded(name)
    return [1] * view.n if coded is None else Counter(coded.codes())


def _add(counts: Counter[str], more: Mapping[str, int]) -> None:
    for text, count in more.items():
        lowered = text.lower()
        if lowered in counts or len(counts) < _VALUES_MAX:
            counts[lowered] += count
