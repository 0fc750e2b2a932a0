"""The fixture log: what the five systems of the seed documents would have written in the last two years.

Each event is as ``POST /v1/events`` takes it, with its number in the log in ``details.n``: so a test can hold an
answer against a plain filter over the log.  Times are relative to :attr:`Journal.now`, oldest first.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.end_to_end.seed_rows.listed_names import HARNESS_TYPES, SEI_ACTIONS, SEI_TYPES

Event = dict[str, Any]
#: More events than a page may hold, of one busy service and of each of the last days.
BULK_EVENTS = 1200


class Journal:
    """All events, oldest first, and the moment they count from."""

    def __init__(self, now: datetime, operator: str) -> None:
        self.now = now.replace(microsecond=0)
        self._operator = operator
        self.events: list[Event] = []
        for build in (_harbr, _harness, _sei, _workspaces, _notebooks, _bulk):
            self.events += build(self)
        self.events.sort(key=lambda event: str(event["time"]))
        for number, event in enumerate(self.events):
            event.setdefault("details", {})["n"] = number

    @property
    def operator(self) -> str:
        """The name of the token that asks."""
        return self._operator

    def ago(self, days: float = 0, minutes: float = 0) -> str:
        """Return the RFC 3339 text of a moment before now."""
        return rfc3339(self.now - timedelta(days=days, minutes=minutes))

    def at(self, days: float = 0, minutes: float = 0) -> str:
        """Return the time of an event: a little more than so long ago, so that none lies on the border of a range."""
        return rfc3339(self.now - timedelta(days=days, minutes=minutes, seconds=50))

    def numbers(self, is_meant: Callable[[Event], Any], days: float | None = 7) -> list[int]:
        """Return the numbers of the events that are meant, ascending; of the last ``days``, None: of all."""
        since = "" if days is None else self.ago(days)
        return [event["details"]["n"] for event in self.events if event["time"] >= since and is_meant(event)]


def rfc3339(moment: datetime) -> str:
    """Return a moment as the API writes it, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def value(event: Event, path: str) -> Any:
    """Return what an event has at a dotted path, None when it has nothing there."""
    found: Any = event
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _event(time: str, who: str | None, action: str, kind: str, identifier: str, **fields: Any) -> Event:
    event: Event = {"time": time, "action": action, "resource": {"type": kind, "id": identifier}, **fields}
    if who is not None:
        event["actor"] = {"id": who, **({"email": who} if "@" in who else {}), **fields.get("actor", {})}
    return event


def _harbr(journal: Journal) -> Iterable[Event]:
    """Asset, product and subscription events, some by SERVICE_USER and ANONYMOUS."""
    for day in range(0, 60, 3):
        at = journal.at(days=day, minutes=7)
        subject = f"asset-{day % 4}"
        yield _event(at, "carol@harbr.example", "create", "asset", subject, event_type="Asset created", org="harbr",
                     category="data", outcome="success")  # fmt: skip
        yield _event(at, None, "update", "asset", subject, event_type="Asset data updated", org="harbr",
                     category="data", outcome="success",
                     actor={"type": "service", "id": "spaces", "name": "SERVICE_USER"})  # fmt: skip
        yield _event(at, None, "update", "asset", subject, event_type="Asset data update failed", org="harbr",
                     category="data", outcome="failure", actor={"type": "anonymous"})  # fmt: skip
    yield _event(journal.at(days=6), "dave@harbr.example", "delete", "product", "asset-1",
                 event_type="Product deleted", org="harbr", category="data", outcome="success")  # fmt: skip
    yield _event(journal.at(days=2), "dave@harbr.example", "request", "subscription", "sub-7",
                 event_type="Subscription requested", org="harbr", category="access", outcome="pending")  # fmt: skip


def _harness(journal: Journal) -> Iterable[Event]:
    """An audit trail of every resource type, logins of all kinds, and what the system did."""
    for number, kind in enumerate(HARNESS_TYPES):
        verb = ("CREATE", "UPDATE", "DELETE", "RESTORE", "MOVE")[number % 5]
        yield _event(journal.at(days=1 + number % 45, minutes=number), f"eve{number % 5}@harness.example",
                     verb.lower(), kind, f"r{number % 7}", event_type=verb, module=("CD", "Platform")[number % 2],
                     org=("default", "payments")[number % 2], project=f"p{number % 4}", outcome="success")  # fmt: skip
    logins = (("LOGIN", "success"), ("LOGIN2FA", "success"), ("UNSUCCESSFUL_LOGIN", "failure"))
    for number in range(30):
        name, outcome = logins[number % 3]
        actor = {"type": "service", "id": "ci-bot"} if number % 5 == 0 else {"type": "user", "id": "eve1"}
        yield _event(journal.at(days=number % 10, minutes=number), None, "login", "USER", "login", event_type=name,
                     category="authentication", outcome=outcome, org="default", actor=actor)  # fmt: skip
    for number in range(10):
        yield _event(journal.at(days=number, minutes=3), None, "expire", "EULA", "eula", event_type="EXPIRED",
                     category="system", org="default", actor={"type": "system"})  # fmt: skip
    for number, part in enumerate(("k8s-blue", "k8s-green", "ecs")):
        yield _event(journal.at(days=1, minutes=number), "eve1@harness.example", "update", "ENVIRONMENT", "prod",
                     event_type="UPDATE", org="default", project="p1", module="CD",
                     details={"infrastructure": part})  # fmt: skip
    yield _event(journal.at(days=1), "eve1@harness.example", "update", "PIPELINE", "prod", event_type="UPDATE",
                 org="default", project="p1", module="CD")  # fmt: skip
    for number, days in enumerate((100, 200, 400, 729, 800)):
        yield _event(journal.at(days=days), "eve0@harness.example", "create", "PROJECT", f"old-{number}",
                     event_type="CREATE", org="default")  # fmt: skip


