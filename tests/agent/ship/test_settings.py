"""The options of ``collector``: every mistake is named, all of them at once."""

from pathlib import Path

import pytest

from agent.config import load_settings
from watchbook.configfile import ConfigError

REST = "state: /tmp/x\ninputs:\n  - {name: a, files: [/var/log/a.log], profile: jsonl}\n"


def problems(folder: Path, collector: str) -> list[str]:
    path = folder / "agent.yaml"
    path.write_text(f"collector: {{{collector}}}\n{REST}")
    try:
        load_settings(path)
    except ConfigError as error:
        return [f"{problem.line}:{problem.column} {problem.text}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "collector",
    [
        "url: 'http://a:8420', token: t",
        "url: 'https://a.example/behind/a/path/', token_file: /x",
        "urls: ['https://a', 'https://b:8420'], token_files: [/a, /b]",
        "urls: ['http://a', 'http://b'], token: t, proxy: 'http://user:p%40ss@proxy:3128'",
        "url: 'http://[::1]:8420', token: t, proxy: environment",
        "url: 'https://a', token: t, tls: {ca_file: /ca, cert_file: /c, key_file: /k, server_name: b, verify: false}",
    ],
)
def test_what_is_right_is_taken(tmp_path: Path, collector: str) -> None:
    assert problems(tmp_path, collector) == []


@pytest.mark.parametrize(
    ("collector", "found"),
    [
        ("token: t", "expected 'url' or 'urls', found none"),
        ("urls: [], token: t", "expected 'url' or 'urls', found none"),
        ("url: 'http://a', urls: ['http://b'], token: t", "'collector.urls': stands beside 'url'; keep one of them"),
        ("urls: ['http://a', 'ftp://b'], token: t", "'collector.urls[1]': expected a URL that begins with http:// or"),
        ("urls: ['http://a', 'http://a/'], token: t", "'collector.urls[0]': 'http://a' is there twice"),
        ("url: 'http://', token: t", "'collector.url': expected a URL such as https://collector.example:8420"),
        ("url: 'http://a:99999', token: t", "'collector.url': expected a URL such as https://collector.example:8420"),
        ("url: 'http://u:p@a', token: t", "'collector.url': expected a URL without a user and a password"),
        ("url: 'http://a'", "expected 'token_file' or 'token'; make one: watchbook collector token create"),
        ("urls: ['http://a', 'http://b'], token_files: [/a]", "expected a file for each of the 2 addresses, found 1"),
        ("url: 'http://a', token_files: [/a], token: t", "'collector.token_files': stands beside 'token'; keep one"),
        ("url: 'http://a', token: t, proxy: 'socks5://p:1'", "expected http://[USER:PASSWORD@]HOST:PORT, or environ"),
        ("url: 'http://a', token: t, proxy: 'http://'", "expected http://[USER:PASSWORD@]HOST:PORT, or environment"),
        ("url: 'https://a', token: t, tls: {key_file: /k}", "'collector.tls.key_file': stands without 'cert_file'"),
        ("url: 'https://a', token: t, failover_after: 0s", "'collector.failover_after': expected a value above zero"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, collector: str, found: str) -> None:
    texts = problems(tmp_path, collector)
    assert any(found in text for text in texts), texts


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    texts = problems(tmp_path, "url: 'http://a', urls: ['nowhere'], tls: {key_file: /k}")
    assert len(texts) == 4
