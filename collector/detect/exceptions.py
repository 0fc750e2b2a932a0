"""What decides whether a match counts: the exceptions that people made from alerts.

The engine that runs live, the replay after a restart and a back-test all ask :class:`Exceptions`.  It looks only at
what is stored (the values of the event, when it happened, as which number it arrived), so all of them get the same
answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector.block import BlockInfo
from collector.detect.counted import Found
from collector.detect.fields import resolve, split_object
from collector.detect.grouping import scalar, values_of
from collector.detect.view import BatchView
from collector.finding import ExceptionUse, GroupValue, RuleException


class Exceptions:
    """The exceptions of all rules, and what they kept from counting since :meth:`uses` was asked last."""

    def __init__(self, exceptions: Iterable[RuleException] = ()) -> None:
        self._by_rule: dict[str, list[RuleException]] = {}
        self._uses: dict[str, ExceptionUse] = {}
        for exception in exceptions:
            self._by_rule.setdefault(exception.rule_id, []).append(exception)

    def concern(self, rule_id: str) -> bool:
        """Return whether a rule has any."""
        return rule_id in self._by_rule

    def left(self, rule_id: str, info: BlockInfo, view: BatchView, found: Found, *, replay: bool = False) -> Found:
        """Return what is left of the matches of a rule in a block; a match of several exceptions is the first's.

        What a ``replay`` leaves out was noted before.
        """
        exceptions = [each for each in self._by_rule.get(rule_id, ()) if _reaches(each, info)]
        if not exceptions:
            return found
        excepted: dict[int, RuleException] = {}
        indices = sorted(set().union(*found.values()))
        for exception in exceptions:
            for index in _matching(exception, info, view, indices):
                excepted.setdefault(index, exception)
        if not excepted:
            return found
        if not replay:
            self._note(excepted, view)
        left = {
            matcher: [index for index in indices if index not in excepted] for matcher, indices in found.items()
        }  # fmt: skip
        return {matcher: indices for matcher, indices in left.items() if indices}

    def uses(self) -> Mapping[str, ExceptionUse]:
        """Return what each exception kept from counting since the last call, by its id."""
        uses, self._uses = self._uses, {}
        return uses

    def replace(self, exceptions: Iterable[RuleException]) -> None:
        """Take other exceptions in place of these; what :meth:`uses` has not said yet stays."""
        self._by_rule = Exceptions(exceptions)._by_rule

    def _note(self, excepted: Mapping[int, RuleException], view: BatchView) -> None:
        times = view.batch.times
        for index, exception in excepted.items():
            known = self._uses.get(exception.id)
            time = times[index]
            self._uses[exception.id] = (
                ExceptionUse(1, time) if known is None else ExceptionUse(known.events + 1, max(known.last, time))
            )


def value_in(event: Mapping[str, Any], name: str) -> GroupValue:
    """Return the value of a field of one event in flat form, as groups and exceptions compare it; None: it has none."""
    place = split_object(name)
    if place is None:
        return scalar(event.get(name))
    return scalar(resolve(event.get(place[0]), place[1]))


def _reaches(exception: RuleException, info: BlockInfo) -> bool:
    """Return whether an exception can hold for any event of a block."""
    if info.number + info.n <= exception.since or info.tmin >= exception.until:
        return False
    return exception.ended is None or info.number < exception.ended


def _matching(exception: RuleException, info: BlockInfo, view: BatchView, indices: Sequence[int]) -> Iterable[int]:
    times, numbers = view.batch.times, view.numbers
    first, end = exception.since, info.number + info.n if exception.ended is None else exception.ended
    left = [index for index in indices if first <= numbers[index] < end and times[index] < exception.until]
    for name, value in exception.fields:
        found = values_of(view, name, split_object(name), left)
        left = [index for index, each in zip(left, found, strict=True) if each == value]
    return left
