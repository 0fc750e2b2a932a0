"""The words of ``watchbook agent spool``: what is unsent, what the collector refused, and whether the file is whole."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from agent.config import load_settings
from agent.spool import FolderInUseError, FolderUnusableError, Refused, SpoolInspector
from agent.spool.salvage import mark_given_up, set_aside
from agent.spool.spool import lock_folder
from watchbook.clock import SECOND_US, format_rfc3339, now_us
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.units import format_duration, format_size
from watchbook.wire import WireError


def spool_group(config_option: Callable[[Any], Any]) -> click.Group:
    """Return the group; ``config_option`` adds the option that gives its commands ``path``."""

    @click.group()
    def spool() -> None:
        """Look into the spool: what is unsent, and what the collector refused.

        All but 'set-aside' work while the agent runs, and change nothing.
        """

    for make in (_ls, _show, _export, _verify, _set_aside):
        spool.add_command(make(config_option))
    return spool


def _ls(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command("ls")
    @config_option
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a batch instead of a table.")
    def ls(path: Path, as_json: bool) -> None:
        """List the batches that the collector has not acknowledged, oldest first."""
        with _looking(path) as spool:
            unsent = spool.unsent()
            if as_json:
                for batch in unsent:
                    _write(batch._asdict() | {"created": format_rfc3339(batch.created)})
                return
            refused = sum(1 for _ in spool.refused())
            size = format_size(sum(batch.size for batch in unsent))
            age = f", the oldest {_age(unsent[0].created)} old" if unsent else ""
            click.echo(f"unsent    {sum(batch.n for batch in unsent)} events in {len(unsent)} batches, {size}{age}")
            click.echo(f"refused   {refused} events{' (watchbook agent spool show --refused)' if refused else ''}")
            click.echo(f"stream    {spool.stream()}")
            if unsent:
                click.echo(f"\n{'sequence':>10}  {'gathered':<27} {'events':>7} {'size':>9}")
            for batch in unsent:
                row = f"{batch.sequence:>10}  {format_rfc3339(batch.created):<27} {batch.n:>7}"
                click.echo(f"{row} {format_size(batch.size):>9}")

    return ls


def _show(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command("show")
    @config_option
    @click.argument("sequence", type=int, required=False)
    @click.option("--refused", "only_refused", is_flag=True, help="The events that the collector refused, and why.")
    def show(path: Path, sequence: int | None, only_refused: bool) -> None:
        """Show the events of the batch with this SEQUENCE (see 'ls'), or what was refused, one JSON object a line."""
        if (sequence is None) == (not only_refused):
            raise click.UsageError("give the sequence of a batch, or --refused")
        with _looking(path) as spool:
            if sequence is None:
                for refused in spool.refused():
                    _write(_document(refused))
                return
            try:
                for event in spool.events(sequence):
                    _write(event)
            except KeyError:
                raise click.ClickException(
                    f"no batch {sequence} is unsent; 'watchbook agent spool ls' lists those that are"
                ) from None

    return show


def _export(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command("export")
    @config_option
    @click.argument("file", type=click.File("wb"), default="-")
    @click.option("--refused", "only_refused", is_flag=True, help="The refused events instead, without the reasons.")
    def export(path: Path, file: Any, only_refused: bool) -> None:
        """Write all unsent events to FILE as NDJSON, as 'POST /v1/events' takes them; they stay in the spool.

        For the day on which a host goes and its collector does not come back: split the file into pieces of 4,000
        lines and post them to another collector.
        """
        with _looking(path) as spool:
            damaged: list[str] = []
            events = (refused.event for refused in spool.refused()) if only_refused else _readable(spool, damaged)
            written = 0
            for event in events:
                file.write(msgspec.json.encode(event) + b"\n")
                written += 1
        click.echo(f"{written} events written", err=True)
        if damaged:
            click.echo("\n".join(damaged), err=True)
            sys.exit(1)

    return export


def _verify(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command("verify")
    @config_option
    def verify(path: Path) -> None:
        """Check the file, every batch and every position in it; exits 1 when something is wrong."""
        with _looking(path) as spool:
            problems = spool.problems()
            unsent = spool.unsent()
        for problem in problems:
            click.echo(f"WRONG  {problem}")
        if problems:
            click.echo("first keep a copy of the file; 'watchbook agent spool export' writes what can still be read")
            sys.exit(1)
        click.echo(f"ok     {sum(batch.n for batch in unsent)} unsent events in {len(unsent)} batches, all readable")

    return verify


def _set_aside(config_option: Callable[[Any], Any]) -> click.Command:
    @click.command("set-aside")
    @config_option
    def set_aside_spool(path: Path) -> None:
        """Move a spool that is damaged beyond repair into a folder beside, so that the agent can begin anew.

        The agent must not run. What was unsent is not sent, and every log file is read as at the very first start: from
        its beginning, or from its end where the input says 'read_from: end'.
        """
        settings, _ = load_settings(path)
        try:
            lock = lock_folder(settings.state)
        except (FolderInUseError, FolderUnusableError) as error:
            _refuse(str(error))
        aside = set_aside(settings.state, now_us)
        mark_given_up(aside)
        os.close(lock)
        click.echo(f"the spool is in {aside} now; the next start of the agent begins a new one")

    return set_aside_spool


def _readable(spool: SpoolInspector, damaged: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the unsent events that can be read; say which batches cannot."""
    for batch in spool.unsent():
        try:
            yield from spool.events(batch.sequence)
        except WireError as error:
            damaged.append(f"left out: batch {batch.sequence} with {batch.n} events cannot be read: {error}")


@contextmanager
def _looking(path: Path) -> Iterator[SpoolInspector]:
    settings, _ = load_settings(path)
    try:
        with SpoolInspector(settings.state) as spool:
            yield spool
    except WireError as error:
        _refuse(f"a batch in {settings.state} cannot be read: {error}; see 'watchbook agent spool verify'")
    except (NewerDatabaseError, sqlite3.Error) as error:
        _refuse(f"the spool in {settings.state} cannot be read: {error}")


def _refuse(text: str) -> NoReturn:
    click.echo(f"watchbook agent: {text}", err=True)
    sys.exit(EX_DATA)


def _document(refused: Refused) -> dict[str, Any]:
    return {"refused": format_rfc3339(refused.created), "reason": refused.reason, "event": refused.event}


def _age(created: int) -> str:
    return format_duration(max(0, round((now_us() - created) / SECOND_US)))


def _write(document: dict[str, Any]) -> None:
    click.echo(msgspec.json.encode(document).decode())
