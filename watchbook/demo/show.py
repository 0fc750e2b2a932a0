"""What the demo prints: lines, and at the foot of a terminal one line that is always of now."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from watchbook.demo.stage import Stage
from watchbook.demo.tally import Account, Outcome

#: How often the live line is written when the output is no terminal.
PLAIN_EVERY_S: Final = 5.0
_CLEAR_LINE: Final = "\r\x1b[2K"


class Board:
    """Prints lines above a live line (on a terminal), or a live line now and then (elsewhere)."""

    def __init__(self, write: Callable[[str], object] | None = None, *, terminal: bool | None = None) -> None:
        self._write = write or _print
        self._terminal = sys.stdout.isatty() if terminal is None else terminal
        self._live = ""
        self._plain_at_s = PLAIN_EVERY_S

    def say(self, *lines: str) -> None:
        """Print lines."""
        text = "".join(f"{line}\n" for line in lines)
        self._write(f"{_CLEAR_LINE}{text}{self._live}" if self._live else text)

    def wants_live(self, elapsed_s: float) -> bool:
        """Return whether it is time for a live line: always on a terminal, every 5 s elsewhere."""
        if self._terminal:
            return True
        due = elapsed_s >= self._plain_at_s
        if due:
            self._plain_at_s += PLAIN_EVERY_S
        return due

    def live(self, line: str) -> None:
        """Put a line in the place of the last live one; where there is no terminal, print it."""
        if self._terminal:
            self._live = line
        self._write(f"{_CLEAR_LINE}{line}" if self._terminal else f"{line}\n")

    def settle(self) -> None:
        """Leave the live line as it is and go on below it."""
        if self._live:
            self._live = ""
            self._write("\n")


def _print(text: str) -> None:
    print(text, end="", flush=True)


def banner(stage: Stage, token: str, seconds: float | None) -> list[str]:
    """Return what to know and what to try while the demo runs."""
    watchbook = _command()
    end = "at Ctrl-C" if seconds is None else f"after {seconds:g} seconds"
    return [
        "",
        f"  The collector listens on   {stage.url}",
        f"  A token for reading        {token}",
        f"  Logs, settings and data    {stage.folder}",
        f"  The demo ends              {end}",
        "",
        "  Try in another terminal:",
        f"    export WATCHBOOK_URL={stage.url} WATCHBOOK_TOKEN={token}",
        f"    {watchbook} search 'actor:root outcome:failure' --since 5m",
        f"    {watchbook} search 'measures.rows:>1000000'",
        f"    {watchbook} tail",
        f"    {watchbook} alerts",
        f"    {watchbook} agent status --config {stage.agent_yaml}",
        '    curl -H "Authorization: Bearer $WATCHBOOK_TOKEN" "$WATCHBOOK_URL/v1/events?limit=3&outcome=failure"',
        '    curl "$WATCHBOOK_URL/metrics"',
        "",
    ]


def _command() -> str:
    """Return how the person who started the demo can start Watchbook."""
    if Path(sys.argv[0]).name != "watchbook":
        return f"{sys.executable} -m watchbook"
    return "watchbook" if shutil.which("watchbook") else sys.argv[0]


def summary(outcome: Outcome) -> list[str]:
    """Return what became of every line, the alerts, and what was missing."""
    lines = ["", *account_table(outcome.accounts), "", "  alerts that arrived, by rule:"]
    lines += [f"    {outcome.alerts.get(rule, 0):>6,}  {title}" for rule, title in outcome.rules.items()]
    codes = ", ".join(f"{name} {code}" for name, code in outcome.exit_codes.items())
    lines += [f"  exit codes: {codes}", ""]
    missing = outcome.shortcomings()
    if missing:
        return [*lines, "FAILED:", *(f"  - {each}" for each in missing)]
    return [*lines, "All of it arrived, nothing is lost and nothing is doubled."]


def account_table(accounts: Sequence[Account]) -> list[str]:
    """Return a table, one row an application."""
    columns = ("application", "written", "read", "delivered", "stored", "lost", "doubled")
    rows = [(a.name, *map(_number, (a.written, a.read, a.delivered, a.stored, a.lost, a.doubled))) for a in accounts]
    return [f"  {row[0]:<12}" + "".join(f"{cell:>11}" for cell in row[1:]) for row in (columns, *rows)]


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
