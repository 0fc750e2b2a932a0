"""What can be chosen: for the agent, for an input, by a profile; patterns of one's own; pseudonyms."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent.config import load_settings
from agent.redact import (
    REDACTED,
    InputRedactSettings,
    KeyFileError,
    NoRedactor,
    Pseudonyms,
    RedactSettings,
    SecretRedactor,
    for_input,
    make_redactor,
    read_key,
)
from agent.redact.settings import OwnPattern
from agent.routes import make_plan
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, event, written
from watchbook.configfile import ConfigError, bind, parse

AWS = "AKIAIOSFODNN7EXAMPLE"


def made(text: str = "{}", **of_profile: Any) -> SecretRedactor:
    redactor = make_redactor(bind(parse(text, "agent.yaml"), RedactSettings), **of_profile)
    assert isinstance(redactor, SecretRedactor)
    return redactor


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "pseudonyms.key"
    path.write_bytes(b"k" * 32 + b"\n")
    path.chmod(0o600)
    return path


def test_a_profile_leaves_out_rules_and_keeps_keys() -> None:
    redactor = made(without=["aws_access_key"], keep=["session_token"])
    given = {"accessKeyId": AWS, "sessionToken": "x1", "token": "x2"}
    assert redactor.value(given) == {**given, "token": REDACTED}
    assert not redactor.suspects(json.dumps({"accessKeyId": AWS, "n": 1}).encode())
    assert redactor.suspected([b'{"sessionToken":"x1"}', b'{"token":"x2"}']) == [1]
    assert redactor.text("sessionToken=x1 token=x2") == f"sessionToken=x1 token={REDACTED}"


def test_what_the_settings_ask_for_stays_on_whatever_a_profile_says() -> None:
    assert made("also: [email]", without=["email"]).text("bob@example.com") == REDACTED


def test_addresses_and_mail_are_taken_out_by_choice_only() -> None:
    text = "alice@example.com from 192.0.2.7 and 2001:db8::1 at 14:05:09"
    assert made().text(text) == text
    redactor = made("also: [email, ip]")
    assert redactor.text(text) == f"{REDACTED} from {REDACTED} and {REDACTED} at 14:05:09"
    assert redactor.counts == {"email": 1, "ip": 2}
    assert redactor.suspected([text.encode(), b"nobody"]) == [0]


def test_a_pattern_of_ones_own_is_a_rule_like_others() -> None:
    redactor = made("patterns: [{name: badge, match: 'badge (?P<s>[0-9]{6})'}]")
    assert redactor.value({"msg": "badge 123456 used"}) == {"msg": f"badge {REDACTED} used"}
    assert redactor.counts == {"badge": 1}
    assert redactor.suspected([b"badge 123456", b"badge 12"]) == [0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patterns: [{name: x, match: '('}]", "expected a regular expression of RE2: missing )"),
        ("patterns: [{name: x, match: '(?<!a)b'}]", "expected a regular expression of RE2: invalid perl operator"),
        ("patterns: [{name: x, match: 'a*'}]", "it matches nothing at all"),
        ("patterns: [{name: jwt, match: a}]", "'patterns[0].name': expected a name that no rule has"),
        ("patterns: [{name: A b, match: a}]", "expected a name of small letters, digits and underscores"),
        ("also: [jwt]", "'also': expected only names of rules that are off by default: email, ip"),
        ("pseudonymise: {key_file: /nowhere/key}", "the key file /nowhere/key cannot be read: No such file"),
        ("keep: ['a b']", "'keep': expected names of letters, digits and underscores"),
    ],
)
def test_a_wrong_choice_names_its_place_and_what_is_expected(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(parse(text, "agent.yaml"), RedactSettings)
    (problem,) = caught.value.problems
    assert said in str(problem)
    assert str(problem).startswith("agent.yaml:1:")


def test_an_input_says_what_is_different_for_it() -> None:
    everywhere = RedactSettings(without=("jwt",), also=("email",), more_key_names=("badge",))
    own = InputRedactSettings(without=("email",), also=("ip",), keep=("badge",), patterns=(OwnPattern("x", "x+"),))
    found = for_input(everywhere, own)
    assert (found.without, found.also, found.keep) == (("jwt", "email"), ("ip",), ("badge",))
    assert [pattern.name for pattern in found.patterns] == ["x"]
    assert for_input(everywhere, None) == everywhere
    assert isinstance(make_redactor(for_input(everywhere, InputRedactSettings(enabled=False))), NoRedactor)


def test_each_input_has_a_redactor_and_counts_of_its_own(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:1', token: x}}\nstate: {tmp_path}/state\n"
        "inputs:\n"
        f"  - {{name: a, files: ['/a.log'], profile: jsonl}}\n"
        f"  - {{name: b, files: ['/b.log'], profile: jsonl, redact: {{also: [ip], without: [jwt]}}}}\n"
        f"  - {{name: c, files: ['/c.log'], profile: jsonl, redact: {{pseudonymise: {{key_file: {key_file}, "
        "fields: [actor.id]}}}\n"
    )
    plan = make_plan(*load_settings(path))
    line = b'{"ts":"2026-11-21T14:05:09Z","user":"alice","action":"viewed","ip":"192.0.2.7","password":"x"}'
    rows = {name: route.normalise([line], READ_US).rows[0] for name, route in plan.routes.items()}
    ips = {name: row[plan.routes[name].normalise.fields.index("source.ip")] for name, row in rows.items()}
    assert ips == {"a": "192.0.2.7", "b": None, "c": "192.0.2.7"}  # [REDACTED] is no address
    assert {name: dict(redactor.counts) for name, redactor in plan.redactors.items()} == {
        "a": {"key_name": 1},
        "b": {"key_name": 1, "ip": 1},
        "c": {"key_name": 1, "pseudonym": 1},
    }


def test_the_same_person_has_the_same_pseudonym_everywhere_in_an_event(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:1', token: x}}\nstate: {tmp_path}/state\n"
        f"redact: {{pseudonymise: {{key_file: {key_file}, fields: [actor.id], rules: [email]}}, also: [email]}}\n"
        "inputs: [{name: a, files: ['/a.log'], profile: jsonl, keep_raw: true}]\n"
    )
    plan = make_plan(*load_settings(path))
    lines = [
        b'{"user":"alice","action":"viewed","msg":"alice looked at malice","n":{"by":"Alice","mail":"al@example.com"}}',
        b'{"user":"Alice ","action":"viewed"}',
        b'{"user":"bob","action":"viewed"}',
    ]
    normalise = plan.routes["a"].normalise
    rows = [dict(zip(normalise.fields, row, strict=True)) for row in normalise(lines, READ_US).rows]
    pseudonym = rows[0]["actor.id"]
    assert pseudonym == Pseudonyms(read_key(key_file)).of("alice")
    assert pseudonym.startswith("p_")
    assert len(pseudonym) == 18
    assert rows[1]["actor.id"].strip() == pseudonym != rows[2]["actor.id"]
    assert rows[0]["message"] == f"{pseudonym} looked at malice"
    assert rows[0]["details"]["n"]["mail"].startswith("p_")
    assert '"alice"' not in rows[0]["raw"]


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"k" * 32, 0o640, "can be read by others (mode 640); chmod 600"),
        (b"k" * 31, 0o600, "has 31 bytes; expected at least 32"),
    ],
)
def test_a_key_file_that_is_too_open_or_too_short_is_refused(
    tmp_path: Path, content: bytes, mode: int, said: str
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=re.escape(said)):
        read_key(path)


def test_a_group_of_a_pattern_that_names_a_secret_is_hidden(tmp_path: Path) -> None:
    definition = written(
        tmp_path,
        "profile: profile\ndescription: x\nformat: syslog\nfields: {actor.id: user}\n"
        "constants: {action: login}\n"
        "patterns:\n  - {name: p, of: message, match: 'bind (?P<user>\\S+) (?P<password>\\S+)'}\n",
    )
    shown = event(compiled(definition, keep_raw=True), "Nov 21 14:05:09 h app: bind bob hunter2")
    assert "hunter2" not in str(shown)
    assert shown["details"]["password"] == REDACTED


def test_a_key_printed_over_many_lines_is_taken_out_also_over_the_end_of_a_chunk() -> None:
    body = ["MIIEow" + "Ab3/" * 14 + "Q+", "x" * 20 + "Yz09" * 11, "q9Z="]
    lines = ["app: -----BEGIN PRIVATE KEY-----", *(f"app: {line}" for line in body), "app: -----END PRIVATE KEY-----"]
    redactor = made()
    said = []
    for chunk in (lines[:2], lines[2:4], [*lines[4:], "app: " + "Ab3/" * 16]):
        given = [line.encode() for line in chunk]
        places = redactor.suspected(given)
        said += [redactor.text(line) if place in places else line for place, line in enumerate(chunk)]
    assert not [line for line in body for shown in said if line in shown]
    assert said[-1] == "app: " + "Ab3/" * 16


def test_a_kubernetes_secret_keeps_its_keys_and_loses_their_values() -> None:
    given = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"user": "YWRtaW4=", "x": "c2VjcmV0"}}
    assert made().value(given) == {**given, "data": {"user": REDACTED, "x": REDACTED}}
    assert made().suspected([json.dumps({"requestObject": given}).encode()]) == [0]


def test_an_object_of_a_secret_keeps_what_only_tells_about_it() -> None:
    given = {"credentials": {"accessKeyId": "x", "sessionToken": "y", "expiration": "2026-11-21"}}
    assert made().value(given) == {"credentials": {**given["credentials"], "sessionToken": REDACTED}}


def test_numbers_are_cards_unless_their_key_says_otherwise() -> None:
    assert made().value({"pan": 4111111111111111, "orderId": 4111111111111111, "n": 4111111111111111}) == {
        "pan": REDACTED,
        "orderId": 4111111111111111,
        "n": REDACTED,
    }


def test_the_shipped_profiles_can_be_had_with_every_rule_on() -> None:
    redactor = make_redactor(RedactSettings(also=("email", "ip")))
    assert redactor.value(dict.fromkeys(DEFINITIONS, "a@example.com")) == dict.fromkeys(DEFINITIONS, REDACTED)
