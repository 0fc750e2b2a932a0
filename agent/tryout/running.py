"""``watchbook agent try`` at work: from what was asked to what is shown."""

import os
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from agent.config import AgentSettings, InputSettings, load_settings, record_settings, shipped_profiles
from agent.profile import CompiledProfile, Definition, load_profiles
from agent.profile.explaining import Explained
from agent.records import Normaliser, Redactor
from agent.redact import RedactSettings, for_input, make_redactor
from agent.routes import compile_input, is_specific, make_normaliser, make_selection
from agent.routing import Router, choosing
from agent.tail import normal_name
from agent.tail.listing import expand
from agent.tryout.deciding import Candidate, Explain, decide
from agent.tryout.showing import Only, Shower
from agent.tryout.sources import Framing, Piece, of_file, of_following, of_stream
from agent.unwrap import WRAPPERS
from watchbook.clock import now_us

#: Lines that are tried together.
_TOGETHER: Final = 256
#: Files from this size on show how far they are read.
_LARGE_BYTES: Final = 4 << 20


class Asked(NamedTuple):
    """What is tried: with which profiles, framed how, and the files of an input that was named.

    ``in_order``: of the profiles the first that a line is of counts, not the one that says most of it.
    """

    candidates: list[Candidate]
    framing: Framing
    patterns: tuple[str, ...]
    in_order: bool = False


def run(file: str | None, asked: Asked, *, watch: bool, only: Only | None, limit: int, as_json: bool) -> None:
    """Show what becomes of the lines of a file, of standard input (``-``) or of the files of an input (None)."""
    paints = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    shower = Shower(asked.candidates, click.echo, as_json=as_json, only=only, paints=paints)
    note = None
    try:
        with closing(_pieces(file, asked, watch)) as pieces:
            note = _show(pieces, asked, shower, limit)
    except KeyboardInterrupt:
        note = None if watch else "interrupted: there may be more lines"
    except BrokenPipeError:
        raise  # whoever read it has enough
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from error
    finally:
        _progress("")
    shower.finish(note)


def _pieces(file: str | None, asked: Asked, watch: bool) -> Generator[Piece]:
    if watch:
        patterns = asked.patterns if file is None else (file,)
        click.echo(f"following {', '.join(patterns)}; Ctrl-C ends", err=True)
        yield from of_following(patterns, asked.framing, are_patterns=file is None)
    elif file == "-":
        yield from of_stream(sys.stdin.buffer, asked.framing)
    else:
        for path in expand(asked.patterns) if file is None else [file]:
            yield from of_file(path, asked.framing)


def _show(pieces: Iterator[Piece], asked: Asked, shower: Shower, limit: int) -> str | None:
    """Show the lines, at most ``limit`` (0: all); return what to say when there are more."""
    n = 0
    for piece in pieces:
        for start in range(0, len(piece.lines), _TOGETHER):
            if limit and n >= limit:
                return f"stopped after {limit} lines: there are more; --limit 0 reads all"
            end = min(start + _TOGETHER, start + limit - n if limit else len(piece.lines))
            lines, offsets = piece.lines[start:end], piece.offsets[start:end]
            read_us = now_us()
            verdicts = decide(n + 1, lines, offsets, asked.candidates, read_us, in_order=asked.in_order)
            shower.show(verdicts, read_us)
            n += len(lines)
        if piece.size >= _LARGE_BYTES:
            _progress(f"{piece.done * 100 // piece.size:>3} %, {n:,} lines")
    return None


def _progress(text: str) -> None:
    """Show how far it is, where that does not mix with what is shown: on a terminal that standard output is not."""
    if sys.stderr.isatty() and not sys.stdout.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


def asked_of_profiles(folder: Path | None, name: str | None, file: str | None) -> Asked:
    """Return the profiles to try on a file: one, or all; raises ConfigError and UsageError."""
    profiles = shipped_profiles(load_profiles(folder) if folder else {})
    _check_name(name, profiles)
    named = [profiles[name]] if name is not None else list(profiles.values())
    candidates = [
        replace(
            _candidate(None, InputSettings(each.name, each.name), profiles),
            is_named=each.name.partition("-")[0] in (file or "").lower(),
        )
        for each in named
    ]
    record = named[0].record_node if name is not None else None
    return Asked(candidates, Framing(multiline=None if record is None else record_settings(record)), ())


