"""A program that is stopped for a while (SIGSTOP) is neither dead nor alive: connections stay, files stay open."""

import signal
import time
from typing import Final

from tests.faults.trial import Options, Result, Trial
from tests.faults.writer import Rotator
from tests.stand import Program

_RATE: Final = 4000
_STOPS: Final = 3


def stopped(options: Options) -> Result:
    """The agent is stopped across rotations of both kinds, the collector across one, in turn."""
    with Trial("stopped: SIGSTOP, SIGCONT", options) as trial:
        trial.start()
        writer = trial.writer(min(options.rate, _RATE))
        renamer, copier = Rotator(writer, "rename"), Rotator(writer, "copytruncate")
        across = 0
        for number in range(_STOPS):
            time.sleep(trial.draw.uniform(0.2, 0.8))
            # Two generations in one stop: the one in the middle has never been seen.
            across += _rotate_while_stopped(trial, trial.stand.agent, (renamer, renamer))
            time.sleep(trial.draw.uniform(0.2, 0.8))
            across += _rotate_while_stopped(trial, trial.stand.collector, (copier if number == 1 else renamer,))
        writer.finish()
        trial.facts.append(f"agent and collector stopped {_STOPS} times each; {across} rotations meanwhile")
        trial.expect(across == 3 * _STOPS, "not all rotations fell into a stop")
        return trial.conclude()


def _rotate_while_stopped(trial: Trial, program: Program, rotators: tuple[Rotator, ...]) -> int:
    """Stop a program, rotate, let it go on; return how many rotations there were while it stood still."""
    program.send(signal.SIGSTOP)
    trial.wait_for("the program to stand still", lambda: program.state() == "T")
    for rotator in rotators:
        time.sleep(trial.draw.uniform(0.2, 0.6))
        rotator.rotate()
    time.sleep(trial.draw.uniform(0.2, 0.6))
    still = program.state() == "T"
    program.send(signal.SIGCONT)
    return len(rotators) if still else 0
