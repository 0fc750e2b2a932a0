"""What logfmt and the audit log have in common: ``key=value`` and ``key="quoted value"`` with single spaces between.

The quick way for lines in order.  Splitting on quotes leaves every quoted text as a piece of its own, so that what is
outside of quotes can be cut at each space, and each of these at its first ``=``.
"""

from collections.abc import Callable
from typing import Any


def split_assignments(text: str, unquoted: Callable[[dict[str, str]], None] | None = None) -> dict[str, str] | None:
    """Return the values of a text of assignments; None when it is anything but such a text in order.

    Not in order are a backslash, a tab or line end, a word without ``=``, a key that comes twice, two spaces in a row,
    and a quote that does not begin right behind ``=`` or does not end before a space.  ``unquoted`` is called with the
    values before the quoted ones are put in; a ``"`` stands for each of these.
    """
    if "\\" in text or "\t" in text or "\n" in text:
        return None
    pieces = text.split('"')
    outside = text if len(pieces) == 1 else '"'.join(pieces[::2])
    assignments = [word.split("=", 1) for word in outside.split(" ")]
    try:
        values: dict[str, str] = dict(assignments)
    except ValueError:
        return None
    if len(values) != len(assignments) or "" in values:
        return None
    if unquoted is not None:
        unquoted(values)
    if len(pieces) > 1:
        quoted = [key for key, value in values.items() if value == '"']
        # Every quote that is left outside must be a whole value: then each stands for one quoted text, in order.
        if len(pieces) != 2 * len(quoted) + 1:
            return None
        values.update(zip(quoted, pieces[1::2], strict=True))
    return values


def add_value(values: dict[str, Any], key: str, value: Any) -> None:
    """Add a value; a key that is there already holds a list of all its values, in order."""
    if key not in values:
        values[key] = value
    elif isinstance(values[key], list):
        values[key].append(value)
    else:
        values[key] = [values[key], value]
