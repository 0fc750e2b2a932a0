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
from typing import Final, Literal

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


@dataclass(frozen=True)
class Source:
    """One way to a value: paths, of which the first that holds a usable value is taken, and what is done with it."""

    paths: tuple[str, ...]
    node: Node
    cast: str | None = None
    values: Mapping[str, str] | None = None
    absent: frozenset[str] = frozenset()
    needs: str | None = None
    keep: Keep = "no"


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
    """Where the time stands and how it is written; ``zone`` is for times that do not name theirs."""

    sources: tuple[Source, ...]
    format: str
    zone: str | None


@dataclass(frozen=True)
class ChangesRule:
    """Where the states before and after stand."""

    before: Source
    after: Source


@dataclass(frozen=True)
class Pattern:
    """A shape of a text: what its groups mean, on top of what the profile says."""

    name: str
    of: str
    regex: str
    rules: Mapping[str, Rule]
    constants: Mapping[str, str]
    node: Node


@dataclass(frozen=True)
class Definition:
    """A profile as its file says it."""

    name: str
    description: str
    format: str
    loose_keys: bool
    match: Mapping[str, frozenset[str]]
    time: TimeRule | None
    rules: Mapping[str, Rule]
    constants: Mapping[str, str]
    changes: ChangesRule | None
    keeps_rest: bool
    patterns: tuple[Pattern, ...]
    node: Node
    #: Where the format and every path stand in the file, for what only the compiler can check.
    format_node: Node
    path_nodes: tuple[tuple[str, Node], ...]
