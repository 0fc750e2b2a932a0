"""The commands ``alerts``, ``ack``, ``resolve``, ``reopen`` and ``dispose``: what the rules found, and what to do."""

import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
import msgspec

from watchbook.operator.asking import say
from watchbook.operator.cells import Row, shown_time, visible
from watchbook.operator.connection import Collector, ProblemError
from watchbook.operator.groups import ListByDefault
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import alert_pages, decoded
from watchbook.operator.printing import JsonLines, TablePrinter, alert_printer, event_printer

CONTEXT: Final = {"help_option_names": ["-h", "--help"]}
JSON: Final = {"Content-Type": "application/json"}
DISPOSITIONS: Final = ("true_positive", "false_positive", "benign")
_RATIO_HEADS: Final = ("rule", "alerts", "open", "true", "false", "benign", "ratio", "id")
_TIMES: Final = frozenset({"first", "last", "opened", "resolved"})
#: What ``show`` leaves to the lines below, or to the link.
_LONG: Final = frozenset({"event_ids", "history", "search", "summary", "title"})

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@click.group(cls=ListByDefault, context_settings=CONTEXT)
def alerts() -> None:
    """Show alerts, newest first; without a word it lists them.

    \b
    watchbook alerts --status open --level high --level critical
    watchbook alerts --group actor.id:alice --since 7d
    watchbook alerts show 3f9c1a
    watchbook alerts ratios

    An ID may be cut after six characters. What to do with one: 'watchbook ack', 'resolve', 'dispose',
    'silence' and 'except'.
    """


@alerts.command("list", context_settings=CONTEXT)
@click.option("--status", multiple=True, help="Only alerts with this status: open, acknowledged, resolved. Repeatable.")
@click.option("--rule", help="Only alerts of the rule with this id.")
@click.option("--level", multiple=True, help="Only alerts of this severity. Repeatable.")
@click.option("--tag", help="Only alerts of rules with this tag.")
@click.option("--group", multiple=True, metavar="FIELD:VALUE", help="Only alerts with this value of a field.")
@click.option("--silenced/--not-silenced", default=None, help="Only alerts that a silence hides, or only others.")
@click.option("--inhibited/--not-inhibited", default=None, help="Only alerts that another keeps quiet, or only others.")
@click.option("--disposition", help="Only alerts that turned out so: true_positive, false_positive, benign, none.")
@click.option("--since", help="Only alerts that opened since then: 7d, 2026-11-21T14:00:00Z.")
@click.option("--until", help="Only alerts that opened before.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most alerts to show.")
@common_options
def list_all(options: Options, since: str | None, until: str | None, limit: int, **filters: Any) -> None:
    """List alerts, newest first."""
    parameters = [("from", since), ("to", until), *((name, value) for name, value in filters.items())]
    printer = alert_printer(options)
    found = 0
    more: str | None = None
    for page in alert_pages(options.collector(), _parameters(parameters), limit):
        printer.show(page.alerts)
        found += len(page.alerts)
        more = page.next_cursor
    say(f"{found or 'no'} alert{'' if found == 1 else 's'}{'; there are more: raise --limit' if more else ''}")


@alerts.command(context_settings=CONTEXT)
@click.argument("alert_id", metavar="ID")
@click.option(
    "--events", type=click.IntRange(0, 1000), default=20, show_default=True, help="Most of its events to show."
)
@common_options
def show(options: Options, alert_id: str, events: int) -> None:
    """Show all that is known of an alert: what it is about, what happened to it, its very events.

    With --json it is the alert alone; 'event_ids' names its events.
    """
    collector = options.collector()
    body = collector.get(alert_path(alert_id))
    if options.json_lines:
        JsonLines().show([body])
        return
    document: dict[str, Any] = decoded(body, dict[str, Any])
    click.echo(visible(document.get("summary", "")))
    for name, value in _lines(document, options.utc):
        click.echo(f"  {name:<16} {visible(value)}")
    for each in document.get("history", ()):
        words = " ".join(filter(None, (each["kind"], f"by {each['by']}" if "by" in each else "", each.get("note"))))
        click.echo(f"  {shown_time(each['time'], options.utc)}  {visible(words)}")
    ids = document.get("event_ids", [])[:events]
    found = [event for event in (_event(collector, each) for each in ids) if event is not None]
    event_printer(options).show(found)
    gone = len(ids) - len(found)
    say(f"{len(found)} of {document['count']} events{f'; {gone} can no longer be read' if gone else ''}")
    say(f"all of them: watchbook search '{visible(document.get('query', ''))}' --since {document['search']['from']}")


@alerts.command(context_settings=CONTEXT)
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Of how many days.")
@common_options
def ratios(options: Options, days: int) -> None:
    """Show how often each rule was right: what its alerts turned out to be."""
    answer: _Ratios = decoded(options.collector().get("/v1/alerts/ratios", [("days", str(days))]), _Ratios)
    printer = JsonLines() if options.json_lines else TablePrinter(_RATIO_HEADS, _ratio_row, utc=options.utc)
    printer.show(answer.rules)
    say(f"{len(answer.rules) or 'no'} rule{'' if len(answer.rules) == 1 else 's'} with alerts in {days} days")


