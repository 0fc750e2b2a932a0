"""A request that is not taken: what the sender is told (RFC 9457), and what it is counted as."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


class RefusedError(Exception):
    """An answer that is a problem.  ``kind`` is stable, for programs; ``detail`` is for people."""

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    @property
    def counter(self) -> str:
        """What it is counted as among an input's counters."""
        return f"refused_{self.kind.replace('-', '_')}"

    def document(self) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        return {
            "type": f"urn:watchbook:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
