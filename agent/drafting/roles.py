"""Which value answers who, what, to what, how it ended, from where, how long: by its name, and by its look."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.drafting.shapes import (
    is_address,
    is_duration,
    is_email,
    is_http_status,
    is_number,
    is_size,
    mostly,
    outcome_of,
    text_of,
)
from agent.profile.verbs import verb_of

_DEPTH_MAX: Final = 4
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")
_PLAIN: Final = re.compile(r"[^.\[\]\"]+")


class Column(NamedTuple):
    """The values that lines have at one path; ``name`` is the path in small letters: ``userName`` is user_name."""

    path: str
    name: str
    values: Sequence[Any]

    def are(self, is_so: Callable[[Any], bool]) -> bool:
        """Return whether nearly all of them are so."""
        return mostly(self.values, is_so)

    @property
    def words(self) -> dict[str, int]:
        """The different values as texts, and how often each comes."""
        counts: dict[str, int] = {}
        for value in self.values:
            counts[text_of(value)] = counts.get(text_of(value), 0) + 1
        return counts


class Proposed(NamedTuple):
    """How an event field may be filled: the right side of its line in the profile, and what a human must look at."""

    field: str
    path: str
    source: str
    remark: str = ""


def columns_of(values: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Return the scalars of lines by their path, in the order in which they come."""
    found: dict[str, list[Any]] = {}
    for each in values:
        for path, value in _leaves(each, ""):
            found.setdefault(path, []).append(value)
    return {path: Column(path, _snake(path), values) for path, values in found.items()}


