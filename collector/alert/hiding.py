"""Which alerts are kept quiet now: silenced by people, or inhibited by an alert of another rule.

Silences go by the clock: whether people are to be told is a question of now, however late an event came.  An alert is
looked at when it opens, when a silence begins or ends, and when an alert that could inhibit it opens or is resolved.
What a resolved alert was kept quiet by stays with it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.matchers import Known, matching
from collector.alert.rows import ALERTS, AMONG, among
from collector.alert.transitions import Happened
from collector.alert.unresolved import Unresolved
from collector.finding import AlertState, Inhibition

_COLUMNS: Final = "id, rule_id, title, level, tags, group_key, silenced_by, inhibited_by"
_UNRESOLVED: Final = f"select {_COLUMNS} from {ALERTS} where status <> 'resolved' and shadow = 0"
_ACTIVE: Final = "ended is null and starts <= ? and ends > ?"


class AtHand(NamedTuple):
    """An alert that was just written.  ``is_resolved``: so people see it; ``is_hidden``: something keeps it quiet.

    ``is_new``: it opened just now, so that its rule says of it what is written.
    """

    alert: AlertState
    is_resolved: bool
    is_hidden: bool
    is_shadow: bool
    is_new: bool = False


class _Candidate(NamedTuple):
    id: str
    known: Known
    silenced_by: str | None
    inhibited_by: str | None


class _Silence(NamedTuple):
    id: str
    matchers: str
    author: str
    reason: str


def known_of(rule_id: str, title: str, level: str, tags: str, group_key: str) -> Known:
    """Return what matchers look at, from the columns of an alert."""
    group = tuple((name, value) for name, value in orjson.loads(group_key))
    return Known(rule_id, title, level, tuple(orjson.loads(tags)), group)


def active_silences(connection: sqlite3.Connection, now: int) -> tuple[str, ...]:
    """Return the ids of the silences that hold now."""
    return tuple(silence.id for silence in _active(connection, now))


class Hiding:
    """Decides and writes who is kept quiet; ``inhibitions`` are those of the rules in force.

    What it remembers is as the transactions left it in which it judged: :meth:`forget` is for one that came to nothing.
    """

    def __init__(self, inhibitions: Sequence[Inhibition] = ()) -> None:
        self.inhibitions = tuple(inhibitions)
        self._remembered: Unresolved | None = None

    def forget(self) -> None:
        """Read anew what is not resolved, the next time it is asked for."""
        self._remembered = None

    def judge_all(self, connection: sqlite3.Connection, now: int) -> list[Happened]:
        """Look at every alert that is not resolved; return what changed, which is still to be written down."""
        rows = connection.execute(_UNRESOLVED).fetchall()
        return self._judge(connection, rows, _active(connection, now), self._unresolved(connection), now)

    def judge(self, connection: sqlite3.Connection, at_hand: Iterable[AtHand], now: int) -> list[Happened]:
        """Look at alerts that opened or were resolved, and at those that they may inhibit."""
        shown = [each for each in at_hand if not each.is_shadow]
        if not shown:
            return []
        silences = _active(connection, now)
        unresolved = self._unresolved(connection)
        if not silences:
            shown = [each for each in shown if each.is_hidden or unresolved.concerns(each.alert.rule.id)]
        for alert, is_resolved, *_ in shown:
            unresolved.note(alert.id, alert.rule.id, alert.group, alert.opened, is_resolved=is_resolved)
        concerned: dict[str, None] = {}
        for alert, is_resolved, is_hidden, _, is_new in shown:
            if not is_resolved and (
                is_hidden
                or unresolved.inhibitor_of(alert.rule.id, alert.group) is not None
                or (silences and (not is_new or _silence_of(silences, _known(alert)) is not None))
            ):
                concerned[alert.id] = None
            concerned |= dict.fromkeys(unresolved.targets_of(alert.rule.id, alert.group))
        if not concerned:
            return []
        rows = connection.execute(f"{_UNRESOLVED} and {AMONG}", (among(concerned),)).fetchall()
        by_id = {row[0]: row for row in rows}
        rows = [by_id[alert_id] for alert_id in concerned if alert_id in by_id]
        return self._judge(connection, rows, silences, unresolved, now)

    def judge_alone(self, connection: sqlite3.Connection, at_hand: AtHand, now: int) -> list[Happened]:
        """Look at an alert with which a person did something, in a transaction that may yet come to nothing."""
        try:
            return self.judge(connection, [at_hand], now)
        finally:
            self.forget()

    def _unresolved(self, connection: sqlite3.Connection) -> Unresolved:
        found, inhibitions = self._remembered, self.inhibitions
        if found is None or found.inhibitions is not inhibitions:
            found = self._remembered = Unresolved(connection, inhibitions)
        return found

    def _judge(
        self,
        connection: sqlite3.Connection,
        rows: Iterable[tuple[Any, ...]],
        silences: Sequence[_Silence],
        unresolved: Unresolved,
        now: int,
    ) -> list[Happened]:
        candidates = [_Candidate(row[0], known_of(*row[1:6]), *row[6:]) for row in rows]
        happened: list[Happened] = []
        changed: list[tuple[str | None, str | None, str]] = []
        for candidate in candidates:
            silence = _silence_of(silences, candidate.known)
            silenced_by = None if silence is None else silence.id
            inhibited_by = unresolved.inhibitor_of(candidate.known.rule_id, candidate.known.group)
            if (silenced_by, inhibited_by) != (candidate.silenced_by, candidate.inhibited_by):
                changed.append((silenced_by, inhibited_by, candidate.id))
                happened += _said(candidate, silence, inhibited_by, now)
        connection.executemany("update alert set silenced_by = ?, inhibited_by = ? where id = ?", changed)
        return happened


def _known(alert: AlertState) -> Known:
    rule = alert.rule
    return Known(rule.id, rule.title, rule.level, rule.tags, alert.group)


def _silence_of(silences: Sequence[_Silence], known: Known) -> _Silence | None:
    return next((each for each in silences if matching(each.matchers)(known)), None)


def _active(connection: sqlite3.Connection, now: int) -> list[_Silence]:
    rows = connection.execute(
        f"select id, matchers, author, reason from silence where {_ACTIVE} order by created, id", (now, now)
    )
    return [_Silence(*row) for row in rows.fetchall()]


def _said(candidate: _Candidate, silence: _Silence | None, inhibited_by: str | None, now: int) -> Iterator[Happened]:
    """Yield the transitions: one for each cause that begins or ends to keep an alert quiet."""
    silenced_by = None if silence is None else silence.id
    if silenced_by != candidate.silenced_by:
        if silence is not None:
            note = f"silence {silence.id}: {silence.reason}"
            yield Happened(candidate.id, "silenced", now, silence.author, note)
        else:
            yield Happened(candidate.id, "unsilenced", now, None, f"silence {candidate.silenced_by} is over")
    if inhibited_by != candidate.inhibited_by:
        if inhibited_by is not None:
            yield Happened(candidate.id, "silenced", now, None, f"inhibited by the alert {inhibited_by}")
        else:
            note = f"the alert {candidate.inhibited_by} that inhibited it is resolved"
            yield Happened(candidate.id, "unsilenced", now, None, note)
