"""The query parameters there are: declared once, for reading them and for the description."""

from typing import Any, Final

from collector.finding import LEVELS
from collector.web.agent_schemas import AGENT_STATES
from collector.web.alert_schemas import ALERT_DISPOSITIONS, ALERT_STATUSES, HIDING_STATES
from collector.web.notification_schemas import NOTIFICATION_STATES
from collector.web.parameters import Parameter
from collector.web.rule_schemas import RULE_STATES
from watchbook.catalogue import KINDS
from watchbook.event import ACTOR_TYPES

LIMIT_MAX: Final = 1000
#: The value of ``after`` that asks for the number of the newest event and nothing else.
LATEST: Final = "latest"
#: The value of ``user`` that stands for the caller's own name.
ME: Final = "me"
#: The value of ``exclude`` that leaves out what catalogues call hidden.
HIDDEN: Final = "hidden"
FACETS_MAX: Final = 32
#: What facets are made of when nobody says.
FACETS_DEFAULT: Final = ("actor", "action", "resource.type", "outcome", "category")
#: Formats that are written as they are found, and formats that are one file in the end.
STREAMED: Final = ("csv", "json", "ndjson")
FILES: Final = ("parquet", "sqlite")

_MOMENT: Final = "RFC 3339 with a zone, or relative to now: `-1h`, `7d` (both in the past), `now`."
_ALTERNATIVES: Final = "Repeat it for alternatives; a trailing `*` stands for whatever follows."


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 4096}


