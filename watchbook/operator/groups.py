"""Groups of words that do something by themselves."""

import click

HELP_NAMES = ("-h", "--help")


class ListByDefault(click.Group):
    """A group that lists when no word is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the word ``list`` before options that are its own."""
        if not args or (args[0].startswith("-") and args[0] not in HELP_NAMES):
            args.insert(0, "list")
        return super().parse_args(ctx, args)
