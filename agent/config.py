"""The agent's configuration: composes what each room asks for, and checks what only the whole can tell."""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from agent.batch import BatchSettings
from agent.listen import (
    CommandSettings,
    HookSettings,
    HooksSettings,
    JournalSettings,
    ListenSettings,
    SyslogSettings,
)
from agent.metrics import MetricsSettings, is_loopback
from agent.profile import Definition, ProfileFolder, load_profiles, zone_named
from agent.redact import InputRedactSettings, RedactSettings
from agent.routing import AutoSettings
from agent.select import DropSettings, SampleSettings, name_nodes, repeated_names
from agent.ship import ShipSettings, ship_problems
from agent.spool import SpoolSettings
from agent.tail import InputFiles, MultilineSettings, TailSettings, normal_name
from agent.unwrap import WRAPPERS
from watchbook.configfile import ConfigError, Node, Problem, bind, load, positive, setting
from watchbook.event import FIELD_BY_NAME
from watchbook.shipped import shipped_folder
from watchbook.units import Seconds

DEFAULT_PATH = Path("/etc/watchbook/agent.yaml")
#: The options of an input that say where its lines come from; those whose lines are received, and all.
RECEIVED: Final[tuple[str, ...]] = ("syslog", "hook", "command", "journal")
SOURCES: Final = ("files", *RECEIVED)
#: In place of a profile's name: it is to be found.
AUTO: Final = "auto"
DEFAULT_STATE = Path("/var/lib/watchbook/agent")


@dataclass(frozen=True)
class InputSettings:
    """One source of lines."""

    name: str = setting("Name of the input, as events and status show it.")
    profile: str | tuple[str, ...] = setting(
        "Profile that understands its lines: a shipped one, or one from 'profiles'; a list: each line goes to the "
        "first that it is of; auto: found by the first lines of each file."
    )
    files: tuple[str, ...] = setting("Absolute paths or glob patterns (*, ?, [...], **) of its log files.", ())
    syslog: SyslogSettings | None = setting("Receive syslog from other hosts and programs.", None)
    hook: HookSettings | None = setting("Take its lines as HTTP requests: POST /hooks/NAME.", None)
    command: CommandSettings | None = setting("Take what a command prints.", None)
    journal: JournalSettings | None = setting("Take entries of the systemd journal.", None)
    read_from: Literal["beginning", "end"] = setting(
        "Where to begin in files that are there when the input is started for the very first time.", "beginning"
    )
    encoding: str = setting(
        "How its files are encoded: auto (UTF-8, or UTF-16 where a file begins with its byte order mark), utf-16, "
        "latin-1, cp1252 or another that Python knows.",
        "auto",
        check=lambda name: None if normal_name(name) else "a text encoding in which lines end with a newline",
    )
    multiline: MultilineSettings | None = setting("Which lines make one record, for instance of a stack trace.", None)
    unwrap: Literal["docker", "cri"] | None = setting(
        "What its lines are wrapped in, before they are of its profile: docker (json-file logs) or cri (Kubernetes, "
        "Podman).",
        None,
    )
    constants: Mapping[str, str] = setting(
        "Event fields that every event of this input has, for instance org: acme.", default_factory=dict
    )
    zone: str | None = setting(
        "Time zone of times that do not name theirs, for instance Europe/Berlin; without it the profile's.", None
    )
    redact: InputRedactSettings | None = setting("What of 'redact' is different for its lines.", None)
    keep_raw: bool = setting("Keep the original line (redacted) in every event, not only in unparsed ones.", False)
    include: tuple[str, ...] = setting("Optional kinds of lines of the profile that are wanted.", ())
    exclude: tuple[str, ...] = setting("Optional kinds of lines of the profile that are not wanted.", ())
    drop: tuple[DropSettings, ...] = setting("Events of this input that are not sent, but counted.", ())
    sample: tuple[SampleSettings, ...] = setting("Events of this input of which only a share is sent.", ())

    @property
    def profile_names(self) -> tuple[str, ...]:
        """The profiles it names, none when they are to be found."""
        if isinstance(self.profile, tuple):
            return self.profile
        return () if self.profile == AUTO else (self.profile,)

    @property
    def received(self) -> Any:
        """The settings of a source whose lines are received; None when they are read from files."""
        sources = [getattr(self, name) for name in RECEIVED]
        return next((source for source in sources if source is not None), None)


