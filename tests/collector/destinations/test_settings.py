"""Mistakes in the settings of destinations are named with their place."""

import pytest

from collector.destinations import CheckpointSettings, destination_problems
from watchbook.configfile import ConfigError, bind, parse


def problems(text: str) -> list[str]:
    node = parse(text, "collector.yaml")
    try:
        settings = bind(node, CheckpointSettings)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return [str(problem) for problem in destination_problems(settings.send, node.mapping()["send"])]


def test_good_destinations_have_no_problems() -> None:
    assert not problems(
        "send:\n"
        "  - {name: web, webhook: {url: 'https://a.example/x'}}\n"
        "  - {name: copy, file: {path: /mnt/x/checkpoints, mode: replace}}\n"
        "  - {name: siem, syslog: {address: 'tcp://10.0.0.1:6514'}}\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("send: [{name: a}]", "1:8: 'send[0]': expected one of 'webhook', 'file' and 'syslog', found none of them"),
        ("send: [{name: a, file: {path: /x}, syslog: {address: 'udp://h'}}]", "found both 'file' and 'syslog'"),
        ("send:\n- {name: a, file: {path: /x}}\n- {name: a, file: {path: /y}}", "has this name, on line 2"),
        ("send: [{name: a, syslog: {address: 'http://h'}}]", "'send[0].syslog.address': expected udp://host:514"),
        ("send: [{name: a, webhook: {url: 'ftp://h'}}]", "expected an address such as https://"),
        ("send: [{name: 'a b', file: {path: /x}}]", "'send[0].name'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(text)), problems(text)
