"""What all scenarios need: a stand, numbered lines, faults that are counted, and the comparison at the end."""

import os
import random
import shutil
import sqlite3
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from agent.spool.look import look_into
from agent.status import read_status
from agent.tail.track import Track, decode_track
from tests.faults.writer import Lines, LineWriter
from tests.stand import COLLECTOR, Stand, wait_for
from watchbook.clock import now_us

#: A collector without its sequence guard.
BROKEN: Final = ("-m", "tests.faults.broken_collector")
_DELIVERY_S: Final = 60.0
_QUICK: Final = "tail:\n  rescan_interval: 500ms\n"
_SHIP: Final = "  retry_max: 2s\n"
_UP_S: Final = 60.0
#: Rotated files are made to look so old, that none is taken any more for a copy that is just being made.
_OLD_S: Final = 600


class NotHereError(Exception):
    """A scenario needs something that this machine does not give; the text says what."""


class Options(NamedTuple):
    """What the command line asks for.  ``rate`` in lines a second, ``outage_s``: how long a collector is away."""

    lines: int = 200_000
    rate: int = 20_000
    seed: int = 0
    outage_s: float = 15.0
    guarded: bool = True
    progress: Callable[[str], None] = lambda _: None


class Result(NamedTuple):
    """What came of a scenario.

    ``facts`` are the faults that really happened.  ``wrong`` says what was not as it must be; ``lost_as_told`` lines
    were really lost and are no fault.  ``skipped``: why it could not be run here, "" when it was.
    """

    title: str
    written: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: float = 0.0
    facts: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def is_perfect(self) -> bool:
        """Whether every line is stored once, and all the rest is as it must be."""
        return self.lost == 0 and self.doubled == 0 and not self.wrong