@dataclass(frozen=True)
class AgentSettings:
    """The file agent.yaml."""

    collector: ShipSettings = setting("Where events go.")
    state: Path = setting("Folder for the spool: unsent events and the positions in the files.")
    inputs: tuple[InputSettings, ...] = setting("The sources of lines.")
    name: str = setting("Name of this agent in events.", default_factory=socket.gethostname)
    host: str = setting("Name of this host in events.", default_factory=socket.gethostname)
    profiles: Path | None = setting("Folder of your own profiles; they come before the shipped ones.", None)
    log_level: Literal["debug", "info", "warning", "error"] = setting("What the agent's own log shows.", "info")
    drain_timeout: Seconds = setting(
        "How long a stop may take; what is unsent by then stays in the spool.", Seconds(10.0), check=positive
    )
    heartbeat_interval: Seconds = setting(
        "How often the agent tells the collector how it is; jittered by a tenth.", Seconds(30.0), check=positive
    )
    status_interval: Seconds = setting(
        "How often the agent writes what 'watchbook agent status' shows.", Seconds(2.0), check=positive
    )
    clock_skew_max: Seconds = setting(
        "How far this host's clock may be from the collector's before 'watchbook agent check' says so.",
        Seconds(5.0),
        check=positive,
    )
    tail: TailSettings = setting("Limits of reading files.", default_factory=TailSettings)
    listen: ListenSettings = setting("Limits of what is received.", default_factory=ListenSettings)
    hooks: HooksSettings = setting("The listener of all hooks.", default_factory=HooksSettings)
    auto: AutoSettings = setting("How the profile of 'profile: auto' is found.", default_factory=AutoSettings)
    batch: BatchSettings = setting("How lines are gathered into batches.", default_factory=BatchSettings)
    spool: SpoolSettings = setting("Limits of the spool.", default_factory=SpoolSettings)
    redact: RedactSettings = setting("What is taken out before it is stored.", default_factory=RedactSettings)
    drop: tuple[DropSettings, ...] = setting("Events of any input that are not sent, but counted.", ())
    sample: tuple[SampleSettings, ...] = setting("Events of any input of which only a share is sent.", ())
    metrics: MetricsSettings = setting("A port for Prometheus and health checks.", default_factory=MetricsSettings)

    def input_files(self) -> list[InputFiles]:
        """Return what the tail needs to know of the inputs."""
        return [
            InputFiles(
                each.name,
                each.files,
                each.read_from,
                normal_name(each.encoding) or "auto",
                each.multiline,
                WRAPPERS[each.unwrap].peel if each.unwrap else None,
            )
            for each in self.inputs
            if each.files
        ]


def load_settings(path: Path) -> tuple[AgentSettings, ProfileFolder]:
    """Return the settings of a file and the profiles they may name; raises ConfigError with all that is wrong.

    Profiles that come with the agent are read when they are asked for.
    """
    node = load(path)
    problems: list[Problem] = []
    settings = _collecting(problems, lambda: bind(node, AgentSettings))
    own = _collecting(problems, lambda: _own_profiles(node))
    known = None if own is None else shipped_profiles(own)
    if settings is not None and known is not None and not _can_be_read(settings, known, problems):
        known = None
    problems.extend(_problems(node, known))
    if settings is None or known is None or problems:
        raise ConfigError(problems)
    return with_records(settings, known), known


def _can_be_read(settings: AgentSettings, known: ProfileFolder, problems: list[Problem]) -> bool:
    """Return whether the profiles that inputs name are right, as far as there are such."""
    names = dict.fromkeys(name for each in settings.inputs for name in each.profile_names if name in known)
    found = [_collecting(problems, partial(known.__getitem__, name)) for name in names]  # all of them are looked at
    return None not in found


def shipped_profiles(own: Mapping[str, Definition]) -> ProfileFolder:
    """Return the profiles that come with the agent, and a user's own before them."""
    return ProfileFolder(shipped_folder("config") / "profiles", own)


