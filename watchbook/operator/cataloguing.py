"""The command ``catalogue``: what sources call their events, and which names came that no catalogue lists."""

from pathlib import Path
from typing import Final

import click
import msgspec

from watchbook.catalogue import load_catalogue
from watchbook.operator.asking import say
from watchbook.operator.cells import Row, visible
from watchbook.operator.connection import OperatorError, Parameters
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import decoded
from watchbook.operator.printing import JsonLines, TablePrinter

_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}
_PATH: Final = "/v1/catalogue"
_HEADS: Final = ("catalogue", "of", "groups", "names", "title")
_ENTRY_HEADS: Final = ("of", "group", "name", "action", "category", "outcome", "hidden", "description")
_SEEN_HEADS: Final = ("field", "value", "events", "meant")


class _List(msgspec.Struct):
    kind: str
    groups: int
    names: int


class _Outline(msgspec.Struct):
    name: str
    title: str
    lists: list[_List]


class _Entry(msgspec.Struct):
    kind: str
    group: str
    name: str
    hidden: bool
    action: str = ""
    category: str = ""
    outcome: str = ""
    description: str = ""


class _Named(msgspec.Struct):
    field: str
    value: str
    count: int
    catalogue: str = ""
    meant: str = ""


class _Seen(msgspec.Struct):
    unlisted: list[msgspec.Raw]
    aliases: list[msgspec.Raw]
    other: int


class _Answer(msgspec.Struct):
    catalogues: list[msgspec.Raw]
    entries: list[msgspec.Raw]
    seen: _Seen | None = None


@click.group(context_settings=_CONTEXT)
def catalogue() -> None:
    """Show what sources call their events, and what it means.

    \b
    watchbook catalogue list
    watchbook catalogue show harness-audit --type 'IDP_CATALOG_*'
    watchbook catalogue seen --since 30d
    watchbook catalogue check my-catalogue.yaml
    """


@catalogue.command("list", context_settings=_CONTEXT)
@common_options
def list_all(options: Options) -> None:
    """List the catalogues that the collector knows, its own and yours."""
    found = _answer(options, ()).catalogues
    (JsonLines() if options.json_lines else TablePrinter(_HEADS, _outline_row, utc=options.utc)).show(found)
    say(f"{len(found) or 'no'} catalogue{'' if len(found) == 1 else 's'}")


@catalogue.command(context_settings=_CONTEXT)
@click.argument("name")
@click.option("--group", "groups", multiple=True, help="Only this group; repeat it for more.")
@click.option("--type", "types", multiple=True, help="Only entries of this name, or that begin so: 'IDP_*'.")
@click.option("--hidden/--not-hidden", default=None, help="Only entries that are hidden, or that are not.")
@common_options
def show(options: Options, name: str, groups: tuple[str, ...], types: tuple[str, ...], hidden: bool | None) -> None:
    """Show the entries of the catalogue NAME."""
    asked = [("catalogue", name), *(("group", each) for each in groups), *(("type", each) for each in types)]
    if hidden is not None:
        asked.append(("hidden", "true" if hidden else "false"))
    found = _answer(options, asked).entries
    (JsonLines() if options.json_lines else TablePrinter(_ENTRY_HEADS, _entry_row, utc=options.utc)).show(found)
    say(f"{len(found) or 'no'} entr{'y' if len(found) == 1 else 'ies'}")


@catalogue.command(context_settings=_CONTEXT)
@click.option("--since", default="7d", show_default=True, help="Beginning of the range: 1h, 7d, an RFC 3339 time.")
@common_options
def seen(options: Options, since: str) -> None:
    """Show the names in stored events that no catalogue lists, and those it lists as another spelling."""
    found = _answer(options, [("seen", "true"), ("from", since)]).seen
    if found is None:
        raise OperatorError("the collector did not say what it has seen; is it of an older version?")
    names = [*found.aliases, *found.unlisted]
    (JsonLines() if options.json_lines else TablePrinter(_SEEN_HEADS, _seen_row, utc=options.utc)).show(names)
    beyond = f"; {found.other} events have names that were not compared" if found.other else ""
    say(f"{len(found.unlisted)} not listed, {len(found.aliases)} listed as another spelling{beyond}")


@catalogue.command(context_settings=_CONTEXT)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Check catalogue FILES of your own; a mistake names its line and column, and the exit code is 78."""
    for path in files:
        found = load_catalogue(path)
        counts = ", ".join(
            f"{len(list(listing.entries))} of {listing.kind} in {len(listing.groups)} groups" for listing in found.lists
        )
        click.echo(f"ok     {path}: the catalogue '{found.name}': {counts or 'nothing in it'}")


def _answer(options: Options, asked: Parameters) -> _Answer:
    found: _Answer = decoded(options.collector().get(_PATH, asked), _Answer)
    return found


def _outline_row(raw: bytes | msgspec.Raw, utc: bool) -> Row:  # noqa: ARG001 - there is no time in it
    found: _Outline = decoded(bytes(raw), _Outline)
    cells = (
        found.name,
        ", ".join(each.kind for each in found.lists),
        str(sum(each.groups for each in found.lists)),
        str(sum(each.names for each in found.lists)),
        found.title,
    )
    return Row(tuple(map(visible, cells)), None)


def _entry_row(raw: bytes | msgspec.Raw, utc: bool) -> Row:  # noqa: ARG001 - there is no time in it
    found: _Entry = decoded(bytes(raw), _Entry)
    said = (found.action, found.category, found.outcome, "hidden" if found.hidden else "", found.description)
    return Row(tuple(map(visible, (found.kind, found.group, found.name, *said))), found.outcome or None)


def _seen_row(raw: bytes | msgspec.Raw, utc: bool) -> Row:  # noqa: ARG001 - there is no time in it
    found: _Named = decoded(bytes(raw), _Named)
    meant = f"{found.meant} ({found.catalogue})" if found.meant else ""
    return Row(tuple(map(visible, (found.field, found.value, str(found.count), meant))), None)
