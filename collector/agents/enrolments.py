"""One-time tokens: made, listed and revoked.  Everything here blocks; the command line uses it.

They are used up by :meth:`collector.agents.store.AgentStore.enrol`, in the transaction that makes the agent.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from collector.agents import reports
from collector.agents.decisions import Enrolment
from collector.agents.outbox import note_reports, reading, writing
from watchbook.clock import SECOND_US, Clock, now_us

COLUMNS: Final = "id, name, note, uses, uses_max, created, created_by, expires, revoked"


class TokenMaker(NamedTuple):
    """How one-time tokens are made, and what is stored of one."""

    new: Callable[[], str]
    digest: Callable[[str], bytes]


class EnrolmentStore:
    """One-time tokens in ``state.db``, whose migrations have been applied."""

    def __init__(self, path: Path, compatibility: int, maker: TokenMaker, clock: Clock = now_us) -> None:
        self._path = path
        self._compatibility = compatibility
        self._maker = maker
        self._clock = clock

    def create(
        self, *, ttl_s: float, uses: int, name: str | None, note: str | None, user: str
    ) -> tuple[str, Enrolment]:
        """Make a one-time token; return it (the only time that it can be read) and what is remembered of it."""
        token, now = self._maker.new(), self._clock()
        values = (name, note, 0, uses, now, user, now + round(ttl_s * SECOND_US), None)
        with writing(self._path, self._compatibility) as connection:
            made = connection.execute(
                f"INSERT INTO enrolment ({COLUMNS.removeprefix('id, ')}, hash) VALUES ({'?, ' * len(values)}?)",
                (*values, self._maker.digest(token)),
            ).lastrowid
            assert made is not None
            enrolment = Enrolment(made, *values)
            note_reports(connection, [reports.enrolment_created(now, enrolment, user)])
        return token, enrolment

    def all(self) -> list[Enrolment]:
        """Return every one-time token ever made, oldest first."""
        with reading(self._path, self._compatibility) as connection:
            return [Enrolment(*row) for row in connection.execute(f"SELECT {COLUMNS} FROM enrolment ORDER BY id")]

    def revoke(self, enrolment_id: int, user: str) -> bool:
        """End a one-time token; return whether there was one that was not revoked."""
        now = self._clock()
        with writing(self._path, self._compatibility) as connection:
            changed = connection.execute(
                "UPDATE enrolment SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, enrolment_id)
            ).rowcount
            if changed:
                note_reports(connection, [reports.enrolment_revoked(now, enrolment_id, user)])
        return changed > 0


def find_enrolment(connection: sqlite3.Connection, digest: bytes) -> Enrolment | None:
    """Return the one-time token that is stored as ``digest``."""
    row = connection.execute(f"SELECT {COLUMNS} FROM enrolment WHERE hash = ?", (digest,)).fetchone()
    return None if row is None else Enrolment(*row)
