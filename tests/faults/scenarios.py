"""All scenarios by their words, in the order in which they are run."""

import traceback
from collections.abc import Callable
from typing import Final

from tests.faults import answers, clocks, disks, moves, outages, readable, rotations, stopped
from tests.faults.trial import NotHereError, Options, Result

#: Run one by one: they write as fast as they may.
FAST: Final[dict[str, Callable[[Options], Result]]] = {
    "rename": rotations.rename,
    "copytruncate": rotations.copytruncate,
    "gzip": rotations.gzipped,
    "glob": rotations.globbed,
    "many": readable.many,
}
#: Run a few at a time: they mostly wait.
SLOW: Final[dict[str, Callable[[Options], Result]]] = {
    "outage": outages.outage,
    "full": outages.full,
    "answers": answers.answers,
    "stopped": stopped.stopped,
    "links": moves.links,
    "recreate": moves.recreate,
    "truncate": moves.truncate,
    "gone": moves.gone,
    "diskfull": disks.full,
    "filled": disks.filled,
    "readonly": disks.readonly,
    "eio": disks.unreadable,
    "permission": readable.permission,
    "clock": clocks.clock,
}
SCENARIOS: Final = FAST | SLOW


def run(word: str, options: Options) -> Result:
    """Run one scenario; what stands in its way is part of the result."""
    try:
        return SCENARIOS[word](options)
    except NotHereError as reason:
        return Result(word, skipped=str(reason))
    except AssertionError as error:
        return Result(word, wrong=(str(error), traceback.format_exc()))
