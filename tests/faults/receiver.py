"""A receiver of webhooks that keeps what it was told, and does not take all of it the first time."""

import json
import random
import sys
import threading
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_REFUSED: Final = 0.1


class _Server(ThreadingHTTPServer):
    """A server to which it is nothing new that a sender is killed in the middle of a request."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke off."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Receiver:
    """Listens on a port of the loopback interface; ``taken``: how often each notification was, by its key."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self.taken: Counter[str] = Counter()
        self.refused = 0
        #: The keys under which each state of each alert was told, and the states that each key told.
        self.keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.states: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200 if receiver.take(self.headers["webhook-id"], body) else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, key: str, body: bytes) -> bool:
        """Take a notification, or refuse it."""
        told = json.loads(body)
        state = (told["data"]["id"], told["type"])
        with self._lock:
            self.keys[state].add(key)
            self.states[key].add(state)
            if self._draw.random() < _REFUSED:
                self.refused += 1
                return False
            self.taken[key] += 1
            return True

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
