"""Whether addresses can be listened on: they are, for a moment."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack

from agent.listen.syslog.listener import advice_on_buffer
from agent.listen.syslog.settings import SyslogSettings
from agent.listen.syslog.sockets import CannotListenError, open_address


def try_addresses(settings: SyslogSettings, listening: Collection[str], stack: ExitStack) -> Iterator[tuple[bool, str]]:
    """Yield for each address whether something is wrong with it, and what.

    ``listening`` are the addresses of the agent that runs.  What is opened stays open until the ``stack`` is closed, so
    that two inputs with one address are found.
    """
    for address in settings.addresses():
        if str(address) in listening:
            yield False, f"the running agent listens on {address}"
            continue
        try:
            bound = open_address(address, settings)
        except CannotListenError as error:
            yield True, f"cannot listen on {error}"
            continue
        stack.callback(bound.close)
        granted, asked = bound.receive_buffer(), settings.receive_buffer
        hint = f"; {advice_on_buffer(granted, asked)}" if address.scheme == "udp" and granted < asked else ""
        yield False, f"{address} can be listened on{hint}"
