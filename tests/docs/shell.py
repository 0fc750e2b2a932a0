"""A shell for the commands of the documentation, in which ``watchbook`` is this checkout's."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT

TIMEOUT_S: Final = 60


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which the word ``watchbook`` runs this checkout; ``folder`` is where it is kept."""
    words = folder / "bin"
    words.mkdir(parents=True, exist_ok=True)
    script = words / "watchbook"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m watchbook "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{words}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **more}


def run(command: str, folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run one command of bash in a folder and return how it ended."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment(folder / ".shell", **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
