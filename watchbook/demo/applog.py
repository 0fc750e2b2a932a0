"""The log of a JSON application with users, roles, exports, permission changes and failures: one object a line.

The same seed and times always give the same bytes.  Users, organizations and resources are Zipf-like: a few do most.
About 6 in 100 lines are failures, 2 in 100 change permissions, 1 in 100 exports data: anything from a row to millions.
A line has about 480 bytes.
"""

import json
import random
from bisect import bisect
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import accumulate
from typing import Any, Final

from watchbook.clock import EPOCH

_RESOURCES: Final = (
    "notebook", "experiment", "pipeline", "database", "collection", "query", "report", "user", "team", "secret",
    "connector", "asset", "product", "subscription", "service_account", "workspace", "api_key",
)  # fmt: skip
_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "secret": ("accessed", "accessed", "created", "deleted", "access_unauthorized"),
    "user": ("registered", "login", "login", "login", "login", "login_failed"),
    "pipeline": ("triggered", "executed", "failed", "disabled"),
    "asset": ("created", "edited", "released"),
    "report": ("viewed", "viewed", "created"),
    "database": ("updated", "executed", "executed"),
}
_OTHER_ACTIONS: Final = ("created", "updated", "deleted", "viewed", "viewed", "viewed", "executed")
_EXPORTED: Final = ("report", "database", "asset")
_PERMISSIONS: Final = (
    ("permission", "granted"),
    ("permission", "revoked"),
    ("report", "shared"),
    ("user", "invited"),
    ("user", "role_edited"),
)
_ACTORS: Final = ("user", "user", "user", "user", "user", "user", "api_key", "service")
_ROLES: Final = ("viewer", "editor", "owner", "admin")
_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605",
    "python-requests/2.32.3",
    "curl/8.11.0",
    "acme-cli/4.2.1 (linux; amd64)",
    "Terraform/1.9.8",
)
_WORDS: Final = (
    "sales", "quarterly", "revenue", "churn", "orders", "customers", "billing", "forecast", "ingest", "daily", "weekly",
    "audit", "legacy", "public", "internal", "sensitive", "archive", "staging", "prod", "model", "feature", "training",
)  # fmt: skip
_EXPORT_SHARE: Final = 0.01
_PERMISSION_SHARE: Final = 0.02
_FAILURE_SHARE: Final = 0.03
_ADMINS: Final = 5
_ROWS_MAX: Final = 10_000_000
_ROW_BYTES: Final = 212

_dumps: Final = json.JSONEncoder(separators=(",", ":")).encode


class AppLog:
    """Writes the lines of one application."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._users = _zipf(5000)
        self._orgs = _zipf(200)
        self._things = _zipf(20000)

    def line(self, time_us: int) -> bytes:
        """Return one line, with its newline, of whatever somebody happened to do at that time."""
        draw = self._random
        roll = draw.random()
        if roll < _EXPORT_SHARE:
            return self.export(time_us, int(_ROWS_MAX ** draw.random()))
        if roll < _EXPORT_SHARE + _PERMISSION_SHARE:
            return self.permission_change(time_us)
        kind = draw.choice(_RESOURCES)
        action = draw.choice(_ACTIONS.get(kind, _OTHER_ACTIONS))
        entry = self._entry(time_us, kind, action)
        if action.endswith(("failed", "unauthorized")) or draw.random() < _FAILURE_SHARE:
            _fail(entry, draw.choice(("permission denied", "database connection timeout")))
        elif action in ("updated", "edited"):
            first, second = draw.choice(_WORDS), draw.choice(_WORDS)
            entry["before"] = {"title": first, "visibility": "private"}
            entry["after"] = {"title": f"{first} {second}", "visibility": "shared"}
        return _written(entry)

    def export(self, time_us: int, rows: int) -> bytes:
        """Return one line of somebody who exported that many rows."""
        entry = self._entry(time_us, self._random.choice(_EXPORTED), "exported")
        entry["details"] = {"rows": rows, "bytes": rows * _ROW_BYTES, "format": "csv"}
        return _written(entry)

    def permission_change(self, time_us: int) -> bytes:
        """Return one line of an administrator who changed what somebody may do."""
        kind, action = self._random.choice(_PERMISSIONS)
        entry = self._entry(time_us, kind, action)
        entry.update(user=f"admin{self._random.randrange(_ADMINS)}@example.com", user_type="user")
        old, new = self._random.sample(_ROLES, 2)
        if action == "role_edited":
            entry["before"], entry["after"] = {"role": old}, {"role": new}
        else:
            entry["details"] = {"role": new, "to": f"user{self._pick(self._users)}@example.com"}
        return _written(entry)

    def failed_login(self, time_us: int, user: str) -> bytes:
        """Return one line of a user who could not log in."""
        entry = self._entry(time_us, "user", "login_failed")
        entry.update(user=user, user_type="user")
        _fail(entry, "wrong password")
        return _written(entry)

    def _entry(self, time_us: int, kind: str, action: str) -> dict[str, Any]:
        draw = self._random
        user, thing, actor = self._pick(self._users), self._pick(self._things), draw.choice(_ACTORS)
        first, second = _WORDS[thing % len(_WORDS)], _WORDS[thing // 7 % len(_WORDS)]
        return {
            "ts": _stamp(time_us),
            "level": "info",
            "user": f"user{user}@example{user % 37}.com" if actor == "user" else f"{actor}-{user % 300}",
            "user_type": actor,
            "action": action,
            "resource": {
                "type": kind,
                "id": f"{kind[:3]}_{thing:06x}",
                "name": f"{first.title()} {second} {thing % 97}",
            },
            "org": f"org-{self._pick(self._orgs):03d}",
            "project": f"proj-{thing % 40}",
            "status": "success",
            "duration_ms": int(draw.random() ** 4 * 9000) + 3,
            "ip": f"10.{user % 250}.{thing % 250}.{int(draw.random() * 250)}",
            "user_agent": _AGENTS[user % len(_AGENTS)],
            "session_id": f"{draw.getrandbits(64):016x}",
            "request_id": f"req_{draw.getrandbits(96):024x}",
            "msg": f"{actor} {action} {kind} {first} {second}",
        }

    def _pick(self, weights: list[float]) -> int:
        return bisect(weights, self._random.random() * weights[-1])


def app_lines(count: int, *, seed: int = 7, start_us: int, step_us: int) -> Iterator[bytes]:
    """Yield ``count`` lines, each ``step_us`` after the one before."""
    log = AppLog(seed)
    for number in range(count):
        yield log.line(start_us + number * step_us)


def _zipf(count: int, exponent: float = 1.1) -> list[float]:
    return list(accumulate(1 / (rank + 1) ** exponent for rank in range(count)))


def _fail(entry: dict[str, Any], reason: str) -> None:
    entry.update(level="error", status="failed", error=reason)


def _stamp(time_us: int) -> str:
    moment = EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _written(entry: dict[str, Any]) -> bytes:
    return _dumps(entry).encode() + b"\n"
