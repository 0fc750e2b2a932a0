"""What words that ask about events take: a query, a range, a saved filter, classes to leave out."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from watchbook.operator.carets import pointed_out
from watchbook.operator.cells import shown_time, visible_lines
from watchbook.operator.connection import Collector, MistakeError, MisunderstoodError, Parameters
from watchbook.operator.options import Options
from watchbook.operator.paging import Range
from watchbook.operator.saved import find_filter

#: A query may begin with '-': what is no option is taken as a part of it. No short options, so that none can clash.
QUERY: Final[dict[str, Any]] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@dataclass(frozen=True)
class Asked:
    """Which events are meant: the query's text as it is sent, and all parameters (with the query's)."""

    text: str
    parameters: Parameters

    @contextmanager
    def pointing_out_mistakes(self) -> Iterator[None]:
        """Show where in the query a mistake stands that the collector found."""
        try:
            yield
        except MisunderstoodError as error:
            shown = pointed_out(self.text, error.document)
            if shown is None:
                raise
            raise MistakeError(f"the query was not understood\n{shown}") from error


@dataclass(frozen=True)
class Selection:
    """What was typed; ``since`` and ``until`` None: nothing."""

    query: tuple[str, ...]
    filter_name: str | None
    exclude: tuple[str, ...]
    since: str | None = None
    until: str | None = None

    def asked(self, collector: Collector, *, utc: bool) -> Asked:
        """Return it as parameters, with those of the saved filter; raises OperatorError when there is none."""
        saved = {} if self.filter_name is None else find_filter(collector, self.filter_name).parameters()
        text = _both(saved.pop("q", [""])[0], " ".join(self.query))
        typed = {name: [typed_moment(value, utc)] for name, value in self._times() if value is not None}
        # A range that is typed replaces the saved one as a whole: half of each would mean neither.
        kept = {name: values for name, values in saved.items() if not (typed and name in ("from", "to"))}
        excluded = list(dict.fromkeys([*kept.pop("exclude", []), *self.exclude]))
        parameters = {"q": [text], **kept, **typed, "exclude": excluded}
        return Asked(text, [(name, value) for name, values in parameters.items() for value in values])

    def _times(self) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
        return ("from", self.since), ("to", self.until)


def selection_options(command: CommandT) -> CommandT:
    """Add the query, ``--filter`` and ``--exclude``; the command gets them as one :class:`Selection`."""
    return _with_options(command, _SELECTING)


def ranged_options(command: CommandT) -> CommandT:
    """Add what :func:`selection_options` adds, ``--since`` and ``--until``."""
    return _with_options(command, (*_SELECTING, *_RANGING))


def range_words(found: Range, utc: bool) -> str:
    """Return the words that say which range an answer covers."""
    begin = shown_time(found.time_from, utc)
    if found.default:
        return f" since {begin} (the default range; --since 30d looks further back)"
    return f" since {begin}{'' if found.time_to is None else f' until {shown_time(found.time_to, utc)}'}"


def say(text: str) -> None:
    """Write something about the result to standard error."""
    click.echo(visible_lines(text), err=True)


def _with_options(command: CommandT, options: tuple[Callable[[Any], Any], ...]) -> CommandT:
    @functools.wraps(command)
    def selecting(
        chosen: Options,
        *,
        query: tuple[str, ...],
        filter_name: str | None,
        exclude: tuple[str, ...],
        since: str | None = None,
        until: str | None = None,
        **others: Any,
    ) -> Any:
        return command(chosen, Selection(query, filter_name, exclude, since, until), **others)

    decorated: Any = selecting
    for option in reversed(options):
        decorated = option(decorated)
    result: CommandT = decorated
    return result


def _both(saved: str, typed: str) -> str:
    if saved.strip() and typed.strip():
        return f"({saved}) ({typed})"
    return saved if saved.strip() else typed


def typed_moment(text: str, utc: bool) -> str:
    """Return a time for the API: a time without a zone is local time, as people mean it (UTC with ``--utc``)."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC) if utc else moment.astimezone()
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return text


_SELECTING: Final = (
    click.argument("query", nargs=-1),
    click.option("--filter", "filter_name", metavar="NAME", help="A saved filter; the query narrows it down."),
    click.option("--exclude", multiple=True, type=click.Choice(["login", "system", "hidden"]),
                 help="Leave out logins, what the system itself did, or what catalogues call hidden."),
)  # fmt: skip
_RANGING: Final = (
    click.option("--since", help="Beginning of the range: 1h, 7d, 2026-11-21, '2026-11-21 14:00' [default: 7d]"),
    click.option("--until", help="End of the range, written the same way [default: none]"),
)
