"""Mistakes in the notification settings are named where they stand, and a secret is never repeated."""

from pathlib import Path

import pytest

from collector.alert import AlertSettings, channel_problems
from tests.collector.alert.alerts import SECRET
from watchbook.configfile import ConfigError, bind, documented_settings, parse
from watchbook.units import Seconds


def read(text: str) -> AlertSettings:
    node = parse(text, "collector.yaml")
    settings = bind(node, AlertSettings)
    problems = list(channel_problems(settings.notify, node.mapping()["notify"])) if settings.notify else []
    if problems:
        raise ConfigError(problems)
    return settings


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def hook(*lines: str, name: str = "ops") -> str:
    options = "".join(f"      {line}\n" for line in lines)
    return f"  - name: {name}\n    webhook:\n      url: https://example.com/hook\n{options}"


def test_a_channel_needs_a_name_an_address_and_a_secret() -> None:
    settings = read("notify:\n" + hook(f"secret: {SECRET}", "timeout: 3s"))
    (ops,) = settings.notify
    assert (ops.name, ops.webhook.url, ops.resolved) == ("ops", "https://example.com/hook", True)
    assert ops.webhook.timeout == Seconds(3)
    assert len(ops.webhook.key()) == 24


def test_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (ops,) = read("notify:\n" + hook(f"secret_file: {tmp_path}/secret")).notify
    assert len(ops.webhook.key()) == 24


def test_no_channels_are_right_too() -> None:
    assert read("").notify == read("evidence_max: 5").notify == ()


def test_a_webhook_has_exactly_one_secret(tmp_path: Path) -> None:
    assert (
        "collector.yaml:4:7: 'notify[0].webhook': expected one of 'secret_file' and 'secret', found neither"
        in mistakes("notify:\n" + hook())[0]
    )
    both = mistakes("notify:\n" + hook(f"secret: {SECRET}", f"secret_file: {tmp_path}/secret"))
    assert "found both" in both[0]


@pytest.mark.parametrize("secret", ["hunter2hunter2", "whsec_hunter2!", "whsec_aHVudGVyMg==", f"{SECRET}åå"])
def test_a_wrong_secret_is_named_and_not_repeated(secret: str) -> None:
    (told,) = mistakes("notify:\n" + hook(f"secret: '{secret}'"))
    assert told.startswith("collector.yaml:5:15: 'notify[0].webhook.secret': ")
    assert "openssl rand -base64 32" in told
    assert secret not in told
    assert "hunter2" not in told
    assert "aHVudGVyMg" not in told


def test_a_secret_file_that_is_not_there_or_holds_something_else_is_named(tmp_path: Path) -> None:
    (told,) = mistakes("notify:\n" + hook(f"secret_file: {tmp_path}/none"))
    assert "'notify[0].webhook.secret_file': cannot be read: No such file or directory" in told
    (tmp_path / "other").write_bytes(b"\xff\xfe")
    assert "is not text" in mistakes("notify:\n" + hook(f"secret_file: {tmp_path}/other"))[0]
    (tmp_path / "empty").write_bytes(b"")
    assert "expected 'whsec_'" in mistakes("notify:\n" + hook(f"secret_file: {tmp_path}/empty"))[0]


def test_two_channels_may_not_share_a_name() -> None:
    told = mistakes("notify:\n" + hook(f"secret: {SECRET}") + hook(f"secret: {SECRET}"))
    assert told == ["collector.yaml:6:11: 'notify[1].name': another channel has this name, on line 2; give it its own"]


@pytest.mark.parametrize("url", ["example.com/hook", "ftp://example.com", "http://", "http://[::1", "http://a:99999/"])
def test_an_address_must_be_one_that_can_be_posted_to(url: str) -> None:
    told = mistakes("notify:\n" + hook(f"secret: {SECRET}").replace("https://example.com/hook", f"'{url}'"))
    assert "expected an address such as https://example.com/hooks/watchbook" in told[0]


@pytest.mark.parametrize("name", ["'a.b'", "'a b'", "''", "-x", "å"])
def test_a_name_is_fit_for_an_idempotency_key(name: str) -> None:
    assert "letters, digits" in mistakes("notify:\n" + hook(f"secret: {SECRET}", name=name))[0]


def test_every_setting_is_documented() -> None:
    assert all(doc for _, _, _, doc in documented_settings(AlertSettings))
