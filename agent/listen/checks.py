"""What can be found wrong with an input whose lines are received, before the agent is started.

Every check yields (wrong, text).
"""

import os
import pwd
import shutil
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from agent.listen.child_settings import CommandSettings, JournalSettings
from agent.listen.hook import make_secrets
from agent.listen.hook_settings import HookSettings, HooksSettings
from agent.listen.journal import PROGRAM
from agent.listen.secret_files import SecretError

_JOURNALS: Final = ("/var/log/journal", "/run/log/journal")
Findings = Iterator[tuple[bool, str]]


def check_received(name: str, source: Any) -> Findings:
    """Yield what is right and wrong with one input; nothing for a kind that has no checks."""
    for wrong, text in _CHECKS[type(source)](source) if type(source) in _CHECKS else ():
        yield wrong, f"input {name}: {text}"


def check_hooks_listener(settings: HooksSettings, sources: Sequence[Any]) -> Findings:
    """Yield whether hooks can be served, when there is one among the sources."""
    if not any(isinstance(source, HookSettings) for source in sources):
        return
    host, _, port = settings.listen.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        yield False, f"hooks: {settings.listen} can be listened on"
    except OSError as error:
        if _is_served(settings):
            yield False, f"hooks: {settings.listen} is served by a running agent"
        else:
            yield True, f"hooks: {settings.listen} cannot be listened on: {error.strerror}; change 'hooks.listen'"
    if settings.tls is not None:
        for path in (settings.tls.cert_file, settings.tls.key_file):
            if os.access(path, os.R_OK):
                yield False, f"hooks: {path} is readable"
            else:
                yield True, f"hooks: {path} is not readable; give the agent's user access to it"


def _is_served(settings: HooksSettings) -> bool:
    """Whether an agent answers there (plain HTTP only)."""
    try:
        urllib.request.urlopen(f"http://{settings.listen}/hooks/", timeout=2).close()
    except urllib.error.HTTPError as answer:
        return answer.headers.get("Server") == "watchbook"
    except OSError:
        return False
    return False


def _check_hook(source: HookSettings) -> Findings:
    if source.auth == "none":
        yield False, "its hook takes events from anybody who reaches it (auth: none)"
        return
    try:
        keys = make_secrets(source).current()
    except SecretError as error:
        yield True, str(error)
        return
    if source.secret_file is not None and source.secret_file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        yield True, f"the secret file {source.secret_file} is open to everybody; chmod o= it"
    yield False, f"its hook has {len(keys)} secret{'s' if len(keys) > 1 else ''}"


def _check_command(source: CommandSettings) -> Findings:
    program = source.argv[0]
    path = {**os.environ, **source.env}.get("PATH")
    if "/" in program and not program.startswith("/"):
        program = str((source.cwd or Path.cwd()) / program)
    found = shutil.which(program, path=path)
    if found is None:
        yield True, f"the command {program} is not there, or not executable"
    else:
        yield False, f"the command {found} is executable"
    if source.cwd is not None and not source.cwd.is_dir():
        yield True, f"the folder {source.cwd} ('cwd') is not there"
    if source.user is not None:
        try:
            pwd.getpwnam(source.user)
        except KeyError:
            yield True, f"there is no user {source.user!r}"
        if os.geteuid() != 0:
            yield True, "'user' needs an agent that runs as root"


def _check_journal(source: JournalSettings) -> Findings:
    found = shutil.which(PROGRAM)
    if found is None:
        yield True, f"{PROGRAM} is not there; this input needs systemd's"
    else:
        yield False, f"{found} is there"
    if source.directory is None:
        journals = [path for place in _JOURNALS for path in Path(place).glob("*/system.journal")]
        if journals and not any(os.access(path, os.R_OK) for path in journals):
            yield True, f"{journals[0]} is not readable; add the agent's user to the group systemd-journal"
    elif not os.access(source.directory, os.R_OK | os.X_OK):
        yield True, f"the folder {source.directory} is not readable; add the agent's user to the group systemd-journal"


_CHECKS: Final[dict[type, Callable[[Any], Findings]]] = {
    HookSettings: _check_hook,
    CommandSettings: _check_command,
    JournalSettings: _check_journal,
}
