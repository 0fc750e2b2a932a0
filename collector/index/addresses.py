"""IP addresses as numbers: the kind of ``collector.view.AddressColumn`` in the upper 32 bits, the IPv4 number below."""

import re
import socket
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_IPV4: Final = 4 << 32
_IPV6: Final = 6 << 32
_OTHER: Final = 1 << 32
_LIKE_IPV6: Final = re.compile(r"[0-9A-Fa-f:.]+", re.ASCII)
_DOT, _BETWEEN = b"./"
_ZERO: Final = ord("0")
#: Some IPv4 address, in the place of none.
_ANY: Final = "1.1.1.1"
_ENDS: Final = np.array([_DOT, _DOT, _DOT, _BETWEEN], np.uint8)
_SHIFTS: Final = np.array([24, 16, 8, 0], np.uint32)


def number_of_ipv4(text: str) -> int | None:
    """Return the number of an IPv4 address in its one canonical form (no leading zeros, four parts), else None."""
    try:
        packed = socket.inet_aton(text)
    except (OSError, ValueError):
        return None
    return int.from_bytes(packed, "big") if socket.inet_ntoa(packed) == text else None


def address_codes(texts: Sequence[str | None]) -> NDArray[np.uint64]:
    """Return kind and number of each address; 0 for None."""
    if None in texts:
        present = np.array([text is not None for text in texts])
        return np.where(present, address_codes([_ANY if text is None else text for text in texts]), np.uint64(0))
    numbers = _numbers_of_ipv4(texts)  # type: ignore[arg-type]  # no None is left
    if numbers is None:
        return np.fromiter(map(_code, texts), np.uint64, len(texts))
    return numbers | np.uint64(_IPV4)


def _code(text: str | None) -> int:
    if text is None:
        return 0
    number = number_of_ipv4(text)
    if number is not None:
        return _IPV4 | number
    return _IPV6 if _LIKE_IPV6.fullmatch(text) else _OTHER


def _numbers_of_ipv4(texts: Sequence[str]) -> NDArray[np.uint64] | None:
    """Return the numbers of texts that are all canonical IPv4 addresses, else None; digit by digit for all at once."""
    try:
        signs = np.frombuffer(("/".join(texts) + "/").encode("ascii"), np.uint8)
    except UnicodeEncodeError:
        return None
    digits = signs - np.uint8(_ZERO)
    ends = np.flatnonzero(digits > 9)
    if len(ends) != 4 * len(texts) or not np.array_equal(signs[ends].reshape(-1, 4), _every(_ENDS, len(texts))):
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if int(lengths.min()) < 1 or int(lengths.max()) > 3:
        return None
    parts = digits[ends - 1].astype(np.uint16)
    parts += np.where(lengths > 1, digits[ends - 2], np.uint8(0)) * np.uint16(10)
    parts += np.where(lengths > 2, digits[ends - 3], np.uint8(0)) * np.uint16(100)
    has_leading_zero = (lengths > 1) & (digits[ends - lengths] == 0)
    if int(parts.max()) > 255 or has_leading_zero.any():
        return None
    numbers: NDArray[np.uint32] = (parts.reshape(-1, 4).astype(np.uint32) << _SHIFTS).sum(axis=1, dtype=np.uint32)
    return numbers.astype(np.uint64)


def _every(pattern: NDArray[Any], count: int) -> NDArray[Any]:
    return np.broadcast_to(pattern, (count, len(pattern)))
