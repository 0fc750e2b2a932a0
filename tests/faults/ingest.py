"""Senders that keep what was acknowledged: numbered events as batches of streams, and as plain posts with a key.

What fails is sent again, byte for byte, until it is acknowledged.
"""

import http.client
import json
import threading
import time
import uuid
from typing import Final

from watchbook import wire
from watchbook.clock import now_us

#: Events of this organization are past their time soon, and are deleted.
FLEETING: Final = "fleeting"
KEPT: Final = "kept"
_AGAIN_S: Final = 0.05
_ANSWER_S: Final = 30.0
#: Few, so that at any moment a batch is likely to be under way, stored but not yet acknowledged.
_EVENTS: Final = 20
_EVERY_TENTH: Final = 10


class Numbers:
    """Gives every event of all senders a number of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0

    def take(self, count: int) -> range:
        """Return the next numbers."""
        with self._lock:
            self._next += count
            return range(self._next - count, self._next)


class Sender(threading.Thread):
    """One stream of batches, or of plain posts, until :attr:`stop` is set.

    ``kept`` and ``fleeting`` are the acknowledged numbers, ``complaints`` are answers that no correct collector gives.
    """

    def __init__(self, port: int, token: str, numbers: Numbers, *, rate: int, plain: bool) -> None:
        super().__init__(name="sender", daemon=True)
        self._port = port
        self._token = token
        self._numbers = numbers
        self._pause_s = _EVENTS / rate
        self._plain = plain
        self._stream = uuid.uuid4().hex
        self._connection: http.client.HTTPConnection | None = None
        self.stop = threading.Event()
        self.kept: list[range] = []
        self.fleeting: list[range] = []
        self.complaints: list[str] = []
        self.sent_again = 0

    def run(self) -> None:
        """Send batch after batch; the one under way at the stop is sent until it is acknowledged."""
        sequence = 0
        while not self.stop.is_set() and not self.complaints:
            began = time.monotonic()
            sequence += 1
            numbers = self._numbers.take(_EVENTS)
            org = FLEETING if sequence % _EVERY_TENTH == 0 else KEPT
            self._send_until_acknowledged(sequence, numbers, org)
            (self.kept if org == KEPT else self.fleeting).append(numbers)
            time.sleep(max(0.0, began + self._pause_s - time.monotonic()))

    def _send_until_acknowledged(self, sequence: int, numbers: range, org: str) -> None:
        path, headers, body = self._request(sequence, numbers, org)
        while True:
            try:
                status, answer = self._post(path, headers, body)
            except (OSError, http.client.HTTPException):
                self._connection = None
                status, answer = 0, b""
            if status == http.HTTPStatus.OK:
                return
            if status not in (0, http.HTTPStatus.SERVICE_UNAVAILABLE):
                self.complaints.append(f"{status} for {path} {headers}: {answer[:300]!r}")
                return
            self.sent_again += 1
            time.sleep(_AGAIN_S)

    def _request(self, sequence: int, numbers: range, org: str) -> tuple[str, dict[str, str], bytes]:
        now = now_us()
        if self._plain:
            events = [
                {
                    "actor": {"type": "user", "id": f"user{n % 97}"}, "action": "read", "event_type": "viewed",
                    "org": org, "outcome": "success" if n % 7 else "failure", "details": {"seq": n},
                }
                for n in numbers
            ]  # fmt: skip
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"{self._stream}-{sequence}"}
            return "/v1/events", headers, json.dumps(events).encode()
        flat = [
            {
                "time": now, "actor.type": "user", "actor.id": f"user{n % 97}", "action": "update", "org": org,
                "outcome": "success" if n % 7 else "failure", "details": {"seq": n},
            }
            for n in numbers
        ]  # fmt: skip
        headers = {
            "Content-Type": wire.CONTENT_TYPE, wire.STREAM_HEADER: self._stream, wire.SEQUENCE_HEADER: str(sequence)
        }  # fmt: skip
        return "/v1/batches", headers, wire.encode_batch(len(flat), wire.columns_of(flat))

    def _post(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_S)
        self._connection.request("POST", path, body, {**headers, "Authorization": f"Bearer {self._token}"})
        answer = self._connection.getresponse()
        return answer.status, answer.read()
