"""Certificates for tests: authorities, and files that are replaced as tools replace them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """A certificate authority with its file in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._ca = trustme.CA(organization_name=name)
        self._folder = folder
        folder.mkdir(exist_ok=True, parents=True)
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *identities: str, days: float = 365) -> tuple[Path, Path]:
        """Return the files of a certificate for the identities (127.0.0.1 without any) and of its key."""
        not_after = datetime.now(UTC) + timedelta(days=days)
        made = self._ca.issue_cert(
            *(identities or ("127.0.0.1",)),
            not_before=not_after - timedelta(days=800),
            not_after=not_after,
        )
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(str(key))
        return cert, key


def replace(path: Path, content: bytes) -> None:
    """Put new content under a name in one step, as an ACME client does."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
