"""Signatures, against the library of Standard Webhooks and what GitHub documents."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from agent.listen.hook_refusal import RefusedError
from agent.listen.hook_settings import HookSettings
from agent.listen.secret_files import SecretError, standard_key
from agent.listen.signatures import check_body, check_head

NOW_S = 1_795_252_100
NOW_US = NOW_S * 1_000_000
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of them all").decode()
STANDARD = HookSettings(auth="standard")


def signed(body: str, *, secret: str = SECRET, at_s: int = NOW_S, message: str = "msg_1") -> dict[str, str]:
    signature = Webhook(secret).sign(message, datetime.fromtimestamp(at_s, UTC), body)
    return {"webhook-id": message, "webhook-timestamp": str(at_s), "webhook-signature": signature}


def verdict(settings: HookSettings, headers: dict[str, str], keys: list[bytes], body: bytes) -> str:
    try:
        check_head(settings, headers, keys, NOW_US)
        check_body(settings, headers, keys, body)
    except RefusedError as refusal:
        return f"{refusal.status} {refusal.kind}"
    return "taken"


@given(st.text(), st.binary(min_size=1), st.text("abc_.-0", min_size=1))
def test_what_the_library_signs_is_taken(body: str, secret: bytes, message: str) -> None:
    text = "whsec_" + base64.b64encode(secret).decode()
    headers = signed(body.encode(errors="replace").decode(), secret=text, message=message)
    assert verdict(STANDARD, headers, [standard_key(text)], body.encode(errors="replace")) == "taken"


def test_a_changed_body_id_or_time_is_not_what_was_signed() -> None:
    keys = [standard_key(SECRET)]
    headers = signed('{"a":1}')
    assert verdict(STANDARD, headers, keys, b'{"a":1}') == "taken"
    assert verdict(STANDARD, headers, keys, b'{"a":2}') == "403 signature"
    assert verdict(STANDARD, {**headers, "webhook-id": "msg_2"}, keys, b'{"a":1}') == "403 signature"
    moved = {**headers, "webhook-timestamp": str(NOW_S + 1)}
    assert verdict(STANDARD, moved, keys, b'{"a":1}') == "403 signature"
    assert verdict(STANDARD, headers, [standard_key(OTHER)], b'{"a":1}') == "403 signature"


def test_both_secrets_count_while_one_is_replaced() -> None:
    keys = [standard_key(OTHER), standard_key(SECRET)]
    for secret in (SECRET, OTHER):
        assert verdict(STANDARD, signed("{}", secret=secret), keys, b"{}") == "taken"
    both = (
        signed("{}")["webhook-signature"]
        + " v1a,AAAA nonsense v1,!! "
        + signed("{}", secret=OTHER)["webhook-signature"]
    )
    assert verdict(STANDARD, {**signed("{}"), "webhook-signature": both}, [standard_key(OTHER)], b"{}") == "taken"


@pytest.mark.parametrize("off_s", [-301, 301])
def test_an_old_or_early_signature_is_stale(off_s: int) -> None:
    assert verdict(STANDARD, signed("{}", at_s=NOW_S + off_s), [standard_key(SECRET)], b"{}") == "403 stale"
    assert verdict(STANDARD, signed("{}", at_s=NOW_S + off_s // 2), [standard_key(SECRET)], b"{}") == "taken"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_unauthorized(name: str) -> None:
    headers = signed("{}")
    del headers[name]
    assert verdict(STANDARD, headers, [standard_key(SECRET)], b"{}") == "401 unauthorized"


@pytest.mark.parametrize("stamp", ["soon", "-1", "1e9", " 1795252100", "٣"])
def test_a_strange_time_is_unauthorized(stamp: str) -> None:
    headers = {**signed("{}"), "webhook-timestamp": stamp}
    assert verdict(STANDARD, headers, [standard_key(SECRET)], b"{}") == "401 unauthorized"


def test_the_example_of_githubs_documentation_is_taken() -> None:
    settings = HookSettings(auth="hmac")
    key = [b"It's a Secret to Everybody"]
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verdict(settings, {"X-Hub-Signature-256": header}, key, b"Hello, World!") == "taken"
    assert verdict(settings, {"X-Hub-Signature-256": header}, key, b"Hello, World?") == "403 signature"
    assert verdict(settings, {"X-Hub-Signature-256": "sha256="}, key, b"Hello, World!") == "403 signature"
    assert verdict(settings, {"X-Hub-Signature-256": "\udcff"}, key, b"Hello, World!") == "403 signature"
    assert verdict(settings, {}, key, b"Hello, World!") == "401 unauthorized"


def test_a_bearer_token_is_taken_whatever_the_case_of_its_scheme() -> None:
    settings = HookSettings(auth="bearer")
    keys = [b"old", b"tok\xc3\xa9n"]
    assert verdict(settings, {"Authorization": "Bearer tokén"}, keys, b"") == "taken"
    assert verdict(settings, {"Authorization": "bearer old"}, keys, b"") == "taken"
    for wrong in ("Bearer", "Bearer ", "Bearer new", "Basic old", "old", ""):
        assert verdict(settings, {"Authorization": wrong}, keys, b"") == "401 unauthorized"
    assert verdict(settings, {}, keys, b"") == "401 unauthorized"


@pytest.mark.parametrize("secret", ["whsec_!!", "", "whsec_", "plain text"])
def test_what_is_no_secret_of_standard_webhooks_is_named(secret: str) -> None:
    with pytest.raises(SecretError, match="expected a secret"):
        standard_key(secret)
