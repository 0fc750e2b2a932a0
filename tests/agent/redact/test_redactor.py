"""Redaction: what is taken out, what is not, and that the gate never lets a secret pass."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.redact import REDACTED, RULE_NAMES, NoRedactor, RedactSettings, SecretRedactor, make_redactor
from agent.redact.names import KEY_NAMES
from watchbook.configfile import ConfigError, bind, parse

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----"
SHAPED = {
    "private_key": PEM,
    "jwt": JWT,
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "google_api_key": "AIza" + "Sy0_-" * 7,
    "github_token": "ghp_" + "a1B2" * 9,
    "gitlab_token": "glpat-" + "x1-_" * 5,
    "slack_token": "xoxb" + "-123456789012-abcdefGHIJKL",
    "live_key": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
    "webhook_secret": "whsec_" + "MfKQ9r8G" * 4,
    "openai_key": "sk-proj-" + "Ab3_" * 12,
    "npm_token": "npm_" + "aB3d" * 9,
    "pypi_token": "pypi-AgEIcHlwaS5vcmc" + "x" * 40,
    "sendgrid_key": "SG." + "a" * 22 + "." + "b" * 43,
}


@pytest.fixture
def redactor() -> SecretRedactor:
    made = make_redactor(RedactSettings())
    assert isinstance(made, SecretRedactor)
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("query selected password_hash", "query selected [REDACTED]"),
        ("API key updated", "API key updated (actual key not shown)"),
        ("API key updated: ak_live_51HxTq2eZvKYlo2C", "API key updated (actual key not shown)"),
        ("API key rotated to 7f3a9c1be2d4", "API key rotated (actual key not shown)"),
        (
            "API key updated by al from 10.1.2.3",
            "API key updated (actual key not shown) by al from 10.1.2.3",
        ),
        ("password=hunter2", "password=[REDACTED]"),
        ("user=bob, password=hunter2, db=main", "user=bob, password=[REDACTED], db=main"),
        ("Server=db;Password=a,b;Database=x", "Server=db;Password=[REDACTED];Database=x"),
        ("db.password: hunter2 retries: 3", "db.password: [REDACTED] retries: 3"),
        ('{"password": "hun\\"ter2", "user": "bob"', '{"password": "[REDACTED]", "user": "bob"'),
        (r'body="{\"apiKey\":\"abc\",\"n\":1}"', r'body="{\"apiKey\":\"[REDACTED]\",\"n\":1}"'),
        ("{'client-secret': 'it''s'}", "{'client-secret': '[REDACTED]'}"),
        ("secret: {a: 1, b: [2]}, next: 3", "secret: [REDACTED], next: 3"),
        ("GET /cb?code=1&access_token=abc&x=2", "GET /cb?code=1&access_token=[REDACTED]&x=2"),
        ("login[password]=x&login[user]=bob", "login[password]=[REDACTED]&login[user]=bob"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [REDACTED]"),
        ('-H "Authorization: Bearer abc def" http://x', '-H "Authorization: [REDACTED]" http://x'),
        ('authorization: Digest username="bob", response="1"', "authorization: [REDACTED]"),
        ("Cookie: sid=1; theme=dark", "Cookie: [REDACTED]"),
        ("got Bearer mF_9.B5f-4.1JqM from the client", "got Bearer [REDACTED] from the client"),
        ("COMMAND=/usr/bin/x --db-password hunter2 --port 1", "COMMAND=/usr/bin/x --db-password [REDACTED] --port 1"),
        ("postgres://app:hunter2@db:5432/main", "postgres://app:[REDACTED]@db:5432/main"),
        (r"https:\/\/app:hunter2@db\/main", r"https:\/\/app:[REDACTED]@db\/main"),
        ("https://hooks.slack.com/services/T0/B0/XyZ123456", "https://hooks.slack.com/services/[REDACTED]"),
        (r'{"\u0070assword":"hunter2"', '{"password":"[REDACTED]"'),
        (r"\npassword=x\nuser=y", r"\npassword=[REDACTED]\nuser=y"),
        ("-----BEGIN PRIVATE KEY----- MIIEvQ", "[REDACTED]"),
        ("CREATE USER bob PASSWORD 'hunter2';", "CREATE USER bob PASSWORD '[REDACTED]';"),
        (
            "ALTER ROLE bob WITH ENCRYPTED PASSWORD 'hunter2' LOGIN",
            "ALTER ROLE bob WITH ENCRYPTED PASSWORD '[REDACTED]' LOGIN",
        ),
        ("GRANT ALL ON a TO 'bob'@'%' IDENTIFIED BY 'x'", "GRANT ALL ON a TO 'bob'@'%' IDENTIFIED BY '[REDACTED]'"),
        (r"IDENTIFIED WITH sha2 BY \"x\" REQUIRE SSL", r"IDENTIFIED WITH sha2 BY \"[REDACTED]\" REQUIRE SSL"),
        (r"SET PASSWORD FOR \'bob\' = PASSWORD(\'x\')", r"SET PASSWORD FOR \'bob\' = PASSWORD(\'[REDACTED]\')"),
    ],
)
def test_a_secret_in_a_text_is_replaced_where_it_stands(redactor: SecretRedactor, text: str, expected: str) -> None:
    assert redactor.text(text) == expected
    assert redactor.text(expected) == expected
    assert redactor.suspects(text.encode())


@pytest.mark.parametrize(("rule", "secret"), SHAPED.items())
def test_every_shape_is_found_in_texts_values_and_keys_and_counted(
    redactor: SecretRedactor, rule: str, secret: str
) -> None:
    assert redactor.text(f"before {secret} after") == "before [REDACTED] after"
    assert redactor.value({"a": [secret]}) == {"a": [REDACTED]}
    assert redactor.value({secret: 1, REDACTED: 2}) == {REDACTED: 1, f"{REDACTED} (2)": 2}
    assert redactor.counts == {rule: 3}
    for line in (secret.encode(), json.dumps({"a": secret}).encode(), json.dumps(secret).encode()):
        assert redactor.suspects(line)


@pytest.mark.parametrize(
    "text",
    [
        "Failed password for invalid user admin from 203.0.113.5 port 52144 ssh2",
        "user updated secret sales quarterly",
        "api_key updated notebook revenue churn",
        "Basic authentication failed; Bearer authentication is not enabled",
        "alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/ls",
        "pam_unix(passwd:chauthtok): password changed for bob",
        "pam_unix(gdm-password:session): session opened for user bob",
        "password for 'bob' changed by 'root'",
        "CREATE USER bob IDENTIFIED BY <secret>",
        "password: null, token: ***, secret=false",
        "see https://example.com:8443/a@b and mailto:bob@example.com",
        "SG.1 AKIA sk-learn pypi-server xoxb glpat",
        "keyJabc.defghijkl.mno",
        r"caf\u00e9 \u003ca\u003e",
    ],
)
def test_a_text_without_a_secret_stays(redactor: SecretRedactor, text: str) -> None:
    assert redactor.text(text) == text
    assert not redactor.counts


def test_values_under_secret_keys_are_replaced_at_any_depth_and_the_containers_stay(redactor: SecretRedactor) -> None:
    given_value: dict[str, Any] = {
        "user": {"name": "bob", "db_password": "x", "hasPassword": True},
        "X-Api-Key": 17,
        "setCookie": ["a", "b"],
        "credentials": {"id": "k", "valid": True, "until": None},
        "authorization": {"scope": "/subscriptions/1", "action": "write"},
        "token": "",
        "password": None,
        "PWD": "/home/bob",
    }
    assert redactor.value(given_value) == {
        "user": {"name": "bob", "db_password": REDACTED, "hasPassword": True},
        "X-Api-Key": REDACTED,
        "setCookie": [REDACTED, REDACTED],
        "credentials": {"id": REDACTED, "valid": True, "until": None},
        "authorization": {"scope": "/subscriptions/1", "action": "write"},
        "token": "",
        "password": None,
        "PWD": "/home/bob",
    }
    assert redactor.counts == {"key_name": 5}
    assert given_value["X-Api-Key"] == 17


def test_an_object_that_names_a_secret_hides_its_value_and_keeps_the_name(redactor: SecretRedactor) -> None:
    change = {"field": "password_hash", "old": "a", "new": "b"}
    assert redactor.value(change) == {"field": "password_hash", "old": REDACTED, "new": REDACTED}
    assert redactor.suspects(json.dumps(change).encode())
    header = {"Name": "Authorization", "Value": "Basic eA=="}
    assert redactor.value([header]) == [{"Name": "Authorization", "Value": REDACTED}]
    assert redactor.suspects(json.dumps(header).encode())


def test_words_for_kinds_of_things_are_no_secrets(redactor: SecretRedactor) -> None:
    event = {
        "user": "api_key-12",
        "user_type": "api_key",
        "action": "accessed",
        "resource": {"type": "secret", "id": "sec_000001", "name": "Sales 1"},
    }
    assert redactor.value(event) == event
    assert not redactor.suspects(json.dumps(event, separators=(",", ":")).encode())
    labels = {"type": "password_hash", "action": "API key updated", "event_type": "Secret accessed"}
    assert redactor.value(labels) == labels
    assert redactor.value({"action": "API key updated: ak_live_1234"}) == {
        "action": "API key updated (actual key not shown)"
    }


def test_json_in_a_text_value_is_redacted(redactor: SecretRedactor) -> None:
    inner = json.dumps({"password": "hunter2", "deep": json.dumps({"secret": "x1"})})
    redacted = redactor.value({"body": inner})["body"]
    assert "hunter2" not in redacted
    assert "x1" not in redacted
    assert json.loads(redacted)["password"] == REDACTED


def test_own_key_names_and_rules_switched_off_are_honoured() -> None:
    node = parse("more_key_names: [national_id]\nwithout: [jwt, secret_column]\n", "agent.yaml")
    redactor = make_redactor(bind(node, RedactSettings))
    assert redactor.value({"nationalId": "A1", "password": "x"}) == {"nationalId": REDACTED, "password": REDACTED}
    assert redactor.text(f"{JWT} password_hash") == f"{JWT} password_hash"
    no_names = make_redactor(RedactSettings(without=("key_name",)))
    assert no_names.value({"password": "x", "k": JWT}) == {"password": "x", "k": REDACTED}


def test_a_wrong_setting_names_its_place_and_what_is_known() -> None:
    node = parse("without:\n  - jvt\nmore_key_names: ['a b']\n", "agent.yaml")
    with pytest.raises(ConfigError) as caught:
        bind(node, RedactSettings)
    first, second = caught.value.problems
    assert str(first).startswith(
        "agent.yaml:2:3: 'without': expected only names of rules: key_name, command, private_key, "
    )
    assert str(second) == (
        "agent.yaml:3:17: 'more_key_names': expected names of letters, digits and underscores, found a list"
    )


def test_nothing_is_touched_when_redaction_is_off() -> None:
    redactor = make_redactor(RedactSettings(enabled=False))
    assert isinstance(redactor, NoRedactor)
    assert redactor.text("password=x") == "password=x"
    assert redactor.value({"password": "x"}) == {"password": "x"}
    assert not redactor.suspects(b"password=x")


PIECES = st.sampled_from(
    [
        *KEY_NAMES, *(name.replace("_", "") for name in KEY_NAMES), *SHAPED.values(), "API key updated",
        "apiKey", "Pass",
        "=", ":", " ", '"', "'", "\\", "/", "//", "@", ",", "&", "-", "--", "{", "}", "[", "]", "\n", "\t", "\u00e9",
        "hunter2", "bearer ", "name", "field", "value", "old", "\\u0070", "https", "x", "PWD", "null", "password_hash",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=8).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def escaped(text: str, every: int) -> str:
    """Write every n-th ASCII letter or digit of a JSON text as an escape, as an evader would (inside of texts only)."""
    pieces, in_text = [], False
    for index, piece in enumerate(re.findall(r"\\u....|\\.|[^\\]", text, re.DOTALL)):
        evade = in_text and piece.isascii() and piece.isalnum() and index % every == 0
        pieces.append(f"\\u{ord(piece):04x}" if evade else piece)
        in_text ^= piece == '"'
    return "".join(pieces)


REDACTOR = make_redactor(RedactSettings())


@given(VALUES, st.booleans(), st.integers(1, 5), st.booleans())
def test_the_gate_suspects_every_json_line_that_the_rules_would_change(
    value: Any, ascii_only: bool, every: int, slashes: bool
) -> None:
    if REDACTOR.value(value) == value:
        return
    line = json.dumps(value, ensure_ascii=ascii_only)
    assert REDACTOR.suspects(line.encode())
    if slashes:
        line = line.replace("/", "\\/")
        assert REDACTOR.suspects(line.encode())
    evading = escaped(line, every)
    assert json.loads(evading) == value
    assert REDACTOR.suspects(evading.encode())


@given(TEXTS)
def test_the_gate_suspects_every_text_that_the_rules_would_change_and_once_is_enough(text: str) -> None:
    redacted = REDACTOR.text(text)
    if redacted != text:
        assert REDACTOR.suspects(text.encode())
    assert REDACTOR.text(redacted) == redacted


@given(st.text() | st.binary().map(lambda data: data.decode(errors="surrogateescape")))
def test_any_text_can_be_redacted(text: str) -> None:
    assert isinstance(REDACTOR.text(text), str)


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "password", "a", "://", '\\"', "secret:[", "-----BEGIN ", "bearer ", "--a", '":', "mysql -p x ", "curl -u ",
     '"name":"password",', "<password>", "identified by ", "login x password ", "token -> ",
     "insert into x (password) ", "=7061737377", "4111 ", "%3A", "name: password\n", 'a0="x" ', "echo x|"],
)  # fmt: skip
def test_a_hostile_line_takes_no_more_than_linear_time(redactor: SecretRedactor, piece: str) -> None:
    def cpu_seconds(characters: int) -> float:
        started = time.process_time()
        redactor.text("password=" + piece * (characters // len(piece)))
        return time.process_time() - started

    cpu_seconds(1000)
    assert cpu_seconds(400_000) < 30 * max(cpu_seconds(40_000), 0.005)


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len(set(RULE_NAMES)) == len(RULE_NAMES)
    assert set(SHAPED) < set(RULE_NAMES)


def test_a_label_of_several_words_does_not_name_a_secret_column() -> None:
    redactor = make_redactor(RedactSettings())
    given = {"action": "query selected password_hash", "type": "password_hash", "event": "API key updated"}
    assert redactor.value(given) == {**given, "action": "query selected [REDACTED]"}