def _leaves(value: Mapping[str, Any], before: str, depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        step = key if _PLAIN.fullmatch(key) else f'"{key}"'
        path = f"{before}{step}"
        if isinstance(inner, Mapping):
            if depth < _DEPTH_MAX and '"' not in key:
                yield from _leaves(inner, f"{path}.", depth + 1)
        elif isinstance(inner, str | int | float) and inner != "" and '"' not in key:
            yield path, inner


def _snake(path: str) -> str:
    return "_".join(part.lower() for part in _PARTS.findall(path))


def _is_name(column: Column) -> bool:
    """Return whether the values could name somebody or something: short, and no sentences."""
    return column.are(lambda value: 0 < len(text_of(value)) <= 128 and text_of(value).count(" ") <= 2)


def _is_word(column: Column) -> bool:
    """Return whether the values are words for what was done, of which there are few."""
    few = len(column.words) <= max(3, len(column.values) // 2)
    return few and column.are(lambda value: isinstance(value, str) and 0 < len(value) <= 60 and value.count(" ") <= 3)


def _is_text(column: Column) -> bool:
    return column.are(lambda value: isinstance(value, str))


_ADDRESSES: Final = (
    "source_ip client_ip remote_ip src_ip ip_address remote_addr client_addr ip client source_address remote "
    "x_forwarded_for address addr host src peer from"
)
_PEOPLE: Final = (
    "actor_email user_email actor_id actor user_name username user_login login user_id userid user account_email "
    "principal who subject operator initiator performed_by executed_by created_by changed_by by account email uid "
    "requester caller identity owner cashier clerk agent employee member"
)
_ACTIONS: Final = (
    "action operation event_action op verb activity did event_name event event_type command method type what cmd "
    "request_method"
)
_THINGS: Final = (
    "resource_id object_id entity_id target_id item_id resource object target path uri url file file_name filename "
    "document_id document record_id order_id order table database bucket topic queue key item id"
)
_DURATIONS: Final = (
    "duration_ms elapsed_ms latency_ms took_ms time_ms response_time_ms duration elapsed latency took response_time "
    "time_taken runtime duration_s duration_seconds"
)
#: Event field -> names that mean it, the most telling first, and what its values must be like.
ROLES: Final[Mapping[str, tuple[str, Callable[[Column], bool]]]] = {
    "source.ip": (_ADDRESSES, lambda column: column.are(is_address)),
    "actor.id": (_PEOPLE, _is_name),
    "actor.name": ("actor_name user_display_name display_name full_name real_name", _is_name),
    "action": (_ACTIONS, _is_word),
    "resource.type": (
        "resource_type object_type entity_type target_type item_type resource_kind kind entity object_class", _is_word
    ),
    "resource.id": (_THINGS, _is_name),
    "resource.name": ("resource_name object_name entity_name target_name item_name title name", _is_text),
    "outcome": ("outcome result status_code http_status status success succeeded state response_code", _is_name),
    "reason": (
        "failure_reason reason error_message error_text error err denial_reason why error_code exception", _is_text
    ),
    "duration_ms": (_DURATIONS, lambda column: column.are(is_duration) or column.are(is_number)),
    "source.user_agent": ("user_agent useragent http_user_agent ua browser", _is_text),
    "source.session_id": ("session_id session sid session_key", _is_name),
    "source.request_id": ("request_id req_id correlation_id trace_id transaction_id txid rid request", _is_name),
    "org": ("org organization organisation tenant tenant_id org_id org_name company customer", _is_name),
    "project": ("project project_id project_name workspace namespace", _is_name),
    "module": ("module component service app application program logger subsystem", _is_name),
    "measures.bytes": (
        "bytes size bytes_sent content_length length file_size", lambda c: c.are(is_number) or c.are(is_size)
    ),
    "measures.rows": ("rows row_count rows_affected num_rows records", lambda c: c.are(is_number)),
    "measures.items": ("items item_count count quantity qty num_items", lambda c: c.are(is_number)),
    "message": ("message msg text description detail note", _is_text),
}  # fmt: skip
TIMES: Final = (
    "timestamp time ts event_time datetime date_time at occurred_at created_at logged_at event_timestamp date when "
    "created start_time published"
)
BEFORE: Final = "before old old_value previous from_value old_values previous_value"
AFTER: Final = "after new new_value current to_value new_values current_value"


def best_named(columns: Sequence[Column], names: str, fits: Callable[[Column], bool]) -> Column | None:
    """Return the column with the most telling name whose values fit: the whole name first, then its end."""
    for name in names.split():
        for column in columns:
            if column.name == name and fits(column):
                return column
    for name in names.split():
        for column in columns:
            if len(name) > 3 and column.name.endswith(f"_{name}") and fits(column):
                return column
    return None


def propose(columns: Sequence[Column]) -> list[Proposed]:
    """Return how event fields may be filled, each column used once."""
    left = list(columns)
    proposed: list[Proposed] = []
    for field, (names, fits) in ROLES.items():
        column = best_named(left, names, fits)
        if column is None:
            continue
        made = _proposed(field, column)
        if made is not None:
            left.remove(column)
            proposed.append(made)
    return [*proposed, *_by_shape(left, {each.field for each in proposed})]


def _by_shape(left: list[Column], taken: set[str]) -> Iterator[Proposed]:
    """Yield what only the values, or the ends of names, give away: addresses, people, deeds, things."""
    for field, fits in _LOOKS.items():
        column = next((each for each in left if fits(each)), None)
        if field not in taken and column is not None:
            made = _proposed(field, column)
            if made is not None:
                left.remove(column)
                yield made._replace(remark=made.remark or "a guess by its look")


def _is_deed(column: Column) -> bool:
    return _is_word(column) and all(is_known_verb(word) for word in column.words)


def _is_ending(column: Column) -> bool:
    return _is_word(column) and all(outcome_of(word) is not None for word in column.words)


def _is_number_of_thing(column: Column) -> bool:
    name = re.sub(r"_(id|no|number|key|name)$", "", column.name)
    return name != column.name and name not in _NO_THINGS and _is_name(column)


#: What has a number and is no thing that somebody acts on.
_NO_THINGS: Final = frozenset({"user", "session", "request", "trace", "span", "thread", "process", "host", "tenant"})
_LOOKS: Final[Mapping[str, Callable[[Column], bool]]] = {
    "source.ip": lambda column: column.are(is_address),
    "actor.id": lambda column: column.are(is_email),
    "duration_ms": lambda column: column.are(is_duration),
    "outcome": _is_ending,
    "action": _is_deed,
    "resource.id": _is_number_of_thing,
}


def _proposed(field: str, column: Column) -> Proposed | None:
    path = column.path
    if field == "source.ip":
        return Proposed(field, path, f"{{from: {quoted(path)}, as: ip}}")
    if field == "action":
        return Proposed(field, path, f"{{from: {quoted(path)}, as: verb, default: log}}", _unknown_verbs(column))
    if field == "outcome":
        return _outcome(column)
    if field == "duration_ms":
        return _duration(column)
    if field == "measures.bytes" and not column.are(is_number):
        return Proposed(field, path, f"{{from: {quoted(path)}, as: size}}")
    if field.startswith("measures."):
        return Proposed(field, path, f"{{from: {quoted(path)}, as: number}}")
    return Proposed(field, path, quoted(path))


def _unknown_verbs(column: Column) -> str:
    unknown = [word for word in column.words if (verb := verb_of(word)) and verb.action == word.strip().lower()]
    strange = [word for word in unknown if word.lower() not in _VERBS]
    return f"words that stay as they are: {', '.join(strange[:8])}; give them a verb with 'map'" if strange else ""


#: Verbs of events that are no other word's meaning.
_VERBS: Final = frozenset(
    {
        "create", "read", "update", "delete", "execute", "cancel", "share", "unshare", "grant", "revoke", "promote",
        "restore", "move", "export", "import", "invite", "approve", "reject", "enable", "disable", "rotate", "login",
        "logout", "register", "start", "stop", "restart", "deploy", "publish", "release", "request", "connect",
        "disconnect", "authenticate", "impersonate", "queue", "dequeue", "log",
    }
)  # fmt: skip


def is_known_verb(word: str) -> bool:
    """Return whether a word of a source means an action that auditors search for."""
    verb = verb_of(word)
    return verb is not None and verb.action in _VERBS


def _outcome(column: Column) -> Proposed | None:
    path = quoted(column.path)
    if column.are(is_http_status):
        return Proposed("outcome", column.path, f"{{from: {path}, as: http_outcome, keep: yes}}")
    known = {word: outcome_of(word) for word in column.words}
    mapped = {word: outcome for word, outcome in known.items() if outcome is not None}
    if not mapped or len(column.words) > 12:
        return None
    pairs = ", ".join(f"{quoted(word)}: {outcome}" for word, outcome in mapped.items())
    unknown = [word for word, outcome in known.items() if outcome is None]
    remark = f"also seen: {', '.join(unknown)}; what do they mean?" if unknown else ""
    return Proposed("outcome", column.path, f"{{from: {path}, map: {{{pairs}}}, keep: changed}}", remark)


def _duration(column: Column) -> Proposed:
    path = quoted(column.path)
    if column.are(is_duration):
        return Proposed("duration_ms", column.path, f"{{from: {path}, as: duration}}")
    for ends, cast in ((("_ms", "millis", "_msec"), "milliseconds"), (("_s", "_sec", "seconds", "_secs"), "seconds")):
        if column.name.endswith(ends):
            return Proposed("duration_ms", column.path, f"{{from: {path}, as: {cast}}}")
    remark = "milliseconds? If these are seconds, write: as: seconds"
    return Proposed("duration_ms", column.path, f"{{from: {path}, as: milliseconds}}", remark)


def quoted(text: str) -> str:
    """Return a text as YAML reads it within a flow mapping."""
    plain = re.fullmatch(r"[A-Za-z_@/][\w@./-]*", text) is not None
    is_word = text.lower() in ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
    return text if plain and not is_word else "'" + text.replace("'", "''") + "'"
