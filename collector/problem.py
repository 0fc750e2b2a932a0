"""The problem: how every error of the API looks (RFC 9457), shared by the rooms that answer requests.

A handler raises :class:`ApiProblem`; the middleware of ``web`` turns it into ``application/problem+json``.  ``type`` is
``urn:watchbook:problem:KIND``: stable, for programs.  ``detail`` is for people and says the next step.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypedDict

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:watchbook:problem:"


class ErrorEntry(TypedDict, total=False):
    """One thing to correct: the event and field, or the query parameter and the 0-based offset in it."""

    index: int
    field: str
    parameter: str
    position: int
    message: str


class ApiProblem(Exception):  # noqa: N818 - the word of RFC 9457
    """An answer that is an error.  ``extensions`` are further members of the document (RFC 9457, section 3.2)."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        title: str | None = None,
        errors: Sequence[ErrorEntry] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    def document(self) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        document: dict[str, Any] = {
            **self.extensions,
            "type": f"{TYPE_PREFIX}{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return document
