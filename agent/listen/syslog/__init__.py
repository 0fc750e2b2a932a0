"""Receiving syslog over UDP, TCP and unix sockets.

- ``settings``, ``address``: what may be configured, and how an address is written.
- ``framing``: from the bytes of a connection to messages; no I/O.
- ``sockets``: opening and closing what is listened on.
- ``datagrams``, ``streams``: receiving; ``gathering`` joins messages of a sender into arrivals.
- ``listener``: all addresses of an input.
- ``trial``: whether addresses can be listened on, for ``watchbook agent check``.

Syslog has no acknowledgement: what a sender has handed over is lost when this process is killed before the lines are in
the spool.  That is at most what the inlet and the kernel's buffers hold.

The listener is not imported here: a host that receives no syslog does without it.
"""

from agent.listen.syslog.settings import SyslogSettings

__all__ = ["SyslogSettings"]
