"""The host's clock jumps by hours, forward and back, while lines come."""

import time
from pathlib import Path
from typing import Final

from tests.faults.trial import NotHereError, Options, Result, Trial
from tests.faults.writer import Rotator
from tests.stand import Program

_RATE: Final = 3000
_JUMPS_H: Final = (5, -7, 26, -30, 0)
_PLACES: Final = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime", "/usr/lib64/faketime")


def clock(options: Options) -> Result:
    """The agent's clock and the collector's jump in turn; rotations and a kill of each come in between."""
    library = _library()
    with Trial("clock: jumps by hours", options, pattern="app.log*") as trial:
        stand = trial.stand
        clocks = [_Clock(program, stand.folder, library) for program in (stand.agent, stand.collector)]
        trial.start()
        writer = trial.writer(_RATE)
        renamer, copier = Rotator(writer, "rename"), Rotator(writer, "copytruncate")
        jumps = 0
        for number, hours in enumerate(_JUMPS_H):
            for each in clocks:
                time.sleep(trial.draw.uniform(0.3, 0.8))
                each.jump(hours)
                jumps += 1
            (copier if number % 2 else renamer).rotate()
            if number == 1:
                _restart(trial, trial.stand.agent)
            elif number == 2:
                _restart(trial, trial.stand.collector)
        writer.finish()
        rotated = renamer.rotated + copier.rotated
        trial.facts.append(f"{jumps} jumps of {', '.join(f'{hours:+}' for hours in _JUMPS_H)} h; {rotated} rotations")
        return trial.conclude()


def _restart(trial: Trial, program: Program) -> None:
    program.kill()
    time.sleep(trial.draw.uniform(0.1, 0.5))
    program.start()


def _library() -> Path:
    for place in _PLACES:
        for path in Path("/").glob(f"{place[1:]}/libfaketime.so.1"):
            return path
    raise NotHereError("libfaketime is not installed (Debian: apt-get install faketime)")


class _Clock:
    """The clock of one program, as libfaketime shows it; the monotonic clock and the files' times stay true."""

    def __init__(self, program: Program, folder: Path, library: Path) -> None:
        self._file = folder / f"{program.name}.clock"
        self.jump(0)
        program.environment = {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        }  # fmt: skip

    def jump(self, hours: int) -> None:
        """Let the clock differ by so many hours from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{hours:+}h\n")
        new.replace(self._file)
