"""From the settings of an input to its listener."""

from collections.abc import Callable
from typing import Any, Final

from agent.listen.child_settings import CommandSettings, JournalSettings
from agent.listen.command import Command
from agent.listen.hook import Hook
from agent.listen.hook_settings import HookSettings
from agent.listen.inlet import Inlet
from agent.listen.journal import Journal
from agent.listen.listener import Listener
from agent.listen.syslog import SyslogListener, SyslogSettings

#: By the type of the settings: (name of the input, settings, inlet, its mark or None) -> listener.
_MAKERS: Final[dict[type, Callable[[str, Any, Inlet, bytes | None], Listener]]] = {
    SyslogSettings: lambda name, source, inlet, _mark: SyslogListener(name, source, inlet),
    HookSettings: Hook,
    CommandSettings: Command,
    JournalSettings: Journal,
}


def make_listener(name: str, source: Any, inlet: Inlet, mark: bytes | None) -> Listener:
    """Return the listener of an input; ``mark`` is what was stored with the last lines that came from it."""
    return _MAKERS[type(source)](name, source, inlet, mark)
