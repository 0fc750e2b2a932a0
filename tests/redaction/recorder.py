"""A door between agent and collector that keeps every byte that goes through it."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

_PIECE = 1 << 16


class Recorder:
    """Passes connections on to a port of this host; what either side says is appended to a file."""

    def __init__(self, target: int, path: Path) -> None:
        self._target = target
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
        with self._lock:
            self._file.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._target), 5) as server:
            server.settimeout(None)
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        # Both directions of a connection would mix in one file: a batch stays in one piece only when it is kept whole.
        kept: list[bytes] = []
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                kept.append(piece)
                target.sendall(piece)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if not self._file.closed:
                self._file.write(b"".join(kept) + b"\n")
