"""The questions that a query process answers, by name: those of the query room, and exports made of their answers.

``export_page`` answers with a line of JSON, ``{"next_cursor", "events", "incomplete", "next_limit"}``, and then the
piece of the file; ``export_file`` builds a whole one at ``path`` and answers with that line alone.  Both take the
parameters of ``search``, and ``format``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from collector.export import ColumnError, ParquetFile, SqliteFile, columns_of, encode_page
from collector.problem import ApiProblem

Parameters = Mapping[str, object]
Question = Callable[[Parameters], bytes]

#: How many events the first page of an export has, and any page at most.
LIMIT_FIRST: Final = 500
LIMIT_MAX: Final = 10_000
#: What a page of an export should hold: a search costs the less an event the more events it finds.
PAGE_BYTES: Final = 4 << 20
_GROWTH: Final = 4

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
        """Answer ``export_page``: up to ``limit`` events as a piece of the file."""
        columns, asked = _columns(parameters), _number(parameters["limit"])
        page = self._found(parameters, parameters.get("cursor"), asked)
        first = parameters.get("cursor") is None
        piece = encode_page(str(parameters["format"]), page.events, columns, first=first)
        return _head(page, len(page.events), next_limit(page.events, asked)) + piece

    def file(self, parameters: Parameters) -> bytes:
        """Answer ``export_file``: build the file ``path``, which must not be there."""
        file = _FILES[str(parameters["format"])](Path(str(parameters["path"])))
        events, limit = 0, LIMIT_FIRST
        page = _Page([])
        try:
            while True:
                page = self._found(parameters, page.next_cursor, limit)
                file.add(page.events)
                events += len(page.events)
                if page.next_cursor is None:
                    break
                limit = next_limit(page.events, limit)
        finally:
            file.close()
        return _head(page, events, limit)

    def _found(self, parameters: Parameters, cursor: object, limit: int) -> _Page:
        asked = {name: parameters[name] for name in ("filters", "q", "exclude", "from", "to") if name in parameters}
        answer = self._search({**asked, "limit": min(limit, LIMIT_MAX), "cursor": cursor, "total": False})
        page = msgspec.json.decode(answer, type=_Page)
        if page.next_cursor is not None and page.next_cursor == cursor:
            raise RuntimeError(f"a search went on from {cursor!r} to the same place")
        return page


def next_limit(events: Sequence[msgspec.Raw], limit: int) -> int:
    """Return how many events the next page may have, so that it holds about ``PAGE_BYTES``.

    It grows slowly, because the next events may be larger, and shrinks at once.
    """
    if not events:
        return limit
    fitting = PAGE_BYTES * len(events) // max(1, sum(len(bytes(event)) for event in events))
    return max(1, min(fitting, limit * _GROWTH, LIMIT_MAX))


def _head(page: _Page, events: int, limit: int) -> bytes:
    head = {"next_cursor": page.next_cursor, "events": events, "incomplete": page.incomplete, "next_limit": limit}
    return msgspec.json.encode(head) + b"\n"


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
