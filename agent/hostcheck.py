"""What ``watchbook agent check`` finds about the host: the state folder and its disk, limits, the clock, the port."""

import ctypes
import errno
import os
import re
import resource
import socket
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from agent.config import AgentSettings
from agent.finding import Finding
from agent.metrics import split_address
from agent.spool.spool import FILE_NAME
from agent.tail.listing import expand
from watchbook.clock import SECOND_US, Clock
from watchbook.units import Seconds, format_duration, format_size

#: Less than this on the disk of the state folder, and a few minutes of logs fill it.
_FREE_BYTES_MIN: Final = 64 << 20
#: Open files beside the logs: the spool, sockets, libraries.
_OTHER_FILES: Final = 64
_IN_CLOEXEC: Final = os.O_CLOEXEC
_IN_MODIFY: Final = 2


def check_user() -> Iterator[Finding]:
    """Say when the one who asks can read what the agent may not."""
    if os.geteuid() == 0:
        text = "user: root may read everything, the agent's user may not; ask as that user"
        yield Finding(False, f"{text}: runuser -u watchbook-agent -- watchbook agent check", note=True)


def check_state(settings: AgentSettings) -> Iterator[Finding]:
    """Look at the state folder, the room on its disk, and whether an agent works in it."""
    folder = settings.state
    while not os.path.exists(folder):  # noqa: PTH110  # false, too, where a folder above must not be entered
        folder = folder.parent
    if not folder.is_dir():
        yield Finding(True, f"state: {folder} is no folder; name another one in 'state'")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(True, f"state: {folder} is not writable; give it to the agent's user")
    else:
        yield Finding(False, f"state: {settings.state} is writable")
    yield _check_room(settings, folder)
    yield from _check_running(settings.state)


def _check_room(settings: AgentSettings, folder: Path) -> Finding:
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    spool = settings.state / FILE_NAME
    taken = spool.stat().st_size if os.path.exists(spool) else 0  # noqa: PTH110
    wanted = max(0, settings.spool.bytes_max - taken)
    text = f"state: {format_size(free)} are free on its disk, 'spool.bytes_max' may take {format_size(wanted)} more"
    if free < min(wanted, _FREE_BYTES_MIN):
        return Finding(True, f"{text}; make room")
    if free < wanted:
        return Finding(False, f"{text}; when the collector is away the disk is full first: lower it", note=True)
    return Finding(False, text)


def _check_running(state: Path) -> Iterator[Finding]:
    try:
        inode = (state / "lock").stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return
    if found := re.search(rf"FLOCK +ADVISORY +WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:{inode} ", locks):
        text = f"state: an agent (pid {found[1]}) runs with it; a second one would not start"
        yield Finding(False, f"{text}, and a changed configuration takes effect with: kill -HUP {found[1]}")


def check_limits(settings: AgentSettings, files: int) -> Iterator[Finding]:
    """Compare the limits of open files and of inotify with what ``files`` matched files need."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = "any number" if hard == resource.RLIM_INFINITY else str(hard)
    needed = files + _OTHER_FILES
    text = f"open files: {allowed} allowed here, {needed} needed"
    if hard != resource.RLIM_INFINITY and hard < needed:
        yield Finding(True, f"{text}; raise LimitNOFILE of the unit (or ulimit -n)")
    else:
        yield Finding(False, text)
    folders = {os.path.dirname(path) for each in settings.inputs for path in expand(each.files)}  # noqa: PTH120
    if folders:
        yield check_inotify(sorted(folders), format_duration(settings.tail.rescan_interval))


def check_inotify(folders: Iterable[str], instead: str) -> Finding:
    """Watch the folders for a moment, as the agent would; without that changes are seen after ``instead``."""
    libc = ctypes.CDLL(None, use_errno=True)
    hint = f"changes would only be seen every {instead} ('tail.rescan_interval')"
    descriptor = libc.inotify_init1(_IN_CLOEXEC)
    if descriptor < 0:
        limit = _limit("max_user_instances")
        text = f"inotify: no instance left of fs.inotify.max_user_instances={limit}"
        return Finding(False, f"{text}; {hint}: raise it with sysctl", note=True)
    try:
        watched = 0
        for folder in folders:
            if libc.inotify_add_watch(descriptor, os.fsencode(folder), _IN_MODIFY) >= 0:
                watched += 1
            elif ctypes.get_errno() == errno.ENOSPC:
                limit = _limit("max_user_watches")
                text = f"inotify: no watch left of fs.inotify.max_user_watches={limit} after {watched} folders"
                return Finding(False, f"{text}; {hint}: raise it with sysctl", note=True)
    finally:
        os.close(descriptor)
    return Finding(False, f"inotify: {watched} folders can be watched")


def _limit(name: str) -> str:
    try:
        return Path("/proc/sys/fs/inotify", name).read_text(encoding="ascii").strip()
    except OSError:
        return "?"


def check_clock(date: str, limit: Seconds, clock: Clock) -> Iterator[Finding]:
    """Compare the clock with the collector's, whose answer had the header ``Date``."""
    try:
        there_s = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return
    # The header has whole seconds, cut off: half a second is added.
    ahead = clock() / SECOND_US - there_s - 0.5
    way = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) > limit:
        text = f"clock: {abs(ahead):.0f} s {way} the collector's, more than 'clock_skew_max' ({format_duration(limit)})"
        yield Finding(False, f"{text}; events get wrong times: let both hosts ask the same NTP servers", note=True)
    else:
        yield Finding(False, "clock: as the collector's")


def check_metrics(settings: AgentSettings) -> Iterator[Finding]:
    """Look whether the metrics port can be opened."""
    if settings.metrics.listen is None:
        return
    host, port = split_address(settings.metrics.listen)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            text = f"metrics: {settings.metrics.listen} cannot be used: {error.strerror}"
            yield Finding(False, f"{text}; is an agent running already?", note=True)
            return
    yield Finding(False, f"metrics: {settings.metrics.listen} is free")
