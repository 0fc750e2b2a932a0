"""The command ``agents``: the collector's registry of agents."""

import urllib.parse
from collections import Counter
from typing import Any, Final

import click
import msgspec

from watchbook.operator.asking import say
from watchbook.operator.cells import Row, shown_time, visible
from watchbook.operator.connection import Collector, OperatorError
from watchbook.operator.groups import ListByDefault
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import decoded
from watchbook.operator.printing import JsonLines, TablePrinter
from watchbook.units import format_duration, format_size

_HEADS: Final = (
    "state", "agent", "seen", "version", "host", "unsent", "oldest", "unread", "unparsed", "lost", "id"
)  # fmt: skip
_STATES: Final = ("ok", "behind", "silent", "revoked", "never_seen")
_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}
_JSON: Final = {"Content-Type": "application/json"}


class _Backlog(msgspec.Struct):
    events: int = 0
    oldest_age_s: float | None = None


class _Lag(msgspec.Struct):
    bytes: int = 0


class _Agent(msgspec.Struct):
    """What a row shows of an agent."""

    id: str
    name: str
    state: str
    enrolled: bool
    last_seen: str | None = None
    version: str | None = None
    host: str | None = None
    backlog: _Backlog | None = None
    lag: _Lag | None = None
    unparsed: int | None = None
    lost_bytes: int | None = None


class _Listed(msgspec.Struct):
    agents: list[msgspec.Raw]


@click.group(cls=ListByDefault, context_settings=_CONTEXT)
def agents() -> None:
    """Show agents, rename and revoke them; without a word it lists them.

    \b
    watchbook agents
    watchbook agents list --state silent
    watchbook agents show web01
    watchbook agents rename web01 web02
    watchbook agents revoke web02

    A new agent is let in with 'watchbook collector enrolment create'. Renaming and revoking need the scope admin.
    """


@agents.command("list", context_settings=_CONTEXT)
@click.option("--state", type=click.Choice(_STATES), help="Only agents in this state.")
@common_options
def list_all(options: Options, state: str | None) -> None:
    """List the agents: how each is, what it has not sent and not read.

    unsent, oldest: events in its spool, and the age of the oldest. unread: bytes of log files. An agent with a * was
    not enrolled: it sends under a plain token.
    """
    found = _listed(options.collector(), state)
    printer = JsonLines() if options.json_lines else TablePrinter(_HEADS, _row, utc=options.utc)
    printer.show(found)
    counted = Counter(_decoded(raw).state for raw in found)
    words = ", ".join(f"{counted[each]} {each.replace('_', ' ')}" for each in _STATES if counted[each])
    say(f"{len(found) or 'no'} agent{'' if len(found) == 1 else 's'}{f': {words}' if words else ''}")


@agents.command(context_settings=_CONTEXT)
@click.argument("agent")
@common_options
def show(options: Options, agent: str) -> None:
    """Show all that is known of AGENT, a name or an id."""
    collector = options.collector()
    body = collector.get(_path(_found(collector, agent).id))
    if options.json_lines:
        JsonLines().show([body])
        return
    document: dict[str, Any] = decoded(body, dict[str, Any])
    for name, value in _lines(document, options.utc):
        click.echo(f"{name:<22} {visible(value)}")


@agents.command(context_settings=_CONTEXT)
@click.argument("agent")
@click.argument("name")
@common_options
def rename(options: Options, agent: str, name: str) -> None:
    """Call AGENT by another NAME; its events may go on carrying the old one."""
    collector = options.collector()
    found = _found(collector, agent)
    collector.send("PATCH", _path(found.id), msgspec.json.encode({"name": name}), _JSON)
    say(f"{found.name!r} is {name!r} now; write 'name: {name}' into its agent.yaml")


@agents.command(context_settings=_CONTEXT)
@click.argument("agent")
@common_options
def revoke(options: Options, agent: str) -> None:
    """Let AGENT send no more: its token is refused at once, what it has not sent stays on its host."""
    collector = options.collector()
    found = _found(collector, agent)
    collector.send("DELETE", _path(found.id), None)
    say(f"revoked {found.name!r} ({found.id})")


def _path(agent_id: str) -> str:
    return f"/v1/agents/{urllib.parse.quote(agent_id, safe='')}"


def _listed(collector: Collector, state: str | None = None) -> list[msgspec.Raw]:
    listed: _Listed = decoded(collector.get("/v1/agents", [] if state is None else [("state", state)]), _Listed)
    return listed.agents


def _decoded(raw: bytes | msgspec.Raw) -> _Agent:
    found: _Agent = decoded(bytes(raw), _Agent)
    return found


def _found(collector: Collector, agent: str) -> _Agent:
    """Return the agent of a name or an id, one that is not revoked before one that is; raises OperatorError."""
    every = [_decoded(raw) for raw in _listed(collector)]
    named = [each for each in every if agent in (each.name, each.id)]
    alive = [each for each in named if each.state != "revoked"] or named
    if not alive:
        known = ", ".join(sorted({repr(each.name) for each in every})[:20]) or "none"
        raise OperatorError(f"there is no agent {agent!r}; there are: {known}")
    if len(alive) > 1:
        which = ", ".join(each.id for each in alive)
        raise OperatorError(f"{len(alive)} agents are named {agent!r}; say which by its id: {which}")
    return alive[0]


def _row(raw: bytes | msgspec.Raw, utc: bool) -> Row:
    found = _decoded(raw)
    backlog, lag = found.backlog or _Backlog(), found.lag or _Lag()
    known = found.backlog is not None
    cells = (
        found.state.replace("_", " "),
        f"{found.name}{'' if found.enrolled else ' *'}",
        "" if found.last_seen is None else shown_time(found.last_seen, utc),
        found.version or "",
        found.host or "",
        str(backlog.events) if known else "",
        "" if backlog.oldest_age_s is None else format_duration(round(backlog.oldest_age_s)),
        format_size(lag.bytes) if known else "",
        "" if found.unparsed is None else str(found.unparsed),
        "" if found.lost_bytes is None else format_size(found.lost_bytes),
        found.id,
    )
    return Row(tuple(map(visible, cells)), found.state)


def _lines(document: dict[str, Any], utc: bool, prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, value in document.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            lines += _lines(value, utc, f"{label} ")
        elif isinstance(value, list):
            lines += [(label, str(each)) for each in value]
        elif isinstance(value, str) and name in ("last_seen", "last_heartbeat", "enrolled_at", "revoked_at", "started",
                                                 "silent_since"):  # fmt: skip
            lines.append((label, shown_time(value, utc)))
        else:
            lines.append((label, {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)))
    return lines
