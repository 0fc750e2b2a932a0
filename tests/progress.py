"""A line of progress on a terminal, for what takes long."""

import sys
import time
from collections.abc import Callable

_EVERY_S = 0.2


def progress() -> Callable[[str], None]:
    """Return a function that shows a text in place of the one before, a few times a second; only on a terminal."""
    last = [0.0]

    def tell(text: str) -> None:
        if sys.stdout.isatty() and time.monotonic() - last[0] > _EVERY_S:
            last[0] = time.monotonic()
            print(f"\r\033[K{text}", end="", flush=True)

    return tell


def clear() -> None:
    """Take the line of progress away."""
    if sys.stdout.isatty():
        print("\r\033[K", end="")
