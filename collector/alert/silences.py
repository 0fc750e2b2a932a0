"""Silences: who hides which alerts, why and until when.  Everything here blocks."""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from collector.alert.documents import document_of
from collector.alert.hiding import Hiding, known_of
from collector.alert.matchers import Matcher, decode_matchers, encode_matchers, matching
from collector.alert.reports import Report, Subject, note_reports, report
from collector.alert.rows import ALERTS, AMONG, VIEW_COLUMNS, among, view_of
from collector.alert.settings import AlertSettings
from collector.alert.transitions import Happened, write_transitions
from collector.locked import LockedConnection
from collector.problem import ApiProblem
from watchbook.clock import SECOND_US, Clock, format_rfc3339

SilenceState = Literal["waiting", "active", "over", "ended"]
SILENCE_STATES: Final[tuple[SilenceState, ...]] = ("waiting", "active", "over", "ended")
#: Most alerts that a preview names; it counts all.
PREVIEW_ALERTS_MAX: Final = 20
_DAY_US: Final = 86_400 * SECOND_US
_COLUMNS: Final = "id, matchers, author, reason, created, starts, ends, warn, warned, ended, ended_by, told"


class Silence(NamedTuple):
    """A row of ``silence``: see ``migrations``."""

    id: str
    matchers: str
    author: str
    reason: str
    created: int
    starts: int
    ends: int
    warn: int
    warned: int | None = None
    ended: int | None = None
    ended_by: str | None = None
    told: int | None = None

    def state(self, now: int) -> SilenceState:
        """Return where it stands: ``ended`` by somebody, ``over`` by the clock."""
        if self.ended is not None:
            return "ended"
        if now >= self.ends:
            return "over"
        return "active" if now >= self.starts else "waiting"


