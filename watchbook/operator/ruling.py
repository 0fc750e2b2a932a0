"""The words of ``watchbook rules`` that ask the collector: list, show, enable, disable, reload."""

import json
import urllib.parse
from typing import Any, Final

import click
import msgspec

from watchbook.operator.asking import say
from watchbook.operator.cells import Row, visible, visible_lines
from watchbook.operator.connection import OperatorError, ProblemError
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import decoded
from watchbook.operator.printing import JsonLines, TablePrinter

_HEADS: Final = ("state", "level", "title", "matched", "alerts 24h", "us/event", "source", "name")
_STATES: Final = ("active", "disabled", "set_aside", "counted")
_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}
_JSON: Final = {"Content-Type": "application/json"}
_LABEL_CHARS: Final = 16


class _Cost(msgspec.Struct):
    us_per_event: float = 0.0


class _Rule(msgspec.Struct):
    """What a row shows of a rule."""

    id: str
    title: str
    level: str
    source: str
    state: str
    matched: int
    alerts_24h: int
    cost: _Cost
    shadow: bool = False
    name: str | None = None


class _Listed(msgspec.Struct):
    rules: list[msgspec.Raw]
    problems: list[str] = []


class _Reloaded(msgspec.Struct):
    rules: int
    added: int
    removed: int
    changed: int


@click.command("list", context_settings=_CONTEXT)
@click.option("--state", type=click.Choice(_STATES), help="Only rules in this state.")
@common_options
def list_rules(options: Options, state: str | None) -> None:
    """List the rules: what each found and costs.

    counted: it raises no alert of its own, a correlation counts it. set_aside: it took too much of a core.
    us/event: what it costs of the processor for each event that is stored.
    """
    parameters = [("state", state)] if state else []
    listed: _Listed = decoded(options.collector().get("/v1/rules", parameters), _Listed)
    printer = JsonLines() if options.json_lines else TablePrinter(_HEADS, _row, utc=options.utc)
    printer.show(listed.rules)
    for problem in listed.problems:
        say(visible(problem))
    say(f"{len(listed.rules) or 'no'} rule{'' if len(listed.rules) == 1 else 's'}")


@click.command(context_settings=_CONTEXT)
@click.argument("rule")
@click.option("--text", "only_text", is_flag=True, help="Only the file it stands in.")
@common_options
def show(options: Options, rule: str, only_text: bool) -> None:
    """Show all that is known of RULE, an id or a name: what it comes to, what it found, its file."""
    body = options.collector().get(_path(rule))
    if options.json_lines and not only_text:
        JsonLines().show([body])
        return
    document: dict[str, Any] = decoded(body, dict[str, Any])
    text = document.pop("text", None)
    if not only_text:
        for name, value in document.items():
            if value not in (None, [], {}):
                click.echo(f"{name:<{_LABEL_CHARS}} {visible(_words(value))}")
        click.echo()
    click.echo(visible_lines(text or "its file is gone").rstrip())


@click.command(context_settings=_CONTEXT)
@click.argument("rule")
@click.option("--reason", help="Why; it is kept in the log.")
@common_options
def enable(options: Options, rule: str, reason: str | None) -> None:
    """Switch RULE on, an id or a name; one that was set aside too. Needs the scope admin."""
    _switch(options, rule, "enable", reason)


@click.command(context_settings=_CONTEXT)
@click.argument("rule")
@click.option("--reason", help="Why; it is shown, and kept in the log.")
@common_options
def disable(options: Options, rule: str, reason: str | None) -> None:
    """Switch RULE off, an id or a name; its open alerts are resolved. Needs the scope admin."""
    _switch(options, rule, "disable", reason)


@click.command(context_settings=_CONTEXT)
@click.argument("rule")
@click.argument("mode", type=click.Choice(("on", "off")))
@click.option("--reason", help="Why; it is kept in the log.")
@common_options
def shadow(options: Options, rule: str, mode: str, reason: str | None) -> None:
    """Try RULE out, an id or a name: its alerts are kept, and nobody is told of them. Needs the scope admin.

    What it has opened stays as it is: an alert that nobody was told of is not told later.

    \b
    watchbook rules shadow night_login on --reason 'a week on trial'
    watchbook alerts --shadow only --rule 5f3c…
    watchbook rules shadow night_login off
    """
    content = msgspec.json.encode({"shadow": mode == "on", **({"reason": reason} if reason else {})})
    body = options.collector().send("POST", f"{_path(rule)}/shadow", content, _JSON)
    if options.json_lines:
        JsonLines().show([body])
        return
    found: _Rule = decoded(body, _Rule)
    say(f"{visible(found.title)!r} is {'in' if found.shadow else 'out of'} shadow mode")


@click.command(context_settings=_CONTEXT)
@common_options
def reload(options: Options) -> None:
    """Let the collector read its rules again; when they are wrong nothing changes. Needs the scope admin."""
    try:
        body = options.collector().send("POST", "/v1/rules/reload", b"", {})
    except ProblemError as problem:
        told = [str(each.get("message")) for each in problem.document.get("errors") or ()]
        raise OperatorError("\n".join(["the rules are wrong, the ones before stay in force:", *told])) from problem
    if options.json_lines:
        JsonLines().show([body])
        return
    found: _Reloaded = decoded(body, _Reloaded)
    say(f"{found.rules} rules: {found.added} added, {found.changed} changed, {found.removed} removed")


def _switch(options: Options, rule: str, word: str, reason: str | None) -> None:
    content = msgspec.json.encode({"reason": reason} if reason else {})
    body = options.collector().send("POST", f"{_path(rule)}/{word}", content, _JSON)
    if options.json_lines:
        JsonLines().show([body])
        return
    found: _Rule = decoded(body, _Rule)
    say(f"{word}d {visible(found.title)!r}")


def _path(rule: str) -> str:
    return f"/v1/rules/{urllib.parse.quote(rule, safe='')}"


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _row(raw: bytes | msgspec.Raw, _: bool) -> Row:
    found: _Rule = decoded(bytes(raw), _Rule)
    state = f"{found.state}, shadow" if found.shadow else found.state
    cells = (
        state, found.level, found.title, f"{found.matched:,}", f"{found.alerts_24h:,}",
        f"{found.cost.us_per_event:.2f}", found.source, found.name or found.id,
    )  # fmt: skip
    return Row(tuple(map(visible, cells)), "revoked" if found.state == "disabled" else found.level)
