"""The words of ``watchbook collector enrolment``; they work while the collector runs, and while it does not."""

import getpass
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import click

from collector.agents.enrolments import EnrolmentStore
from collector.agents.records import check_name
from collector.problem import ApiProblem
from watchbook.clock import Clock, format_rfc3339, now_us
from watchbook.units import Seconds, parse_duration

#: Given the path of the configuration: the one-time tokens of its data folder.
Open = Callable[[Path], AbstractContextManager[EnrolmentStore]]
Decorator = Callable[[Any], Any]

_TTL_S_MAX: Final = 366 * 86_400.0


class _Duration(click.ParamType[Any]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Seconds:
        if isinstance(value, float):
            return Seconds(value)
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0 < seconds <= _TTL_S_MAX:
            self.fail(f"expected more than nothing and at most a year, found {value}", param, ctx)
        return seconds


def enrolment_commands(opened: Open, config_option: Decorator, clock: Clock = now_us) -> click.Group:
    """Return the commands; ``config_option`` adds the option that gives them ``path``."""

    @click.group()
    def enrolment() -> None:
        """Make, list and revoke one-time tokens for enrolling agents; works while the collector runs."""

    @enrolment.command()
    @config_option
    @click.option(
        "--ttl", type=_Duration(), default="1h", show_default=True, help="How long it can be used: 15m, 1h, 2d."
    )
    @click.option(
        "--uses",
        type=click.IntRange(1, 100_000),
        default=1,
        show_default=True,
        help="How many agents can be enrolled with it.",
    )
    @click.option("--name", help="The name that the agent gets; without it the agent's own.")
    @click.option("--note", help="What it is for, for whoever reads the list or the log later.")
    def create(path: Path, ttl: Seconds, uses: int, name: str | None, note: str | None) -> None:
        """Make a one-time token and print it: the only time that it can be read.

        On the agent's host: watchbook agent enroll --url URL --token TOKEN
        """
        if name is not None and uses > 1:
            raise click.UsageError("--name is for one agent: leave it out, or --uses")
        try:
            named = None if name is None else check_name(name)
        except ApiProblem as problem:
            raise click.UsageError(problem.detail) from problem
        with opened(path) as enrolments:
            token, _ = enrolments.create(ttl_s=ttl, uses=uses, name=named, note=note, user=getpass.getuser())
        click.echo(token)

    @enrolment.command("list")
    @config_option
    def list_all(path: Path) -> None:
        """List the one-time tokens: what is left of each."""
        now = clock()
        with opened(path) as enrolments:
            found = enrolments.all()
        click.echo(f"{'id':>4}  {'state':<8} {'used':<9} {'name':<20} {'expires':<28} {'made by':<16} note")
        for each in found:
            used = f"{each.uses}/{each.uses_max}"
            head = f"{each.id:>4}  {each.state(now):<8} {used:<9} {each.name or '-':<20}"
            click.echo(f"{head} {format_rfc3339(each.expires):<28} {each.created_by:<16} {each.note or ''}".rstrip())

    @enrolment.command()
    @config_option
    @click.argument("enrolment_id", metavar="ID", type=int)
    def revoke(path: Path, enrolment_id: int) -> None:
        """End the one-time token ID; agents that were enrolled with it stay."""
        with opened(path) as enrolments:
            if not enrolments.revoke(enrolment_id, getpass.getuser()):
                raise click.ClickException(f"there is no one-time token {enrolment_id} that is not revoked")

    return enrolment
