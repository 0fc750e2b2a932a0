"""The ``watchbook`` command, also as ``python -m watchbook``."""

import importlib
import sys
from typing import Any, Final

from watchbook.handover import handed_over

#: The only program that hands over to itself.  Named, not imported: what both programs share knows neither.
_GOES_ON: Final = "agent.running"


def main() -> Any:
    """Run the command line, or go on with what it read when it has been handed over."""
    given = handed_over()
    if given is not None:
        sys.exit(importlib.import_module(_GOES_ON).go_on(given))
    # Not at the top: a program that goes on needs neither the command line nor the package that reads it.
    from watchbook.cli import main as run_command_line

    return run_command_line()


if __name__ == "__main__":
    main()