class Trial:
    """A context with a stand in a throw-away folder.  ``facts`` and ``wrong`` go into the result.

    ``dense``: lines that cannot be compressed well; ``quick``: an agent that looks around more often.

    ``unsaved``: how many lines are gone, as the scenario wants it.  ``at_close``: what is undone when both programs
    have ended.
    """

    def __init__(self, title: str, options: Options, *, dense: bool = False, quick: bool = False, **stand: Any) -> None:
        self.title = title
        self.options = options
        self.draw = random.Random(options.seed)
        self.lines = Lines(dense=dense)
        self.facts: list[str] = []
        self.wrong: list[str] = []
        self.unsaved = 0
        self.at_close = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="watchbook-faults-"))
        self._began = time.monotonic()
        command = COLLECTOR if options.guarded else BROKEN
        stand.setdefault("agent_ship", _SHIP)
        stand["agent_extra"] = "status_interval: 250ms\n" + (_QUICK if quick else "") + stand.get("agent_extra", "")
        self.stand = Stand(self._folder / "stand", collector_command=command, **stand)
        self.log = self.stand.logs / "app.log"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stand.close()
        self.at_close.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def tell(self, text: str) -> None:
        """Show how far it is."""
        self.options.progress(f"{self.title}: {text}")

    def expect(self, is_so: bool, otherwise: str) -> None:
        """Note what is wrong unless something is so."""
        if not is_so:
            self.wrong.append(otherwise)

    def start(self) -> None:
        """Start both programs.  An agent that was never up remembers nothing; from here on it must lose nothing."""
        self.tell("starting")
        self.stand.collector.start()
        self.stand.wait_until_up()
        self.stand.agent.start()
        self.wait_until_agent_runs()

    def start_collector(self) -> None:
        """Start the collector and return when it takes batches."""
        self.stand.collector.start()
        self.stand.wait_until_up()

    def wait_until_agent_runs(self) -> None:
        """Return when the agent that was started last has looked at its files."""
        self.wait_for("the agent to run", self._agent_runs, _UP_S)

    def _agent_runs(self) -> bool:
        try:
            status = self.status()
        except sqlite3.Error:  # the spool is just being made
            return False
        return bool(status["running"]) and status["agent"]["pid"] == self.stand.agent.pid

    def wait_for(self, what: str, is_so: Callable[[], bool], seconds: float = 60.0) -> None:
        """Return when something is so; raises AssertionError with both programs' logs when it is not in time."""
        self.tell(f"waiting for {what}")
        wait_for(what, is_so, seconds, self.stand.evidence)

    def writer(self, rate: int, *, least: int = 0, log: Path | None = None) -> LineWriter:
        """Start a thread that writes lines to a log."""
        writer = LineWriter(
            log or self.log, self.lines, rate=rate, least=least,
            progress=lambda _: self.tell(f"written {self.lines.written:,}"),
        )  # fmt: skip
        writer.start()
        return writer

    def append(self, count: int, log: Path | None = None) -> None:
        """Append some lines to a log now."""
        with (log or self.log).open("ab", buffering=0) as file:
            file.write(self.lines.take(count))

    # What the agent says and knows.

    @property
    def state(self) -> Path:
        """The agent's state folder."""
        return self.stand.folder / "agent"

    def status(self) -> dict[str, Any]:
        """Return what ``watchbook agent status`` shows now."""
        return read_status(self.state, now_us())

    def says(self, text: str) -> bool:
        """Return whether the status names a problem with some text in it."""
        return any(text in problem for problem in self.status()["problems"])

    def said(self, text: str) -> int:
        """Return how often the agent's log has had a text."""
        return (self.stand.folder / "agent.out").read_text(errors="replace").count(text)

    def tracks(self) -> list[Track]:
        """Return what the spool knows of the files."""
        return [decode_track(document) for document in look_into(self.state).positions]

    def is_read(self) -> bool:
        """Return whether all lines have been read, and that is known to the spool."""
        lines = self.status()["counters"].get("app", {}).get("lines", 0)
        return bool(lines >= self.lines.written - self.unsaved)

    def wait_until_read(self) -> None:
        """Return when everything that was written until now has been read, delivered or not."""
        self.wait_for("all to be read", self.is_read, _DELIVERY_S)

    def is_settled(self) -> bool:
        """Return whether all lines have been read, and all that was read is at the collector."""
        return self.is_read() and not self.status()["spool"]["batches"]

    def wait_until_settled(self) -> None:
        """Return when everything that was written until now has been delivered."""
        self.wait_for("all to be delivered", self.is_settled, _DELIVERY_S)

    # The comparison.

    def conclude(self, *, log: Path | None = None, told: Collection[int] = ()) -> Result:
        """Wait until everything has arrived and nothing more comes, and compare.

        ``told`` are the numbers of lines that cannot be saved and must not be stored.  ``log``: where the agent reads
        the last lines; they come after a look at the files that shows whether old ones are taken for new.
        """
        try:
            self._deliver(log or self.log, told)
        except AssertionError as error:
            self.wrong.append(str(error))
        numbers = self.stand.stored_numbers()
        expected = [number for number in range(self.lines.written) if number not in told]
        lost = sum(1 for number in expected if not numbers[number])
        doubled = sum(count - 1 for count in numbers.values() if count > 1)
        risen = [number for number in told if numbers[number]]
        self.expect(not risen, f"lines that cannot have been saved are stored: {risen[:5]}")
        if lost or doubled:
            self.wrong.append(_ranges(expected, numbers))
        if self.wrong:
            self.wrong.append(self.stand.evidence())
        seconds = time.monotonic() - self._began
        return Result(
            self.title, self.lines.written, numbers.total(), lost, doubled, seconds, tuple(self.facts),
            tuple(self.wrong),
        )  # fmt: skip

    def _deliver(self, log: Path, told: Collection[int]) -> None:
        self.unsaved = len(told)
        self.wait_until_settled()
        self._make_old()
        (self.stand.logs / "look-here").touch()  # a new name makes the agent look at the folder before it reads
        number = self.lines.written
        self.append(1, log)
        self.wait_for("the last line", lambda: self.stand.stored_numbers()[number] > 0)
        self.wait_until_settled()

    def _make_old(self) -> None:
        old = time.time() - _OLD_S
        for path in self.stand.logs.rglob("*"):
            if stat.S_ISREG(path.stat().st_mode):
                os.utime(path, (old, old))


def _ranges(expected: Collection[int], numbers: Counter[int]) -> str:
    """Say which numbers are lost or doubled, as ranges."""
    ranges: list[list[int]] = []
    for number in expected:
        if numbers[number] == 1:
            continue
        if ranges and (ranges[-1][1], numbers[ranges[-1][0]]) == (number - 1, numbers[number]):
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return "; ".join(f"{first} to {last}: {numbers[first]} times" for first, last in ranges[:20])
