"""Sample activity of the five systems: for every entry of their catalogues a line as the documents describe it.

:func:`activity` gives all of it.  A line is written as its system would, in the order of the catalogue; what must
become of it is taken from the catalogue, which says what each name means.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from watchbook.catalogue import Catalogue, Entry, load_catalogues
from watchbook.shipped import shipped_folder

CATALOGUES: Final[Mapping[str, Catalogue]] = {
    catalogue.name: catalogue for catalogue in load_catalogues([shipped_folder("config") / "catalogues"])
}
#: The first line of each system was written then.
BEGIN: Final = datetime(2026, 11, 20, 8, 0, 0, 120_000, tzinfo=UTC)
PEOPLE: Final = ("alice@example.com", "bob@example.com", "carol@example.com", "dave@example.com")
ADDRESSES: Final = ("192.0.2.10", "192.0.2.77", "198.51.100.4", "2001:db8::1")


class Activity(NamedTuple):
    """A line of a system, the profile that reads it, and what its event must say at the least.

    ``expected`` is flat; None: the field must not be there.  ``about`` names the catalogue's entry for messages.
    """

    profile: str
    about: str
    line: str
    expected: Mapping[str, Any]


def activity() -> Iterator[Activity]:
    """Yield the lines of all five systems."""
    yield from harbr()
    yield from harness_audit()
    yield from harness_sei()
    yield from workspace_platform()
    yield from notebook_platform()
    yield from notebook_platform_csv()


def harbr() -> Iterator[Activity]:
    """Yield a line for each of the 57 event types: people, SERVICE_USER and ANONYMOUS act in turn."""
    for number, entry in enumerate(CATALOGUES["harbr"].entries):
        kind = entry.group.lower().replace(" ", "_")
        actor = ("alice@example.com", "SERVICE_USER", "ANONYMOUS")[number % 3]
        line: dict[str, Any] = {
            "timestamp": _time(number), "type": entry.name, "group": entry.group, "actingUser": actor,
            "subject": {"type": entry.group.lower(), "id": f"{kind}-{number}", "name": f"The {kind} {number}"},
            "organization": "acme", "correlationId": f"c-{number // 3}", "ipAddress": ADDRESSES[number % 4],
            "details": {"attempt": number, "tags": ["a", "b"]},
        }  # fmt: skip
        expected = {
            **_meaning(entry), "event_type": entry.name, "resource.type": kind, "resource.id": f"{kind}-{number}",
            "org": "acme", "module": entry.group, "source.request_id": f"c-{number // 3}",
            "source.ip": ADDRESSES[number % 4], **_harbr_actor(actor),
            "flags": ["system"] if entry.group == "Process Instance" else None,
        }  # fmt: skip
        if entry.action == "update" and entry.outcome == "success":
            line |= {"before": {"title": "old", "kept": 1}, "after": {"title": "new", "kept": 1}}
            expected["changes"] = [{"field": "title", "old": "old", "new": "new"}]
        if entry.outcome == "failure" and entry.reason is None:
            line["error"] = f"failure {number}"
            expected["reason"] = f"failure {number}"
        yield Activity("harbr", entry.name, json.dumps(line), expected)


def harness_audit() -> Iterator[Activity]:
    """Yield a line for each of the 146 resource types, and for each of the 43 entries of actions."""
    catalogue = CATALOGUES["harness-audit"]
    categories = {entry.name: entry.category for entry in catalogue.listing("resource_type").entries}
    number = 0
    for entry in catalogue.listing("resource_type").entries:
        number += 1
        name = entry.name.replace("*", "RULE")
        line = _harness_line(number, "UPDATE", name)
        line["yamlDiffRecord"] = {"oldYaml": f"timeout: {number}m", "newYaml": f"timeout: {number + 1}m"}
        change = {"field": "yaml", "old": f"timeout: {number}m", "new": f"timeout: {number + 1}m"}
        expected: dict[str, Any] = {**_harness_expected(number, name), "changes": [change], "outcome": "success"}
        expected |= {"action": "update", "event_type": "UPDATE", "category": entry.category}
        yield Activity("harness-audit", name, json.dumps(line), expected)
    for entry in catalogue.listing("action").entries:
        for name in entry.applies_to or ("SERVICE",):
            number += 1
            line = _harness_line(number, entry.name, name)
            expected = {**_harness_expected(number, name), **_meaning(entry), "event_type": entry.name}
            expected.setdefault("category", categories.get(name, "data"))
            if entry.name == "EXPIRED":
                del line["authenticationInfo"]
                expected |= {"actor.type": "system", "actor.id": None, "actor.email": None}
            if entry.name.endswith("IMPERSONATION"):
                expected["actor.on_behalf_of"] = f"r-{number}"
            yield Activity("harness-audit", f"{entry.name} {name}", json.dumps(line), expected)


def harness_sei() -> Iterator[Activity]:
    """Yield a line for each type and action, the logins, and the tracked objects saved in batches."""
    catalogue = CATALOGUES["harness-sei"]
    types = [*catalogue.listing("resource_type").entries, *catalogue.listing("object").entries]
    actions = [entry for entry in catalogue.listing("action").entries if not entry.applies_to]
    of_types = {entry.applies_to[0]: entry for entry in catalogue.listing("action").entries if entry.applies_to}
    number = 0
    for kind in types:
        for generic in actions:
            number += 1
            login = kind.name in of_types and generic.name in ("SUCCESS", "FAIL")
            action = _login(catalogue, generic.name) if login else generic
            who = PEOPLE[number % 4]
            line: dict[str, Any] = {
                "created_at": _time(number), "email": who, "type": kind.name, "action": action.name,
                "target_item": f"t-{number}", "count": number, "ip_address": ADDRESSES[number % 4],
            }  # fmt: skip
            expected: dict[str, Any] = {
                "action": action.action, "event_type": action.name, "category": action.category or kind.category,
                "outcome": action.outcome, "actor.type": "user", "actor.id": who, "actor.email": who,
                "resource.type": kind.canonical or kind.name.lower(), "resource.id": f"t-{number}",
                "measures": {"items": number}, "source.ip": ADDRESSES[number % 4],
            }  # fmt: skip
            if action.name == "EDITED":
                line |= {"before": {"name": "a"}, "after": {"name": "b"}}
                expected["changes"] = [{"field": "name", "old": "a", "new": "b"}]
            yield Activity("harness-sei", f"{kind.name} {action.name}", json.dumps(line), expected)


def workspace_platform() -> Iterator[Activity]:
    """Yield a line for each action of each type, and for the administrators' types."""
    catalogue = CATALOGUES["workspace-platform"]
    types = {entry.name: entry for entry in catalogue.listing("resource_type").entries}
    number = 0
    for entry in catalogue.listing("action").entries:
        for name in entry.applies_to:
            number += 1
            yield _workspace(number, types[name], entry.name, {**_meaning(entry), "event_type": entry.name})
    for kind in types.values():
        if kind.name.startswith("Admin"):
            number += 1
            meaning = {"action": "update", "category": kind.category, "outcome": "success", "event_type": "Update"}
            yield _workspace(number, kind, "Update", meaning)


