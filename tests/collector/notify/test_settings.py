"""Mistakes in the notification settings are named where they stand, and a secret is never repeated."""

from pathlib import Path
from typing import Any

import pytest

from collector.config import CollectorSettings, decode_settings, encode_settings, load_settings
from collector.notify import NotifySettings
from collector.notify.hours import in_hours, parse_hours
from collector.notify.secret_files import SecretError, read_secret
from watchbook.clock import parse_rfc3339
from watchbook.configfile import ConfigError, documented_settings
from watchbook.units import Seconds

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def load(folder: Path, text: str) -> CollectorSettings:
    path = folder / "collector.yaml"
    path.write_text(f"data: /var/lib/watchbook\n{text}")
    return load_settings(path)


def read(folder: Path, text: str) -> NotifySettings:
    return load(folder, text).notify


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def hook(*lines: str, name: str = "ops") -> str:
    options = "".join(f"        {line}\n" for line in lines)
    return f"    - name: {name}\n      webhook:\n        url: https://example.com/hook\n{options}"


def channels(*texts: str) -> str:
    return f"notify:\n  channels:\n{''.join(texts)}"


RIGHT = hook(f"secret: {SECRET}")


def test_a_channel_needs_a_name_an_address_and_a_secret(tmp_path: Path) -> None:
    (ops,) = read(tmp_path, channels(hook(f"secret: {SECRET}", "timeout: 3s"))).channels
    assert ops.webhook is not None
    assert (ops.name, ops.webhook.url, ops.resolved) == ("ops", "https://example.com/hook", True)
    assert ops.webhook.timeout == Seconds(3)
    assert len(ops.webhook.key()) == 24


def test_the_secret_may_stand_in_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "secret").chmod(0o640)
    text = channels(hook(f"secret_file: {tmp_path}/secret"))
    (ops,) = read(tmp_path, text).channels
    assert ops.webhook is not None
    assert len(ops.webhook.key()) == 24
    for mode in (0o644, 0o660, 0o606):
        (tmp_path / "secret").chmod(mode)
        (told,) = mistakes(tmp_path, text)
        assert f"is open to others (mode {mode:04o}); close it: chmod 640" in told


def test_no_channels_are_right_too(tmp_path: Path) -> None:
    assert read(tmp_path, "").channels == read(tmp_path, "notify:\n").channels == ()


def test_the_list_of_channels_of_before_and_the_options_that_moved_are_read_on(tmp_path: Path) -> None:
    before = f"notify:\n  - name: ops\n    webhook:\n      url: https://example.com/hook\n      secret: {SECRET}\n"
    found = load(tmp_path, f"{before}alert:\n  evidence_max: 7\n  retry_first: 3s\n  in_flight: 2\n")
    assert [each.name for each in found.notify.channels] == ["ops"]
    assert (found.notify.retry_first, found.notify.in_flight, found.alert.evidence_max) == (Seconds(3), 2, 7)
    (told,) = mistakes(tmp_path, before.replace("https", "ftp"))
    assert told.startswith("collector.yaml:5:12: 'notify.channels[0].webhook.url': expected an address")


def test_settings_go_to_other_processes_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32)
    (tmp_path / "key").chmod(0o600)
    text = channels(RIGHT, f"    - name: pager\n      pagerduty: {{routing_key_file: {tmp_path}/key}}\n")
    found = load(tmp_path, f"{text}  routes: [{{name: all, channels: [ops, pager], group_by: [rule]}}]\n")
    assert decode_settings(encode_settings(found)) == found


def test_a_webhook_has_exactly_one_secret(tmp_path: Path) -> None:
    assert mistakes(tmp_path, channels(hook()))[0].startswith(
        "collector.yaml:6:9: 'notify.channels[0].webhook': expected one of 'secret_file' and 'secret', found neither"
    )
    assert "found both" in mistakes(tmp_path, channels(hook(f"secret: {SECRET}", "secret_file: /x")))[0]


@pytest.mark.parametrize("secret", ["hunter2hunter2", "whsec_hunter2!", "whsec_aHVudGVyMg==", f"{SECRET}åå"])
def test_a_wrong_secret_is_named_and_not_repeated(secret: str, tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, channels(hook(f"secret: '{secret}'")))
    assert told.startswith("collector.yaml:7:17: 'notify.channels[0].webhook.secret': ")
    assert "openssl rand -base64 32" in told
    assert secret not in told
    assert "hunter2" not in told
    assert "aHVudGVyMg" not in told


def test_a_secret_file_that_is_not_there_or_holds_something_else_is_named(tmp_path: Path) -> None:
    text = channels(hook(f"secret_file: {tmp_path}/s"))
    assert "cannot be read: No such file or directory" in mistakes(tmp_path, text)[0]
    for data, words in ((b"\xff\xfe", "is not text"), (b"", "found 0 lines"), (b"a\nb\n", "found 2 lines")):
        (tmp_path / "s").write_bytes(data)
        (tmp_path / "s").chmod(0o600)
        assert words in mistakes(tmp_path, text)[0]
    (tmp_path / "s").write_bytes(b"x" * 20_000)
    with pytest.raises(SecretError, match="longer than 16384 bytes"):
        read_secret(tmp_path / "s")


