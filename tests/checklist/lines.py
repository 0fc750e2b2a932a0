"""Lines that single rows need besides the activity of all names; each has an id of its own to be found by."""

import json
from typing import Any, Final


def _harbr(second: int, name: str | None, **values: Any) -> tuple[str, str]:
    line: dict[str, Any] = {"timestamp": f"2026-11-21T09:00:{second:02}Z", "type": name, **values}
    return "harbr", json.dumps({key: value for key, value in line.items() if value is not None})


def _harness(second: float, action: str, **values: Any) -> tuple[str, str]:
    time = f"2026-11-21T10:00:{second:09.6f}Z"
    return "harness-audit", json.dumps({"Time": time, "Action": action, "Module": "CD", **values})


def _workspace(second: int, kind: str, action: str, identifier: str, **values: Any) -> tuple[str, str]:
    line = {"Timestamp": f"2026-11-21T11:00:{second:02}Z", "Type": kind, "Action": action, "User": "ivy@example.com",
            "Organization": "acme", "Identifier": identifier}  # fmt: skip
    return "workspace-platform", json.dumps({**line, **values})


def _notebook(second: int, action: str, **values: Any) -> tuple[str, str]:
    line = {"user": "alice@example.com", "action": action, **values}
    line.setdefault("time", f"2026-11-21T12:00:{second:02}Z")
    return "notebook-platform", json.dumps(line)


def _sei(second: int, kind: str, action: str, **values: Any) -> tuple[str, str]:
    line = {"created_at": f"2026-11-21T13:00:{second:02}Z", "email": "gus@example.com", "type": kind, "action": action}
    return "harness-sei", json.dumps({**line, **values})


#: An object of a detail at several depths, with every kind of JSON value.
DETAILS: Final[dict[str, Any]] = {
    "plan": {"tier": "gold", "limits": [1, 2.5, None, True, {"deep": "ü"}]}, "empty": {}, "none": None,
}  # fmt: skip
YAML_OLD: Final = "pipeline:\n  timeout: 10m\n"
YAML_NEW: Final = "pipeline:\n  timeout: 20m\n"

LINES: Final = (
    # What an event lacks.
    ("harbr", json.dumps({"type": "Asset created", "subject": {"id": "row1-time"}, "actingUser": "row1@example.com"})),
    _harbr(1, "Asset created", actingUser="row1-subject@example.com"),
    _harbr(2, "Asset created", subject={"id": "row1-user"}),
    _harbr(3, None, subject={"id": "row1-type"}, actingUser="row1-type@example.com"),
    _harbr(4, "Asset edited", subject={"id": "row5"}, actingUser="row5@example.com", details=DETAILS),
    _harbr(5, "Subscription requested", group="Suscription", subject={"id": "row7"}, actingUser="row7@example.com"),
    _harbr(6, "Product Release requested", subject={"type": "product", "id": "row11"}, actingUser="ann@example.com"),
    _harbr(7, "Product Release Request Rejected", subject={"type": "product", "id": "row11"},
           actingUser="ben@example.com", comment="not yet"),
    _harbr(8, "Product Release Request Approved", subject={"type": "product", "id": "row11"},
           actingUser="cem@example.com"),
    _harbr(9, "User role edited", subject={"type": "user", "id": "row15"},
           actingUser={"id": "u-15", "name": "Zoe Quill", "email": "zoe15@example.com"}),
    _harness(1.234567, "UPDATE", **{
        "User": "row14@example.com", "Resource Type": "PIPELINE", "Resource Identifier": "row20",
        "Organization": "row18-org", "Project": "row18-project", "Event Summary": "The timeout was raised",
        "Old Yaml": YAML_OLD, "New Yaml": YAML_NEW, "Client IP": "203.0.113.5",
    }),
    _harness(2, "START_IMPERSONATION", **{
        "User": "support33@example.com", "Resource Type": "USER", "Resource Identifier": "victim33@example.com",
    }),
    _harness(3, "DELETE", **{
        "User": "victim33@example.com", "Impersonated By": "support33@example.com", "Resource Type": "SECRET",
        "Resource Identifier": "row33",
    }),
    _harness(4, "START", **{
        "User": "row29@example.com", "Resource Type": "PIPELINE", "Resource Identifier": "row29",
        "Execution Id": "run-29",
    }),
    _harness(34.5, "END", **{
        "User": "row29@example.com", "Resource Type": "PIPELINE", "Resource Identifier": "row29",
        "Execution Id": "run-29", "Status": "Success",
    }),
    _harness(40, "CREATE", **{
        "User": "row24@example.com", "Resource Type": "QUANTUM_GATE", "Resource Identifier": "row24",
    }),
    _sei(1, "Developers", "EDITED", target_item="row37", body="Batch save", count=250),
    _sei(2, "Teams", "CREATED", target_item="row37-team", version=12),
    _workspace(1, "Organization", "Update", "row47-text", **{"Old Value": "Premium", "New Value": "Enterprise"}),
    _workspace(2, "Organization", "Update", "row50", **{
        "Old Value": {"name": "Acme", "plan": "Premium", "credits": 1, "settings": {"sso": False}},
        "New Value": {"name": "Acme Inc", "plan": "Enterprise", "credits": 5, "settings": {"sso": True}},
    }),
    _workspace(3, "Users", "Delete", "row48", **{
        "Old Value": {"name": "Lee", "role": "member"}, "New Value": "User deleted",
    }),
    _notebook(1, "Triggered pipeline", resource="row56", status="In Progress", request_id="run-56"),
    _notebook(2, "Executed pipeline", resource="row56", status="Failed", request_id="run-56",
              error="Step 2 - database connection timeout"),
    _notebook(3, 'Granted "team-data" read access to sales_db', resource="row60-granted", status="Success"),
    _notebook(4, 'Revoked "contractors" access to sensitive_data', resource="row60-revoked", status="Success"),
    _notebook(5, 'Made notebook "Public Dashboard" public', resource="row60-public", status="Success"),
    _notebook(6, 'Changed "alice" role to Admin', resource="row60-role", resource_type="Users", status="Success"),
    _notebook(7, "Exported", resource="row59-export", resource_type="Databases", status="Success", duration="1.2 s",
              rows="1,000,000", bytes=734003200),
    _notebook(8, "Inserted 1,000 rows into customers table", resource="row59-rows", status="Success"),
    _notebook(9, "Created notebook", resource="row53", time="2024-06-12 14:30:22 UTC", ip_address="192.168.1.100",
              status="Success", duration="245ms", details="Notebook created with 5 cells"),
    _notebook(10, "Updated", resource="row55", resource_type="Notebooks", status="Success",
              changed_fields=[{"field": "title", "old": "Report", "new": "Q2 Sales Report"},
                              {"field": "visibility", "old": "private", "new": "shared"}]),
    _notebook(11, "Deleted", resource="row52", resource_type="Reports", status="Success", why="GDPR request 12"),
    ("notebook-platform", json.dumps({"timestamp": "2026-11-21T12:00:12Z", "api_key_name": "ci", "api_key": "k",
                                      "action": "Viewed", "resource": "row51-key", "status": "Success"})),
    ("notebook-platform", json.dumps({"timestamp": "2026-11-21T12:00:13Z", "service": "etl", "action": "Executed",
                                      "resource": "row51-service", "status": "Success"})),
    _notebook(14, "Executed query", resource="row121-query", details="query selected password_hash"),
    _notebook(15, "API key updated: ak_live_51HxTq2eZvKYlo2C", resource="row121-key"),
)  # fmt: skip