class Silences:
    """The silences in ``state.db``; raises ApiProblem 404, 409 and 422."""

    def __init__(self, state: LockedConnection, hiding: Hiding, settings: AlertSettings, clock: Clock) -> None:
        self._state = state
        self._hiding = hiding
        self._settings = settings
        self._clock = clock

    def listed(self, state: str | None = None) -> list[dict[str, Any]]:
        """Return all silences or those in one state, the latest to end first."""
        now = self._clock()
        hidden = self._hidden()
        silences = [Silence(*row) for row in self._state.rows(f"select {_COLUMNS} from silence order by ends desc, id")]
        return [_document(each, now, hidden[each.id]) for each in silences if state in (None, each.state(now))]

    def get(self, silence_id: str) -> dict[str, Any]:
        """Return one silence."""
        row = self._state.row(f"select {_COLUMNS} from silence where id = ?", silence_id)
        if row is None:
            raise _unknown(silence_id)
        return _document(Silence(*row), self._clock(), self._hidden()[silence_id])

    def add(self, matchers: Sequence[Matcher], starts: int | None, ends: int, reason: str, by: str) -> dict[str, Any]:
        """Hide alerts from now, or from ``starts``, until ``ends``."""
        with self._state.transaction() as connection:
            now = self._clock()
            self._check_room(connection, now)
            begins = now if starts is None else max(starts, now)
            if begins >= ends:
                raise ApiProblem(422, "invalid-document", "'ends': a silence ends after it starts")
            warn = ends - min(round(self._settings.silence_warning * SECOND_US), (ends - begins) // 2)
            silence = Silence(secrets.token_hex(6), encode_matchers(matchers), by, reason, now, begins, ends, warn)
            connection.execute(f"insert into silence ({_COLUMNS}) values ({', '.join('?' * len(silence))})", silence)
            write_transitions(connection, self._hiding.judge_all(connection, now))
            message = f"{by} silenced {words_of(silence)} until {format_rfc3339(ends)}"
            note_reports(connection, [_report(now, by, "create", "silence.created", silence, message)])
        return self.get(silence.id)

    def end(self, silence_id: str, by: str) -> dict[str, Any]:
        """End a silence before its time."""
        with self._state.transaction() as connection:
            row = connection.execute(f"select {_COLUMNS} from silence where id = ?", (silence_id,)).fetchone()
            if row is None:
                raise _unknown(silence_id)
            silence, now = Silence(*row), self._clock()
            if (state := silence.state(now)) in ("over", "ended"):
                raise ApiProblem(409, "silence-over", f"the silence {silence_id} is {state} already")
            connection.execute("update silence set ended = ?, ended_by = ? where id = ?", (now, by, silence_id))
            write_transitions(connection, self._hiding.judge_all(connection, now))
            message = f"{by} ended the silence of {words_of(silence)}"
            note_reports(connection, [_report(now, by, "delete", "silence.ended", silence, message)])
        return self.get(silence_id)

    def preview(self, matchers: Sequence[Matcher], days: int) -> dict[str, Any]:
        """Return which alerts a silence would hide now, and which of the last days it would have hidden."""
        test = matching(encode_matchers(matchers))
        since = self._clock() - days * _DAY_US
        rows = self._state.rows(
            f"select id, rule_id, title, level, tags, group_key, status, opened from {ALERTS} "
            "where (opened >= ? or status <> 'resolved') and shadow = 0 order by opened desc, id desc", since,
        )  # fmt: skip
        matched = [row for row in rows if test(known_of(*row[1:6]))]
        now_hidden = [row[0] for row in matched if row[6] != "resolved"]
        earlier = [row for row in matched if row[7] >= since]
        rules = Counter((row[1], row[2]) for row in earlier)
        return {
            "hides_now": {"count": len(now_hidden), "alerts": self._alerts(now_hidden)},
            "would_have_hidden": {
                "days": days,
                "count": len(earlier),
                "of": sum(row[7] >= since for row in rows),
                "rules": [{"rule_id": rule, "title": title, "count": n} for (rule, title), n in rules.most_common()],
                "alerts": self._alerts([row[0] for row in earlier]),
            },
        }

    def look(self, connection: sqlite3.Connection, now: int) -> None:
        """Announce the silences that end soon, and tell of those that are over."""
        rows = connection.execute(
            f"select {_COLUMNS} from silence where ended is null and told is null and warn <= ?", (now,)
        )
        reports: list[Report] = []
        happened: list[Happened] = []
        for silence in [Silence(*row) for row in rows.fetchall()]:
            until = format_rfc3339(silence.ends)
            if now >= silence.ends:
                connection.execute("update silence set told = ? where id = ?", (now, silence.id))
                message = f"the silence of {words_of(silence)} is over since {until}"
                reports.append(_report(now, None, "delete", "silence.expired", silence, message))
            elif silence.warned is None:
                connection.execute("update silence set warned = ? where id = ?", (now, silence.id))
                message = f"the silence of {words_of(silence)} ends at {until}"
                reports.append(_report(now, None, "update", "silence.ending", silence, message))
                happened += [
                    Happened(row[0], "silence_ending", now, silence.author, f"silence {silence.id} ends at {until}")
                    for row in connection.execute(
                        "select id from alert where silenced_by = ? and status <> 'resolved'", (silence.id,)
                    )
                ]
        write_transitions(connection, happened)
        note_reports(connection, reports)

    def has_news(self, now: int) -> bool:
        """Return whether :meth:`look` has something to do."""
        return (
            self._state.row(
                "select 1 from silence where ended is null and told is null and ((warned is null and warn <= ?) "
                "or ends <= ?) limit 1", now, now,
            )
            is not None
        )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Return how many silences wait and how many are active."""
        now = self._clock()
        row = self._state.row(
            "select coalesce(sum(starts > ?), 0), coalesce(sum(starts <= ?), 0) from silence "
            "where ended is null and ends > ?", now, now, now,
        )  # fmt: skip
        return {"waiting": row[0], "active": row[1]}

    def _check_room(self, connection: sqlite3.Connection, now: int) -> None:
        (there,) = connection.execute(
            "select count(*) from silence where ended is null and ends > ?", (now,)
        ).fetchone()
        if there >= self._settings.silences_max:
            text = f"there are {there} silences, more are not allowed ('alert.silences_max'); end some first"
            raise ApiProblem(409, "too-many-silences", text)

    def _hidden(self) -> Counter[str]:
        """Return how many alerts each silence hides now."""
        return Counter(
            dict(
                self._state.rows(
                    "select silenced_by, count(*) from alert where silenced_by is not null and status <> 'resolved' "
                    "group by silenced_by"
                )
            )
        )

    def _alerts(self, alert_ids: Sequence[str]) -> list[dict[str, Any]]:
        shown = alert_ids[:PREVIEW_ALERTS_MAX]
        rows = self._state.rows(
            f"select {VIEW_COLUMNS} from {ALERTS} where {AMONG} order by opened desc, id desc", among(shown)
        )
        return [document_of(view_of(row)) for row in rows]


def words_of(silence: Silence) -> str:
    """Return what a silence hides, as one writes it."""
    return " ".join(map(str, decode_matchers(silence.matchers)))


def _document(silence: Silence, now: int, hides: int) -> dict[str, Any]:
    shown = {
        "id": silence.id,
        "state": silence.state(now),
        "matchers": [each._asdict() for each in decode_matchers(silence.matchers)],
        "author": silence.author,
        "reason": silence.reason,
        "created": format_rfc3339(silence.created),
        "starts": format_rfc3339(silence.starts),
        "ends": format_rfc3339(silence.ends),
        "ended": None if silence.ended is None else format_rfc3339(silence.ended),
        "ended_by": silence.ended_by,
        "hides": hides,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _report(now: int, by: str | None, action: str, event_type: str, silence: Silence, message: str) -> Report:
    details = {
        "matchers": list(map(str, decode_matchers(silence.matchers))),
        "reason": silence.reason,
        "author": silence.author,
        "starts": format_rfc3339(silence.starts),
        "ends": format_rfc3339(silence.ends),
    }
    return report(now, by, action, event_type, Subject("silence", silence.id, words_of(silence)), message,
                  details=details)  # fmt: skip


def _unknown(silence_id: str) -> ApiProblem:
    return ApiProblem(404, "not-found", f"there is no silence {silence_id[:80]!r}")
