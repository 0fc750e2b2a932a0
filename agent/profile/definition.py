r"""The profile language, version 2: what a profile file says, as values.

A line goes: ``format`` takes it apart; ``each``: one line, several events; ``lift``: out of an envelope; ``match``: is
it of this profile?; ``patterns``: the first that fits adds its groups; ``decode``: texts within it are taken apart;
``optional``: kinds that are left out; ``cases``: the first that holds overrides; then time, changes, fields, details::

    profile: sshd                     # its name, that of the file
    description: …
    logsource: {product: linux, service: sshd}   # how Sigma rules call the source: product, category, service
    format: syslog                    # how a line is taken apart; with options: {name: csv, columns: [a, b]}
    record: {start: '^\d'}            # how lines make records where an input does not say: the options of `multiline`
    keys: exact                       # or loose: "Old Value" and oldValue are found as old_value too
    each: [Records, value]            # a list of objects there (or one object): each is an event of its own, with what
                                      # stands beside the list; what the object's members hide goes under `envelope`
    lift: [data]                      # an object there (or the JSON text of one): its members come to the top
    match: {program: [sshd]}          # condition; lines for which it does not hold stay unparsed, with the reason
    redact: {without: [jwt], keep: [token_id]}   # redaction rules that do not apply, key names that are no secrets
    optional:                         # kinds that an input switches by include and exclude; counted when left out
      - {name: reads, description: …, default: off, when: {action: read}}
    decode: {message: json, sql: {name: csv, columns: [a, b]}}   # a text there that can be taken apart becomes that
    time: {from: [timestamp], format: syslog, zone: UTC}   # or a list: the first that gives a time
    fields:                           # event field: where its value comes from
      actor.id: [user, username]      # paths; the first that holds such a value
      outcome:
        - {value: failure, when: {errorCode: {present: true}}}
        - {from: status, map: {ok: success, "*": failure}}     # keys in any case; "*": any other word; others are left
        - {value: success}            # where they are
      resource.id: {template: "{ns}/{name}"}           # when all its paths give values
      org: {from: uri, extract: '^/api/(\w+)'}         # the first group, where it is found
      module: {from: roles, join: ", "}                # a list of texts and numbers, or 'roles[].name'
      duration_ms: [duration_ms, {from: elapsed, as: duration}]
      source.ip: {from: rhost, as: ip}
      action: {from: event, as: verb, default: log}    # "default": when nothing gave a value
      resource.type: {from: type, with: action}        # "with": only in lines that have this key too
      actor.name: {from: user, absent: [nobody]}       # "absent": words that mean there is none
    constants: {category: access}     # texts that every event has; `flags: system` marks what machines do by themselves
    changes: {before: [before, old_value], after: [after, new_value]}
    #  or {each: 'x[0].properties', field: displayName, old: oldValue, new: newValue}, a list of changes; or {field: f,
    #  old: o, new: n}, a single one; `name: WORD` instead of `field` names it.  A list of these: the first that gives
    #  any.  Fields see what the changes take.
    details: rest                     # what no field took, losslessly; or none
    patterns:                         # the first that fits adds its named groups to the line's values
      - name: failed
        when: {program: sshd}         # condition; asked first, best as a plain equality
        of: message                   # the text it looks at; the regular expression must fit all of it
        match: 'Failed password for (?P<user>\S+) from (?P<ip>\S+)'
        fields: {actor.id: user, source.ip: {from: ip, as: ip}}
        constants: {action: login, outcome: failure}
        keep: "yes"                   # whether the text stays in details; by itself, what `format: text` reads does not
                                      # when the pattern's groups and words tell all of it
    unmatched: unparsed               # lines that fit no pattern; keep: they are events by the profile's own rules
    cases:                            # on a condition and (or) a regular expression; the first that holds
      - name: login
        when: {eventName: ConsoleLogin}
        optional: true                # a kind that is left out unless an input includes it; on: in unless excluded
        fields: {…}
        constants: {…}
        changes: {…}
        time: {…}
    samples:                          # `watchbook agent test` runs them
      - {note: why, line: '…', event: {…}}       # or events: [{…}], unparsed: 'part of the reason', dropped: KIND;
                                                 # read: TIME for years that are inferred, include: [KIND]

What a pattern says of a field (by a rule or a constant) stands in place of what the profile says of it, what a case
says in place of both.

**Paths**: keys joined by dots; ``user.name`` finds ``{"user": {"name": …}}`` and ``{"user.name": …}``.  ``a[0]`` and
``a[-1]`` are elements of a list, ``a[type=User].id`` the first element whose ``type`` is that, ``a[].id`` the first
element that holds a usable value (all of them with ``join``); ``a."b.c"`` has a key with a dot.  ``measures.NAME`` and
``details.NAME`` name a measure or a detail.

**Conditions**: a mapping of paths to what they hold, all of which must hold; or a list of such mappings, one of which
must.  A text, number, true or false, or a list of them: equal to one, as text.  Operators: ``{present: true}``,
``{not: X}``, ``{starts: X}``, ``{ends: X}``, ``{contains: X}``, ``{match: REGEX}`` (found anywhere), ``{below: N}``,
``{above: N}``; several hold together.  A missing value fits only ``present: false`` and ``not``.  With ``[]`` in a path
some element must fit (with ``not``: none may).

**What a field takes leaves the details**, unless ``keep`` says otherwise: ``no``; ``changed`` (a text of which the
field tells only a part or another word stays), ``yes``.  By itself: ``yes`` for templates and extracts, ``changed`` for
maps with ``"*"`` and the casts that shorten, else ``no``.  Containers that this empties go too.

**Casts** (``as``): text, lower, verb (action only), ip (also with a port, which stays in the details), path_name (the
last part of a path or ARN), snake (``DBInstance`` -> db_instance), http_outcome; number, duration (``1.2 s``), seconds,
milliseconds, microseconds, nanoseconds, size (``1.5 MB``); bool (for a detail).

**Times** (``format``): auto, rfc3339, epoch_s, epoch_ms, epoch_us, epoch_ns, clf, syslog, or a pattern as of strptime:
``'%d.%m.%Y %H:%M:%S,%f'``, also without a year.  ``nanos: PATH`` adds the nanoseconds of a time in two numbers.

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

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it looks."""
        return (*self.before.paths, *self.after.paths)


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

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it looks."""
        return (self.each,)


@dataclass(frozen=True)
class SingleRule:
    """Where a single change stands; ``name``: the changed field, where the line does not tell it."""

    field: str | None
    old: str | None
    new: str | None
    name: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it looks."""
        return tuple(path for path in (self.field, self.old, self.new) if path is not None)


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
    #: Whether the text stays in the details that it was about; None: as far as it is not all told.
    keep: bool | None = None


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