def _number(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


LIMIT: Final = Parameter("limit", "Most items in the answer.", _number(1, LIMIT_MAX, 50))
SIZE: Final = Parameter("size", "Most values of a facet, the most frequent first.", _number(1, LIMIT_MAX, 10))
VALUES_LIMIT: Final = Parameter("limit", "Most values in the answer.", _number(1, LIMIT_MAX, 20))
_CURSOR: Final = Parameter("cursor", "`next_cursor` of the page before; repeat that page's other parameters with it.")
_TOTAL: Final = Parameter(
    "total",
    "Whether to count what the whole range holds. `exact` says whether the number is that, or a lower bound where "
    "counting on would cost too much.",
    {"type": "boolean", "default": False},
)
_RANGE: Final = (
    Parameter("from", f"Beginning of the range (included); by default 7 days before its end. {_MOMENT}"),
    Parameter("to", f"End of the range (not included); by default there is none. {_MOMENT}"),
)

#: Filters by field.  Names of the same field are one filter; different fields must all match.
FILTERS: Final = tuple(
    Parameter(name, f"{doc} {_ALTERNATIVES}", _TEXT, repeated=True, stands_for=field)
    for name, field, doc in (
        ("actor", "actor", "Id, name or e-mail address (or what stands before its @) of who acted, or was acted for."),
        ("user", "actor", f"Another word for `actor`; `{ME}` stands for the name of the token that asks."),
        ("email", "actor.email", "The e-mail address of the actor."),
        ("actor_type", "actor.type", f"What kind of principal acted: {', '.join(sorted(ACTOR_TYPES))}."),
        ("action", "action", "The action."),
        ("event_type", "event_type", "The source's own name for the action."),
        ("resource.type", "resource.type", "The type of the resource."),
        ("type", "resource.type", "Another word for `resource.type`."),
        ("resource.id", "resource.id", "The identifier of the resource; without `resource.type`, of any type."),
        ("resource.name", "resource.name", "The name of the resource."),
        ("outcome", "outcome", "How it ended: success, failure, in_progress or pending."),
        ("status", "outcome", "Another word for `outcome`."),
        ("category", "category", "The kind of activity."),
        ("org", "org", "The organization."),
        ("project", "project", "The project."),
        ("module", "module", "The part of the source system."),
        ("source.ip", "source.ip", "The address, its first groups (192.168.1) or a network (10.0.0.0/8)."),
        ("ip", "source.ip", "Another word for `source.ip`."),
    )
)  # fmt: skip
EXCLUDE: Final = Parameter(
    "exclude",
    "Leave out a class of events: `login` (category authentication: logins that succeeded or failed, second factors), "
    "`system` (what no principal but the system itself did) or `hidden` (event types that a catalogue calls hidden). "
    "Repeat it for several.",
    {"type": "string", "enum": ["login", "system", HIDDEN]},
    repeated=True,
)
_Q: Final = Parameter("q", 'A query: `actor:alice -outcome:success measures.rows:>1000 "free text"`.')
#: What selects events, whatever is asked about them.
SELECTION: Final = (*FILTERS, EXCLUDE, _Q)

EVENTS: Final = (
    *_RANGE,
    *SELECTION,
    LIMIT,
    _CURSOR,
    _TOTAL,
    Parameter(
        "after",
        "Answer in order of arrival, with the events that arrived after this number (`last_number` of an answer); "
        f"`{LATEST}`: no events, only the newest number. Goes with the filters, `q` and `limit`.",
        {"anyOf": [{"type": "integer", "minimum": 0}, {"const": LATEST}]},
    ),
)
FACETS: Final = (
    *_RANGE,
    *SELECTION,
    Parameter(
        "field",
        f"The field to count the values of. Repeat it for several; by default {', '.join(FACETS_DEFAULT)}.",
        repeated=True,
    ),
    SIZE,
    Parameter("distinct", "Count beside each value how many different values of this field it goes with."),
)
HISTOGRAM: Final = (
    *_RANGE,
    *SELECTION,
    Parameter("interval", "Width of a bucket, such as `1h`, `15m` or `1d`; by default what fits the range."),
    Parameter("by", "Count within each bucket by the values of this field."),
)
HISTORY: Final = (
    Parameter("from", f"Beginning of the range (its hour is included); by default there is none. {_MOMENT}"),
    Parameter(
        "to", f"End of the range (its hour is included, unless it begins then); by default there is none. {_MOMENT}"
    ),
    Parameter("interval", "Width of a bucket in whole hours, such as `1h`, `1d` or `7d`; by default an hour."),
    Parameter("by", "Count within each bucket by the values of this field, one of `retention.rollup_fields`."),
    Parameter(
        "gone",
        "Count only events of segments that are gone as a whole; what retention took out of segments that stay is not "
        "among them.",
        {"type": "boolean", "default": False},
    ),
)
VALUES: Final = (
    *_RANGE,
    *SELECTION,
    Parameter("field", "The field whose values are wanted.", required=True),
    Parameter("prefix", "What the values begin with, in whatever case."),
    VALUES_LIMIT,
)
EXPLAIN: Final = (*_RANGE, *SELECTION)
EXPORT: Final = (
    *_RANGE,
    *SELECTION,
    Parameter("format", "The format of the answer.", {"type": "string", "enum": [*STREAMED, *FILES], "default": "csv"}),
    Parameter(
        "columns",
        "Columns of a CSV, with commas between them: fields of the event, or `timestamp`, `user`, `resource`, "
        "`status`, `ip_address`; by default timestamp,user,action,resource,status,ip_address.",
    ),
)
TAIL: Final = (
    *SELECTION,
    Parameter(
        "after",
        "Begin after the event with this arrival number (`last_number` of an answer, `id` of an event of the stream); "
        "by default with what arrives from now on. The header Last-Event-ID goes before it.",
        {"type": "integer", "minimum": 0},
    ),
)
CATALOGUE: Final = (
    Parameter("catalogue", "The name of a catalogue. Repeat it for alternatives.", repeated=True),
    Parameter(
        "kind", "What is listed. Repeat it for alternatives.", {"type": "string", "enum": list(KINDS)}, repeated=True
    ),
    Parameter("group", f"The name of a group, in any spelling. {_ALTERNATIVES}", _TEXT, repeated=True),
    Parameter("type", f"The name of an entry, in any spelling. {_ALTERNATIVES}", _TEXT, repeated=True),
    Parameter("hidden", "`true`: only entries that are hidden; `false`: only those that are not.", {"type": "boolean"}),
    Parameter(
        "seen",
        "Whether to say which event types and resource types of the range no catalogue lists, and which are listed as "
        "another spelling.",
        {"type": "boolean", "default": False},
    ),
    *_RANGE,
)
AGENTS: Final = (Parameter("state", "Only agents in this state.", {"type": "string", "enum": list(AGENT_STATES)}),)
RULES: Final = (Parameter("state", "Only rules in this state.", {"type": "string", "enum": list(RULE_STATES)}),)
EXPLAINED: Final = (Parameter("event", "The id of the event.", required=True),)
_MAYBE: Final = {"type": "boolean"}
DAYS_MAX: Final = 366
DAYS: Final = Parameter("days", "Of how many days.", _number(1, DAYS_MAX, 30))
ALERTS: Final = (
    Parameter(
        "status",
        "The alert's status. Repeat it for alternatives.",
        {"type": "string", "enum": list(ALERT_STATUSES)},
        repeated=True,
    ),
    Parameter(
        "level", "The severity. Repeat it for alternatives.", {"type": "string", "enum": list(LEVELS)}, repeated=True
    ),
    Parameter("rule", "The id of the rule."),
    Parameter("tag", "A tag of the rule."),
    Parameter("group", "A field that it is grouped by, and its value: `actor.id:alice`.", repeated=True),
    Parameter("silenced", "Only alerts that a silence hides, or only others.", _MAYBE),
    Parameter("inhibited", "Only alerts that another one keeps quiet, or only others.", _MAYBE),
    Parameter(
        "disposition",
        "What it turned out to be; `none`: nobody said so yet.",
        {"type": "string", "enum": [*ALERT_DISPOSITIONS, "none"]},
    ),
    Parameter(
        "shadow",
        "`only` alerts of rules in shadow mode, or `also` those; else they are left out.",
        {"type": "string", "enum": ["only", "also"]},
    ),
    Parameter("from", f"Only alerts that opened then or later. {_MOMENT}"),
    Parameter("to", f"Only alerts that opened before. {_MOMENT}"),
    LIMIT,
    _CURSOR,
)
RATIOS: Final = (DAYS,)
BEFORE: Final = Parameter(
    "before", "`next_before` of the page before.", {"type": "integer", "minimum": 0, "maximum": 2**62}
)
NOTIFICATIONS: Final = (
    Parameter("state", "Only notifications in this state.", {"type": "string", "enum": list(NOTIFICATION_STATES)}),
    Parameter("channel", "Only those of this channel."),
    LIMIT,
    BEFORE,
)
SILENCES: Final = (Parameter("state", "Only silences in this state.", {"type": "string", "enum": list(HIDING_STATES)}),)
EXCEPTIONS: Final = (
    Parameter("state", "Only exceptions in this state.", {"type": "string", "enum": list(HIDING_STATES)}),
    Parameter("rule", "Only those of the rule with this id."),
)
