"""The command line as documentation sees it: every word, its help, and whether a command that is written down fits."""

import shlex
from collections.abc import Iterator
from typing import Final

import click
from click.testing import CliRunner

from watchbook.cli import cli
from watchbook.operator.groups import ListByDefault

#: Columns of the help texts in the documentation.
WIDTH: Final = 100


def all_words() -> Iterator[str]:
    """Yield every word: ``watchbook``, ``watchbook agent``, ``watchbook agent run`` …"""
    yield from _words_below("watchbook", cli)


def help_of(word: str) -> str:
    """Return what ``WORD --help`` prints on a terminal of :data:`WIDTH` columns."""
    arguments = [*word.split()[1:], "--help"]
    done = CliRunner().invoke(cli, arguments, prog_name="watchbook", terminal_width=WIDTH)
    assert done.exit_code == 0, f"{word}: {done.output}"
    return done.output


def complaint_about(command: str, *, complete: bool) -> str | None:
    """Return what is wrong with a command that is written down, None when it could be typed.

    ``complete`` says that it is to be typed as it stands, so nothing that is required may be missing.
    """
    group: click.Command = cli
    context = _context("watchbook", cli, None)
    words = shlex.split(command)[1:]
    while isinstance(group, click.Group):
        if isinstance(group, ListByDefault) and (not words or words[0].startswith("--")) and words != ["--help"]:
            words.insert(0, "list")
        if not words or words[0].startswith("-"):
            return None if not complete or words in (["--help"], ["--version"]) else f"{command!r} names no command"
        found = group.get_command(context, words[0])
        if found is None:
            return f"there is no {words[0]!r} in {command!r}"
        group, context, words = found, _context(words[0], found, context), words[1:]
    return _complaint(group, context, words, complete=complete)


def _context(word: str, command: click.Command, parent: click.Context | None) -> click.Context:
    """Return a context as click makes it: a command remembers the help option of the first one it is used in."""
    return click.Context(command, info_name=word, parent=parent, **command.context_settings)


def _words_below(word: str, command: click.Command) -> Iterator[str]:
    yield word
    if isinstance(command, click.Group):
        context = _context(word, command, None)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _words_below(f"{word} {name}", found)


def _complaint(command: click.Command, context: click.Context, words: list[str], *, complete: bool) -> str | None:
    known = {name for parameter in command.get_params(context) for name in parameter.opts}
    strange = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    if strange:
        return f"{command.name!r} has no option {strange[0]!r}"
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
        if left:
            return f"{command.name!r} takes no argument {left[0]!r}"
        for parameter in command.params:
            value = given.get(parameter.name or "")
            if value in (None, ()) and parameter.required and complete:
                return f"{command.name!r} needs {parameter.opts[0]!r}"
            if isinstance(parameter.type, click.Choice) and value is not None and complete:
                parameter.type_cast_value(context, value)
    except click.UsageError as error:
        return error.format_message()
    return None
