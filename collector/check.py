"""``watchbook collector check``: everything that can be found wrong before the collector is started."""

import os
import socket
from collections.abc import Iterator
from typing import NamedTuple

from collector.config import CollectorSettings, split_address
from collector.detect import RuleSet
from collector.store.files import free_bytes
from watchbook.units import format_size


class Finding(NamedTuple):
    """One thing looked at.  ``wrong``: the collector could not do its work as it is."""

    wrong: bool
    text: str


def check_host(settings: CollectorSettings, rules: RuleSet) -> Iterator[Finding]:
    """Yield what is right and wrong with the rules, the folder, its disk and the address."""
    yield Finding(False, f"rules: {len(rules.rules)} rules are read")
    yield from _check_folder(settings)
    yield _check_address(settings.listen)


def _check_folder(settings: CollectorSettings) -> Iterator[Finding]:
    folder = settings.data
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield Finding(True, f"data: {folder} is not writable; give it to the collector's user")
        return
    free, reserve = free_bytes(folder), settings.store.free_bytes_min
    text = f"data: {settings.data} is writable, {format_size(free)} are free"
    if free < reserve:
        yield Finding(True, f"{text}, 'store.free_bytes_min' asks for {format_size(reserve)}")
    else:
        yield Finding(False, text)


def _check_address(listen: str) -> Finding:
    host, port = split_address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(True, f"listen: {listen} cannot be used: {error.strerror}; is a collector running already?")
    return Finding(False, f"listen: {listen} is free")
