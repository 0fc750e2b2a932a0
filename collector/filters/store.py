"""Keeps saved filters.  Everything here blocks; the event loop calls it in worker threads."""

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from collector.filters.decisions import SavedFilter, check_change, check_removal, content_of
from collector.filters.settings import FilterSettings
from collector.problem import ApiProblem
from watchbook.clock import Clock, now_us
from watchbook.database import connect, connect_readonly

_SELECT: Final = f"SELECT {', '.join(SavedFilter._fields)} FROM saved_filter"

Document = Mapping[str, Any]


class FilterStore:
    """Saved filters in ``state.db``, whose migrations have been applied.  Safe to use from any thread."""

    def __init__(self, path: Path, compatibility: int, settings: FilterSettings, clock: Clock = now_us) -> None:
        self._path = path
        self._compatibility = compatibility
        self._settings = settings
        self._clock = clock

    def visible(self, caller: str) -> list[Document]:
        """Return the filters that a caller may see, by name, their own before everyone's."""
        with self._reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE visibility = 'everyone' OR owner = ? ORDER BY name_key, owner <> ?, id",
                (caller, caller),
            )
            return [SavedFilter(*row).document() for row in rows]

    def get(self, filter_id: str, caller: str) -> Document:
        """Return one filter; raises ApiProblem 404, also when it is somebody else's own."""
        with self._reading() as connection:
            return _found(connection, filter_id, caller).document()

    def create(self, document: Document, caller: str) -> Document:
        """Save a new filter and return it; raises ApiProblem 409 when the name is taken or there are too many."""
        now = self._clock()
        name = document["name"]
        made = SavedFilter(
            secrets.token_hex(8), name, caller, document["visibility"], content_of(document), 1, now, now, caller
        )
        with self._writing(name) as connection:
            self._check_number(connection, caller)
            connection.execute(
                f"INSERT INTO saved_filter ({', '.join(SavedFilter._fields)}, name_key) VALUES "
                f"({', '.join('?' * len(made))}, ?)",
                (*made, name.casefold()),
            )
        return made.document()

    def change(self, filter_id: str, document: Document, caller: str, version: int | None) -> Document:
        """Replace a filter and return it; raises ApiProblem 403, 404, 409 and 412."""
        name = document["name"]
        with self._writing(name) as connection:
            found = _found(connection, filter_id, caller)
            check_change(found, document, caller, version)
            changed = found._replace(
                name=name, visibility=document["visibility"], content=content_of(document),
                version=found.version + 1, changed=self._clock(), changed_by=caller,
            )  # fmt: skip
            connection.execute(
                "UPDATE saved_filter SET name = ?, name_key = ?, visibility = ?, content = ?, version = ?, "
                "changed = ?, changed_by = ? WHERE id = ?",
                (name, name.casefold(), *changed[3:6], changed.changed, caller, filter_id),
            )
        return changed.document()

    def remove(self, filter_id: str, caller: str, version: int | None, *, any_owner: bool) -> None:
        """Remove a filter; raises ApiProblem 403, 404 and 412."""
        with self._writing("") as connection:
            check_removal(_found(connection, filter_id, caller), caller, version, any_owner=any_owner)
            connection.execute("DELETE FROM saved_filter WHERE id = ?", (filter_id,))

    def _check_number(self, connection: sqlite3.Connection, caller: str) -> None:
        limit = self._settings.per_owner_max
        (number,) = connection.execute("SELECT count(*) FROM saved_filter WHERE owner = ?", (caller,)).fetchone()
        if number >= limit:
            detail = f"{caller!r} has {number} saved filters, the limit ('filters.per_owner_max') is {limit}"
            raise ApiProblem(409, "too-many-filters", f"{detail}; remove one first")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(connect_readonly(self._path, compatibility=self._compatibility)) as connection:
            yield connection

    @contextmanager
    def _writing(self, name: str) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction; a name that is taken becomes ApiProblem 409."""
        with closing(connect(self._path, compatibility=self._compatibility)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except sqlite3.IntegrityError as error:
                detail = f"there is a filter named {name!r} already; choose another name, or change that one"
                raise ApiProblem(409, "name-taken", detail) from error
            connection.execute("COMMIT")


def _found(connection: sqlite3.Connection, filter_id: str, caller: str) -> SavedFilter:
    row = connection.execute(f"{_SELECT} WHERE id = ?", (filter_id,)).fetchone()
    found = None if row is None else SavedFilter(*row)
    if found is None or not found.is_visible_to(caller):
        raise ApiProblem(404, "not-found", f"there is no filter {filter_id[:80]!r} that {caller!r} may see")
    return found
