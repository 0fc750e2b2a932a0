"""Listening: lines that come from no file.

- ``settings``: limits.
- ``listener``: what every way of receiving has in common.
- ``factory``: from the settings of an input to its listener.
- ``syslog``: UDP, TCP and unix sockets.
- ``hook``, ``hook_server``: requests over HTTP.  ``command``, ``journal``: what a ``child`` process prints.  ``stdin``.
- ``inlet``: where they wait, within a bound, until the pump takes them; and how a sender learns that they are on disk.

What receives is imported when an input asks for it.
"""

from agent.listen.child_settings import CommandSettings, JournalSettings
from agent.listen.factory import make_listener
from agent.listen.hook_settings import HookSettings, HooksSettings
from agent.listen.inlet import Arrival, Inlet, InletClosedError
from agent.listen.listener import Listener
from agent.listen.settings import ListenSettings
from agent.listen.syslog import SyslogSettings

__all__ = [
    "Arrival",
    "CommandSettings",
    "HookSettings",
    "HooksSettings",
    "Inlet",
    "InletClosedError",
    "JournalSettings",
    "ListenSettings",
    "Listener",
    "SyslogSettings",
    "make_listener",
]
