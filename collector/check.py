"""``watchbook collector check``: everything that can be found wrong before the collector is started."""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from collector.config import CollectorSettings, split_address
from collector.detect import RuleSet
from collector.store.files import free_bytes
from collector.web import tls_findings
from watchbook.clock import now_us
from watchbook.units import format_size

#: What a process takes before it has done anything, measured, and what it keeps for connections, logs and the like.
_PROCESS_BYTES: Final = 96 << 20
_OTHER_FILES: Final = 256


class Finding(NamedTuple):
    """One thing looked at.  ``wrong``: the collector could not do its work as it is."""

    wrong: bool
    text: str


def check_host(settings: CollectorSettings, rules: RuleSet) -> Iterator[Finding]:
    """Yield what is right and wrong with the rules, the folder, its disk, the address, and room for the processes."""
    yield Finding(False, f"rules: {len(rules.rules)} rules are read")
    yield from _check_folder(settings)
    yield from _check_key(settings.checkpoint_key)
    yield from _check_destinations(settings)
    yield _check_address(settings.listen)
    yield from _check_tls(settings)
    yield _check_memory(settings)
    yield _check_files(settings)


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


def _check_tls(settings: CollectorSettings) -> Iterator[Finding]:
    if settings.web.tls is not None:
        for wrong, text in tls_findings(settings.web.tls, now_us()):
            yield Finding(wrong, f"web.tls: {text}")


def _check_key(path: Path) -> Iterator[Finding]:
    """The key is made at the first start; from then on it must be readable, and by nobody else."""
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return
    if not os.access(path, os.R_OK):
        yield Finding(True, f"checkpoint.key: {path} cannot be read; give it to the collector's user")
    elif mode & 0o077:
        yield Finding(True, f"checkpoint.key: {path} has the mode {mode:o}, others may read it; run: chmod 600 {path}")
    else:
        yield Finding(False, f"checkpoint.key: {path} is readable, by its owner only")


def _check_destinations(settings: CollectorSettings) -> Iterator[Finding]:
    for index, destination in enumerate(settings.checkpoints.send):
        option = f"checkpoints.send[{index}]"
        if destination.file is not None:
            folder = destination.file.path.parent
            if os.access(folder, os.W_OK):
                yield Finding(False, f"{option}: {folder} is writable")
            else:
                yield Finding(True, f"{option}: {folder} is not a folder that can be written to; make it, or mount it")
        token = destination.webhook and destination.webhook.token_file
        if token and not os.access(token, os.R_OK):
            yield Finding(True, f"{option}: 'webhook.token_file': {token} cannot be read")


def _check_memory(settings: CollectorSettings) -> Finding:
    workers = settings.processes.query_workers
    needed = workers * settings.index.cache_bytes + (workers + 2) * _PROCESS_BYTES
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cache = format_size(settings.index.cache_bytes)
    text = f"memory: {workers} query workers with caches of {cache}, and the others, may take {format_size(needed)}"
    if needed > there:
        return Finding(True, f"{text}; this host has {format_size(there)}: lower 'index.cache_bytes'")
    return Finding(False, f"{text} of {format_size(there)}")


def _check_files(settings: CollectorSettings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.store.open_segments_max + settings.index.open_files_max + settings.web.tails_max + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        return Finding(True, f"open files: {hard} are allowed, {needed} may be needed; raise the limit (LimitNOFILE)")
    return Finding(False, f"open files: {'any number' if hard == resource.RLIM_INFINITY else hard} are allowed")
