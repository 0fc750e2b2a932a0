"""The life of an alert: what its rule and people make of it.  Pure.

An alert is ``open``, ``acknowledged`` (somebody looks after it) or ``resolved``.  Its rule resolves it when it has been
quiet for long enough, people when they say so.  One that people resolved while its rule still counts is open again with
the next match; one that its rule is done with stays as people leave it.
"""

from typing import Final, Literal, NamedTuple

from collector.finding import AlertChange

Status = Literal["open", "acknowledged", "resolved"]
STATUSES: Final[tuple[Status, ...]] = ("open", "acknowledged", "resolved")
#: What a person can do with an alert.
Act = Literal["acknowledge", "resolve", "reopen"]
Kind = Literal[
    "opened", "updated", "acknowledged", "reopened", "resolved", "silenced", "unsilenced", "silence_ending"
]  # fmt: skip
BY_HAND: Final = "by_hand"


class Life(NamedTuple):
    """Where an alert stands: its status, how many events it counted, and whether its rule is done with it."""

    status: Status
    events: int
    over: bool = False


class WrongActError(Exception):
    """An act that an alert in this state does not allow; the text says what to do instead."""


def follow(life: Life | None, change: AlertChange) -> tuple[Life, Kind | None]:
    """Return what a change of the rules makes of an alert (None: a new one), and which transition that is, if any.

    A change that was followed before, or is older than what is known, changes nothing.
    """
    alert, is_over = change.alert, change.alert.resolved is not None
    if life is None:
        return Life("resolved" if is_over else "open", alert.events, is_over), "opened"
    if life.over or alert.events < life.events:
        return life, None
    if is_over:
        return Life("resolved", alert.events, True), None if life.status == "resolved" else "resolved"
    if alert.events == life.events:
        return life, None
    if life.status == "resolved":
        return Life("open", alert.events), "reopened"
    return life._replace(events=alert.events), "updated"


def act_on(life: Life, act: Act) -> tuple[Life, Kind]:
    """Return what an act of a person makes of an alert, and which transition that is; raises WrongActError."""
    if act == "acknowledge":
        if life.status == "resolved":
            raise WrongActError("it is resolved, so nobody need look after it; reopen it first if somebody should")
        return life._replace(status="acknowledged"), "acknowledged"
    if act == "resolve":
        if life.status == "resolved":
            raise WrongActError("it is resolved already")
        return life._replace(status="resolved"), "resolved"
    if life.status == "open":
        raise WrongActError("it is open already")
    return life._replace(status="open"), "reopened"
