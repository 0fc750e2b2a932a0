"""``watchbook agent profile``: which profiles there are, what one says, and a first draft of a new one."""

import json
import re
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from agent.config import DEFAULT_PATH
from watchbook.clock import now_us
from watchbook.options import config_option
from watchbook.shipped import shipped_folder

_profiles_option = click.option(
    "--profiles", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Your own profiles."
)


@click.group("profile")
def profile_group() -> None:
    """See the profiles that there are, and begin a new one."""


@profile_group.command("list")
@_profiles_option
@config_option("agent", DEFAULT_PATH)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a profile instead of a table.")
def list_profiles(folder: Path | None, path: Path, as_json: bool) -> None:
    """List the profiles: those that come with Watchbook and your own, which stand before them.

    Your own are those of the folder that --profiles or the configuration names.
    """
    shown = [_told(each) for _, each in sorted(_known(folder, path).items())]
    if as_json:
        for each in shown:
            click.echo(json.dumps(each, ensure_ascii=False))
        return
    rows = [
        (
            each["name"], each["format"], str(each["samples"]), "shipped" if each["shipped"] else "own",
            "/".join(each["logsource"].values()) or "-", each["description"],
        )
        for each in shown
    ]  # fmt: skip
    heads = ("profile", "format", "samples", "source", "logsource", "description")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    for parent in sorted({Path(each["file"]).parent for each in shown if not each["shipped"]}):
        click.echo(f"own: {parent}")


@profile_group.command("show")
@click.argument("name")
@_profiles_option
@config_option("agent", DEFAULT_PATH)
def show_profile(name: str, folder: Path | None, path: Path) -> None:
    """Print the file of the profile NAME; where it lies stands in its first line."""
    profiles = _known(folder, path)
    if name not in profiles:
        raise click.UsageError(f"there is no profile {name!r}; known here: {', '.join(sorted(profiles))}")
    file = Path(profiles[name].node.path)
    text = f"# {file}\n{file.read_text(encoding='utf-8')}"
    click.echo(highlighted(text) if sys.stdout.isatty() else text, nl=False)


@profile_group.command("new")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--lines", default=2000, show_default=True, type=click.IntRange(1, 100_000), help="Most lines to look at."
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write there, to a new file; folders are made.",
)
def new_profile(name: str, file: BinaryIO, lines: int, target: Path | None) -> None:
    """Print a first draft of a profile NAME, made from the lines of FILE (- for standard input).

    It finds out how the lines are taken apart and proposes what their values mean, by names and by
    looks. Comments with LOOK: mark where a human must decide. Up to 8 of the lines are in it as
    samples, redacted, with the events that come of them: 'watchbook agent test' runs them.
    """
    from itertools import islice

    from agent.drafting import DraftError, draft_profile

    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
        raise click.UsageError(f"expected a name of small letters, digits, '_', '.' and '-', found {name!r}")
    given = [line.removesuffix(b"\n").removesuffix(b"\r") for line in islice(file, lines)]
    try:
        text = draft_profile(name, given, now_us())
    except DraftError as error:
        raise click.ClickException(str(error)) from error
    if target is None:
        click.echo(text, nl=False)
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as made:
            made.write(text)
    except FileExistsError as error:
        raise click.ClickException(f"{target} is there already; name another file, or remove it") from error
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {target}; look at its lines with LOOK:, then: watchbook agent test {target}")


def _known(folder: Path | None, path: Path) -> dict[str, Any]:
    """Return all profiles by name, one's own in place of shipped ones of the same name; raises ConfigError."""
    from agent.config import load_settings
    from agent.profile import load_profiles

    if folder is None and path.exists():
        folder = load_settings(path)[0].profiles
    return load_profiles(shipped_folder("config") / "profiles") | (load_profiles(folder) if folder else {})


def _told(definition: Any) -> dict[str, Any]:
    """Return what the list says of a profile."""
    shipped = shipped_folder("config") / "profiles"
    return {
        "name": definition.name,
        "description": definition.description,
        "format": definition.format.name,
        "samples": len(definition.samples),
        "logsource": dict(definition.logsource),
        "optional": dict(definition.kinds),
        "shipped": Path(definition.node.path).parent == shipped,
        "file": definition.node.path,
    }


def highlighted(text: str) -> str:
    """Return YAML with colours for a terminal: comments, keys, and texts in quotes."""
    return "\n".join(map(_highlighted_line, text.split("\n")))


_KEY = re.compile(r"^(\s*(?:- )?)([^\s#'\"{}\[\],:][^#'\"{}\[\],:]*|'[^']*'|\"[^\"]*\")(:)(?=\s|$)")
_QUOTED = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\")|((?:^|\s)#.*$)")


def _highlighted_line(line: str) -> str:
    key = _KEY.match(line)
    begin = "" if key is None else f"{key[1]}{click.style(key[2], fg='cyan')}{key[3]}"
    rest = line if key is None else line[key.end() :]

    def painted(found: re.Match[str]) -> str:
        return click.style(found[0], fg="green") if found[1] else click.style(found[0], dim=True)

    return begin + _QUOTED.sub(painted, rest)
