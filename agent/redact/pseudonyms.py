"""Pseudonyms: the same value always becomes the same ``p_…``, and nobody without the key can tell whose it is.

A pseudonym is ``p_`` and 16 letters and digits (base32, 80 bits) of HMAC-SHA256 over the value in small letters and
without blanks at its ends.  Whoever has the key can find out a value by trying; keep it like a password.
"""

import base64
import os
import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from agent.records import Normalised, Normaliser

_KEY_BYTES_MIN: Final = 32
_KEY_BYTES_MAX: Final = 4096
_REMEMBERED: Final = 16384
_PSEUDONYM: Final = re.compile(r"p_[a-z2-7]{16}")
#: Shorter values are not looked for in the rest of an event: they would be found in other words.
_SOUGHT_CHARACTERS_MIN: Final = 3
_RULE: Final = "pseudonym"


class KeyFileError(Exception):
    """The key file cannot be used; says why and what to do."""


def read_key(path: Path) -> bytes:
    """Return the key of a file that only its owner can read; raises KeyFileError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(_KEY_BYTES_MAX).strip()
    except OSError as error:
        made = f"head -c 32 /dev/urandom | base64 > {path}; chmod 600 {path}"
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}; to make one: {made}") from error
    if not stat.S_ISREG(mode):
        raise KeyFileError(f"the key file {path} is no regular file")
    if mode & 0o077:
        raise KeyFileError(
            f"the key file {path} can be read by others (mode {stat.S_IMODE(mode):03o}); chmod 600 {path}"
        )
    if len(key) < _KEY_BYTES_MIN:
        raise KeyFileError(f"the key file {path} has {len(key)} bytes; expected at least {_KEY_BYTES_MIN} random ones")
    return key


class Pseudonyms:
    """Makes pseudonyms with one key."""

    def __init__(self, key: bytes) -> None:
        import hmac  # 0.6 MB, for the few that ask for pseudonyms

        self._hmac = partial(hmac.digest, key, digest="sha256")
        self.of = lru_cache(_REMEMBERED)(self._of)

    def _of(self, value: str) -> str:
        if _PSEUDONYM.fullmatch(value):
            return value
        digest = self._hmac(value.strip().lower().encode(errors="surrogatepass"))
        return "p_" + base64.b32encode(digest[:10]).decode().lower()


class Pseudonymising:
    """A normaliser whose events have pseudonyms in some fields; see :class:`agent.records.Normaliser`.

    What stood in such a field is replaced wherever else it stands in the event, as a word of its own.
    """

    def __init__(self, inner: Normaliser, fields: Sequence[str], pseudonyms: Pseudonyms, counts: Counter[str]) -> None:
        self._inner = inner
        self._places = tuple(place for place, name in enumerate(inner.fields) if name in fields)
        self._of = pseudonyms.of
        self._counts = counts
        self._constants = {
            name: self._of(value) if name in fields else value for name, value in inner.constants.items()
        }

    @property
    def name(self) -> str:
        """The profile's name."""
        return self._inner.name

    @property
    def fields(self) -> tuple[str, ...]:
        """The event fields of a row, in order."""
        return self._inner.fields

    @property
    def constants(self) -> Mapping[str, str]:
        """Text fields that every event has with the same value."""
        return self._constants

    def __call__(self, lines: Sequence[bytes], read_us: int) -> Normalised:
        """Normalise lines, and put pseudonyms into their rows."""
        made = self._inner(lines, read_us)
        return made._replace(rows=[self._hidden(row) for row in made.rows])

    def _hidden(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        given = {row[place]: self._of(row[place]) for place in self._places if isinstance(row[place], str)}
        given = {value: pseudonym for value, pseudonym in given.items() if value and value != pseudonym}
        if not given:
            return row
        self._counts[_RULE] += len(given)
        sought = sorted((value for value in given if len(value) >= _SOUGHT_CHARACTERS_MIN), key=len, reverse=True)
        whole = [given.get(value, value) if isinstance(value, str) else value for value in row]
        if not sought:
            return tuple(whole)
        pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sought)) + r")(?!\w)")
        return tuple(_replaced(value, pattern, given) for value in whole)


def _replaced(value: Any, pattern: re.Pattern[str], given: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda found: given[found[0]], value)
    if isinstance(value, Mapping):
        return {_replaced(key, pattern, given): _replaced(inner, pattern, given) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(inner, pattern, given) for inner in value]
    return value
