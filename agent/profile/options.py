"""Single options of a profile file: read, or refused with what was expected and what may have been meant."""

import re
from collections.abc import Collection

from watchbook.configfile import Node


def _close(name: str, known: Collection[str]) -> list[str]:
    import difflib  # only for mistakes

    return difflib.get_close_matches(name, known, n=1)


def suggestion(name: str, known: Collection[str]) -> str:
    """Return what a user may have meant, as the end of a message."""
    close = _close(name, known)
    return f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}"


def choice(node: Node, choices: Collection[str]) -> str:
    """Return a text that must be one of some; raises ConfigError."""
    expected = f"one of {', '.join(choices)}"
    text = node.text(expected)
    if text not in choices:
        raise node.error(f"expected {expected}, found {text!r}{_did_you_mean(text, choices)}")
    return text


def _did_you_mean(text: str, choices: Collection[str]) -> str:
    close = _close(text, choices)
    return f"; did you mean '{close[0]}'?" if close else ""


def texts(node: Node) -> tuple[str, ...]:
    """Return a text or a list of them; raises ConfigError."""
    items = node.sequence() if node.is_sequence else [node]
    return tuple(item.text() for item in items)


def regex(node: Node) -> str:
    """Return a text that is a regular expression; raises ConfigError."""
    text = node.text("a regular expression")
    try:
        re.compile(text)
    except re.error as error:
        raise node.error(f"is no regular expression: {error}") from error
    return text
