"""``watchbook agent try``: what becomes of lines, before an agent reads them."""

import os
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from agent.config import DEFAULT_PATH, AgentSettings, InputSettings, load_settings
from agent.profile import Definition
from agent.tryout.deciding import Candidate, decide
from agent.tryout.showing import Only, Shower
from agent.tryout.sources import Framing, Piece, of_file, of_following, of_stream
from watchbook.clock import now_us
from watchbook.options import config_option
from watchbook.shipped import shipped_folder

#: Lines that are tried together.
_TOGETHER: Final = 256
#: Files from this size on show how far they are read.
_LARGE_BYTES: Final = 4 << 20


class _Asked(NamedTuple):
    """What is tried: with which profiles, framed how, and the files of an input that was named."""

    candidates: list[Candidate]
    framing: Framing
    patterns: tuple[str, ...]


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
    only: Only | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what becomes of the lines of FILE (- for standard input), line by line.

    For every line: the profile that understands it, the event that comes of it and where each of
    its fields comes from, what a rule drops and what is redacted; or why it stays unparsed. At the
    end a summary. Nothing is sent or stored.
    """
    asked = _of_input(path, source, name) if source is not None else _of_profiles(folder, name)
    if file is None and not asked.patterns:
        raise click.UsageError("name a FILE, - for standard input, or an --input that has files")
    if watch and file == "-":
        raise click.UsageError("--watch follows files; standard input is followed by itself")
    paints = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    shower = Shower(asked.candidates, click.echo, as_json=as_json, only=only, paints=paints)
    note = None
    try:
        with closing(_pieces(file, asked, watch)) as pieces:
            note = _show(pieces, asked.candidates, shower, 0 if watch else limit)
    except KeyboardInterrupt:
        note = None if watch else "interrupted: there may be more lines"
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from error
    finally:
        _progress("")
    shower.finish(note)


def _pieces(file: str | None, asked: _Asked, watch: bool) -> Generator[Piece]:
    if watch:
        patterns = asked.patterns if file is None else (file,)
        click.echo(f"following {', '.join(patterns)}; Ctrl-C ends", err=True)
        yield from of_following(patterns, asked.framing, are_patterns=file is None)
    elif file == "-":
        yield from of_stream(sys.stdin.buffer, asked.framing)
    else:
        from agent.tail.listing import expand

        for path in expand(asked.patterns) if file is None else [file]:
            yield from of_file(path, asked.framing)


def _show(pieces: Iterator[Piece], candidates: Sequence[Candidate], shower: Shower, limit: int) -> str | None:
    """Show the lines, at most ``limit`` (0: all); return what to say when there are more."""
    n = 0
    for piece in pieces:
        for start in range(0, len(piece.lines), _TOGETHER):
            if limit and n >= limit:
                return f"stopped after {limit} lines: there are more; --limit 0 reads all"
            end = min(start + _TOGETHER, start + limit - n if limit else len(piece.lines))
            lines, offsets = piece.lines[start:end], piece.offsets[start:end]
            read_us = now_us()
            shower.show(decide(n + 1, lines, offsets, candidates, read_us), read_us)
            n += len(lines)
        if piece.size >= _LARGE_BYTES:
            _progress(f"{piece.done * 100 // piece.size:>3} %, {n:,} lines")
    return None


def _progress(text: str) -> None:
    """Show how far it is, where that does not mix with what is shown: on a terminal that standard output is not."""
    if sys.stderr.isatty() and not sys.stdout.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


def known_profiles(folder: Path | None) -> dict[str, Definition]:
    """Return the shipped profiles and those of a folder, which come before them; raises ConfigError."""
    from agent.profile import load_profiles

    return load_profiles(shipped_folder("config") / "profiles") | (load_profiles(folder) if folder else {})


def _of_profiles(folder: Path | None, name: str | None) -> _Asked:
    profiles = known_profiles(folder)
    _check_name(name, profiles)
    named = [profiles[name]] if name is not None else list(profiles.values())
    inputs = [InputSettings(each.name, each.name) for each in named]
    candidates = [_candidate(None, each, profiles) for each in inputs]
    return _Asked(candidates, Framing(), ())


def _of_input(path: Path, source: str, name: str | None) -> _Asked:
    settings, profiles = load_settings(path)
    found = [each for each in settings.inputs if each.name == source]
    if not found:
        known = ", ".join(each.name for each in settings.inputs)
        raise click.UsageError(f"there is no input {source!r} in {path}; its inputs: {known}")
    _check_name(name, profiles)
    from dataclasses import replace

    each = found[0] if name is None else replace(found[0], profile=name)
    framing = Framing(each.encoding, each.multiline, settings.tail)
    return _Asked([_candidate(settings, each, profiles)], framing, each.files)


def _check_name(name: str | None, profiles: Mapping[str, Any]) -> None:
    if name is not None and name not in profiles:
        raise click.UsageError(f"there is no profile {name!r}; known here: {', '.join(sorted(profiles))}")


def _candidate(settings: AgentSettings | None, source: InputSettings, profiles: Mapping[str, Definition]) -> Candidate:
    """Return the profile of an input as the agent runs it."""
    from agent.redact import RedactSettings, make_redactor
    from agent.routes import compile_input, make_selection

    counting, showing = (make_redactor(RedactSettings() if settings is None else settings.redact) for _ in range(2))
    plain = compile_input(source, profiles, counting, keep_raw=False)
    return Candidate(
        plain,
        compile_input(source, profiles, showing, keep_raw=True),
        showing.text,
        counting.counts,
        is_specific=bool(profiles[source.profile].match),
        select=None if settings is None else make_selection(settings, source, plain),
    )
