"""Shows where in a query a mistake stands."""

from collections.abc import Mapping
from typing import Any, Final

from rich.cells import cell_len

from watchbook.operator.cells import visible

#: How much of a long query is shown on each side of the mistake.
_AROUND: Final = 60


def pointed_out(query: str, document: Mapping[str, Any]) -> str | None:
    """Return the query with a caret under each mistake that a problem names in it, None when it names none."""
    lines: list[str] = []
    for error in document.get("errors") or ():
        position = error.get("position")
        if error.get("parameter") == "q" and isinstance(position, int) and 0 <= position <= len(query):
            lines += [*_excerpt(query, position), str(error.get("message", ""))]
    return "\n".join(lines) or None


def _excerpt(query: str, position: int) -> tuple[str, str]:
    start, end = max(0, position - _AROUND), position + _AROUND
    before = f"  {'…' if start else ''}{visible(query[start:position])}"
    after = f"{visible(query[position:end])}{'…' if end < len(query) else ''}"
    return before + after, " " * cell_len(before) + "^"
