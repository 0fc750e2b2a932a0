"""Why a line stayed unparsed, in words that can be counted.  Pure.

A reason reads ``what is wrong: what it was in this line``.  The first half is the same for all lines that fail alike;
the second may hold places and values of the line.
"""

from typing import Final

#: The detail of an unparsed event that holds what its ``reason`` leaves out.
DETAIL: Final = "unparsed_detail"


def kind_of(reason: str) -> str:
    """Return what a reason says without what is of this line only."""
    return reason.partition(": ")[0]


def countable(reason: str, profile: str) -> tuple[str, str | None]:
    """Return the reason that an event carries, which names the profile, and the rest of it, None when it has none."""
    kind, _, rest = reason.partition(": ")
    return kind if f"'{profile}'" in kind else f"{kind} (profile '{profile}')", rest or None
