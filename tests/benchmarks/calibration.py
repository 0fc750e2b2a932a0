"""How fast this machine is just now: CPU seconds of a fixed piece of pure Python.

A figure in CPU seconds says little without it: the same machine may be several times slower on another day.
"""

import time

_ROUNDS = 2_000_000


def calibrate() -> float:
    """Return the CPU seconds of the fixed loop."""
    began = time.process_time()
    value = 0
    for number in range(_ROUNDS):
        value = (value * 31 + number) & 0xFFFFFFFF
    return time.process_time() - began