def _acting(command: CommandT) -> CommandT:
    decorated: Any = common_options(command)
    note = click.option("--note", help="What you found, for whoever reads it later.")
    decorated = note(decorated)
    result: CommandT = click.argument("alert_ids", metavar="ID...", nargs=-1, required=True)(decorated)
    return result


@click.command(context_settings=CONTEXT)
@_acting
def ack(options: Options, alert_ids: Sequence[str], note: str | None) -> None:
    """Say that you look after alerts; repeats of them are yours. Needs the scope respond."""
    _act(options, alert_ids, "acknowledge", {"note": note}, "acknowledged")


@click.command(context_settings=CONTEXT)
@_acting
def resolve(options: Options, alert_ids: Sequence[str], note: str | None) -> None:
    """Resolve alerts by hand; new matches open them again. Needs the scope respond."""
    _act(options, alert_ids, "resolve", {"note": note}, "resolved")


@click.command(context_settings=CONTEXT)
@_acting
def reopen(options: Options, alert_ids: Sequence[str], note: str | None) -> None:
    """Open alerts again that were resolved or acknowledged. Needs the scope respond."""
    _act(options, alert_ids, "reopen", {"note": note}, "reopened")


@click.command(context_settings=CONTEXT)
@click.argument("disposition", type=click.Choice(DISPOSITIONS))
@_acting
def dispose(options: Options, disposition: str, alert_ids: Sequence[str], note: str | None) -> None:
    """Say what alerts turned out to be, for the ratio of their rules. Needs the scope respond.

    \b
    watchbook dispose false_positive 3f9c1a --note "the nightly backup"
    """
    _act(options, alert_ids, "disposition", {"disposition": disposition, "note": note}, disposition.replace("_", " "))


def alert_path(alert_id: str, act: str = "") -> str:
    """Return the path of an alert, or of something that is done with it."""
    return f"/v1/alerts/{urllib.parse.quote(alert_id, safe='')}{f'/{act}' if act else ''}"


def body_of(document: dict[str, Any]) -> bytes:
    """Return the JSON of a request, without what is not given."""
    return msgspec.json.encode({name: value for name, value in document.items() if value is not None})


def _act(options: Options, alert_ids: Sequence[str], path: str, document: dict[str, Any], word: str) -> None:
    collector = options.collector()
    for alert_id in alert_ids:
        answer = collector.send("POST", alert_path(alert_id, path), body_of(document), JSON)
        if options.json_lines:
            JsonLines().show([answer])
        found: dict[str, Any] = decoded(answer, dict[str, Any])
        say(f"{word}: {found['id']} {visible(found.get('summary', ''))}")


def _parameters(given: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    parameters: list[tuple[str, str]] = []
    for name, value in given:
        if isinstance(value, tuple):
            parameters += [(name, each) for each in value]
        elif isinstance(value, bool):
            parameters.append((name, "true" if value else "false"))
        elif value is not None:
            parameters.append((name, value))
    return parameters


def _event(collector: Collector, event_id: str) -> bytes | None:
    try:
        return collector.get(f"/v1/events/{urllib.parse.quote(event_id, safe='')}")
    except ProblemError as error:
        if error.document.get("status") == 404:
            return None
        raise


def _lines(document: dict[str, Any], utc: bool) -> list[tuple[str, str]]:
    """Return what is known of an alert, one line each."""
    lines: list[tuple[str, str]] = []
    for name, value in document.items():
        if name in _LONG:
            continue
        if isinstance(value, dict) and "time" in value:
            words = [str(value.get("value", "")).replace("_", " "), f"by {value['by']}", shown_time(value["time"], utc)]
            lines.append((name, " ".join(filter(None, [*words, value.get("note")]))))
        elif isinstance(value, dict):
            lines += [(inner, "none" if each is None else str(each)) for inner, each in value.items()]
        elif isinstance(value, list):
            lines += [(name, str(each)) for each in value]
        elif name in _TIMES:
            lines.append((name, shown_time(str(value), utc)))
        else:
            texts = ["yes" if value else "no"] if isinstance(value, bool) else str(value).splitlines()
            lines += [(name if index == 0 else "", text) for index, text in enumerate(texts)]
    return [(name.replace("_", " "), value) for name, value in lines]


class _Ratios(msgspec.Struct):
    rules: list[msgspec.Raw]


def _ratio_row(rule: bytes | msgspec.Raw, utc: bool) -> Row:  # noqa: ARG001 - every row gets it
    found: dict[str, Any] = decoded(bytes(rule), dict[str, Any])
    ratio = f"{found['ratio']:.0%}" if "ratio" in found else ""
    counts = (found["alerts"], found["unresolved"], *(found[each] for each in DISPOSITIONS))
    return Row((visible(found["title"]), *map(str, counts), ratio, visible(found["rule_id"])), None)
