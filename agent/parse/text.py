"""Plain text: the whole line, or a record of several, is the one value ``line``; patterns take it apart."""

from typing import Any, Final

from agent.parse.format import text_format

KEYS: Final = frozenset({"line"})


def read(text: str) -> dict[str, Any]:
    """Return the text as a value; raises ValueError when there is nothing but white space."""
    line = text.rstrip("\r\n")
    if not line or line.isspace():
        raise ValueError("is empty")
    return {"line": line}


TEXT: Final = text_format("text", KEYS, read)
