"""Secrets of channels: read from a file each time, so that they can be renewed, and never part of an error or a log.

A file that everybody may read, or that others than its owner may write, is refused.
"""

import os
import stat
from pathlib import Path
from typing import Final

BYTES_MAX: Final = 16 * 1024


class SecretError(ValueError):
    """A secret cannot be used; the text never holds it."""


def read_secret(path: Path) -> str:
    """Return the one line that a file holds; raises SecretError that says what is wrong and what to do."""
    text = read_lines(path)
    if len(text) != 1:
        raise SecretError(f"{path} should hold the secret on one line, found {len(text)} lines")
    return text[0]


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file that are not empty or comments (``#``); raises SecretError."""
    try:
        with path.open("rb") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()).st_mode)
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > BYTES_MAX:
        raise SecretError(f"{path} is longer than {BYTES_MAX} bytes; it should hold a secret and nothing else")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not text") from None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _refuse_open_to_others(path: Path, mode: int) -> None:
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        raise SecretError(
            f"{path} is open to others (mode {stat.S_IMODE(mode):04o}); close it: chmod 640 {path}, "
            "and give it to the group that the collector runs under"
        )
