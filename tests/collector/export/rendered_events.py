"""Events as answers hold them."""

import json
from typing import Any


def an_event(number: int = 0, **fields: Any) -> bytes:
    """Return the JSON of an event; ``actor={"id": "a"}`` replaces a group."""
    event: dict[str, Any] = {
        "id": f"{'5' * 32}-1-{number}",
        "time": "2024-06-12T14:30:22.123456Z",
        "received": "2024-06-12T14:30:23.000000Z",
        "actor": {"type": "user", "id": "u-1", "email": "alice@company.com"},
        "action": "create",
        "resource": {"type": "database", "id": "db-1", "name": "sales_db"},
        "outcome": "success",
        "source": {"ip": "192.168.1.100"},
        **fields,
    }
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()
