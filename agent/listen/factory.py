"""From the settings of an input to its listener, which is imported only then."""

from collections.abc import Callable
from typing import Any, Final

from agent.listen.child_settings import CommandSettings, JournalSettings
from agent.listen.hook_settings import HookSettings
from agent.listen.inlet import Inlet
from agent.listen.listener import Listener
from agent.listen.syslog import SyslogSettings


def make_listener(name: str, source: Any, inlet: Inlet, mark: bytes | None) -> Listener:
    """Return the listener of an input; ``mark`` is what was stored with the last lines that came from it."""
    return _MAKERS[type(source)](name, source, inlet, mark)


def _syslog(name: str, source: SyslogSettings, inlet: Inlet, _mark: bytes | None) -> Listener:
    from agent.listen.syslog.listener import SyslogListener

    return SyslogListener(name, source, inlet)


def _hook(name: str, source: HookSettings, inlet: Inlet, mark: bytes | None) -> Listener:
    from agent.listen.hook import Hook

    return Hook(name, source, inlet, mark)


def _command(name: str, source: CommandSettings, inlet: Inlet, mark: bytes | None) -> Listener:
    from agent.listen.command import Command

    return Command(name, source, inlet, mark)


def _journal(name: str, source: JournalSettings, inlet: Inlet, mark: bytes | None) -> Listener:
    from agent.listen.journal import Journal

    return Journal(name, source, inlet, mark)


#: By the type of the settings: (name of the input, settings, inlet, its mark or None) -> listener.
_MAKERS: Final[dict[type, Callable[[str, Any, Inlet, bytes | None], Listener]]] = {
    SyslogSettings: _syslog,
    HookSettings: _hook,
    CommandSettings: _command,
    JournalSettings: _journal,
}
