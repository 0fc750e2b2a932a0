"""The reckoning: what was written against what was read, delivered and stored, and what is missing for a success.

Pure.  A line is known by its input, its offset in the file and its time: a line that was read twice has the same three,
and two lines of one second in a renamed file and its successor never have the same offset.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: The shipped rules that the demo's lines must set off: id of the rule -> what it is about.
Rules = Mapping[str, str]


class Stored:
    """Counts the stored events of each input, and tells the lines among them apart."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._lines: dict[str, set[tuple[Any, Any]]] = {}
        self._unparsed: dict[str, int] = {}

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take in events as the API gives them."""
        for event in events:
            origin = event.get("origin", {})
            name = origin.get("input", "")
            self._ids.setdefault(name, set()).add(event["id"])
            self._lines.setdefault(name, set()).add((origin.get("offset"), event["time"]))
            if "unparsed" in event.get("flags", ()):
                self._unparsed[name] = self._unparsed.get(name, 0) + 1

    def events(self, name: str) -> int:
        """Return how many events of an input are stored."""
        return len(self._ids.get(name, ()))

    def lines(self, name: str) -> int:
        """Return how many different lines of an input they come from."""
        return len(self._lines.get(name, ()))

    def unparsed(self, name: str) -> int:
        """Return how many of them no profile understood."""
        return self._unparsed.get(name, 0)


class Account(NamedTuple):
    """The lines of one application.  ``read`` and ``delivered`` are None when the agent did not say."""

    name: str
    written: int
    read: int | None
    delivered: int | None
    stored: int
    lines: int
    unparsed: int

    @property
    def lost(self) -> int:
        """Lines that were written and are not stored."""
        return self.written - self.lines

    @property
    def doubled(self) -> int:
        """Events above one a line."""
        return self.stored - self.lines


class Outcome(NamedTuple):
    """All that a demo's success depends on.  ``alerts``: how many alerts arrived, by rule."""

    accounts: Sequence[Account]
    rules: Rules
    alerts: Mapping[str, int]
    exit_codes: Mapping[str, int | None]

    def shortcomings(self) -> list[str]:
        """Return what was missing, in words; nothing when all went well."""
        missing = []
        for account in self.accounts:
            if not account.written:
                missing.append(f"{account.name}: nothing was written")
            if account.lost:
                missing.append(f"{account.name}: {account.lost} of {account.written} lines are not stored")
            if account.doubled:
                missing.append(f"{account.name}: {account.doubled} events are stored more than once")
            if account.unparsed:
                missing.append(f"{account.name}: {account.unparsed} lines were not understood")
        silent = [title for rule, title in self.rules.items() if not self.alerts.get(rule)]
        missing += [f"no alert of the rule '{title}' arrived" for title in silent]
        missing += [
            f"the {name} exited with {'nothing yet' if code is None else code}, expected 0"
            for name, code in self.exit_codes.items()
            if code != 0
        ]
        return missing