def asked_of_input(path: Path, source: str, name: str | None, file: str | None) -> Asked:
    """Return an input to try, with another profile if one is named; raises ConfigError and UsageError.

    Where its profile is to be found, the first lines of ``file`` (None: of its first file) tell.
    """
    settings, profiles = load_settings(path)
    found = [each for each in settings.inputs if each.name == source]
    if not found:
        known = ", ".join(each.name for each in settings.inputs)
        raise click.UsageError(f"there is no input {source!r} in {path}; its inputs: {known}")
    _check_name(name, profiles)
    each = found[0] if name is None else replace(found[0], profile=name)
    peel = WRAPPERS[each.unwrap].peel if each.unwrap else None
    framing = Framing(normal_name(each.encoding) or "auto", each.multiline, peel, settings.tail)
    names = each.profile_names
    if not names:
        first = file if file not in (None, "-") else next(iter(expand(each.files)), None)
        names = _found_profiles(settings, each, profiles, first, framing) if first is not None else ()
    candidates = [_candidate(settings, replace(each, profile=one), profiles) for one in names or sorted(profiles)]
    return Asked(candidates, framing, each.files, in_order=bool(names))


def _found_profiles(
    settings: AgentSettings, source: InputSettings, profiles: Mapping[str, Definition], path: str, framing: Framing
) -> tuple[str, ...]:
    """Return the profiles that the agent would find for a file, and say why."""
    redactor = make_redactor(for_input(settings.redact, source.redact))
    candidates = [
        choosing.Candidate(
            name, each.format.name, is_specific(each),
            make_normaliser(settings, replace(source, profile=name, keep_raw=False), profiles, redactor),
        )
        for name, each in profiles.items()
    ]  # fmt: skip
    with closing(of_file(path, framing)) as pieces:
        lines = next(pieces, Piece([], [])).lines[: settings.auto.lines]
    chosen = choosing.choose(lines, candidates, now_us(), path)
    click.echo(f"{path}: {', '.join(chosen.profiles) or 'no profile'}: {chosen.reason}", err=True)
    return chosen.profiles


def _check_name(name: str | None, profiles: Mapping[str, Any]) -> None:
    if name is not None and name not in profiles:
        raise click.UsageError(f"there is no profile {name!r}; known here: {', '.join(sorted(profiles))}")


def _candidate(settings: AgentSettings | None, source: InputSettings, profiles: Mapping[str, Definition]) -> Candidate:
    """Return the profile of an input as the agent runs it."""
    redact = RedactSettings() if settings is None else for_input(settings.redact, source.redact)
    counting, showing = (make_redactor(redact) for _ in range(2))

    def made(redactor: Redactor, *, keep_raw: bool) -> Normaliser:
        each = replace(source, keep_raw=keep_raw)
        if settings is None:
            return compile_input(each, profiles, redactor)
        return make_normaliser(settings, each, profiles, redactor)

    plain = made(counting, keep_raw=False)
    return Candidate(
        plain,
        made(showing, keep_raw=True),
        _explainer(compile_input(source, profiles, showing), source),
        showing.text,
        counting.counts,
        is_specific=is_specific(profiles[source.profile_names[0]]),
        select=None if settings is None else make_selection(settings, source, plain),
    )


def _explainer(profile: CompiledProfile | Router, source: InputSettings) -> Explain:
    """Return what explains a line of an input: in a wrapper, of the line in it."""
    assert isinstance(profile, CompiledProfile)  # a candidate is one profile
    if source.unwrap is None:
        return profile.explain
    peel = WRAPPERS[source.unwrap].peel

    def explain(line: bytes, read_us: int) -> Sequence[Explained]:
        piece = peel(line)
        return [] if piece is None else profile.explain(piece.text, read_us)

    return explain
