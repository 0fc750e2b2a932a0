"""Settings of hooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.listen.secret_files import SecretError, standard_key
from watchbook.configfile import Node, Problem, positive, setting
from watchbook.units import Bytes, Seconds


def _address(value: str) -> str | None:
    host, colon, port = value.rpartition(":")
    right = bool(colon and host) and port.isascii() and port.isdecimal() and 0 < int(port) < 65536
    return None if right else "an address and a port, for instance 127.0.0.1:8421"


@dataclass(frozen=True)
class TlsSettings:
    """The certificate of the listener; read again when it changes."""

    cert_file: Path = setting("PEM file with the certificate and those that lead to its root.")
    key_file: Path = setting("PEM file with its private key.")


@dataclass(frozen=True)
class HooksSettings:
    """Where hooks are served, and the limits of a request."""

    listen: str = setting(
        "Address and port of the listener; there is one only when an input has a hook.",
        "127.0.0.1:8421",
        check=_address,
    )
    tls: TlsSettings | None = setting("Serve HTTPS; without it plain HTTP, for a proxy on this host.", None)
    body_bytes_max: Bytes = setting("Largest body of a request.", Bytes(1 << 20), check=positive)
    events_max: int = setting("Most events in one request.", 10_000, check=positive)
    head_bytes_max: Bytes = setting("Longest request line, and longest header.", Bytes(16 << 10), check=positive)
    headers_max: int = setting("Most headers of a request.", 100, check=positive)
    read_timeout: Seconds = setting("How long the body of a request may take.", Seconds(10.0), check=positive)
    answer_timeout: Seconds = setting(
        "How long a sender whose messages have ids waits for the disk before it is told to come again.",
        Seconds(15.0),
        check=positive,
    )
    keepalive_timeout: Seconds = setting(
        "How long a connection may be idle, or take for the head of a request.", Seconds(30.0), check=positive
    )
    connections_max: int = setting("Most connections at a time; further ones are closed.", 200, check=positive)
    retry_after: Seconds = setting("When to try again, as a sender is told who finds no room.", Seconds(5.0))


@dataclass(frozen=True)
class HookSettings:
    """A hook: POST /hooks/NAME, NAME being the input's."""

    auth: Literal["bearer", "hmac", "standard", "none"] = setting(
        "How a sender shows who it is: bearer (Authorization: Bearer SECRET), hmac (a signature of the body, as GitHub "
        "sends it), standard (Standard Webhooks: whsec_ secrets), or none."
    )
    secret_file: Path | None = setting(
        "File with the secret, one on each line while it is being replaced; read again when it changes.", None
    )
    secrets: tuple[str, ...] = setting("The secrets themselves, where a file is not wanted.", ())
    signature_header: str = setting("Header with the signature of auth: hmac.", "X-Hub-Signature-256")
    tolerance: Seconds = setting(
        "How far the time of a signature of auth: standard may be from now.", Seconds(300.0), check=positive
    )
    id_header: str | None = setting(
        "Header that says which message it is, the same when it is sent again; without it X-GitHub-Delivery for "
        "auth: hmac, else webhook-id.",
        None,
    )
    repeats_max: int = setting(
        "How many of the last messages are remembered, over restarts too; one that comes again is answered and not "
        "stored again.",
        2000,
        check=positive,
    )
    keep_headers: tuple[str, ...] = setting("Headers that are kept in each event, in an object 'headers'.", ())

    @property
    def message_header(self) -> str:
        """The header that says which message it is."""
        return self.id_header or ("X-GitHub-Delivery" if self.auth == "hmac" else "webhook-id")

    def problems(self, node: Node) -> Iterator[Problem]:
        """Yield what is wrong with the settings as a whole."""
        options = node.mapping()
        given = [name for name in ("secret_file", "secrets") if getattr(self, name)]
        if self.auth == "none" and given:
            yield options[given[0]].problem("a secret has no use with auth: none; take one of them away")
        elif self.auth != "none" and len(given) != 1:
            yield node.problem("expected either 'secret_file' or 'secrets'; auth: none takes events from anybody")
        if self.auth == "standard" and self.secrets:
            for secret, where in zip(self.secrets, options["secrets"].sequence(), strict=True):
                try:
                    standard_key(secret)
                except SecretError as error:
                    yield where.problem(str(error))
