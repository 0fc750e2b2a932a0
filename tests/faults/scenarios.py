"""All scenarios by their words, in the order in which they are run."""

from collections.abc import Callable
from typing import Final

from tests.faults import outages, rotations
from tests.faults.trial import Options, Result

SCENARIOS: Final[dict[str, Callable[[Options], Result]]] = {
    "rename": rotations.rename,
    "copytruncate": rotations.copytruncate,
    "gzip": rotations.gzipped,
    "glob": rotations.globbed,
    "outage": outages.outage,
    "full": outages.full,
}


def run(word: str, options: Options) -> Result:
    """Run one scenario; what stands in its way is part of the result."""
    try:
        return SCENARIOS[word](options)
    except AssertionError as error:
        return Result(word, wrong=(str(error),))