def notebook_platform() -> Iterator[Activity]:
    """Yield a line for each of the 9 actions on each of the 10 resource types, with the 4 statuses in turn."""
    catalogue = CATALOGUES["notebook-platform"]
    statuses = list(catalogue.listing("outcome").entries)
    number = 0
    for action in catalogue.listing("action").entries:
        for kind in catalogue.listing("resource_type").entries:
            number += 1
            status, who = statuses[number % 4], PEOPLE[number % 4]
            line: dict[str, Any] = {
                "user": who, "action": action.name, "resource_type": kind.name, "resource": f"The {kind.name} {number}",
                "timestamp": _time(number), "ip_address": ADDRESSES[number % 4], "status": status.name,
                "duration": f"{number} seconds" if number % 2 else f"{number}ms", "rows_returned": number,
                "user_agent": "Mozilla/5.0", "session_id": f"s-{number % 5}", "request_id": f"r-{number}",
                "reason": f"ticket {number}",
            }  # fmt: skip
            expected: dict[str, Any] = {
                "action": action.action, "event_type": action.name, "category": action.category or kind.category,
                "outcome": status.outcome, "actor.type": "user", "actor.id": who, "resource.type": kind.canonical,
                "resource.name": f"The {kind.name} {number}", "duration_ms": number * 1000 if number % 2 else number,
                "measures": {"rows": number}, "source.ip": ADDRESSES[number % 4], "source.user_agent": "Mozilla/5.0",
                "source.session_id": f"s-{number % 5}", "source.request_id": f"r-{number}",
                "reason": f"ticket {number}",
            }  # fmt: skip
            if action.name == "Updated":
                line |= {"before": {"status": "draft"}, "after": {"status": "published"}}
                expected["changes"] = [{"field": "status", "old": "draft", "new": "published"}]
            yield Activity("notebook-platform", f"{action.name} {kind.name}", json.dumps(line), expected)


