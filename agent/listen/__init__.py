"""Listening: lines that come from no file.

- ``settings``: limits.
- ``listener``: what every way of receiving has in common.
- ``factory``: from the settings of an input to its listener.
- ``syslog``: UDP, TCP and unix sockets.
- ``inlet``: where they wait, within a bound, until the pump takes them; and how a sender learns that they are on disk.
"""

from agent.listen.factory import make_listener
from agent.listen.inlet import Arrival, Inlet, InletClosedError
from agent.listen.listener import Listener
from agent.listen.settings import ListenSettings
from agent.listen.syslog import SyslogSettings, try_addresses

__all__ = [
    "Arrival", "Inlet", "InletClosedError", "ListenSettings", "Listener", "SyslogSettings", "make_listener",
    "try_addresses",
]  # fmt: skip
