"""Tests on IPv4 addresses as numbers: four groups of eight bits, each written in decimal without leading zeros."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collector.query.plan import (
    AddressPrefix,
    Equals,
    HasLike,
    HasWords,
    InNetwork,
    Like,
    Present,
    StartsWith,
    Test,
)
from collector.view import Mask

Numbers = NDArray[np.uint32]
_GROUPS: Final = 4
_PART: Final = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
#: What IPv6 addresses are written with, case-folded.
_WRITABLE_IPV6: Final = re.compile(r"[0-9a-f:.]*", re.ASCII)
_WRITABLE: Final = re.compile(r"[0-9.]*", re.ASCII)


def ipv4_mask(numbers: Numbers, test: Test) -> Mask | bool | None:
    """Return which IPv4 addresses pass; True or False: all or none of them; None: it cannot be said here."""
    match test:
        case Present():
            return True
        case InNetwork(network):
            return _in_range(numbers, *_span(network)) if isinstance(network, IPv4Network) else False
        case Equals(text):
            return _groups_mask(numbers, text, prefix=False) if text.count(".") == _GROUPS - 1 else False
        case AddressPrefix(text):
            # The dot behind the last group of all has nothing to follow it.
            return text.count(".") < _GROUPS and _groups_mask(numbers, text.removesuffix("."), prefix=False)
        case StartsWith(text):
            return True if not text else _groups_mask(numbers, text, prefix=True)
        case HasWords(text, open_end):
            return _words_mask(numbers, text, open_end=open_end)
        case Like(pieces) | HasLike(pieces):
            return None if all(map(_WRITABLE.fullmatch, pieces)) else False
    return False


def may_be_ipv6(test: Test) -> bool:
    """Return whether a text of hex digits, colons and dots that is no IPv4 address may pass."""
    match test:
        case InNetwork(network):
            return not isinstance(network, IPv4Network)
        case Equals(text) | AddressPrefix(text) | StartsWith(text) | HasWords(text):
            return _WRITABLE_IPV6.fullmatch(text) is not None
        case Like(pieces) | HasLike(pieces):
            return all(map(_WRITABLE_IPV6.fullmatch, pieces))
    return isinstance(test, Present)


def _span(network: IPv4Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _in_range(numbers: Numbers, low: int, high: int) -> Mask:
    # Unsigned numbers below ``low`` wrap around to large ones: one comparison does for both ends.
    mask: Mask = (numbers - np.uint32(low)) <= np.uint32(high - low)
    return mask


def _groups_mask(numbers: Numbers, text: str, *, prefix: bool) -> Mask | bool:
    """Return which addresses begin with these groups; ``prefix``: the last may be only the beginning of one."""
    parts = text.split(".")
    whole, last = (parts[:-1], parts[-1]) if prefix else (parts, "")
    if len(parts) > _GROUPS or not all(map(_is_group, whole)):
        return False
    low = sum(int(part) << 8 * (_GROUPS - 1 - place) for place, part in enumerate(whole))
    mask = _in_range(numbers, low, low + (1 << 8 * (_GROUPS - len(whole))) - 1)
    return mask & _table(last, open_end=True)[_group(numbers, len(whole))] if last else mask


def _words_mask(numbers: Numbers, text: str, *, open_end: bool) -> Mask | bool:
    """Return which addresses have these groups one after the other, anywhere: how free text finds an address."""
    if not text or not _WRITABLE.fullmatch(text):
        return not text
    parts = text.split(".")
    before, after = parts[0] == "", len(parts) > 1 and parts[-1] == ""
    inner = parts[before : len(parts) - after]
    if not inner:
        return len(parts) == len(".") + 1  # a dot alone is in every address
    if len(inner) > _GROUPS or not all(inner):
        return False
    tables = [_table(part, open_end=False) for part in inner[:-1]]
    tables.append(_table(inner[-1], open_end=open_end and not after))
    mask: Mask | bool = False
    for place in range(before, _GROUPS - len(inner) + 1 - after):
        mask = mask | _at(numbers, tables, place)
    return mask


def _at(numbers: Numbers, tables: Sequence[Mask], place: int) -> Mask:
    mask = tables[0][_group(numbers, place)]
    for offset, table in enumerate(tables[1:], 1):
        mask &= table[_group(numbers, place + offset)]
    return mask


def _group(numbers: Numbers, place: int) -> NDArray[np.uint32]:
    return (numbers >> np.uint32(8 * (_GROUPS - 1 - place))) & np.uint32(255)


def _table(part: str, *, open_end: bool) -> Mask:
    """Return which of the 256 groups are ``part``, or begin with it."""
    return np.array([str(group).startswith(part) if open_end else str(group) == part for group in range(256)])


def _is_group(part: str) -> bool:
    return _PART.fullmatch(part) is not None and int(part) < 256
