"""What every operator's word takes, and how it ends."""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from watchbook.operator.connection import Collector, MistakeError

DEFAULT_URL: Final = "http://127.0.0.1:8420"
EXIT_INTERRUPTED: Final = 130

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """Where to ask, with which token, and how to print."""

    url: str
    token: str | None
    json_lines: bool
    utc: bool

    def collector(self) -> Collector:
        """Return the collector to ask."""
        return Collector(self.url, self.token)


def common_options(command: CommandT) -> CommandT:
    """Add the options of every word; the command gets them as one :class:`Options` first."""

    @functools.wraps(command)
    def with_options(
        *, url: str, token: str | None, token_file: Path | None, output: str | None, utc: bool, **others: Any
    ) -> Any:
        json_lines = output == "json" if output else not sys.stdout.isatty()
        return _ending_quietly(command, Options(url, _token(token, token_file), json_lines, utc), others)

    decorated: Any = with_options
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    result: CommandT = decorated
    return result


def _token(token: str | None, token_file: Path | None) -> str | None:
    if token is None and token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MistakeError(f"'--token-file': {token_file} cannot be read: {error}") from error
    stripped = (token or os.environ.get("WATCHBOOK_TOKEN") or "").strip()
    return stripped or None


def _ending_quietly(command: Callable[..., Any], options: Options, others: dict[str, Any]) -> Any:
    try:
        return command(options, **others)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader has what it wanted (| head). What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


_OPTIONS: Final = (
    click.option("--url", envvar="WATCHBOOK_URL", show_envvar=True, default=DEFAULT_URL, show_default=True,
                 help="Where the collector is."),
    click.option("--token", help="A token with the scope 'read', unless the word asks for another; others on this "
                 "host can see what you type here. [env var: WATCHBOOK_TOKEN]"),
    click.option("--token-file", type=click.Path(path_type=Path), envvar="WATCHBOOK_TOKEN_FILE", show_envvar=True,
                 help="A file that holds the token."),
    click.option("--json", "output", flag_value="json", help="One JSON object a line; so by itself in a pipe."),
    click.option("--table", "output", flag_value="table", help="A table; so by itself on a terminal."),
    click.option("--utc", is_flag=True, help="Times in UTC instead of local time."),
)  # fmt: skip
