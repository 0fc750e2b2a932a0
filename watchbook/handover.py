"""From a program that has read its configuration to the one that runs with it, in the same process.

Reading a configuration takes the command line, YAML and trees of all that the files say.  A program that runs for
months would hold all of that for nothing: modules are never unloaded, and memory that was used in small pieces is
seldom given back (measured on the agent: 3.4 of 46 MB).  So the program that has read it executes its own command line
once more, and the fresh one is given what was read.  The process keeps its number, its descriptors and its place in the
list of processes, so whoever started it sees no difference.

What is given is the content of a memory file (memfd_create(2)) that has no name and is closed once it is read; nothing
of it, which may be tokens, touches a disk.  ``_WATCHBOOK_HANDED_OVER=PID:DESCRIPTOR`` tells of it, and counts only for
the process of that number: children that inherit the environment are not meant.
"""

import os
import sys
from typing import Final

_VARIABLE: Final = "_WATCHBOOK_HANDED_OVER"


def hand_over(given: bytes) -> None:
    """Execute this process's command line anew, and let :func:`handed_over` return ``given`` there.

    Returns only when that cannot be done; then the program has to run here.
    """
    words = len(sys.argv) - 1
    is_ours = sys.orig_argv[len(sys.orig_argv) - words :] == sys.argv[1:]  # not called by another program's code
    if _VARIABLE in os.environ or not (sys.executable and words and is_ours):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        descriptor = os.memfd_create("watchbook", 0)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(given)
        os.environ[_VARIABLE] = f"{os.getpid()}:{descriptor}"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
    except OSError:
        os.environ.pop(_VARIABLE, None)  # as on a system that forbids it


def handed_over() -> bytes | None:
    """Return what the program before this one gave, once; None when there was none."""
    process, _, descriptor = os.environ.pop(_VARIABLE, "").partition(":")
    if process != str(os.getpid()):
        return None
    with os.fdopen(int(descriptor), "rb") as file:
        file.seek(0)
        return file.read()
