"""The commands ``search``, ``tail`` and ``alerts``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import click

from watchbook.operator.carets import pointed_out
from watchbook.operator.cells import shown_time, visible_lines
from watchbook.operator.connection import MistakeError, MisunderstoodError, OperatorError
from watchbook.operator.following import follow
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import EventPage, alert_pages, event_pages
from watchbook.operator.printing import alert_printer, event_printer

#: A query may begin with '-': what is no option is taken as a part of it. No short options, so that none can clash.
_QUERY: Final[dict[str, Any]] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@click.command(context_settings=_QUERY)
@click.argument("query", nargs=-1)
@click.option("--since", help="Beginning of the range: 1h, 7d, 2026-11-21, '2026-11-21 14:00' [default: 7d]")
@click.option("--until", help="End of the range, written the same way [default: none]")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most events to show.")
@click.option("--all", "everything", is_flag=True, help="Every event of the range.")
@common_options
def search(
    options: Options, query: tuple[str, ...], since: str | None, until: str | None, limit: int, everything: bool
) -> None:
    """Find events, newest first.

    \b
    watchbook search 'actor:alice outcome:failure' --since 1h
    watchbook search type:database action:update,delete -category:access
    watchbook search 'measures.rows:>1000 "connection timeout"' --json
    watchbook search ip:10.0.0.0/8 changed:plan --since 2026-11-21 --all
    """
    text = " ".join(query)
    times = [("from", since), ("to", until)]
    parameters = [(name, _moment(given, options.utc)) for name, given in times if given is not None]
    printer = event_printer(options)
    found = 0
    page: EventPage | None = None
    with _mistakes_pointed_out(text):
        for page in event_pages(options.collector(), [("q", text), *parameters], None if everything else limit):
            printer.show(page.events)
            found += len(page.events)
            if page.incomplete is not None and page.next_cursor is not None:
                _say(f"searched back to {shown_time(page.incomplete.searched_to, options.utc)}, going on …")
    assert page is not None
    _say(_summary(found, page, options.utc))
    if page.incomplete is not None and page.next_cursor is None:
        raise OperatorError(page.incomplete.message)


@click.command(context_settings=_QUERY)
@click.argument("query", nargs=-1)
@click.option(
    "--lines", type=click.IntRange(0, 1000), default=10, show_default=True, help="Older events to begin with."
)
@common_options
def tail(options: Options, query: tuple[str, ...], lines: int) -> None:
    """Show events as they arrive, until Ctrl-C.

    \b
    watchbook tail
    watchbook tail outcome:failure -category:access
    """
    text = " ".join(query)
    printer = event_printer(options)
    with _mistakes_pointed_out(text):
        for events in follow(options.collector(), [("q", text)], lines, time.sleep, _say):
            printer.show(events)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--status", help="Only alerts with this status, for example open.")
@click.option("--rule", help="Only alerts of the rule with this id.")
@click.option("--level", help="Only alerts of this severity.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most alerts to show.")
@common_options
def alerts(options: Options, status: str | None, rule: str | None, level: str | None, limit: int) -> None:
    """Show alerts, newest first.

    \b
    watchbook alerts
    watchbook alerts --status open --json
    """
    given = [("status", status), ("rule", rule), ("level", level)]
    printer = alert_printer(options)
    found = 0
    more: str | None = None
    parameters = [(name, value) for name, value in given if value is not None]
    for page in alert_pages(options.collector(), parameters, limit):
        printer.show(page.alerts)
        found += len(page.alerts)
        more = page.next_cursor
    _say(f"{found or 'no'} alert{'' if found == 1 else 's'}{'; there are more: raise --limit' if more else ''}")


@contextmanager
def _mistakes_pointed_out(query: str) -> Iterator[None]:
    try:
        yield
    except MisunderstoodError as error:
        shown = pointed_out(query, error.document)
        if shown is None:
            raise
        raise MistakeError(f"the query was not understood\n{shown}") from error


def _moment(text: str, utc: bool) -> str:
    """Return a time for the API: a time without a zone is local time, as people mean it (UTC with ``--utc``)."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC) if utc else moment.astimezone()
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return text


def _summary(found: int, page: EventPage, utc: bool) -> str:
    words = [f"{found or 'no'} event{'' if found == 1 else 's'}"]
    if page.range is not None:
        begin = shown_time(page.range.time_from, utc)
        if page.range.default:
            words.append(f" since {begin} (the default range; --since 30d looks further back)")
        else:
            end = "" if page.range.time_to is None else f" until {shown_time(page.range.time_to, utc)}"
            words.append(f" since {begin}{end}")
    if page.next_cursor is not None:
        words.append("; there are more: raise --limit, or --all")
    return "".join(words)


def _say(text: str) -> None:
    click.echo(visible_lines(text), err=True)
