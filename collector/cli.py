"""The words of ``watchbook collector``."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from collector.access import ENROLMENT_PREFIX, SCOPES, TokenError, TokenStore, digest_of, new_token
from collector.agents import EnrolmentStore, TokenMaker, enrolment_commands
from collector.config import DEFAULT_PATH, CollectorSettings, load_settings
from collector.detect import RuleCache, RuleSet, load_rules, read_surroundings
from collector.lifecycle import LifecycleSettings
from collector.lifecycle.cli import retention_commands
from collector.segments_cli import segment_commands
from collector.state import COMPATIBILITY, open_state
from collector.store import FolderInUseError, KeyUnusableError
from watchbook.catalogue import Catalogues, load_catalogues
from watchbook.certificates import TlsFileError
from watchbook.clock import SECOND_US
from watchbook.configfile import EX_CONFIG
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.options import config_only_option, config_option
from watchbook.shipped import shipped_folder

_config_option = config_option("collector", DEFAULT_PATH)


@click.group()
def collector() -> None:
    """Run and look after the collector."""


@collector.command()
@_config_option
def run(path: Path) -> None:
    """Receive, store and answer until SIGTERM."""
    from collector.app import FolderUnusableError, run_collector
    from watchbook.daemon import run_daemon
    from watchbook.logs import configure_logs

    settings = load_settings(path)
    configure_logs(settings.log_level)
    cache = RuleCache(settings.rules_cache)
    rules, catalogues = _rules(settings, cache), _catalogues(settings)
    with _refusing(settings):
        try:
            code = run_daemon(
                lambda stop: run_collector(
                    settings, rules, catalogues, stop, load_rules=lambda: _rules(load_settings(path), cache)
                ),
                settings.drain_timeout,
                heeds_hangup=True,
            )
        except FolderUnusableError as error:
            click.echo(f"watchbook collector: {error}", err=True)
            code = EX_DATA
        except TlsFileError as error:
            click.echo(f"watchbook collector: {error}", err=True)
            code = EX_CONFIG
    sys.exit(code)


@collector.command()
@_config_option
@config_only_option()
def check(path: Path, config_only: bool) -> None:
    """Check the configuration, the rules, the catalogues, the folder and the address.

    Exits with 78 when the configuration, a rule or a catalogue is wrong, with 1 when anything else is.
    """
    from collector.check import check_host

    settings = load_settings(path)
    rules = _rules(settings)
    _catalogues(settings)
    findings = [] if config_only else list(check_host(settings, rules))
    click.echo(f"ok     {path}")
    for finding in findings:
        click.echo(f"{'WRONG ' if finding.wrong else 'ok    '} {finding.text}")
    sys.exit(1 if any(finding.wrong for finding in findings) else 0)


@collector.group()
def token() -> None:
    """Make, list and revoke tokens; works while the collector runs."""


@token.command()
@_config_option
@click.option("--name", required=True, help="Whose token it is, for instance the agent's host.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(sorted(SCOPES)),
    multiple=True,
    required=True,
    help="What it may do: ingest (agents), read (operators), respond (read, and act on alerts), admin. "
    "Can be given several times.",
)
def create(path: Path, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token and print it: the only time that it can be read."""
    settings = load_settings(path)
    with _tokens(settings) as tokens:
        try:
            click.echo(tokens.create(name, scopes))
        except TokenError as error:
            raise click.ClickException(str(error)) from error


@token.command("list")
@_config_option
def list_tokens(path: Path) -> None:
    """List the tokens: name, scopes, when made, last used, revoked."""
    settings = load_settings(path)
    with _tokens(settings) as tokens:
        click.echo(f"{'name':<24} {'scopes':<18} {'made':<20} {'last used':<20} revoked")
        for each in tokens.tokens():
            times = " ".join(f"{_day(time):<20}" for time in (each.created, each.last_used))
            click.echo(f"{each.name:<24} {' '.join(each.scopes):<18} {times} {_day(each.revoked)}".rstrip())


@token.command()
@_config_option
@click.argument("name")
def revoke(path: Path, name: str) -> None:
    """End the token NAME: the collector refuses it within a second."""
    settings = load_settings(path)
    with _tokens(settings) as tokens:
        try:
            if not tokens.revoke(name):
                raise click.ClickException(f"there is no valid token named {name!r}")
        except TokenError as error:
            raise click.ClickException(str(error)) from error


def _retention(path: Path) -> tuple[LifecycleSettings, Path]:
    settings = load_settings(path)
    return settings.retention, settings.retention_db


@contextmanager
def _enrolments(path: Path) -> Iterator[EnrolmentStore]:
    settings = load_settings(path)
    with _refusing(settings):
        open_state(settings.state_db).close()
        maker = TokenMaker(lambda: new_token(ENROLMENT_PREFIX), digest_of)
        yield EnrolmentStore(settings.state_db, COMPATIBILITY, maker)


collector.add_command(enrolment_commands(_enrolments, _config_option))

for _command in (*retention_commands(_retention, _config_option), *segment_commands(_config_option)):
    collector.add_command(_command)


def _rules(settings: CollectorSettings, cache: RuleCache | None = None) -> RuleSet:
    detect = settings.detect
    surroundings = read_surroundings(detect.profiles, detect.aliases, detect.lists)
    return load_rules(settings.rule_paths, surroundings, cache)


def _catalogues(settings: CollectorSettings) -> Catalogues:
    own = [] if settings.catalogues is None else [settings.catalogues]
    return Catalogues(load_catalogues([shipped_folder("config") / "catalogues", *own]))


@contextmanager
def _tokens(settings: CollectorSettings) -> Iterator[TokenStore]:
    with _refusing(settings):
        open_state(settings.state_db).close()
        tokens = TokenStore(settings.state_db, COMPATIBILITY)
        try:
            yield tokens
        finally:
            tokens.close()


@contextmanager
def _refusing(settings: CollectorSettings) -> Iterator[None]:
    """End with a clear word when the data folder cannot be used."""
    try:
        yield
    except (NewerDatabaseError, FolderInUseError, KeyUnusableError) as error:
        click.echo(f"watchbook collector: {error}", err=True)
        sys.exit(EX_DATA)
    except (OSError, sqlite3.Error) as error:
        click.echo(f"watchbook collector: {settings.data} or {settings.listen} cannot be used: {error}", err=True)
        sys.exit(EX_DATA)


def _day(time_us: int | None) -> str:
    if time_us is None:
        return "-"
    return datetime.fromtimestamp(time_us / SECOND_US, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
