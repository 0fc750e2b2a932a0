"""The collector, whose clock is looked at much more often, so that kills fall on what the clock decides.

With FORGETFUL set it writes how far the rules have read a moment before the alerts instead of with them: proves that
the scenario ``rules`` can fail.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from collector import app
from collector.alert import AlertStore, Watermark
from collector.detect import hearing
from collector.finding import AlertChange, ExceptionUse
from watchbook.cli import main
from watchbook.clock import SECOND_US

FORGETFUL: Final = "WATCHBOOK_FORGETFUL"
_BELL_S: Final = 0.25
_APART_S: Final = 0.15
_apply = AlertStore.apply


def _apply_apart(
    self: AlertStore,
    changes: Sequence[AlertChange],
    watermark: Watermark | None,
    uses: Mapping[str, ExceptionUse] = MappingProxyType({}),
) -> int:
    _apply(self, [], watermark, uses)
    time.sleep(_APART_S)
    return _apply(self, changes, None)


app._BELL_S = _BELL_S  # type: ignore[assignment]
hearing._TICK_US = round(_BELL_S * SECOND_US)  # type: ignore[misc]
if os.environ.get(FORGETFUL):
    AlertStore.apply = _apply_apart  # type: ignore[method-assign]

if __name__ == "__main__":
    main(["collector", *sys.argv[1:]])