def test_two_channels_may_not_share_a_name(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, channels(RIGHT, RIGHT))
    assert told.endswith("'notify.channels[1].name': another channel has this name, on line 4; give it its own")


@pytest.mark.parametrize("url", ["example.com/hook", "ftp://example.com", "http://", "http://[::1", "http://a:99999/"])
def test_an_address_must_be_one_that_can_be_posted_to(url: str, tmp_path: Path) -> None:
    told = mistakes(tmp_path, channels(RIGHT.replace("https://example.com/hook", f"'{url}'")))
    assert "expected an address such as https://example.com/hooks/watchbook" in told[0]


@pytest.mark.parametrize("name", ["'a.b'", "'a b'", "''", "-x", "å"])
def test_a_name_is_fit_for_an_idempotency_key(name: str, tmp_path: Path) -> None:
    assert "letters, digits" in mistakes(tmp_path, channels(hook(f"secret: {SECRET}", name=name)))[0]


MAIL = "    - name: mail\n      email: {host: mail, sender: a@example.com, recipients: [b@example.com]%s}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("    - name: ops\n", "expected one of 'webhook', 'email', "),
        (f"{RIGHT}      slack: {{url_file: /x}}\n", "found both 'webhook' and 'slack'"),
        (f"{RIGHT}      max_per: 30 a minute\n", "such as '30 in 10m'"),
        (f"{RIGHT}  default: [nobody]\n", "there is no channel 'nobody'; the channels are: ops"),
        (f"{RIGHT}  routes: [{{name: r, channels: [x], levels: [high]}}]\n  default: []\n", "there is no channel 'x'"),
        (f"{RIGHT}  routes: [{{name: r, channels: [ops], levels: [high]}}]\n", "some alerts take none of these routes"),
        (f"{RIGHT}  routes: [{{name: r, channels: [ops], levels: [bad]}}]\n", "expected levels out of informational"),
        (f"{RIGHT}  routes: [{{name: r, channels: [ops], hours: [9-17]}}]\n", "expected days and hours such as"),
        (f"{RIGHT}  routes: [{{name: r, channels: [ops], time_zone: Mars}}]\n", "a time zone such as Europe/Berlin"),
        (f"{RIGHT}  routes: [{{name: r}}]\n", "the option 'channels' is missing"),
        (f"{RIGHT}  group_by: [alert, rule]\n", "'alert' alone"),
        (MAIL % ", user: x", "'user' and 'password_file' belong together; add 'password_file'"),
        (MAIL % ", user: x, password_file: /none, security: none", "a password would be sent unencrypted"),
        (MAIL % ", ca_file: /none", "there is no file /none"),
        (MAIL.replace("b@example.com", "not an address") % "", "e-mail addresses such as"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str, tmp_path: Path) -> None:
    told = mistakes(tmp_path, channels(text))
    assert any(words in one for one in told), told


def test_every_setting_is_documented() -> None:
    assert all(doc for _, _, _, doc in documented_settings(NotifySettings))


@pytest.mark.parametrize(
    ("text", "moment", "holds"),
    [
        ("mon-fri 08:00-18:00", "2026-11-23T08:00:00Z", True),
        ("mon-fri 08:00-18:00", "2026-11-23T18:00:00Z", False),
        ("mon-fri 08:00-18:00", "2026-11-22T12:00:00Z", False),
        ("sun,sat 00:00-24:00", "2026-11-22T23:59:59Z", True),
        ("22:00-06:00", "2026-11-23T05:59:00Z", True),
        ("22:00-06:00", "2026-11-23T06:00:00Z", False),
        ("fri 22:00-06:00", "2026-11-28T03:00:00Z", True),  # the night from Friday to Saturday
        ("fri 22:00-06:00", "2026-11-27T03:00:00Z", False),
        ("fri-mon 10:00-11:00", "2026-11-22T10:30:00Z", True),
        ("fri-mon 10:00-11:00", "2026-11-25T10:30:00Z", False),
    ],
)
def test_hours_hold_on_their_days(text: str, moment: str, holds: bool) -> None:
    assert in_hours([parse_hours(text)], zone("UTC"), parse_rfc3339(moment)) is holds


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    hours = [parse_hours("08:00-09:00")]
    berlin: Any = zone("Europe/Berlin")
    assert in_hours(hours, berlin, parse_rfc3339("2026-07-01T06:30:00Z"))
    assert in_hours(hours, berlin, parse_rfc3339("2026-12-01T07:30:00Z"))


@pytest.mark.parametrize(
    "text", ["8-18", "mon 8:00-18:00", "day 08:00-18:00", "08:00-08:00", "24:00-08:00", "08:61-09:00"]
)
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="days and hours such as"):
        parse_hours(text)


def zone(name: str) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
