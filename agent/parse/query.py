"""The query part of a URL, and the body of a form: ``user=alice&role=admin``, with ``%XX`` and ``+`` taken back.

Values are texts; a name that comes twice holds a list.  A part without ``=`` is an empty text.
"""

from typing import Any, Final
from urllib.parse import unquote_plus

from agent.parse.assignments import add_value
from agent.parse.format import text_format

#: Parts of a query string; one with more is left as it is.
PARTS_MAX: Final = 1000


def read(text: str) -> dict[str, Any]:
    """Return the values of a query string, with or without its ``?``; raises ValueError with the reason."""
    parts = text.strip().removeprefix("?").split("&")
    if len(parts) > PARTS_MAX:
        raise ValueError(f"is no query string that can be read: it has more than {PARTS_MAX} parts")
    if "=" not in parts[0] or parts[0][0] == "=":
        raise ValueError("is no query string: expected 'name=value' at its start")
    values: dict[str, Any] = {}
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            add_value(values, unquote_plus(name), unquote_plus(value))
    return values


QUERY: Final = text_format("query", None, read)
