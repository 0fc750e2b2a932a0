"""The logs of two programs that every host has: a web server's access log and the SSH daemon's part of auth.log.

The same seed and times always give the same bytes.
"""

import random
from datetime import timedelta
from typing import Final

from watchbook.clock import EPOCH

_PATHS: Final = (
    "/", "/login", "/static/app.js", "/static/app.css", "/api/v1/reports", "/api/v1/datasets?page=2", "/favicon.ico",
    "/api/v1/search?q=revenue", "/docs/getting-started", "/admin/", "/.env", "/api/v1/exports/42",
)  # fmt: skip
_STATUSES: Final = (*[200] * 25, *[304] * 4, 302, 302, 404, 404, 403, 500)
_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "kube-probe/1.31",
    "-",
)
_HOST: Final = "web-1"
_PEOPLE: Final = ("alice", "bob", "carol", "deploy")
_GUESSES: Final = ("admin", "test", "oracle", "postgres", "ubuntu")


class AccessLog:
    """Writes nginx's access log in the combined format."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def line(self, time_us: int) -> bytes:
        """Return one request, with its newline."""
        draw = self._random
        user = draw.choice(_PEOPLE) if draw.random() < 0.1 else "-"
        method = "POST" if draw.random() < 0.2 else "GET"
        stamp = (EPOCH + timedelta(microseconds=time_us)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        text = (
            f'{_address(draw)} - {user} [{stamp}] "{method} {draw.choice(_PATHS)} HTTP/1.1" {draw.choice(_STATUSES)} '
            f'{draw.randrange(50_000)} "-" "{draw.choice(_AGENTS)}"\n'
        )
        return text.encode()


class AuthLog:
    """Writes what sshd says, with the timestamps of today's rsyslog (RFC 3339 in UTC)."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._pid = 1000

    def line(self, time_us: int) -> bytes:
        """Return what happens all day: people log in, sessions open, somebody's key is refused."""
        draw = self._random
        user, roll = draw.choice(_PEOPLE), draw.random()
        if roll < 0.6:
            key = f"SHA256:{draw.getrandbits(256):064x}"
            return self._said(time_us, f"Accepted publickey for {user} from {_peer(draw)} ssh2: ED25519 {key}")
        if roll < 0.9:
            return self._said(time_us, f"pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)")
        guess = draw.choice(_GUESSES)
        return self._said(time_us, f"Failed password for invalid user {guess} from {_peer(draw)} ssh2")

    def brute_force(self, time_us: int) -> bytes:
        """Return one guess of the one who has been trying passwords of root all night."""
        port = self._random.randrange(1024, 65536)
        return self._said(time_us, f"Failed password for root from 203.0.113.66 port {port} ssh2")

    def _said(self, time_us: int, message: str) -> bytes:
        self._pid += 1
        stamp = (EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds")
        return f"{stamp} {_HOST} sshd[{self._pid}]: {message}\n".encode()


def _address(draw: random.Random) -> str:
    # The three blocks that are kept for documentation (RFC 5737): nobody's real address.
    return f"{draw.choice(('192.0.2', '198.51.100', '203.0.113'))}.{draw.randrange(1, 255)}"


def _peer(draw: random.Random) -> str:
    return f"{_address(draw)} port {draw.randrange(1024, 65536)}"
