"""The stream/sequence guard: decides whether a batch is new, a repeat, or does not fit.  Pure; no I/O.

A stream numbers its batches 1, 2, 3 …  The collector commits the last number together with the events, so a batch that
is sent again after a lost answer is known as a repeat, and one that would leave a hole is refused: unless the sender
says that it knows of just this hole, because another collector has taken what belongs there.
"""

from enum import Enum


class Verdict(Enum):
    """What to do with a batch."""

    NEW = "new"
    REPEAT = "repeat"


class SequenceGapError(Exception):
    """The batch would leave a hole in its stream; ``expected`` is the sequence that must come next."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"expected sequence {expected}, found {found}")
        self.expected = expected


class KeyReusedError(Exception):
    """An Idempotency-Key came again with another body."""


class SequenceConflictError(Exception):
    """The sequence was committed before with other content: two senders share one stream (a copied spool)."""


def judge(last: int, sequence: int, elsewhere_from: int | None = None) -> Verdict:
    """Return whether ``sequence`` is new after ``last`` or a repeat; raises SequenceGapError when it is neither.

    ``elsewhere_from``: the first sequence of the hole that the sender knows of; it must be the one that is missing.
    """
    if sequence <= last:
        return Verdict.REPEAT
    if sequence > last + 1 and elsewhere_from != last + 1:
        raise SequenceGapError(last + 1, sequence)
    return Verdict.NEW
