"""The operator's words for holds and purges: ``watchbook collector hold`` and ``watchbook collector purge``.

They write what is wanted into ``retention.db``; a collector that runs does it at its next bell, one that does not when
it is started.
"""

import getpass
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from collector.lifecycle import reports
from collector.lifecycle.settings import HoldSettings, LifecycleSettings
from collector.lifecycle.state import RetentionState, StoredHold
from watchbook.clock import Clock, format_rfc3339, now_us
from watchbook.database import NewerDatabaseError
from watchbook.event import CATEGORIES

#: Given the path of the configuration: the settings, and the path of ``retention.db``.
Load = Callable[[Path], tuple[LifecycleSettings, Path]]
Decorator = Callable[[Any], Any]


def retention_commands(load: Load, config_option: Decorator, clock: Clock = now_us) -> list[click.Command]:
    """Return the commands; ``config_option`` adds the option that gives them ``path``."""
    return [_hold_commands(load, config_option, clock), _purge_command(load, config_option, clock)]


def _hold_commands(load: Load, config_option: Decorator, clock: Clock) -> click.Group:
    @click.group()
    def hold() -> None:
        """Set, lift and list legal holds; works while the collector runs."""

    @hold.command("set")
    @config_option
    @click.argument("name")
    @click.option("--org", help="Only events of this organization.")
    @click.option("--category", type=click.Choice(sorted(CATEGORIES)), help="Only events of this category.")
    @click.option("--reason", required=True, help="Why, for whoever reads the log later.")
    def set_hold(path: Path, name: str, org: str | None, category: str | None, reason: str) -> None:
        """Keep events from being deleted, whatever their age, until the hold NAME is lifted.

        Without --org and --category it keeps everything.
        """
        settings, state_path = load(path)
        now = clock()
        if any(each.name == name for each in settings.holds):
            raise click.ClickException(f"the configuration has a hold named {name!r}; choose another name")
        event = reports.hold_set(now, name, org, category, reason, getpass.getuser())
        with _state(state_path) as state:
            if not state.add_hold(StoredHold(name, org, category, reason, now), event):
                raise click.ClickException(f"there is a hold named {name!r}; lift it first, or choose another name")
        click.echo(f"The hold {name} stands from now on: {_scope(org, category)} is kept.")

    @hold.command("lift")
    @config_option
    @click.argument("name")
    def lift(path: Path, name: str) -> None:
        """End the hold NAME: what is past its time goes at the next bell."""
        settings, state_path = load(path)
        now = clock()
        if any(each.name == name for each in settings.holds):
            raise click.ClickException(f"the hold {name!r} stands in the configuration; take it out there and restart")
        with _state(state_path) as state:
            if not state.remove_hold(name, now, reports.hold_lifted(now, name, getpass.getuser())):
                raise click.ClickException(f"there is no hold named {name!r}; see: watchbook collector hold list")
        click.echo(f"The hold {name} is lifted.")

    @hold.command("list")
    @config_option
    def list_holds(path: Path) -> None:
        """List the holds that stand: name, what they keep, since when, why."""
        settings, state_path = load(path)
        with _state(state_path) as state:
            stored = state.holds()
        click.echo(f"{'name':<24} {'keeps':<32} {'since':<28} reason")
        for each in settings.holds:
            click.echo(_line(each, "the configuration", ""))
        for standing in stored:
            click.echo(_line(standing, format_rfc3339(standing.since), standing.reason))

    return hold


def _purge_command(load: Load, config_option: Decorator, clock: Clock) -> click.Command:
    @click.command()
    @config_option
    @click.option("--org", required=True, help="The organization, as events name it.")
    @click.option("--reason", required=True, help="Why, for whoever reads the log later.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def purge(path: Path, org: str, reason: str, *, yes: bool) -> None:
        """Delete every event of an organization that came until now, whatever its age; it cannot be undone.

        Holds go before. One event stays that tells of it.
        """
        settings, state_path = load(path)
        if not yes:
            click.confirm(f"Delete every event of the organization {org!r}, for ever?", abort=True)
        now = clock()
        with _state(state_path) as state:
            standing: list[HoldSettings | StoredHold] = [*settings.holds, *state.holds()]
            held = [each.name for each in standing if each.org in (None, org)]
            state.add_purge(org, reason, now, reports.purge_asked(now, org, reason, getpass.getuser()))
        click.echo(
            f"Everything of {org} up to {format_rfc3339(now)} is deleted from the collector's next look at it on;"
            " what lies in the newest segment when that is finished."
        )
        if held:
            click.echo(f"These holds may keep some of it: {', '.join(held)}.")

    return purge


def _line(hold: HoldSettings | StoredHold, since: str, reason: str) -> str:
    return f"{hold.name:<24} {_scope(hold.org, hold.category):<32} {since:<28} {reason}".rstrip()


def _scope(org: str | None, category: str | None) -> str:
    parts = [f"{name} {value}" for name, value in (("org", org), ("category", category)) if value is not None]
    return ", ".join(parts) or "everything"


@contextmanager
def _state(path: Path) -> Iterator[RetentionState]:
    try:
        with closing(RetentionState(path)) as state:
            yield state
    except (OSError, sqlite3.Error, NewerDatabaseError) as error:
        raise click.ClickException(f"{path} cannot be used: {error}") from error
