"""The frame of a daemon: signals, drain with a deadline, word to systemd, supervised tasks.

SIGTERM or SIGINT asks for a drain: ``Stop.asked`` is set and producers end.  A second signal, or the end of the drain
time, cancels what is left.  SIGHUP asks a program that can do so to read its configuration again
(``Stop.hangup``).  A task that fails ends the whole process with a non-zero code, so that systemd restarts it; one that
hangs is found by :mod:`watchbook.watchdog`.
"""

import asyncio
import faulthandler
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable

from watchbook.logs import get_logger
from watchbook.units import Seconds

log = get_logger("daemon")
#: systemd takes a datagram at once; one that does not must not hold up the event loop for long.
_NOTIFY_S = 1.0


class Stop:
    """Whether the daemon has been asked to stop.  ``drain`` is how long that may take, in seconds, when it is asked.

    ``hangup`` is set by SIGHUP; whoever reads the configuration again clears it first.
    """

    def __init__(self, drain: float = 0.0) -> None:
        self.asked = asyncio.Event()
        self.hangup = asyncio.Event()
        self.drain = drain

    @property
    def gives_up(self) -> bool:
        """Whether what does not work now is not to be tried again: the process is about to end."""
        return self.asked.is_set()

    async def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until the stop is asked for; return whether it is."""
        try:
            async with asyncio.timeout(seconds):
                await self.asked.wait()
        except TimeoutError:
            return False
        return True


class Turn(Stop):
    """The stop of one run of a program that may go on with another run, in the same process.

    It is asked for when that of the ``whole`` is (:meth:`follow`), or to begin the next run; only in the first case
    what does not work is given up.
    """

    def __init__(self, whole: Stop) -> None:
        super().__init__()
        self._whole = whole

    @property
    def gives_up(self) -> bool:
        """Whether the process is about to end."""
        return self._whole.asked.is_set()

    async def wait(self, seconds: float) -> bool:
        """Sleep as :meth:`Stop.wait`; when this run has been asked to end, only the end of the whole cuts it short."""
        return await (self._whole.wait(seconds) if self.asked.is_set() else super().wait(seconds))

    async def follow(self) -> None:
        """Ask this run to end when the whole is to end."""
        await self._whole.asked.wait()
        self.asked.set()


def run_daemon(main: Callable[[Stop], Awaitable[None]], drain: Seconds, *, heeds_hangup: bool = False) -> int:
    """Run ``main`` until it returns and return the exit code: 0, or 1 when it failed or did not drain in time.

    ``heeds_hangup`` says that it does something about ``Stop.hangup``; other programs are ended by SIGHUP.  SIGABRT,
    with which systemd's watchdog ends a program that hangs, shows first where each thread is.
    """
    faulthandler.enable()
    return asyncio.run(_run(main, drain, heeds_hangup))


async def _run(main: Callable[[Stop], Awaitable[None]], drain: Seconds, heeds_hangup: bool) -> int:
    stop = Stop(drain)
    loop = asyncio.get_running_loop()
    deadline = asyncio.timeout(None)
    ended = False

    def on_signal(name: str) -> None:
        if not stop.asked.is_set():
            log.info("stop_asked", signal=name, drain_s=stop.drain)
            notify_systemd("STOPPING=1")
            stop.asked.set()
            if not ended:
                deadline.reschedule(loop.time() + stop.drain)
            return
        log.warning("stop_forced", signal=name)
        if ended or deadline.expired():
            os._exit(1)  # what was cancelled does not end, or a thread hangs
        deadline.reschedule(loop.time())

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, signal.Signals(number).name)
    if heeds_hangup:
        loop.add_signal_handler(signal.SIGHUP, stop.hangup.set)
    try:
        async with deadline:
            await main(stop)
    except TimeoutError:
        if not deadline.expired():
            raise  # one of main's own
        log.error("drain_failed", drain_s=stop.drain, next_step="raise 'drain_timeout'")  # noqa: TRY400
        return 1
    except BaseExceptionGroup as group:
        for error in _leaves(group):
            log.error("daemon_failed", error=repr(error), exc_info=error)  # noqa: TRY400
        return 1
    finally:
        ended = True
    return 0


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return leaves


def notify_systemd(state: str) -> None:
    """Send states, one a line (``READY=1``, ``STOPPING=1`` …), to systemd, if it asked for it (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(_NOTIFY_S)
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError as error:
        print(f"watchbook: systemd could not be told {state!r}: {error}", file=sys.stderr)  # noqa: T201


def notify_reloading() -> None:
    """Tell systemd that the configuration is read again; :func:`notify_ready` must follow, also when that failed."""
    notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def notify_ready() -> None:
    """Tell systemd that the program is up, or has ended a reload."""
    notify_systemd("READY=1")
