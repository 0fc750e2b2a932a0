"""Log set-up for both programs, and the names that log keys have.

Lines go to standard error: JSON, or coloured text on a terminal.  Event names are ``noun_verbed``.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any, Final

# structlog takes rich along where it is installed, as by the collector's extra: 4 MB of which nothing is used here.
if "rich" in sys.modules:
    import structlog
else:
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]

from watchbook.clock import SECOND_US, Clock, now_us

Logger = structlog.typing.FilteringBoundLogger

#: How often a failure that goes on is said again.
REPEAT_EVERY_S = 30

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_level = _LEVELS["info"]
_hide: Callable[[Any], Any] | None = None


def configure_logs(level: str = "info") -> None:
    """Set structlog up for this process; ``level`` is debug, info, warning or error."""
    set_log_level(level)
    terminal = sys.stderr.isatty()
    # Without the local variables of each frame: tokens and lines of logs are among them.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = console if terminal else structlog.processors.JSONRenderer()
    # aiohttp says every malformed request with a traceback there: a port scan would fill the log.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            _drop_below_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [_TRACEBACKS]),
            _without_secrets,
            renderer,
        ],
        # Loggers are made once, so what they leave out is decided for each line: the level may change.
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def set_log_level(level: str) -> None:
    """Show from now on what is at least as important as ``level``: debug, info, warning or error."""
    global _level
    _level = _LEVELS[level]


def set_log_redaction(hide: Callable[[Any], Any] | None) -> None:
    """Show from now on what ``hide`` makes of the keys and values of each line; None leaves them as they are."""
    global _hide
    _hide = hide


def get_logger(room: str) -> Logger:
    """Return the logger of a room."""
    return structlog.get_logger(room=room)  # type: ignore[no-any-return]


def _drop_below_level(_: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _LEVELS.get(method, 40) < _level:  # "exception" is an error
        raise structlog.DropEvent
    return event


def _without_secrets(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event if _hide is None else dict(_hide(event))


_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


class RepeatedFailure:
    """Says a failure that repeats once in 30 s with how often it came, and once when it is over."""

    def __init__(self, say: Callable[..., Any], event: str, clock: Clock = now_us) -> None:
        self._say = say
        self._event = event
        self._clock = clock
        self._said_us: int | None = None
        self.consecutive_errors = 0
        self.last_error: str | None = None

    def failed(self, error: str, **keys: Any) -> None:
        """Note one more failure."""
        self.consecutive_errors += 1
        self.last_error = error
        now = self._clock()
        if self._said_us is None or now - self._said_us >= REPEAT_EVERY_S * SECOND_US:
            self._said_us = now
            self._say(f"{self._event}_failed", error=error, consecutive_errors=self.consecutive_errors, **keys)

    def succeeded(self, **keys: Any) -> None:
        """Note that it works (again)."""
        if self.consecutive_errors:
            self._say(f"{self._event}_recovered", after_errors=self.consecutive_errors, **keys)
        self.consecutive_errors = 0
        self.last_error = None
        self._said_us = None
