"""The collector, whose clock is looked at much more often, so that kills fall on what the clock decides.

With FORGETFUL set it writes how far the rules have read a moment before the alerts instead of with them: proves that
the scenario ``rules`` can fail.
"""

import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from collector import app
from collector.alert import AlertStore, Watermark
from collector.finding import AlertChange
from watchbook.cli import main

FORGETFUL: Final = "WATCHBOOK_FORGETFUL"
_BELL_S: Final = 0.25
_APART_S: Final = 0.15
_apply = AlertStore.apply


def _apply_apart(self: AlertStore, changes: Sequence[AlertChange], watermark: Watermark | None) -> int:
    _apply(self, [], watermark)
    time.sleep(_APART_S)
    return _apply(self, changes, None)


app._BELL_S = _BELL_S  # type: ignore[assignment]
if os.environ.get(FORGETFUL):
    AlertStore.apply = _apply_apart  # type: ignore[method-assign]

if __name__ == "__main__":
    main(["collector", *sys.argv[1:]])
