"""The profile language, version 1: what a profile file says, as values.

::

    profile: sshd                     # its name, that of the file
    description: …
    format: syslog                    # json, combined or syslog: how a line is taken apart
    keys: exact                       # or loose: "Old Value" and oldValue are found as old_value too
    match: {program: [sshd]}          # lines that are of this profile; others stay unparsed, with the reason
    time: {from: [timestamp], format: syslog, zone: UTC}
    fields:                           # event field: where its value comes from
      actor.id: [user, username]      # paths; the first that holds such a value
      outcome:
        from: status
        map: {ok: success, denied: failure}      # keys in any case; other values are left where they are
        keep: changed                 # no, changed (a word that the map replaced stays in details too), yes
      duration_ms: [duration_ms, {from: elapsed, as: duration}]
      source.ip: {from: rhost, as: ip}
      action: {from: event, as: verb, default: log}    # "default": when nothing gave a value
      resource.type: {from: type, with: action}        # "with": only in lines that have this key too
      actor.name: {from: user, absent: [nobody]}       # "absent": words that mean there is none
    constants: {category: access}
    changes: {before: [before, old_value], after: [after, new_value]}
    details: rest                     # what no field took, losslessly; or none
    patterns:                         # for text: the first that matches adds its named groups to the line's values
      - name: failed
        of: message
        match: 'Failed password for (?P<user>\\S+) from (?P<ip>\\S+)'
        fields: {actor.id: user, source.ip: {from: ip, as: ip}}
        constants: {action: login, outcome: failure}

A path is a key or keys joined by dots; ``user.name`` finds ``{"user": {"name": …}}`` and ``{"user.name": …}``.
``measures.NAME`` and ``details.NAME`` name a measure or a detail.  A pattern's regular expression must fit the
whole text; what a pattern says of a field stands in place of what the profile says of it.

Filled in by themselves: ``actor.type`` (``user`` when there is an actor, else ``anonymous``), ``actor.email`` (an
``actor.id`` that is an address), and with ``as: verb`` the ``event_type`` (the source's own word), ``category``,
``outcome`` and ``reason`` as far as the word tells them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from agent.profile.conditions import Condition
from watchbook.configfile import Node
from watchbook.event import FIELD_BY_NAME, Kind

Keep = Literal["no", "changed", "yes"]

MEASURES: Final = "measures."
DETAILS: Final = "details."
#: Fields that are no profile's to fill: they come from elsewhere, or have a part of the language of their own.
NOT_FROM_FIELDS: Final = frozenset(
    {
        "time",
        "changes",
        "details",
        "measures",
        "flags",
        "raw",
        *(name for name in FIELD_BY_NAME if name[:7] == "origin."),
    }
)


class TemplatePath(NamedTuple):
    """A path in a template."""

    path: str


@dataclass(frozen=True)
class Source:
    """One way to a value, and what is done with it.

    The value is the first usable one at some paths, or a fixed ``value``, or a ``template``: texts, and paths whose
    values stand between them.
    """

    paths: tuple[str, ...]
    node: Node
    cast: str | None = None
    values: Mapping[str, str] | None = None
    absent: frozenset[str] = frozenset()
    when: Condition | None = None
    keep: Keep = "no"
    value: str | None = None
    template: tuple[str | TemplatePath, ...] = ()
    extract: str | None = None
    join: str | None = None

    @property
    def all_paths(self) -> tuple[str, ...]:
        """The paths of values that may end up in the field."""
        return (*self.paths, *(piece.path for piece in self.template if isinstance(piece, TemplatePath)))


@dataclass(frozen=True)
class Rule:
    """How one event field (or measure, or detail) is filled."""

    field: str
    sources: tuple[Source, ...]
    node: Node
    default: str | None = None

    @property
    def kind(self) -> Kind:
        """What kind of value the field holds."""
        if self.field.startswith(MEASURES):
            return "number"
        return "text" if self.field.startswith(DETAILS) else FIELD_BY_NAME[self.field].kind


@dataclass(frozen=True)
class TimeRule:
    """Where the time stands and how it is written; ``zone`` is for times that do not name theirs.

    ``nanos`` is where the nanoseconds stand that a time in two numbers has beside its seconds.
    """

    sources: tuple[Source, ...]
    format: str
    zone: str | None
    nanos: Source | None = None


@dataclass(frozen=True)
class StatesRule:
    """Where the states before and after stand."""

    before: Source
    after: Source


@dataclass(frozen=True)
class ListRule:
    """Where a list of changes stands, and what its members are called: paths within each of its objects.

    ``name`` is the name of the changed field where the line does not tell it.
    """

    each: str
    field: str | None
    old: str | None
    new: str | None
    name: str | None = None


@dataclass(frozen=True)
class SingleRule:
    """Where a single change stands; ``name``: the changed field, where the line does not tell it."""

    field: str | None
    old: str | None
    new: str | None
    name: str | None = None


ChangesRule = StatesRule | ListRule | SingleRule


@dataclass(frozen=True)
class Part:
    """A pattern or a case: what some lines mean, on top of what the profile says.

    It is for the lines in which ``when`` holds and whose text at the path ``of`` fits ``regex``, as far as these are
    given.  ``default``: when it is an optional kind, whether it is on.  None for what stays as the profile says.
    """

    name: str
    when: Condition | None
    of: str
    regex: str | None
    rules: Mapping[str, Rule]
    constants: Mapping[str, str]
    changes: tuple[ChangesRule, ...] | None
    time: tuple[TimeRule, ...] | None
    default: bool | None
    node: Node


@dataclass(frozen=True)
class Optional:
    """A kind of lines that can be left out; ``default``: whether it is in unless an input says otherwise."""

    name: str
    description: str
    default: bool
    when: Condition


@dataclass(frozen=True)
class FormatChoice:
    """A format and the options that it was given, as plain values; ``node`` and ``options`` stand in the file."""

    name: str
    options: Mapping[str, Any]
    node: Node
    nodes: Mapping[str, Node]


@dataclass(frozen=True)
class Sample:
    """A line, and what must become of it: ``events``, or a part of the reason why it is ``unparsed``, or ``dropped``.

    All three are None in a draft, whose outcome is still to be written.  ``read_us`` is when it was read, ``include``
    the optional kinds that are switched on for it.
    """

    line: str
    note: str
    events: tuple[Mapping[str, Any], ...] | None
    unparsed: str | None
    dropped: str | None
    read_us: int
    include: tuple[str, ...]
    node: Node

    @property
    def is_draft(self) -> bool:
        """Whether it does not say yet what becomes of it."""
        return self.events is None and self.unparsed is None and self.dropped is None


@dataclass(frozen=True)
class Definition:
    """A profile as its file says it."""

    name: str
    description: str
    format: FormatChoice
    loose_keys: bool
    each: tuple[str, ...]
    lift: tuple[str, ...]
    match: Condition | None
    optional: tuple[Optional, ...]
    time: tuple[TimeRule, ...]
    rules: Mapping[str, Rule]
    constants: Mapping[str, str]
    changes: tuple[ChangesRule, ...]
    keeps_rest: bool
    patterns: tuple[Part, ...]
    keeps_unmatched: bool
    decode: Mapping[str, FormatChoice]
    cases: tuple[Part, ...]
    samples: tuple[Sample, ...]
    #: How Sigma rules call the source: product, category, service.
    logsource: Mapping[str, str]
    #: How lines make records, for inputs that do not say so: the options of an input's ``multiline``.
    record: Mapping[str, Any]
    record_node: Node | None
    #: Redaction rules that do not apply to the source, and key names under which no secrets stand.
    redact_without: tuple[str, ...]
    redact_keep: tuple[str, ...]
    node: Node
    #: Where every path stands in the file, for what only the compiler can check.
    path_nodes: tuple[tuple[str, Node], ...]

    @property
    def kinds(self) -> Mapping[str, bool]:
        """The optional kinds of lines by name: whether they are in by default."""
        named = {each.name: each.default for each in self.optional}
        return named | {part.name: part.default for part in self.cases if part.default is not None}
