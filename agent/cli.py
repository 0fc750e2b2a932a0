"""The words of ``watchbook agent``."""

import json
import pickle
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

import click

from agent.config import DEFAULT_PATH, DEFAULT_STATE, find_state, load_settings
from agent.finding import Finding
from agent.pipe_cli import pipe
from agent.profile_cli import profile_group
from agent.sample_cli import test_profiles
from agent.spool_cli import spool_group
from agent.try_cli import try_file
from watchbook.clock import now_us
from watchbook.configfile import EX_CONFIG, ConfigError
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.handover import hand_over
from watchbook.options import config_only_option, config_option
from watchbook.shipped import shipped_folder

_config_option = config_option("agent", DEFAULT_PATH)


@click.group()
def agent() -> None:
    """Run and look at the agent on this host."""


@agent.command()
@_config_option
def run(path: Path) -> None:
    """Follow the log files of the configuration and send their events to the collector, until SIGTERM.

    SIGHUP reads the configuration and its profiles again; one with mistakes changes nothing.
    """
    loaded = [load_settings(path)]
    hand_over(pickle.dumps((path, loaded[0])))
    from agent.running import run as run_here  # only where it could not be handed over

    sys.exit(run_here(path, loaded))


@agent.command()
@_config_option
@config_only_option()
@click.option("--offline", is_flag=True, help="Look only at this host: do not ask the collector.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def check(path: Path, config_only: bool, offline: bool, as_json: bool) -> None:
    """Check the configuration, the profiles, the files, the state folder, limits, the clock and the collector.

    Each finding is ok, a note (the agent works, with a loss) or WRONG. Exits with 78 when the
    configuration is wrong, with 1 when anything else is.
    """
    from agent.autocheck import check_auto
    from agent.check import check_host
    from agent.routes import load_plan
    from agent.rulecheck import check_rules

    try:
        settings, routes, _ = load_plan(path)
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"config": str(path), "mistakes": [asdict(each) for each in error.problems]}, indent=2))
        sys.exit(EX_CONFIG)
    findings = [Finding(False, f"config: {path} and the profiles are right")]
    if not config_only:
        findings += check_rules(settings, routes, now_us())
        findings += check_auto(settings, routes)
        findings += check_host(settings, offline=offline)
    if as_json:
        shown = [{"level": finding.level, "text": finding.text} for finding in findings]
        click.echo(json.dumps({"config": str(path), "mistakes": [], "findings": shown}, indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.level:<6} {finding.text}")
    sys.exit(1 if any(finding.wrong for finding in findings) else 0)


@agent.command()
@_config_option
@click.option("--url", help="Address of the collector; by default that of the configuration.")
@click.option(
    "--token",
    "token",
    required=True,
    envvar="WATCHBOOK_ENROLMENT_TOKEN",
    show_envvar=True,
    help="The one-time token: 'watchbook collector enrolment create'. '-' reads it from standard input.",
)
@click.option("--name", help="Name of this agent; by default the configuration's, else the token's, else the host's.")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Certificates that the collector's is checked with, instead of the system's.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=DEFAULT_STATE,
    show_default=True,
    help="Folder of the spool, for a configuration that is not there yet.",
)
def enroll(path: Path, url: str | None, token: str, name: str | None, ca_file: Path | None, state: Path) -> None:
    """Get this agent a token of its own for a one-time token, and write it where the configuration says.

    Run it as root, or as the agent's user. Without a configuration file yet, a small one is written.
    """
    from agent.enroll import EnrolError, enrol_host

    given = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105 - a dash is no token
    try:
        done = enrol_host(path, url=url, token=given, name=name, ca_file=ca_file, state=state)
    except EnrolError as error:
        raise click.ClickException(str(error)) from error
    for line in done:
        click.echo(line)


@agent.command("discover")
@click.option("--path", "paths", multiple=True, metavar="PATH", help="A folder or file, instead of the usual places.")
@click.option("--root", default="/", show_default=True, help="Where the files of the host lie.")
@click.option("--profiles", "folder", type=click.Path(path_type=Path, exists=True), help="Folder of your own profiles.")
@click.option(
    "--lines", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Last lines of a file to try."
)
@click.option("--yaml", "as_yaml", is_flag=True, help="The section 'inputs' for agent.yaml instead of a table.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def discover_logs(
    paths: tuple[str, ...], root: str, folder: Path | None, lines: int, as_yaml: bool, as_json: bool
) -> None:
    """Look for logs on this host and propose inputs for them; writes nothing.

    For each log: the profile that understands most of its last lines, and an event of it.
    """
    from agent.config import shipped_profiles
    from agent.discover import as_json as in_json
    from agent.discover import as_table, discover
    from agent.discover import as_yaml as in_yaml
    from agent.discover.places import load_places
    from agent.discover.trying import Trier
    from agent.profile import load_profiles

    for path in paths:
        if not path.startswith("/"):
            raise click.UsageError(f"--path: expected an absolute path, found {path!r}")
    profiles = shipped_profiles(load_profiles(folder) if folder else {})
    places = load_places(shipped_folder("config") / "discover.yaml")
    found = discover(root.rstrip("/"), paths or None, places, profiles, Trier(profiles, lines, now_us()))
    if as_json:
        click.echo(json.dumps(in_json(found), indent=2, ensure_ascii=False))
    else:
        for line in in_yaml(found) if as_yaml else as_table(found):
            click.echo(line)


@agent.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON.")
def status(path: Path, as_json: bool) -> None:
    """Show the agent's files, positions and backlog on one screen.

    Exits with 1 when something is wrong, so that it can be used for monitoring.
    """
    from agent.status import encode_report, read_status, render_status

    state, mistakes = find_state(path)
    try:
        report = read_status(state, now_us())
    except (NewerDatabaseError, sqlite3.Error) as error:
        click.echo(f"watchbook agent: the spool in {state} cannot be read: {error}", err=True)
        sys.exit(EX_DATA)
    said = "\n".join(report["problems"])
    new = [each for each in map(str, mistakes) if each not in said]
    report["problems"].extend(f"the agent could not be started with this configuration: {each}" for each in new)
    if as_json:
        click.echo(encode_report(report))
    else:
        render_status(report, click.echo)
    sys.exit(1 if report["problems"] else 0)


agent.add_command(pipe)
agent.add_command(test_profiles)
agent.add_command(profile_group)
agent.add_command(try_file)
agent.add_command(spool_group(_config_option))
