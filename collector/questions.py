"""The questions that a query process answers, by name: those of the query room, and exports made of their answers.

``export_page`` answers with a line of JSON, ``{"next_cursor", "events", "incomplete"}``, and then the piece of the
file; ``export_file`` builds a whole one at ``path`` and answers with that line alone.  Both take the parameters of
``search``, and ``format``.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from collector.export import ColumnError, ParquetFile, SqliteFile, columns_of, encode_page
from collector.problem import ApiProblem

Parameters = Mapping[str, object]
Question = Callable[[Parameters], bytes]

#: Most events of one search: a page of an export is made of several, so that it can end when it is large enough.
SEARCH_EVENTS_MAX: Final = 1000
#: A page of an export ends with the search that reaches this.
PAGE_BYTES: Final = 4 << 20

_PASSED_ON: Final = ("search", "arrived", "event", "facets", "histogram", "values", "explain")
_FILES: Final[Mapping[str, Callable[[Path], ParquetFile | SqliteFile]]] = {
    "parquet": ParquetFile,
    "sqlite": SqliteFile,
}


class Answers(Protocol):
    """Answers a question by its name with JSON: :class:`collector.query.Answers`."""

    def answer(self, question: str, parameters: Parameters, /) -> bytes:
        """Return the answer; raises ApiProblem."""
        ...


class _Page(msgspec.Struct):
    events: list[msgspec.Raw]
    next_cursor: str | None = None
    incomplete: msgspec.Raw = msgspec.Raw(b"null")


def make_questions(answers: Answers) -> Mapping[str, Question]:
    """Return every question by its name."""

    def passed_on(question: str) -> Question:
        return lambda parameters: answers.answer(question, parameters)

    questions = {question: passed_on(question) for question in _PASSED_ON}
    exports = Exports(questions["search"])
    return {**questions, "export_page": exports.page, "export_file": exports.file}


class Exports:
    """Makes exports out of the pages of a search."""

    def __init__(self, search: Question) -> None:
        self._search = search

    def page(self, parameters: Parameters) -> bytes:
        """Answer ``export_page``: ``limit`` events at most, and fewer when they are large."""
        kind, limit = str(parameters["format"]), _number(parameters["limit"])
        columns = _columns(parameters)
        pieces: list[bytes] = []
        events = 0
        first = parameters.get("cursor") is None
        page = _Page([])
        for page in self._pages(parameters, limit):
            piece = encode_page(kind, page.events, columns, first=first)
            first = False
            events += len(page.events)
            pieces += [piece] if piece else []
            if events >= limit or sum(map(len, pieces)) >= PAGE_BYTES:
                break
        return _head(page, events) + b"\n" + (b",\n" if kind == "json" else b"").join(pieces)

    def file(self, parameters: Parameters) -> bytes:
        """Answer ``export_file``: build the file ``path``, which must not be there."""
        file = _FILES[str(parameters["format"])](Path(str(parameters["path"])))
        events = 0
        page = _Page([])
        try:
            while True:
                for page in self._pages(parameters, None):
                    file.add(page.events)
                    events += len(page.events)
                if page.next_cursor is None:
                    break
                parameters = {**parameters, "cursor": page.next_cursor}
        finally:
            file.close()
        return _head(page, events) + b"\n"

    def _pages(self, parameters: Parameters, limit: int | None) -> Iterator[_Page]:
        """Yield pages, until there are no more, or one says that its time was up."""
        asked = {name: parameters[name] for name in ("filters", "q", "exclude", "from", "to") if name in parameters}
        cursor = parameters.get("cursor")
        left = limit
        while left is None or left > 0:
            size = SEARCH_EVENTS_MAX if left is None else min(left, SEARCH_EVENTS_MAX)
            answer = self._search({**asked, "limit": size, "cursor": cursor, "total": False})
            page = msgspec.json.decode(answer, type=_Page)
            if page.next_cursor == cursor and cursor is not None:
                raise RuntimeError(f"a search went on from {cursor!r} to the same place")
            yield page
            if page.next_cursor is None or page.incomplete != b"null":
                return
            cursor = page.next_cursor
            left = None if left is None else left - len(page.events)


def _head(page: _Page, events: int) -> bytes:
    return msgspec.json.encode({"next_cursor": page.next_cursor, "events": events, "incomplete": page.incomplete})


def _columns(parameters: Parameters) -> Any:
    names: Any = parameters.get("columns")
    try:
        return columns_of(names)
    except ColumnError as error:
        message = f"'columns': {error}"
        entry: Any = {"parameter": "columns", "message": message}
        raise ApiProblem(400, "parameters", message, title="A parameter is wrong", errors=[entry]) from error


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
