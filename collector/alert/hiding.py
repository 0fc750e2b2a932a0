"""Which alerts are kept quiet now: silenced by people, or inhibited by an alert of another rule.

Silences go by the clock: whether people are to be told is a question of now, however late an event came.  An alert is
looked at when it opens, when a silence begins or ends, and when an alert that could inhibit it opens or is resolved.
What a resolved alert was kept quiet by stays with it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.matchers import Known, matching
from collector.alert.rows import parts
from collector.alert.transitions import Happened
from collector.finding import GroupValue, Inhibition

_COLUMNS: Final = "id, rule_id, title, level, tags, group_key, silenced_by, inhibited_by"
_ACTIVE: Final = "ended is null and starts <= ? and ends > ?"


class _Candidate(NamedTuple):
    id: str
    known: Known
    silenced_by: str | None
    inhibited_by: str | None

    @property
    def group(self) -> Mapping[str, GroupValue]:
        return dict(self.known.group)


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
    """Decides and writes who is kept quiet; ``inhibitions`` are those of the rules in force."""

    def __init__(self, inhibitions: Sequence[Inhibition] = ()) -> None:
        self.inhibitions = tuple(inhibitions)

    def judge_all(self, connection: sqlite3.Connection, now: int) -> list[Happened]:
        """Look at every alert that is not resolved; return what changed, which is still to be written down."""
        rows = connection.execute(f"select {_COLUMNS} from alert where status <> 'resolved'").fetchall()
        return self._judge(connection, rows, now)

    def judge(self, connection: sqlite3.Connection, alert_ids: Sequence[str], now: int) -> list[Happened]:
        """Look at alerts that opened or were resolved, and at those that they may inhibit."""
        rows: dict[str, tuple[Any, ...]] = {}
        for part in parts(alert_ids):
            marks = ", ".join("?" * len(part))
            for row in connection.execute(
                f"select {_COLUMNS}, status from alert where id in ({marks})", part
            ).fetchall():
                rows[row[0]] = row
        unresolved = {alert_id: row[:-1] for alert_id, row in rows.items() if row[-1] != "resolved"}
        rules = {row[1] for row in rows.values()}
        for target in sorted({each.inhibits for each in self.inhibitions if each.rule_id in rules}):
            for row in connection.execute(
                f"select {_COLUMNS} from alert where rule_id = ? and status <> 'resolved'", (target,)
            ).fetchall():
                unresolved[row[0]] = row
        return self._judge(connection, list(unresolved.values()), now)

    def _judge(self, connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]], now: int) -> list[Happened]:
        candidates = [_Candidate(row[0], known_of(*row[1:6]), *row[6:]) for row in rows]
        if not candidates:
            return []
        silences = _active(connection, now)
        inhibitors = _Inhibitors(connection, self.inhibitions)
        happened: list[Happened] = []
        changed: list[tuple[str | None, str | None, str]] = []
        for candidate in candidates:
            silence = next((each for each in silences if matching(each.matchers)(candidate.known)), None)
            silenced_by = None if silence is None else silence.id
            inhibited_by = inhibitors.of(candidate)
            if (silenced_by, inhibited_by) != (candidate.silenced_by, candidate.inhibited_by):
                changed.append((silenced_by, inhibited_by, candidate.id))
                happened += _said(candidate, silence, inhibited_by, now)
        connection.executemany("update alert set silenced_by = ?, inhibited_by = ? where id = ?", changed)
        return happened


class _Inhibitors:
    """The alerts that inhibit others, by the values that must be equal; read once, when they are asked for."""

    def __init__(self, connection: sqlite3.Connection, inhibitions: Sequence[Inhibition]) -> None:
        self._connection = connection
        self._inhibitions = inhibitions
        self._found: dict[Inhibition, Mapping[tuple[GroupValue, ...], str]] = {}

    def of(self, candidate: _Candidate) -> str | None:
        """Return the alert that inhibits another one, the first there was; None: nothing does."""
        for inhibition in self._inhibitions:
            if inhibition.inhibits == candidate.known.rule_id:
                values = _values(candidate.group, inhibition.equal)
                found = None if values is None else self._by_values(inhibition).get(values)
                if found is not None:
                    return found
        return None

    def _by_values(self, inhibition: Inhibition) -> Mapping[tuple[GroupValue, ...], str]:
        found = self._found.get(inhibition)
        if found is None:
            rows = self._connection.execute(
                "select id, group_key from alert where rule_id = ? and status <> 'resolved' "
                "order by opened desc, id desc", (inhibition.rule_id,),
            ).fetchall()  # fmt: skip
            by_values = ((_values(dict(orjson.loads(group)), inhibition.equal), alert_id) for alert_id, group in rows)
            found = self._found[inhibition] = {values: alert_id for values, alert_id in by_values if values is not None}
        return found


def _active(connection: sqlite3.Connection, now: int) -> list[_Silence]:
    rows = connection.execute(
        f"select id, matchers, author, reason from silence where {_ACTIVE} order by created, id", (now, now)
    )
    return [_Silence(*row) for row in rows.fetchall()]


def _values(group: Mapping[str, GroupValue], fields: Sequence[str]) -> tuple[GroupValue, ...] | None:
    """Return the values of some fields; None when an alert is not grouped by one of them (any more)."""
    return tuple(group[name] for name in fields) if all(name in group for name in fields) else None


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
