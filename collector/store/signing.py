"""Signed notes (C2SP signed-note) with Ed25519, and the key pair that a store signs with.

A note is a text that ends with a newline, then an empty line, then a line for each signature::

    — NAME base64(key id || signature)

The key id is the first four bytes of SHA-256(NAME || "\\n" || 0x01 || public key).  A public key is written as a
*verifier key*, ``NAME+hex(key id)+base64(0x01 || public key)``: that is what ``checkpoint.pub`` holds.  The private key
is 32 bytes, base64, in a file that only its owner can read; it never lies in the folder of segments.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from collector.store.durable import write_durably

_ED25519: Final = b"\1"
_MARK: Final = "— "


class NoteError(Exception):
    """A note whose signature does not hold, or that is none."""


class KeyUnusableError(Exception):
    """A key file that cannot be used."""


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key: enough to check a note."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that name the key in a signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key that a verifier key's text names; raises KeyUnusableError."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            decoded = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            decoded = b""
        key = cls(name, decoded[1:])
        if not name or len(decoded) != 33 or decoded[:1] != _ED25519 or key.id.hex() != key_id:
            raise KeyUnusableError(f"expected a verifier key 'NAME+ID+KEY' as in checkpoint.pub, found {text[:80]!r}")
        return key

    def opened(self, note: bytes) -> str:
        """Return the signed text of a note; raises NoteError when this key did not sign it."""
        try:
            text, separator, signatures = note.decode().rpartition("\n\n")
        except UnicodeDecodeError as error:
            raise NoteError("it is no text") from error
        if not separator or not signatures.endswith("\n"):
            raise NoteError("it is no signed note: an empty line and signatures are missing")
        text += "\n"
        for line in signatures.splitlines():
            mark, name, signature = _signature(line)
            if mark and name == self.name and signature[:4] == self.id:
                return self._checked(text, signature[4:])
        raise NoteError(f"it is not signed by the key {self.name}+{self.id.hex()}")

    def _checked(self, text: str, signature: bytes) -> str:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise NoteError("its text is not what was signed") from error
        return text


class Signer:
    """The private half of a key."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.verifier = VerifierKey(name, private.public_key().public_bytes_raw())

    def signed(self, text: str) -> bytes:
        """Return a text (it ends with a newline) as a note."""
        assert text.endswith("\n")
        signature = self.verifier.id + self._private.sign(text.encode())
        return f"{text}\n{_MARK}{self.verifier.name} {base64.b64encode(signature).decode()}\n".encode()


def load_signer(name: str, path: Path) -> Signer:
    """Return the signer whose key is in a file, which is made when there is none; raises KeyUnusableError."""
    try:
        private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes().strip(), validate=True))
    except FileNotFoundError:
        private = Ed25519PrivateKey.generate()
        write_durably(path, base64.b64encode(private.private_bytes_raw()) + b"\n", mode=0o600)
    except (ValueError, binascii.Error) as error:
        raise KeyUnusableError(
            f"{path}: expected 32 bytes of a private key in base64, found {path.stat().st_size} bytes of something"
            " else; bring the file back from a backup, or remove it: a new key is made, and 'watchbook verify'"
            " must then be given both"
        ) from error
    return Signer(name, private)


def _signature(line: str) -> tuple[bool, str, bytes]:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False, name, b""
    # Bits that base64 leaves unused could be changed unseen: only the one spelling is taken.
    return line.startswith(_MARK) and base64.b64encode(signature).decode() == encoded, name, signature
