"""What a daemon does so that it holds no more memory than it uses."""

import asyncio
import gc
from collections.abc import Callable
from functools import cache
from typing import Final, cast

_GC_THRESHOLD: Final = 50_000
_GIVE_BACK_EVERY_S: Final = 30.0


def settle_memory() -> None:
    """Call once a daemon is built: what it holds now is never looked at again by the garbage collector.

    Lines and events are plain values without cycles; with the default thresholds the collector would walk through every
    batch many times (measured: a third of the decoding of a batch).  When it is built anew, call it again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 100)


def give_back_memory() -> None:
    """Give memory that was freed back to the system; takes less than a millisecond.

    The C library keeps what was used once, in case it is needed again: measured on the agent, 1.6 MB of its start, 2.4
    of compiling expressions, and 5 of the 8 MB that a backlog took.  (Fixed limits for what is kept, M_TRIM_THRESHOLD
    and M_MMAP_THRESHOLD, cost up to a tenth of the CPU instead.)
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


async def keep_giving_back_memory() -> None:
    """Give freed memory back now and again, until cancelled."""
    while True:
        give_back_memory()
        await asyncio.sleep(_GIVE_BACK_EVERY_S)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Return malloc_trim(3), which only glibc has."""
    try:
        import ctypes  # not every Python has it
    except ImportError:
        return None
    try:
        return cast(Callable[[int], int], ctypes.CDLL(None).malloc_trim)
    except (OSError, AttributeError):
        return None
