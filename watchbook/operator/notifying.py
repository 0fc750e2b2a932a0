"""The command ``notify``: channels, tests of them, and notifications that did not arrive."""

import urllib.parse
from typing import Any, Final

import click
import msgspec

from watchbook.operator.asking import say
from watchbook.operator.cells import Row, shown_time, visible
from watchbook.operator.connection import Collector, OperatorError
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import decoded
from watchbook.operator.printing import JsonLines, TablePrinter

_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}
_HEADS: Final = ("number", "state", "channel", "level", "made", "tries", "what", "why not")
_CHANNEL_HEADS: Final = ("channel", "kind", "state", "sent", "waiting", "dead", "held back", "last error")
_PAGE: Final = 1000


class _Notification(msgspec.Struct):
    number: int
    state: str
    channel: str
    level: str
    created: str
    attempts: int
    title: str = ""
    last_error: str = ""


class _Channel(msgspec.Struct):
    name: str
    kind: str
    state: str
    waiting: int
    dead: int
    sent: int = 0
    held_back: int = 0
    last_error: str = ""


class _Page(msgspec.Struct):
    notifications: list[msgspec.Raw]
    next_before: int | None = None


class _Channels(msgspec.Struct):
    channels: list[msgspec.Raw]


class _Outcome(msgspec.Struct):
    channel: str
    sent: bool
    took_ms: int
    answer: str = ""
    error: str = ""


@click.group(context_settings=_CONTEXT)
def notify() -> None:
    """Look after notifications: channels, tests of them, and what did not arrive.

    \b
    watchbook notify channels
    watchbook notify test on-call
    watchbook notify dead list
    watchbook notify dead retry 17

    Testing, retrying and dropping need the scope respond.
    """


@notify.command(context_settings=_CONTEXT)
@common_options
def channels(options: Options) -> None:
    """List the channels: how each is, and what it did since the collector's start."""
    found = decoded(options.collector().get("/v1/channels"), _Channels).channels
    printer = JsonLines() if options.json_lines else TablePrinter(_CHANNEL_HEADS, _channel_row, utc=options.utc)
    printer.show(found)
    say(f"{len(found) or 'no'} channel{'' if len(found) == 1 else 's'}")


@notify.command(context_settings=_CONTEXT)
@click.argument("channel")
@common_options
def test(options: Options, channel: str) -> None:
    """Send a test message through CHANNEL, now, and say what happened.

    It is marked as a test, and sent by the collector itself, with its settings and from its place in the network. Exits
    with 1 when it did not arrive.
    """
    path = f"/v1/channels/{urllib.parse.quote(channel, safe='')}/test"
    body = options.collector().send("POST", path, None)
    if options.json_lines:
        JsonLines().show([body])
    outcome: _Outcome = decoded(body, _Outcome)
    if not outcome.sent:
        raise OperatorError(f"{visible(channel)} did not take it after {outcome.took_ms} ms: {outcome.error}")
    say(f"sent through {visible(channel)} in {outcome.took_ms} ms: {visible(outcome.answer)}")


@notify.command("list", context_settings=_CONTEXT)
@click.option("--state", type=click.Choice(("waiting", "delivered", "dead", "dropped")), help="Only in this state.")
@click.option("--channel", help="Only those of this channel.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=50, show_default=True, help="Most to show.")
@common_options
def list_all(options: Options, state: str | None, channel: str | None, limit: int) -> None:
    """List notifications, newest first."""
    _list(options, state, channel, limit)


@notify.group(context_settings=_CONTEXT)
def dead() -> None:
    """Notifications that were given up: list them, try them again, drop them."""


@dead.command("list", context_settings=_CONTEXT)
@click.option("--channel", help="Only those of this channel.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=50, show_default=True, help="Most to show.")
@common_options
def list_dead(options: Options, channel: str | None, limit: int) -> None:
    """List what was given up, newest first, and why."""
    _list(options, "dead", channel, limit)


@dead.command(context_settings=_CONTEXT)
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--channel", help="With --all: only those of this channel.")
@common_options
def retry(options: Options, numbers: tuple[int, ...], everything: bool, channel: str | None) -> None:
    """Try the dead letters NUMBERS again, under the same idempotency keys."""
    _act(options, "retry", "to be tried again", numbers, everything, channel)


@dead.command(context_settings=_CONTEXT)
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--channel", help="With --all: only those of this channel.")
@common_options
def drop(options: Options, numbers: tuple[int, ...], everything: bool, channel: str | None) -> None:
    """Give up NUMBERS for good: nobody is told of them by this channel any more."""
    _act(options, "drop", "dropped", numbers, everything, channel)


def _list(options: Options, state: str | None, channel: str | None, limit: int) -> None:
    page = _page(options.collector(), state, channel, limit)
    printer = JsonLines() if options.json_lines else TablePrinter(_HEADS, _row, utc=options.utc)
    printer.show(page.notifications)
    count = len(page.notifications)
    more = "; there are more: raise --limit" if page.next_before is not None else ""
    say(f"{count or 'no'} notification{'' if count == 1 else 's'}{more}")


def _page(collector: Collector, state: str | None, channel: str | None, limit: int, before: int | None = None) -> _Page:
    given = {"state": state, "channel": channel, "limit": str(limit), "before": None if before is None else str(before)}
    body = collector.get("/v1/notifications", [(name, value) for name, value in given.items() if value is not None])
    page: _Page = decoded(body, _Page)
    return page


def _act(
    options: Options, act: str, done: str, numbers: tuple[int, ...], everything: bool, channel: str | None
) -> None:
    if bool(numbers) == everything:
        raise click.UsageError("give the NUMBERS of 'watchbook notify dead list', or --all")
    collector = options.collector()
    wanted = list(numbers) if numbers else _dead_numbers(collector, channel)
    for number in wanted:
        collector.send("POST", f"/v1/notifications/{number}/{act}", None)
    say(f"{len(wanted) or 'no'} notification{' is' if len(wanted) == 1 else 's are'} {done}")


def _dead_numbers(collector: Collector, channel: str | None) -> list[int]:
    numbers: list[int] = []
    before: int | None = None
    while True:
        page = _page(collector, "dead", channel, _PAGE, before)
        numbers += [_decoded(raw).number for raw in page.notifications]
        before = page.next_before
        if before is None:
            return numbers


def _decoded(raw: Any) -> _Notification:
    found: _Notification = decoded(bytes(raw), _Notification)
    return found


def _row(raw: bytes | msgspec.Raw, utc: bool) -> Row:
    found = _decoded(raw)
    cells = (
        str(found.number), found.state, found.channel, found.level, shown_time(found.created, utc), str(found.attempts),
        found.title, found.last_error,
    )  # fmt: skip
    return Row(tuple(map(visible, cells)), None)


def _channel_row(raw: bytes | msgspec.Raw, _: bool) -> Row:
    found: _Channel = decoded(bytes(raw), _Channel)
    cells = (
        found.name, found.kind, found.state, str(found.sent), str(found.waiting), str(found.dead), str(found.held_back),
        found.last_error,
    )  # fmt: skip
    return Row(tuple(map(visible, cells)), None)