def _sei(journal: Journal) -> Iterable[Event]:
    """Twenty types, ten actions, several members."""
    for number in range(80):
        word = SEI_ACTIONS[number % 10]
        yield _event(journal.at(days=number % 9, minutes=number), f"{'fgh'[number % 3]}@sei.example", word.lower(),
                     SEI_TYPES[number % 20], f"s{number % 6}", event_type=word, org="sei")  # fmt: skip


def _workspaces(journal: Journal) -> Iterable[Event]:
    """Workspace operations with old and new values."""
    for number in range(12):
        org = f"org-{number % 2}"
        yield _event(journal.at(days=number, minutes=20), "ivy", "update", "Organization", org, org=org,
                     event_type="Update", before={"plan": "Premium", "name": "Acme"},
                     after={"plan": "Enterprise", "name": "Acme"}, outcome="success")  # fmt: skip
        yield _event(journal.at(days=number, minutes=19), "ivy", "terminate", "Workspace", f"w-{number % 3}", org=org,
                     project=f"ws-{number % 3}", event_type="Terminate",
                     changes=[{"field": "state", "old": "running", "new": None}])  # fmt: skip
    moment = journal.at(days=3)  # one moment for many: only the order of arrival tells them apart
    for number in range(40):
        yield _event(moment, "ivy", "fetch", "Billing", f"b-{number}", org="org-0", event_type="Fetch All")


def _notebooks(journal: Journal) -> Iterable[Event]:
    """Notebooks, databases and permissions with addresses, sessions, statuses and measures."""
    addresses = ("192.168.1.100", "192.168.1.7", "192.168.10.1", "192.168.2.1", "10.1.2.3", "2001:db8::1")
    for number in range(60):
        alice = number % 3 == 0
        yield _event(journal.at(days=number % 12, minutes=number), "alice@company.com" if alice else "bob@company.com",
                     "update" if number % 2 else "create", "database" if number % 4 else "notebook",
                     "sales_db" if number % 4 else "nb-1", event_type="Updated" if number % 2 else "Created",
                     outcome=("success", "failure", "success", "in_progress", "pending")[number % 5],
                     org="company", duration_ms=245 + number, measures={"rows": number * 100},
                     source={"ip": addresses[number % 6], "session_id": f"sess-{number % 8}",
                             "request_id": f"req-{number}",
                             "user_agent": "Mozilla/5.0 (X11) Firefox/130.0" if alice else "curl/8.9"})  # fmt: skip
    at, request = journal.at(minutes=30), {"source": {"request_id": "run-77", "ip": "10.1.2.3"}}
    yield _event(at, "bob@company.com", "execute", "pipeline", "etl", event_type="Executed", outcome="in_progress",
                 resource={"type": "pipeline", "id": "etl", "name": "Daily ETL"}, **request)  # fmt: skip
    yield _event(journal.at(minutes=29), "bob@company.com", "execute", "pipeline", "etl", event_type="Executed",
                 outcome="failure", reason="Step 2 - database connection timeout",
                 resource={"type": "pipeline", "id": "etl", "name": "Daily ETL"}, **request)  # fmt: skip
    yield _event(journal.at(minutes=28), "alice@company.com", "share", "report", "q2", event_type="Shared",
                 resource={"type": "report", "id": "q2", "name": "Q2 Sales Report"}, outcome="success",
                 before={"title": "Report", "visibility": "private"},
                 after={"title": "Q2 Sales Report", "visibility": "shared"})  # fmt: skip
    yield _event(journal.at(minutes=27), "data-team", "read", "database", "sales", event_type="Viewed",
                 resource={"type": "database", "id": "sales", "name": "Sales Database"}, outcome="success")  # fmt: skip
    yield _event(journal.at(minutes=26), None, "read", "query", "top10", event_type="Viewed", outcome="success",
                 actor={"type": "api_key", "id": "key-1"})  # fmt: skip
    yield _event(journal.at(minutes=25), journal.operator, "export", "report", "q2", event_type="Exported")
    yield _event(journal.at(minutes=24), "alice@company.com", "update", "report", "=HYPERLINK(1)",
                 event_type="Updated", resource={"type": "report", "id": "q3", "name": "=HYPERLINK(1)"})  # fmt: skip


def _bulk(journal: Journal) -> Iterable[Event]:
    """Yield what a busy service does: a row a few minutes, over six days."""
    for number in range(BULK_EVENTS):
        yield _event(journal.at(days=6 * number / BULK_EVENTS, minutes=40), None, "read", "row", f"row-{number}",
                     org="busy", category="data", outcome="success",
                     actor={"type": "service", "id": "reader"})  # fmt: skip
