"""The ``watchbook`` command: runs the agent, the collector and the operator's words, importing what is used."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from watchbook import __version__
from watchbook.configfile import EX_CONFIG, ConfigError

#: Word -> (module, attribute, one line of help, extra that brings what it needs).
_WORDS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "agent": ("agent.cli", "agent", "Run and look at the agent on this host.", "agent"),
    "collector": ("collector.cli", "collector", "Run and look after the collector.", "collector"),
    "search": ("watchbook.operator.cli", "search", "Find events.", "collector"),
    "tail": ("watchbook.operator.cli", "tail", "Show events as they arrive.", "collector"),
    "facets": ("watchbook.operator.counting", "facets", "Count events by the values of fields.", "collector"),
    "histogram": (
        "watchbook.operator.counting",
        "histogram",
        "Draw how many events there were over time.",
        "collector",
    ),
    "history": (
        "watchbook.operator.history",
        "history",
        "Draw how many events there were, also those that are gone.",
        "collector",
    ),
    "values": ("watchbook.operator.counting", "values", "List the values of a field.", "collector"),
    "explain": ("watchbook.operator.counting", "explain", "Say how a query is understood.", "collector"),
    "export": ("watchbook.operator.exporting", "export", "Write every event of a query to a file.", "collector"),
    "filters": ("watchbook.operator.filtering", "filters", "Save filters under a name.", "collector"),
    "rules": ("collector.rules_cli", "rules", "Check, import, show and switch rules.", "collector"),
    "alerts": ("watchbook.operator.alerting", "alerts", "Show alerts.", "collector"),
    "ack": ("watchbook.operator.alerting", "ack", "Say that you look after alerts.", "collector"),
    "resolve": ("watchbook.operator.alerting", "resolve", "Resolve alerts.", "collector"),
    "reopen": ("watchbook.operator.alerting", "reopen", "Open alerts again.", "collector"),
    "dispose": ("watchbook.operator.alerting", "dispose", "Say what alerts turned out to be.", "collector"),
    "silence": ("watchbook.operator.hiding", "silence", "Hide alerts for a time.", "collector"),
    "except": ("watchbook.operator.hiding", "make_exception", "Take events out of an alert's rule.", "collector"),
    "exceptions": ("watchbook.operator.hiding", "exceptions", "Show and end exceptions of rules.", "collector"),
    "notify": ("watchbook.operator.notifying", "notify", "Look after notifications and channels.", "collector"),
    "agents": ("watchbook.operator.registering", "agents", "Show agents, rename and revoke them.", "collector"),
    "catalogue": (
        "watchbook.operator.cataloguing",
        "catalogue",
        "Show what sources call their events, and what it means.",
        "collector",
    ),
    "verify": ("collector.verify_cli", "verify", "Check that nothing that was stored was changed.", "collector"),
    "demo": ("watchbook.demo.cli", "demo", "See all of Watchbook at work in a throw-away folder.", "agent,collector"),
}

_WORD_KEY: Final = "watchbook.word"


class LazyGroup(click.Group):
    """A group whose words are imported only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the words in the order they are met."""
        return list(_WORDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one word."""
        if cmd_name not in _WORDS:
            return None
        ctx.meta[_WORD_KEY] = cmd_name
        module, attribute, _, _ = _WORDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run one word; when a package that it needs is missing, say which extra brings it."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("agent", "collector", "watchbook"):
                raise  # our own mistake, which no extra mends
            word = ctx.meta[_WORD_KEY]
            raise click.ClickException(
                f"'watchbook {word}' needs the Python package {error.name!r}; "
                f"install it with: pip install 'watchbook[{_WORDS[word][3]}]'"
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of words without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(word, line) for word, (_, _, line, _) in _WORDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="watchbook")
def cli() -> None:
    """Watchbook: an activity log for everything you run.

    Who did what to which resource, when, from where, with what result, and what changed.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a mistake in a configuration file exits with 78 and names every place."""
    try:
        return cli.main(args=arguments, prog_name="watchbook")
    except ConfigError as error:
        click.echo(error.report(), err=True)
        sys.exit(EX_CONFIG)
