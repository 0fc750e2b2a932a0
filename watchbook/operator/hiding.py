"""The commands ``silence``, ``except`` and ``exceptions``: keep alerts quiet, and take events out of rules."""

import re
import urllib.parse
from collections.abc import Sequence
from typing import Any, Final

import click
import msgspec

from watchbook.operator.alerting import CONTEXT, JSON, alert_path, body_of
from watchbook.operator.asking import say
from watchbook.operator.cells import Row, shown_time, visible
from watchbook.operator.connection import Collector
from watchbook.operator.groups import ListByDefault
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import decoded
from watchbook.operator.printing import JsonLines, TablePrinter, alert_printer

_STATES: Final = ("waiting", "active", "over", "ended")
_SILENCE_HEADS: Final = ("state", "matchers", "ends", "hides", "author", "reason", "id")
_EXCEPTION_HEADS: Final = ("state", "rule", "fields", "until", "events", "author", "reason", "id")
_MATCHER: Final = re.compile(r"([^=!<>]+)(!=|<=|>=|=)(.*)", re.DOTALL)
_state_option = click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")


@click.group(cls=ListByDefault, context_settings=CONTEXT)
def silence() -> None:
    """Hide alerts for a time; they are stored and shown all the same. Without a word it lists the silences.

    \b
    watchbook silence preview rule='Failure spike by one actor' actor.id=backup
    watchbook silence add actor.id=backup 'level<=medium' --for 2h --reason "restore test"
    watchbook silence end 5a0b7c11d2e3

    A matcher is NAME=VALUE or NAME!=VALUE; NAME is rule, level, tag or a field that alerts are grouped by, * stands for
    anything, level also takes <= and >=. All matchers must match.
    """


@silence.command("list", context_settings=CONTEXT)
@_state_option
@common_options
def list_silences(options: Options, state: str | None) -> None:
    """List the silences, the latest to end first; hides: how many alerts each hides now."""
    found: _Silences = decoded(options.collector().get("/v1/silences", _state(state)), _Silences)
    printer = JsonLines() if options.json_lines else TablePrinter(_SILENCE_HEADS, _silence_row, utc=options.utc)
    printer.show(found.silences)
    say(_counted(len(found.silences), "silence"))


@silence.command(context_settings=CONTEXT)
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--for", "lasting", metavar="TIME", help="For how long from now: 2h, 3d.")
@click.option("--until", metavar="TIME", help="Until when: 2026-11-21T14:00:00Z.")
@click.option("--starts", metavar="TIME", help="From when on; by default now.")
@click.option("--reason", required=True, help="Why, for whoever looks for the alerts.")
@common_options
def add(
    options: Options,
    matchers: Sequence[str],
    lasting: str | None,
    until: str | None,
    starts: str | None,
    reason: str,
) -> None:
    """Hide the alerts that all MATCHERs match. Needs the scope respond."""
    if (lasting is None) == (until is None):
        raise click.UsageError("expected one of '--for' and '--until'")
    document = {"matchers": _matchers(matchers), "ends": lasting or until, "starts": starts, "reason": reason}
    answer = options.collector().send("POST", "/v1/silences", body_of(document), JSON)
    if options.json_lines:
        JsonLines().show([answer])
    made: dict[str, Any] = decoded(answer, dict[str, Any])
    hides = _counted(made["hides"], "alert")
    say(f"silence {made['id']} hides {hides} now, and ends {shown_time(made['ends'], options.utc)}")


@silence.command(context_settings=CONTEXT)
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True, help="How far to look back.")
@common_options
def preview(options: Options, matchers: Sequence[str], days: int) -> None:
    """Show which alerts a silence would hide now, and would have hidden; nothing is changed."""
    body = body_of({"matchers": _matchers(matchers), "days": days})
    answer = options.collector().send("POST", "/v1/silences/preview", body, JSON)
    if options.json_lines:
        JsonLines().show([answer])
        return
    found: _Preview = decoded(answer, _Preview)
    earlier = found.would_have_hidden
    alert_printer(options).show(earlier.alerts)
    say(f"it hides {_counted(found.hides_now.count, 'alert')} now")
    say(f"it would have hidden {earlier.count} of {_counted(earlier.of, 'alert')} of the last {earlier.days} days")
    for rule in earlier.rules:
        say(f"  {rule.count:>6}  {visible(rule.title)}")


@silence.command(context_settings=CONTEXT)
@click.argument("silence_id", metavar="ID")
@common_options
def end(options: Options, silence_id: str) -> None:
    """End the silence ID before its time. Needs the scope respond."""
    _end(options.collector(), options, f"/v1/silences/{urllib.parse.quote(silence_id, safe='')}", "silence")


