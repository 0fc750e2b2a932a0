"""The alerts that arrived: counted by rule, each alert once; the first few of every rule are shown."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

#: The shipped rules that the demo's lines set off: id -> title.
SHIPPED_RULES: Final[Mapping[str, str]] = {
    "0b8d6a1e-54f4-4e4e-9e86-27e9bd2a6f35": "Failure spike by one actor",
    "7c1f2a94-9f0e-4a54-8d0c-3a4b0d6c8e11": "Large data export",
    "c2b9f1de-6f3c-4f0b-9a6e-b7d2e4c0a953": "Permission change",
}
#: Alerts of one rule that are shown; the rest is only counted.
SHOWN_MAX: Final = 3


class Alarms:
    """Takes the messages of the webhook.  ``complete`` is set once every shipped rule has raised an alert."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.complete = asyncio.Event()
        self._say = say
        self._ids: dict[str, set[str]] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """Count one message, and show it when it is about one of the first alerts of its rule."""
        alert = message["data"]
        seen = self._ids.setdefault(alert["rule_id"], set())
        if alert["id"] in seen:  # that it is over is another message about the same alert
            return
        seen.add(alert["id"])
        if len(seen) <= SHOWN_MAX:
            self._say(f"ALERT  {alert['level']:<8} {alert['summary']}")
        if len(seen) == SHOWN_MAX:
            self._say(f"       further alerts of '{alert['title']}' are only counted")
        if self._ids.keys() >= SHIPPED_RULES.keys():
            self.complete.set()

    def counts(self) -> dict[str, int]:
        """Return how many alerts arrived, by the id of the rule."""
        return {rule: len(ids) for rule, ids in self._ids.items()}

    def total(self) -> int:
        """Return how many alerts arrived."""
        return sum(map(len, self._ids.values()))
