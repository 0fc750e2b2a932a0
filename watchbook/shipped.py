"""Where the files that come with Watchbook lie: profiles, samples, example configurations, rules.

In a wheel they are package data under ``watchbook/shipped``; in a checkout they are the folders at the top level.
"""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def shipped_folder(name: Literal["config", "rules"]) -> Path:
    """Return the folder of shipped files, wherever this installation keeps it."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