def with_records(settings: AgentSettings, profiles: Mapping[str, Definition]) -> AgentSettings:
    """Return the settings with what the profiles of inputs say of records, where the inputs do not say it.

    Raises ConfigError when a profile says it wrongly.
    """
    return replace(settings, inputs=tuple(_with_record(each, profiles) for each in settings.inputs))


def _with_record(each: InputSettings, profiles: Mapping[str, Definition]) -> InputSettings:
    if each.multiline is not None or not each.files:
        return each
    for name in each.profile_names:
        node = profiles[name].record_node
        if node is not None:
            return replace(each, multiline=record_settings(node))
    return each


def record_settings(node: Node) -> MultilineSettings:
    """Return how lines make records, as a profile says; raises ConfigError."""
    multiline = bind(node, MultilineSettings)
    if problem := multiline.problem():
        raise node.error(f"expected {problem}")
    return multiline


def find_state(path: Path) -> tuple[Path, list[Problem]]:
    """Return the state folder that a file names, and what is wrong in the file, which may be much.

    For words that look at an agent that runs with what the file said before.  Raises ConfigError when the file does not
    even name the folder.
    """
    try:
        return load_settings(path)[0].state, []
    except ConfigError as error:
        problems = list(error.problems)
        try:
            named = _STATE_LINE.search(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            named = None
        if named is None:
            raise
        return Path(named["state"].strip("'\"")), problems


_STATE_LINE: Final = re.compile(r"^state:[ \t]*(?P<state>\S+)", re.MULTILINE)
_Found = TypeVar("_Found")


def _collecting(problems: list[Problem], read: Callable[[], _Found]) -> _Found | None:
    try:
        return read()
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _own_profiles(node: Node) -> dict[str, Definition]:
    where = node.mapping().get("profiles")
    if where is None or where.is_null:
        return {}
    folder = Path(where.text("a path"))
    if not os.access(folder, os.R_OK | os.X_OK) or not folder.is_dir():
        raise where.error(f"expected a folder that can be read, found {str(folder)!r}; make it, or take this out")
    return load_profiles(folder)


def _inputs(options: Mapping[str, Node]) -> Iterator[tuple[InputSettings, Node]]:
    """Yield the inputs that can be read, whatever is wrong with the others."""
    for where in options["inputs"].sequence() if "inputs" in options else []:
        with suppress(ConfigError):
            yield bind(where, InputSettings), where


def _problems(node: Node, profiles: Mapping[str, Definition] | None) -> Iterator[Problem]:
    """Yield what binding each option by itself cannot tell; ``profiles`` is None when not all of them are known."""
    if not node.is_mapping or ("inputs" in node.mapping() and not node.mapping()["inputs"].is_sequence):
        return
    options = node.mapping()
    if "inputs" in options and not options["inputs"].sequence():
        yield options["inputs"].problem("expected at least one input, found none")
    with suppress(ConfigError, KeyError):
        yield from ship_problems(bind(options["collector"], ShipSettings), options["collector"])
    with suppress(ConfigError, KeyError):
        yield from _metrics_problems(options["metrics"])
    yield from repeated_names(options)
    names: set[str] = set()
    for each, where in _inputs(options):
        yield from repeated_names(where.mapping(), outer=options)
        yield from _input_problems(each, where, profiles)
        if each.name in names:
            yield where.mapping()["name"].problem(f"{each.name!r} is the name of another input; give each its own")
        names.add(each.name)


def _metrics_problems(where: Node) -> Iterator[Problem]:
    metrics = bind(where, MetricsSettings)
    if metrics.listen is not None and not metrics.allow_remote and not is_loopback(metrics.listen):
        yield where.mapping()["listen"].problem(
            f"{metrics.listen} can be reached from other hosts; use 127.0.0.1, or say 'allow_remote: true'"
        )


def _source_problems(each: InputSettings, where: Node) -> Iterator[Problem]:
    """Yield what is wrong with where an input's lines come from: exactly one of :data:`SOURCES`."""
    options = where.mapping()
    given = [name for name in SOURCES if getattr(each, name)]
    if not given:
        place = next((options[name] for name in SOURCES if name in options), where)
        yield place.problem(f"expected where its lines come from: one of {', '.join(SOURCES)}")
    for extra in given[1:]:
        yield options[extra].problem(f"expected one source, found '{given[0]}' too; make two inputs of it")
    if given and hasattr(each.received, "problems"):
        yield from each.received.problems(options[given[-1]])
    for pattern, place in zip(each.files, options["files"].sequence() if each.files else [], strict=True):
        if not pattern.startswith("/"):
            yield place.problem(f"expected an absolute path or pattern, found {pattern!r}")


def _kind_problems(
    each: InputSettings, options: Mapping[str, Node], profiles: Sequence[Definition]
) -> Iterator[Problem]:
    """Yield what is wrong with the optional kinds of lines that an input switches."""
    if not profiles:
        return
    kinds = {kind: None for profile in profiles for kind in profile.kinds}
    named = f"the profile{'s' if len(profiles) > 1 else ''} {' and '.join(repr(each.name) for each in profiles)}"
    for option in ("include", "exclude"):
        for name, place in zip(
            getattr(each, option), options[option].sequence() if option in options else [], strict=True
        ):
            if name not in kinds:
                verb, known = ("have" if len(profiles) > 1 else "has"), ", ".join(kinds) or "none"
                yield place.problem(f"{named} {verb} no optional kind {name!r}; there are: {known}")
            elif option == "exclude" and name in each.include:
                yield place.problem(f"{name!r} is in 'include' too; take it out of one of them")
    for name, place in name_nodes(options):
        if name in kinds:
            yield place.problem(f"{name!r} is an optional kind of the profile; give the rule a name of its own")


def _profile_problems(each: InputSettings, where: Node, profiles: Mapping[str, Definition]) -> Iterator[Problem]:
    places = where.sequence() if where.is_sequence else [where]
    if not places:
        yield where.problem("expected a profile, found an empty list; name one, or write auto")
    if where.is_sequence and AUTO in each.profile_names:
        yield where.problem(f"{AUTO!r} stands by itself, not in a list; write 'profile: {AUTO}'")
        return
    for name, place in zip(each.profile_names, places, strict=False):
        if name not in profiles:
            yield place.problem(f"there is no profile {name!r}; known here: {', '.join(sorted(profiles))}, or {AUTO}")
        elif each.profile_names.count(name) > 1:
            yield place.problem(f"{name!r} is named twice; keep one of them")
    framed = [name for name in each.profile_names if name in profiles and profiles[name].record_node is not None]
    if len(framed) > 1 and each.multiline is None and len({str(profiles[name].record) for name in framed}) > 1:
        yield where.problem(f"{' and '.join(framed)} differ in which lines make one record; say it in 'multiline'")


def _input_problems(each: InputSettings, where: Node, profiles: Mapping[str, Definition] | None) -> Iterator[Problem]:
    options = where.mapping()
    if profiles is not None:
        yield from _profile_problems(each, options["profile"], profiles)
        known = each.profile_names or (tuple(profiles) if each.include or each.exclude else ())
        yield from _kind_problems(each, options, [profiles[name] for name in known if name in profiles])
    yield from _source_problems(each, where)
    if each.multiline is not None and (problem := each.multiline.problem()):
        yield options["multiline"].problem(f"expected {problem}")
    if each.unwrap is not None and not each.files:
        yield options["unwrap"].problem("only lines of 'files' can be wrapped; take this out")
    if each.zone is not None:
        try:
            zone_named(each.zone)
        except ValueError as error:
            yield options["zone"].problem(f"expected a time zone such as Europe/Berlin: {error}")
    if each.constants:
        for name, where in options["constants"].mapping().items():
            field = FIELD_BY_NAME.get(name)
            if field is None or field.kind != "text" or name.startswith("origin."):
                yield where.problem("expected the name of a text field of the event, for instance org or module")
            elif field.values is not None and each.constants[name] not in field.values:
                yield where.problem(
                    f"expected one of {', '.join(sorted(field.values))}, found {each.constants[name]!r}"
                )
