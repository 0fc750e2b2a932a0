"""Who an event claims to come from, held against who sent it.  Pure, but for the port that knows the senders.

The agent writes its own name into ``origin.agent``.  Where that is none of the names of the agent whose token the batch
came under, the events get a flag; only then is a batch encoded anew.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

from collector.problem import ApiProblem
from watchbook.coded import Coded
from watchbook.columns import Batch, Column, Columns
from watchbook.event import FLAG_MISMATCH, FLAG_UNVERIFIED

_CLAIM: Final = "origin.agent"
_OURS: Final = frozenset({FLAG_MISMATCH, FLAG_UNVERIFIED})


class Sender(Protocol):
    """Whose token a request carries."""

    @property
    def name(self) -> str:
        """The token's name."""
        ...

    @property
    def token_id(self) -> int:
        """Which token it is."""
        ...

    @property
    def agent(self) -> str | None:
        """The enrolled agent whose own token it is, None for a plain token."""
        ...


class Senders(Protocol):
    """What is known of senders."""

    def admit(self, sender: Sender, stream: str, claimed: str | None) -> Awaitable[None]:
        """Let a batch of a stream in; raises ApiProblem 403, and 409 of the kind ``stream-owner``."""
        ...

    def check_agent(self, sender: Sender) -> None:
        """Let somebody in who sends as an agent; raises ApiProblem 403."""
        ...

    def mark_of(self, sender: Sender) -> tuple[str | None, frozenset[str]]:
        """Return the flag that tells of a wrong claim (None: none does), and the claims that are right."""
        ...


class AnySender:
    """Lets everybody in and marks nothing."""

    async def admit(self, sender: Sender, stream: str, claimed: str | None) -> None:
        """Let it in."""

    def check_agent(self, sender: Sender) -> None:
        """Let it in."""

    def mark_of(self, sender: Sender) -> tuple[str | None, frozenset[str]]:  # noqa: ARG002 - whoever it is
        """Return that nothing is marked."""
        return None, frozenset()


#: Given stream, sequence and index: the stored event in flat form, None when there is none.
StoredEvent = Callable[[str, int, int], Mapping[str, Any] | None]

#: Refusals after which a batch may yet turn out to be one that was stored before, with other flags.
_PERHAPS_STORED: Final = ("sequence-conflict", "stream-owner")


def is_perhaps_stored(problem: ApiProblem) -> bool:
    """Return whether a refused batch may have been stored before."""
    return problem.kind in _PERHAPS_STORED


def was_stored(stored_event: StoredEvent, stream: str, sequence: int, batch: Batch) -> bool:
    """Return whether a batch was stored before, but for the flags that the collector itself sets.

    What is stored may have flags that it would not get today, or lack some, for names change: a repeat must be known
    all the same, or the agent would begin a new stream and send it a second time.  Blocks; a few milliseconds where the
    content is another, more where it is the same.
    """
    for index in range(batch.n):
        stored = stored_event(stream, sequence, index)
        if stored is None or _unmarked(stored) != _unmarked(batch.event(index)):
            return False
    return batch.n > 0 and stored_event(stream, sequence, batch.n) is None


def _unmarked(event: Mapping[str, Any]) -> dict[str, Any]:
    flags = [flag for flag in event.get("flags", ()) if flag not in _OURS]
    return {**event, "flags": flags}


def claim_of(batch: Batch) -> str | None:
    """Return the agent that a batch claims to be of: what its first event says that says anything."""
    coded = batch.coded(_CLAIM)
    if coded is not None:
        return next((value for value in coded.values if value is not None), None)
    column = batch.columns.get(_CLAIM)
    return column if column is None or isinstance(column, str) else next(filter(None, column), None)


def wrong_claims(batch: Batch, right: Collection[str]) -> Sequence[int]:
    """Return the indexes of the events that claim to be of another agent; one that claims nothing is not among them."""
    coded = batch.coded(_CLAIM)
    if coded is not None:
        wrong = {code for code, value in enumerate(coded.values) if value is not None and value not in right}
        return [index for index, code in enumerate(coded.codes()) if code in wrong] if wrong else ()
    column = batch.columns.get(_CLAIM)
    if column is None or isinstance(column, str):
        return () if column is None or column in right else range(batch.n)
    return [index for index, value in enumerate(column) if value is not None and value not in right]


def marked(batch: Batch, flag: str, indexes: Collection[int]) -> Batch:
    """Return a batch in which the events at ``indexes`` have one more flag; the same flags give the same bytes."""
    chosen = set(indexes)
    given = batch.column("flags") or [None] * batch.n
    flags = [
        list(dict.fromkeys((*(own or ()), flag))) if index in chosen else own for index, own in enumerate(given)
    ]  # fmt: skip
    coded: dict[str, Coded] = {}
    plain: dict[str, Column] = {"flags": flags}
    for name in batch.columns:
        form = batch.coded(name)
        if name == "flags":
            continue
        if form is not None:
            coded[name] = form
        else:
            plain[name] = batch.columns[name]
    return Batch(batch.n, Columns([*dict.fromkeys((*batch.columns, "flags"))], plain, coded))
