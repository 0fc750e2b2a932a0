"""The word ``watchbook agent pipe``."""

import os
import re
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from agent.config import DEFAULT_PATH, AgentSettings, InputSettings, load_settings, shipped_profiles
from agent.profile import ProfileFolder, load_profiles
from agent.ship import ShipSettings
from agent.spool import FolderInUseError
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.options import config_option
from watchbook.units import Seconds, parse_duration

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class _Duration(click.ParamType[Seconds]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Seconds:
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@config_option("agent", DEFAULT_PATH)
@click.option("--url", help="Address of the collector; then no configuration is read.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token, beside --url.")
@click.option("--profile", default="jsonl", show_default=True, help="Profile that understands the lines.")
@click.option("--profiles", type=click.Path(path_type=Path, exists=True), help="Folder of your own profiles.")
@click.option("--name", default="pipe", show_default=True, help="Name of the input; each has a spool of its own.")
@click.option("--state", type=click.Path(path_type=Path), help="Folder for the spool, instead of the agent's 'state'.")
@click.option(
    "--drain",
    type=_Duration(),
    default="60s",
    show_default=True,
    help="How long to wait at the end while the collector takes nothing.",
)
@click.option("--flush", is_flag=True, help="Read nothing; send what an earlier one had to keep.")
def pipe(
    path: Path,
    url: str | None,
    token_file: Path | None,
    profile: str,
    profiles: Path | None,
    name: str,
    state: Path | None,
    drain: Seconds,
    flush: bool,
) -> None:
    """Send the lines of standard input, and end when they are on disk at the collector.

    What the collector does not take in time is kept, and sent by the next pipe of the same name.

    Exits with 75 when something is kept, with 1 when it was stopped before the end of its input or events were refused.
    """
    from agent.pipe import run_pipe
    from watchbook.logs import configure_logs

    if not _NAME.fullmatch(name):
        raise click.UsageError(f"'--name': expected letters, digits, '.', '_' or '-', found {name!r}")
    source = InputSettings(name=name, profile=profile)
    settings, known = _without_file(url, token_file, source) if url else _from_file(path, token_file, source)
    folder = (state or settings.state) / f"pipe-{name}"
    settings = replace(settings, state=folder, log_level="warning")
    if profiles is not None:
        known = known.with_own(load_profiles(profiles))
    if profile not in known:
        raise click.UsageError(f"there is no profile {profile!r}; known here: {', '.join(sorted(known))}")
    configure_logs(settings.log_level)
    fd = None if flush else sys.stdin.fileno()
    try:
        outcome = run_pipe(settings, known, fd=fd, drain=drain, shows_progress=sys.stderr.isatty())
    except FolderInUseError as error:
        click.echo(f"watchbook agent pipe: {error}; or give this one another '--name'", err=True)
        sys.exit(EX_DATA)
    except (NewerDatabaseError, sqlite3.Error, OSError) as error:
        click.echo(f"watchbook agent pipe: the spool in {folder} cannot be used: {error}", err=True)
        sys.exit(EX_DATA)
    if outcome.text:
        click.echo(f"watchbook agent pipe: {outcome.text}", err=True)
    sys.exit(outcome.code)


def _from_file(path: Path, token_file: Path | None, source: InputSettings) -> tuple[AgentSettings, ProfileFolder]:
    """Return the agent's settings with the one input; its own inputs are the running agent's."""
    if token_file is not None:
        raise click.UsageError("'--token-file' goes with '--url'; the configuration names its own")
    settings, profiles = load_settings(path)
    return replace(settings, inputs=(source,)), profiles


def _without_file(url: str, token_file: Path | None, source: InputSettings) -> tuple[AgentSettings, ProfileFolder]:
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"'--url': expected a URL that begins with http:// or https://, found {url!r}")
    if token_file is None:
        raise click.UsageError("'--url' needs '--token-file'; make one: watchbook collector token create")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "watchbook"
    settings = AgentSettings(ShipSettings(url, token_file=token_file), state, (source,))
    return settings, shipped_profiles({})
