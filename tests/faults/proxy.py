"""A proxy between an agent and a collector that answers for the collector, or takes its answers away."""

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

#: What may happen to a request.
FAULTS: Final = ("500", "429", "401", "200 from a stranger", "cut request", "lost answer", "cut answer")
#: The same batch is sent again: a fault this often leaves the sending slow, not stuck.
_SHARE: Final = 0.5
_RETRY_AFTER_S: Final = 1
_TIMEOUT_S: Final = 60.0
_RESET: Final = struct.pack("ii", 1, 0)


class _Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Proxy:
    """Listens at :attr:`url` and forwards to :attr:`target_port`, with faults at random while :attr:`is_faulty`.

    ``happened`` counts each kind of fault.  ``lost answer``: the collector has committed the batch, and the agent does
    not hear of it.  ``early``: requests that came although a Retry-After had asked to wait.
    """

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self._not_before = 0.0
        self.happened: Counter[str] = Counter()
        self.early = 0
        self.target_port = 0
        self.is_faulty = False
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.handle(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the agent sends to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def forgive(self) -> None:
        """Expect nothing of a sender that does not know what the one before it was asked for."""
        with self._lock:
            self._not_before = 0.0

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Forward one request, or do something else to it."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        fault = self._choose(request.connection)
        if fault == "":
            self._reply(request, self._forward(request, body))
        elif fault in ("500", "401"):
            self._reply(request, _Answer(int(fault), [], b"no"))
        elif fault == "429":
            self._reply(request, _Answer(429, [("Retry-After", str(_RETRY_AFTER_S))], b"later"))
        elif fault == "200 from a stranger":
            self._reply(request, _Answer(200, [("Content-Type", "text/html")], b"<html>please log in</html>"))
        elif fault == "cut request":
            self._forward_half(request, body)
            _reset(request)
        else:
            answer = self._forward(request, body)
            if fault == "cut answer":
                head = f"HTTP/1.1 {answer.status} OK\r\nContent-Length: {len(answer.body)}\r\n\r\n".encode()
                request.wfile.write(head + answer.body[: len(answer.body) // 2])
            _reset(request)

    def _choose(self, sender: socket.socket) -> str:
        """Return the fault that the next request meets, "" for none.

        A request whose sender was killed meanwhile binds nobody to a Retry-After: nobody hears of it.
        """
        with self._lock:
            self.early += time.monotonic() < self._not_before
            self._not_before = 0.0
            if not self.is_faulty or self._draw.random() > _SHARE:
                return ""
            fault = self._draw.choice(FAULTS)
            if fault == "429" and _is_there(sender):
                self._not_before = time.monotonic() + _RETRY_AFTER_S
            self.happened[fault] += 1
            return fault

    def _headers(self, request: BaseHTTPRequestHandler) -> dict[str, str]:
        return {name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")}

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> _Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.target_port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", request.path, body, self._headers(request))
            answer = connection.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name in ("Content-Type", "Retry-After")]
            return _Answer(answer.status, kept, answer.read())
        except (OSError, http.client.HTTPException) as error:
            return _Answer(502, [], str(error).encode())
        finally:
            connection.close()

    def _forward_half(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Send the collector a request that ends in the middle of its body."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.target_port), _TIMEOUT_S) as half:
            lines = [f"POST {request.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in self._headers(request).items()]
            half.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])

    def _reply(self, request: BaseHTTPRequestHandler, answer: _Answer) -> None:
        with suppress(OSError):
            request.send_response(answer.status)
            for name, value in answer.headers:
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(answer.body)))
            request.end_headers()
            request.wfile.write(answer.body)


def _is_there(sender: socket.socket) -> bool:
    """Return whether the other end still listens."""
    try:
        return sender.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _reset(request: BaseHTTPRequestHandler) -> None:
    """End the connection as a broken network does: with a reset."""
    request.close_connection = True
    with suppress(OSError):
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        request.connection.close()
