"""Which profiles a log is of, told by its first lines."""

from collections.abc import Sequence

import pytest

from agent.routes import is_specific
from agent.routing import Candidate, Chosen, choose
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled
from watchbook.shipped import shipped_folder

NAMES = ("jsonl", "journal", "nginx", "sshd", "syslog")
CANDIDATES = [
    Candidate(name, DEFINITIONS[name].format.name, is_specific(DEFINITIONS[name]), compiled(DEFINITIONS[name]))
    for name in NAMES
]
SAMPLES = shipped_folder("config") / "samples"
CRON = b"Nov 21 14:05:09 web01 CRON[7]: (root) CMD (run-parts /etc/cron.hourly)"
SSHD = b"Nov 21 14:05:09 web01 sshd[7]: Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:x"


def chosen(lines: Sequence[bytes], path: str = "") -> Chosen:
    return choose(lines, CANDIDATES, READ_US, path)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("app.jsonl", ("jsonl",)),
        ("nginx-access.log", ("nginx",)),
        ("auth.log", ("sshd", "syslog")),
        ("syslog.log", ("sshd", "syslog")),
    ],
)
def test_each_sample_log_finds_its_profile(file: str, expected: tuple[str, ...]) -> None:
    assert chosen((SAMPLES / file).read_bytes().splitlines()).profiles == expected


def test_a_file_of_several_programs_gets_a_list_with_those_seen_first_and_any_syslog_line_last() -> None:
    found = chosen([SSHD, CRON, SSHD, b""])
    assert found.profiles == ("sshd", "syslog")
    assert found.reason == "3 of the 3 lines looked at are understood (sshd 2, syslog 3)"


def test_what_looks_for_signs_of_its_own_comes_before_what_takes_any_line() -> None:
    found = chosen([b'192.0.2.7 - - [21/Nov/2026:14:05:09 +0000] "GET / HTTP/1.1" 200 5 "-" "ua"'])
    assert found.profiles == ("nginx",)
    assert [candidate.name for candidate in CANDIDATES if not candidate.is_specific] == ["jsonl", "syslog"]


def test_a_log_that_nobody_understands_gets_none_and_the_reason() -> None:
    assert chosen([b"hello", b"world"]) == Chosen(
        (), "0 of the 2 lines looked at are understood by any profile; name one in 'profile'"
    )
    found = chosen([b"hello", b"world", b"{}", b"more"])
    assert found == Chosen((), "1 of the 4 lines looked at are understood (jsonl 1); name one in 'profile'", 1)
    assert chosen([b"", b" "]) == Chosen((), "there are no lines yet")


def test_of_two_that_are_as_good_the_one_that_the_path_names_is_taken() -> None:
    twin = CANDIDATES[2]
    both = [twin, Candidate("apache", twin.format, is_specific=True, normalise=twin.normalise)]
    line = b'192.0.2.7 - - [21/Nov/2026:14:05:09 +0000] "GET / HTTP/1.1" 200 5 "-" "ua"'
    assert choose([line], both, READ_US, "/var/log/apache2/access.log").profiles == ("apache",)
    found = choose([line], both, READ_US, "/var/log/nginx/access.log")
    assert found.profiles == ("nginx",)
    assert found.reason.endswith("(nginx 1); next best: apache 1")