@click.command("except", context_settings=CONTEXT)
@click.argument("alert_id", metavar="ALERT")
@click.option(
    "--field", "fields", multiple=True, required=True, metavar="NAME[=VALUE]",
    help="A field of the events that are meant; by default with the alert's own value. Repeatable: all must match.",
)  # fmt: skip
@click.option("--until", required=True, metavar="TIME", help="Until when: 30d (from now), 2026-11-21T14:00:00Z.")
@click.option("--reason", required=True, help="Why, for whoever reviews the exceptions.")
@common_options
def make_exception(options: Options, alert_id: str, fields: Sequence[str], until: str, reason: str) -> None:
    """Let events like those of ALERT count no more for its rule, until a time. Needs the scope respond.

    \b
    watchbook except 3f9c1a --field actor.id --until 30d --reason "the nightly backup"
    watchbook except 3f9c1a --field actor.id --field source.ip=10.0.0.7 --until 7d --reason "pentest"

    'watchbook exceptions' lists them with what each kept from counting.
    """
    document = {"fields": [_field(each) for each in fields], "until": until, "reason": reason}
    answer = options.collector().send("POST", alert_path(alert_id, "exceptions"), body_of(document), JSON)
    if options.json_lines:
        JsonLines().show([answer])
    made: dict[str, Any] = decoded(answer, dict[str, Any])
    until_words = shown_time(made["until"], options.utc)
    say(f"exception {made['id']}: events with {_fields(made)} do not count for {made['title']!r} until {until_words}")


@click.group(cls=ListByDefault, context_settings=CONTEXT)
def exceptions() -> None:
    """Show the exceptions of rules, and end them; without a word it lists them.

    'watchbook except' makes one from an alert.
    """


@exceptions.command("list", context_settings=CONTEXT)
@_state_option
@click.option("--rule", help="Only those of the rule with this id.")
@common_options
def list_exceptions(options: Options, state: str | None, rule: str | None) -> None:
    """List the exceptions, the newest first; events: how many matches each kept from counting."""
    parameters = [*_state(state), *([] if rule is None else [("rule", rule)])]
    found: _Exceptions = decoded(options.collector().get("/v1/exceptions", parameters), _Exceptions)
    printer = JsonLines() if options.json_lines else TablePrinter(_EXCEPTION_HEADS, _exception_row, utc=options.utc)
    printer.show(found.exceptions)
    say(_counted(len(found.exceptions), "exception"))


@exceptions.command("end", context_settings=CONTEXT)
@click.argument("exception_id", metavar="ID")
@common_options
def end_exception(options: Options, exception_id: str) -> None:
    """Take the exception ID out: from now on such events count again. Needs the scope respond."""
    _end(options.collector(), options, f"/v1/exceptions/{urllib.parse.quote(exception_id, safe='')}", "exception")


class _Silences(msgspec.Struct):
    silences: list[msgspec.Raw]


class _Exceptions(msgspec.Struct):
    exceptions: list[msgspec.Raw]


class _Rule(msgspec.Struct):
    title: str
    count: int


class _Now(msgspec.Struct):
    count: int


class _Earlier(msgspec.Struct):
    days: int
    count: int
    of: int
    rules: list[_Rule]
    alerts: list[msgspec.Raw]


class _Preview(msgspec.Struct):
    hides_now: _Now
    would_have_hidden: _Earlier


def _end(collector: Collector, options: Options, path: str, what: str) -> None:
    answer = collector.send("DELETE", path, None)
    if options.json_lines:
        JsonLines().show([answer])
    ended: dict[str, Any] = decoded(answer, dict[str, Any])
    say(f"ended the {what} {ended['id']}")


def _state(state: str | None) -> list[tuple[str, str]]:
    return [] if state is None else [("state", state)]


def _matchers(given: Sequence[str]) -> list[dict[str, str]]:
    matchers = []
    for text in given:
        match = _MATCHER.fullmatch(text)
        if match is None:
            raise click.UsageError(f"expected NAME=VALUE or NAME!=VALUE, such as actor.id=backup, found {text!r}")
        matchers.append({"name": match[1].strip(), "operator": match[2], "value": match[3].strip()})
    return matchers


def _field(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    return {"name": name.strip()} | ({"value": value} if equals else {})


def _fields(document: dict[str, Any]) -> str:
    pairs = [(each["name"], each["value"]) for each in document["fields"]]
    return " ".join(f"{name}={'none' if value is None else value}" for name, value in pairs)


def _silence_row(raw: bytes | msgspec.Raw, utc: bool) -> Row:
    found: dict[str, Any] = decoded(bytes(raw), dict[str, Any])
    matchers = " ".join(f"{each['name']}{each['operator']}{each['value']}" for each in found["matchers"])
    cells = (found["state"], matchers, shown_time(found["ends"], utc), str(found["hides"]), found["author"],
             found["reason"], found["id"])  # fmt: skip
    return Row(tuple(map(visible, cells)), _tone(found["state"]))


def _exception_row(raw: bytes | msgspec.Raw, utc: bool) -> Row:
    found: dict[str, Any] = decoded(bytes(raw), dict[str, Any])
    cells = (found["state"], found["title"], _fields(found), shown_time(found["until"], utc), str(found["events"]),
             found["author"], found["reason"], found["id"])  # fmt: skip
    return Row(tuple(map(visible, cells)), _tone(found["state"]))


def _tone(state: str) -> str | None:
    return None if state in ("active", "waiting") else "revoked"


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
