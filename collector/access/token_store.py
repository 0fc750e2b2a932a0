"""The table of tokens.  Everything here blocks; the event loop uses :class:`collector.access.gate.Gate`."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from collector.access.tokens import Token, TokenError, check_name, check_scopes, digest_of, new_token
from watchbook.clock import Clock, now_us
from watchbook.database import connect, connect_readonly

#: What the names of the tokens of enrolled agents begin with; the agent's id follows.
AGENT_NAME: Final = "agent:"


def issue_agent_token(connection: sqlite3.Connection, agent: str, now: int) -> str:
    """Make an agent's own token in the transaction under way and return it; it may send, and nothing else."""
    token = new_token()
    connection.execute(
        "INSERT INTO token (name, scopes, hash, created, agent) VALUES (?, 'ingest', ?, ?, ?)",
        (f"{AGENT_NAME}{agent}", digest_of(token), now, agent),
    )
    return token


def withdraw_agent_tokens(connection: sqlite3.Connection, agent: str, now: int) -> None:
    """End an agent's tokens in the transaction under way."""
    connection.execute("UPDATE token SET revoked = ? WHERE agent = ? AND revoked IS NULL", (now, agent))


class TokenStore:
    """Tokens in ``state.db``, whose migrations have been applied.  Safe to use from any thread.

    Every write has a connection of its own, so that the one that reads sees it as another's (``PRAGMA data_version``).
    """

    def __init__(self, path: Path, compatibility: int, clock: Clock = now_us) -> None:
        self._path = path
        self._compatibility = compatibility
        self._clock = clock
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._seen: int | None = None

    def create(self, name: str, scopes: Iterable[str]) -> str:
        """Make a token and return it: the only time that it can be read.  Raises TokenError."""
        check_name(name)
        if name.startswith(AGENT_NAME):
            raise TokenError(f"names that begin with {AGENT_NAME!r} are those of enrolled agents; choose another")
        checked = check_scopes(scopes)
        token = new_token()
        row = (name, " ".join(checked), digest_of(token), self._clock())
        try:
            with self._writing() as connection:
                connection.execute("INSERT INTO token (name, scopes, hash, created) VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise TokenError(f"there is a token named {name!r} already; revoke it, or choose another name") from error
        return token

    def revoke(self, name: str) -> bool:
        """End a token; return whether there was one of that name.  Raises TokenError for an enrolled agent's."""
        if name.startswith(AGENT_NAME):
            agent = name.removeprefix(AGENT_NAME)
            raise TokenError(f"{name!r} is an enrolled agent's; end both with: watchbook agents revoke {agent}")
        with self._writing() as connection:
            return (
                connection.execute(
                    "UPDATE token SET revoked = ? WHERE name = ? AND revoked IS NULL", (self._clock(), name)
                ).rowcount
                > 0
            )

    def note_uses(self, uses: Mapping[int, int]) -> None:
        """Write down when tokens were last used: id -> time."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE token SET last_used = max(coalesce(last_used, 0), ?) WHERE id = ?",
                [(used, token_id) for token_id, used in uses.items()],
            )

    def tokens(self) -> list[Token]:
        """Return every token ever made, oldest first."""
        with self._lock:
            return self._read()

    def changed(self) -> list[Token] | None:
        """Return every token if the database changed since the last call, None if it did not."""
        with self._lock:
            (version,) = self._connection().execute("PRAGMA data_version").fetchone()
            if version == self._seen:
                return None
            tokens = self._read()
            # Noted after the reading: were it noted before, a failed reading would never be made up for.
            self._seen = version
            return tokens

    def close(self) -> None:
        """Close the connection that reads."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _read(self) -> list[Token]:
        rows = self._connection().execute(
            "SELECT id, name, scopes, hash, created, last_used, revoked, agent FROM token ORDER BY id"
        )
        return [Token(row[0], row[1], tuple(row[2].split()), *row[3:]) for row in rows]

    def _connection(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = connect_readonly(self._path, compatibility=self._compatibility)
        return self._reader

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._path, compatibility=self._compatibility)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
