"""Writes the logs of three applications at an even rate, has something go wrong now and then, and rotates the files.

A rotation renames the file as logrotate does, goes on writing to the old handle for a moment, as programs do until they
are told, and only then opens the new file.  Every line is complete and written once; ``written`` counts them.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from watchbook.clock import Clock, now_us
from watchbook.demo.applog import AppLog
from watchbook.demo.hostlogs import AccessLog, AuthLog

TICK_S: Final = 0.05
#: Lines that one tick writes at most to one file, when the machine was too busy to tick in time.
TICK_LINES_MAX: Final = 5000
ROTATED_FILES_MAX: Final = 10
FIRST_ROTATION_S: Final = 5.0
ROTATE_EVERY_S: Final = 30.0
FIRST_INCIDENT_S: Final = 1.0
INCIDENT_EVERY_S: Final = 10.0
BRUTE_FORCE_LINES: Final = 20
LARGE_EXPORT_ROWS: Final = 6_000_000

Line = Callable[[int], bytes]


class Application:
    """One application and the log file that it writes to.

    ``ordinary`` makes the lines of an ordinary day, ``incident`` those of something worth an alert.  ``share`` is its
    part of all lines.
    """

    def __init__(self, name: str, path: Path, share: float, ordinary: Line, incident: Sequence[Line] = ()) -> None:
        self.name = name
        self.path = path
        self.share = share
        self.written = 0
        self.rotations = 0
        self._ordinary = ordinary
        self._incident = incident
        self._paced = 0
        self._rotate_at_s = FIRST_ROTATION_S
        self._incident_at_s = FIRST_INCIDENT_S
        self._file = path.open("ab")

    def tick(self, elapsed_s: float, rate: float, time_us: int) -> None:
        """Write the lines that are due, ``elapsed_s`` after the start, at ``rate`` lines a second in all."""
        due = min(int(elapsed_s * rate * self.share) - self._paced, TICK_LINES_MAX)
        self._paced += due
        makers = [self._ordinary] * due
        if elapsed_s >= self._incident_at_s:
            self._incident_at_s += INCIDENT_EVERY_S
            makers += self._incident
        if elapsed_s >= self._rotate_at_s:
            self._rotate_at_s += ROTATE_EVERY_S
            self._rename()
            self._write(makers, time_us)
            self._file.close()
            self._file = self.path.open("ab")
        else:
            self._write(makers, time_us)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, makers: Sequence[Line], time_us: int) -> None:
        if makers:
            self._file.write(b"".join(make(time_us + number) for number, make in enumerate(makers)))
            self._file.flush()
            self.written += len(makers)

    def _rename(self) -> None:
        for number in range(ROTATED_FILES_MAX - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self.rotations += 1


def applications(folder: Path, seed: int = 7) -> list[Application]:
    """Return the three applications of the demo, each with its file in the folder.  Their names are their inputs'."""
    access, auth, app = AccessLog(seed), AuthLog(seed), AppLog(seed)
    return [
        Application("nginx", folder / "access.log", 0.5, access.line),
        Application("sshd", folder / "auth.log", 0.1, auth.line, [auth.brute_force] * BRUTE_FORCE_LINES),
        Application(
            "app",
            folder / "app.jsonl",
            0.4,
            app.line,
            [lambda time_us: app.export(time_us, LARGE_EXPORT_ROWS), app.permission_change],
        ),
    ]


async def write_until(stop: asyncio.Event, programs: Sequence[Application], rate: float, clock: Clock = now_us) -> None:
    """Write ``rate`` lines a second in all until the stop is set; closes the files."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        while not stop.is_set():
            await asyncio.to_thread(_tick, programs, loop.time() - start, rate, clock())
            await asyncio.sleep(TICK_S)
    finally:
        for program in programs:
            program.close()


def _tick(programs: Sequence[Application], elapsed_s: float, rate: float, time_us: int) -> None:
    for program in programs:
        program.tick(elapsed_s, rate, time_us)
