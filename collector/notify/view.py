"""What this room is told of alerts: how they stand, and what happened to them, in order."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from collector.finding import AlertState

Kind = Literal["opened", "updated", "acknowledged", "reopened", "resolved", "silenced", "unsilenced"]
Status = Literal["open", "acknowledged", "resolved"]


class Transition(NamedTuple):
    """A row of ``alert_transition``: the ``number``-th thing that happened to an alert; ``time`` in microseconds."""

    number: int
    alert_id: str
    kind: str
    time: int
    by: str | None = None
    note: str | None = None


class AlertView(NamedTuple):
    """An alert as it stands now.

    ``muted`` says why nobody is to hear of it (a silence, another alert that inhibits it), None when they are.
    ``by`` and ``note`` are of the person who acknowledged or resolved it.  ``event_ids`` are its first events.
    """

    alert: AlertState
    status: Status
    muted: str | None = None
    by: str | None = None
    note: str | None = None
    event_ids: tuple[str, ...] = ()


class AlertReader(Protocol):
    """The alert store as this room sees it; called in worker threads."""

    def transitions_after(self, number: int, limit: int) -> Sequence[Transition]:
        """Return what happened after a transition, oldest first."""
        ...

    def alerts(self, alert_ids: Collection[str]) -> Mapping[str, AlertView]:
        """Return those alerts that there are, as they stand, by id."""
        ...


class EventOf(Protocol):
    """Finds an event by its id and gives it in flat form; None when it is gone.  Called in worker threads."""

    def __call__(self, event_id: str, /) -> Mapping[str, Any] | None:
        """Return the event."""
        ...
