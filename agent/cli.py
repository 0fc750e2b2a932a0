"""The words of ``watchbook agent``."""

import sqlite3
import sys
from pathlib import Path
from typing import Any

import click

from agent.config import DEFAULT_PATH, load_settings
from agent.spool import FolderInUseError, FolderUnusableError
from agent.spool_cli import spool_group
from watchbook.clock import now_us
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.options import config_option
from watchbook.shipped import shipped_folder

_config_option = config_option("agent", DEFAULT_PATH)


@click.group()
def agent() -> None:
    """Run and look at the agent on this host."""


@agent.command()
@_config_option
def run(path: Path) -> None:
    """Follow the log files of the configuration and send their events to the collector, until SIGTERM."""
    from agent.app import run_agent
    from watchbook.daemon import run_daemon
    from watchbook.logs import configure_logs

    settings, profiles = load_settings(path)
    configure_logs(settings.log_level)
    try:
        code = run_daemon(lambda stop: run_agent(settings, profiles, stop), settings.drain_timeout)
    except (NewerDatabaseError, FolderInUseError, FolderUnusableError, sqlite3.Error) as error:
        click.echo(f"watchbook agent: the spool in {settings.state} cannot be used: {error}", err=True)
        sys.exit(EX_DATA)
    sys.exit(code)


@agent.command()
@_config_option
def check(path: Path) -> None:
    """Check the configuration, the files, the state folder and the collector.

    Exits with 78 when the configuration is wrong, with 1 when anything else is.
    """
    from agent.check import check_host

    settings, _ = load_settings(path)
    click.echo(f"ok     {path}")
    findings = list(check_host(settings))
    for finding in findings:
        click.echo(f"{'WRONG ' if finding.wrong else 'ok    '} {finding.text}")
    sys.exit(1 if any(finding.wrong for finding in findings) else 0)


@agent.command("try")
@click.argument("file", type=click.File("rb"))
@click.option("--profile", "name", help="Profile to use; without it the best of all is shown for each line.")
@click.option("--profiles", "folder", type=click.Path(path_type=Path, exists=True), help="Folder of your own profiles.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def try_file(file: Any, name: str | None, folder: Path | None, as_json: bool) -> None:
    """Show what becomes of the lines of FILE (- for standard input), line by line.

    For every line: the profile that matched and the event that came of it, or why it stayed unparsed.
    """
    from agent.parse import FORMATS
    from agent.profile import compile_profile, load_profiles
    from agent.redact import RedactSettings, make_redactor
    from agent.tryout import try_lines

    profiles = load_profiles(shipped_folder("config") / "profiles") | (load_profiles(folder) if folder else {})
    if name is not None and name not in profiles:
        raise click.UsageError(f"there is no profile {name!r}; known here: {', '.join(sorted(profiles))}")
    redactor = make_redactor(RedactSettings())
    named = [each for each in profiles.values() if name in (None, each.name)]
    chosen = [compile_profile(each, FORMATS, redactor, keep_raw=True) for each in named]
    lines = (line.removesuffix(b"\n").removesuffix(b"\r") for line in file)
    try_lines(lines, chosen, read_us=now_us(), write=click.echo, as_json=as_json)


@agent.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON.")
def status(path: Path, as_json: bool) -> None:
    """Show the agent's files, positions and backlog on one screen.

    Exits with 1 when something is wrong, so that it can be used for monitoring.
    """
    from agent.status import encode_report, read_status, render_status

    settings, _ = load_settings(path)
    try:
        report = read_status(settings.state, now_us())
    except (NewerDatabaseError, sqlite3.Error) as error:
        click.echo(f"watchbook agent: the spool in {settings.state} cannot be read: {error}", err=True)
        sys.exit(EX_DATA)
    if as_json:
        click.echo(encode_report(report))
    else:
        render_status(report, click.echo)
    sys.exit(1 if report["problems"] else 0)


agent.add_command(spool_group(_config_option))
