"""A relay in front of a server that hangs up instead of passing some answers on: what was asked has been done."""

import random
import socket
import threading
from contextlib import suppress

from tests.stand import free_port


class Cutter:
    """Listens on ``port``; of the answers of the server it loses every one with the probability ``lost``."""

    def __init__(self, server_port: int, *, seed: int = 0, lost: float = 0.4) -> None:
        self.port = free_port()
        self.lost = lost
        self.cut = 0
        self._server_port = server_port
        self._draw = random.Random(seed)
        self._socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address for an agent."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Listen no longer."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port), timeout=30)
                except OSError:
                    client.close()
                    continue
                for source, sink, may_cut in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=(source, sink, may_cut), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, may_cut: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                # An answer comes in one piece here: each is small.
                if may_cut and self._draw.random() < self.lost:
                    self.cut += 1
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