def notebook_platform_csv() -> Iterator[Activity]:
    """Yield a row of the export for each action, with the statuses in turn."""
    catalogue = CATALOGUES["notebook-platform"]
    statuses = list(catalogue.listing("outcome").entries)
    for number, action in enumerate(catalogue.listing("action").entries):
        status, who, address = statuses[number % 4], PEOPLE[number % 4], ADDRESSES[number % 4]
        time = _moment(number).strftime("%Y-%m-%d %H:%M:%S")
        line = f"{time},{who},{action.name.lower()},thing-{number},{status.name.lower()},{address}"
        expected = {
            "action": action.action, "event_type": action.name.lower(), "category": action.category or "data",
            "outcome": status.outcome, "actor.id": who, "resource.name": f"thing-{number}", "source.ip": address,
        }  # fmt: skip
        yield Activity("notebook-platform-csv", f"CSV {action.name}", line, expected)


def _harbr_actor(actor: str) -> dict[str, Any]:
    if actor == "SERVICE_USER":
        return {"actor.type": "service", "actor.id": None, "actor.name": "SERVICE_USER"}
    if actor == "ANONYMOUS":
        return {"actor.type": "anonymous", "actor.id": None, "actor.name": None}
    return {"actor.type": "user", "actor.id": actor, "actor.email": actor}


def _harness_line(number: int, action: str, kind: str) -> dict[str, Any]:
    return {
        "insertId": f"i-{number}", "timestamp": int(_moment(number).timestamp() * 1000), "action": action,
        "resourceScope": {"accountIdentifier": "acc", "orgIdentifier": "default", "projectIdentifier": "shop"},
        "requestMetadata": {"clientIP": ADDRESSES[number % 4]}, "module": ("CD", "CORE")[number % 2],
        "authenticationInfo": {"principal": {"type": "USER", "identifier": PEOPLE[number % 4]}},
        "resource": {"type": kind, "identifier": f"r-{number}", "labels": {"resourceName": f"The {number}"}},
        "planExecutionId": f"run-{number}",
    }  # fmt: skip


def _harness_expected(number: int, kind: str) -> dict[str, Any]:
    return {
        "actor.type": "user", "actor.id": PEOPLE[number % 4], "actor.email": PEOPLE[number % 4],
        "resource.type": kind.lower(), "resource.id": f"r-{number}", "resource.name": f"The {number}",
        "org": "default", "project": "shop", "module": ("CD", "CORE")[number % 2],
        "source.ip": ADDRESSES[number % 4], "source.request_id": f"run-{number}",
    }  # fmt: skip


def _login(catalogue: Catalogue, name: str) -> Entry:
    return next(entry for entry in catalogue.listing("action").entries if entry.applies_to and entry.name == name)


def _workspace(number: int, kind: Entry, action: str, meaning: Mapping[str, Any]) -> Activity:
    who, identifier = PEOPLE[number % 4], f"{kind.name} {number}"
    line: dict[str, Any] = {
        "Timestamp": _time(number), "Type": kind.name, "Action": action, "User": who, "Organization": "acme",
        "Workspace": "ml-train", "Identifier": identifier, "Old Value": "", "New Value": "",
    }  # fmt: skip
    expected = {
        **meaning, "actor.type": "user", "actor.id": who, "org": "acme", "project": "ml-train", "module": kind.group,
        "resource.type": kind.canonical or kind.name.lower(), "resource.id": identifier, "changes": None,
    }  # fmt: skip
    before, after = {"size": "s", "name": "n"}, {"size": "m", "name": "n"}
    if meaning["action"] == "create":
        line["New Value"] = after
        expected["changes"] = [{"field": "size", "new": "m"}, {"field": "name", "new": "n"}]
    elif meaning["action"] == "delete":
        line["Old Value"] = before
        expected["changes"] = [{"field": "size", "old": "s"}, {"field": "name", "old": "n"}]
    elif meaning["action"] == "update":
        line |= {"Old Value": before, "New Value": after}
        expected["changes"] = [{"field": "size", "old": "s", "new": "m"}]
    elif action == "Response":
        line |= {"Old Value": "pending", "New Value": "accepted"}
        expected["changes"] = [{"field": "value", "old": "pending", "new": "accepted"}]
    return Activity("workspace-platform", f"{kind.name} {action}", json.dumps(line), expected)


def _meaning(entry: Entry) -> dict[str, Any]:
    """Return what an entry says of an event."""
    said = {"action": entry.action, "category": entry.category, "outcome": entry.outcome, "reason": entry.reason}
    return {name: value for name, value in said.items() if value is not None}


def _moment(number: int) -> datetime:
    return BEGIN + timedelta(seconds=number)


def _time(number: int) -> str:
    return _moment(number).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
