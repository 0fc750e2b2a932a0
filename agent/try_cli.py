"""``watchbook agent try``: what becomes of lines, before an agent reads them."""

from pathlib import Path
from typing import Any

import click

from agent.config import DEFAULT_PATH
from watchbook.options import config_option


@click.command("try")
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--profile", "name", help="Profile to use; without it the best of all is shown for each line.")
@click.option("--profiles", "folder", type=click.Path(path_type=Path, exists=True), help="Folder of your own profiles.")
@click.option("--input", "source", metavar="NAME", help="An input of the configuration: its profile and its options.")
@config_option("agent", DEFAULT_PATH)
@click.option("--watch", is_flag=True, help="Follow the file (or the input's files): the lines that come from now on.")
@click.option(
    "--only", type=click.Choice(["unparsed", "dropped", "events"]), help="Show only lines that fared so; count all."
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=10_000, show_default=True, help="Most lines to try; 0: no limit."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def try_file(
    file: str | None,
    name: str | None,
    folder: Path | None,
    source: str | None,
    path: Path,
    watch: bool,
    only: Any,
    limit: int,
    as_json: bool,
) -> None:
    """Show what becomes of the lines of FILE (- for standard input), line by line.

    For every line: the profile that understands it, the event that comes of it and where each of
    its fields comes from, what a rule drops and what is redacted; or why it stays unparsed. At the
    end a summary. Nothing is sent or stored.
    """
    from agent.tryout.running import asked_of_input, asked_of_profiles, run

    asked = asked_of_input(path, source, name, file) if source is not None else asked_of_profiles(folder, name, file)
    if file is None and not asked.patterns:
        raise click.UsageError("name a FILE, - for standard input, or an --input that has files")
    if watch and file == "-":
        raise click.UsageError("--watch follows files; standard input is followed by itself")
    run(file, asked, watch=watch, only=only, limit=0 if watch else limit, as_json=as_json)
