"""Certificates in files: when they end, and contexts that follow their files."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from tests.authority import Authority, replace
from watchbook.certificates import (
    FollowedContext,
    TlsFileError,
    expiry_of_peer,
    expiry_problem,
    load_authorities,
    load_key_pair,
    read_expiries,
)
from watchbook.clock import SECOND_US, parse_rfc3339

DAY_S = 86_400


@pytest.mark.parametrize("year", [2030, 2049, 2050, 2051, 9999])
def test_the_end_is_the_one_that_another_reader_finds(tmp_path: Path, year: int) -> None:
    made = trustme.CA().issue_cert("a.example", not_after=datetime(year, 7, 5, 3, 4, 5, tzinfo=UTC))
    path = tmp_path / "chain.pem"
    path.write_bytes(b"# a comment\n" + b"".join(blob.bytes() for blob in made.cert_chain_pems))
    expected = [c.not_valid_after_utc for c in x509.load_pem_x509_certificates(path.read_bytes())]
    assert read_expiries(path) == [int(each.timestamp()) * SECOND_US for each in expected]
    assert expected[0].year == year


def test_a_file_that_holds_no_certificate_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_text("nothing")
    assert read_expiries(path) == []
    with pytest.raises(TlsFileError, match="cannot be read: No such file"):
        read_expiries(tmp_path / "missing.pem")


def test_a_damaged_certificate_is_named_wherever_it_is_cut(tmp_path: Path) -> None:
    pem = Authority(tmp_path).file.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    path = tmp_path / "cut.pem"
    for length in range(0, len(der), 7):
        path.write_text(ssl.DER_cert_to_PEM_cert(der[:length]))
        with pytest.raises(TlsFileError, match=r"cut\.pem"):
            read_expiries(path)


def test_what_ends_soon_is_told_of() -> None:
    now = parse_rfc3339("2026-11-21T12:00:00Z")
    ends = now + 9 * DAY_S * SECOND_US + 5
    assert expiry_problem("x.pem", ends, now, 8 * DAY_S) is None
    assert expiry_problem("x.pem", ends, now, 9 * DAY_S) == "x.pem expires on 2026-11-30, in 9d; replace it"
    assert (
        expiry_problem("x.pem", now + 7300 * SECOND_US, now, DAY_S) == "x.pem expires on 2026-11-21, in 2h; replace it"
    )
    assert expiry_problem("x.pem", now - SECOND_US, now, DAY_S) == "x.pem expired on 2026-11-21; replace it"
    assert expiry_of_peer("Nov 30 12:00:00 2026 GMT") == parse_rfc3339("2026-11-30T12:00:00Z")


def test_a_context_follows_its_files_and_survives_broken_ones(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("server")

    def build() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_key_pair(context, cert, key)
        return context

    followed = FollowedContext(build, lambda: [cert, key])
    assert (followed.context, followed.follow(), followed.follow()) == (None, True, False)
    first = followed.context
    good = key.read_bytes()
    replace(key, authority.issue("other")[1].read_bytes())
    assert not followed.follow()
    assert (followed.error, followed.context) == (f"{cert} with the key {key}: the key is not the certificate's", first)
    key.unlink()
    assert not followed.follow()
    assert (followed.error, followed.context) == (f"{key}: cannot be read: No such file or directory", first)
    replace(key, good)
    assert followed.follow()
    assert (followed.error, followed.context is first) == (None, False)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    cert, key = Authority(tmp_path).issue("server")
    private = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(TlsFileError, match=r"server\.key"):
        load_key_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), cert, key)


def test_authorities_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("none")
    with pytest.raises(TlsFileError, match=r"ca\.pem"):
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)


def test_the_test_authority_makes_certificates_that_have_expired(tmp_path: Path) -> None:
    cert, _ = Authority(tmp_path).issue("old", days=-3)
    (ends, *_) = read_expiries(cert)
    assert ends < (datetime.now(UTC) - timedelta(days=2)).timestamp() * SECOND_US
