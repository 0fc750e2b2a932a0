"""The profiles of hosts and databases: records of several lines, and programs that log to the journal only."""

import json
from typing import Any

import pytest

from agent.config import record_settings
from agent.tail import join_lines
from tests.agent.profile.shipped import DEFINITIONS, compiled, event


def entry(program: str, message: str) -> str:
    values = {
        "__REALTIME_TIMESTAMP": "1795269909003004",
        "_HOSTNAME": "web01",
        "SYSLOG_IDENTIFIER": program,
        "_PID": "901",
        "_UID": "0",
        "MESSAGE": message,
    }
    return json.dumps(values)


@pytest.mark.parametrize("name", ["auditd", "mariadb-audit", "postgresql", "postgresql-csv", "sudo"])
def test_the_lines_of_a_log_become_the_records_that_the_samples_are(name: str) -> None:
    definition = DEFINITIONS[name]
    assert definition.record_node is not None
    records = [sample.line.encode() for sample in definition.samples if sample.unparsed is None]
    assert any(b"\n" in record for record in records)
    lines = b"\n".join(records).split(b"\n")
    assert join_lines(lines, record_settings(definition.record_node), 1 << 20) == records


@pytest.mark.parametrize(
    ("profile", "program", "message", "expected"),
    [
        (
            "sshd",
            "sshd",
            "Failed password for invalid user admin from 198.51.100.23 port 40100 ssh2",
            {"actor.id": "admin", "action": "login", "outcome": "failure", "source.ip": "198.51.100.23"},
        ),
        (
            "sudo",
            "sudo",
            "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/id",
            {"actor.id": "alice", "actor.on_behalf_of": "root", "resource.id": "/usr/bin/id", "outcome": "success"},
        ),
        (
            "cron",
            "crontab",
            "(root) REPLACE (alice)",
            {"actor.id": "root", "action": "update", "resource.type": "crontab", "resource.id": "alice"},
        ),
    ],
)
def test_an_entry_of_the_journal_means_what_the_line_in_the_file_means(
    profile: str, program: str, message: str, expected: dict[str, Any]
) -> None:
    made = event(compiled(DEFINITIONS[profile]), entry(program, message))
    line = event(compiled(DEFINITIONS[profile]), f"2026-11-21T14:05:09.003004Z web01 {program}[901]: {message}")
    assert expected.items() <= made.items()
    assert made.pop("details").pop("journal") == {"_UID": "0"}
    line.pop("details")
    assert made == line


def test_who_acted_is_the_user_who_logged_in_whatever_rights_the_process_has() -> None:
    call = (
        "type=SYSCALL msg=audit(1795269921.003:7): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=2 "
        'auid={auid} uid=0 euid=0 tty=pts0 ses={ses} comm="id" exe="/usr/bin/id" key=(null)\n'
        'type=EXECVE msg=audit(1795269921.003:7): argc=1 a0="id"'
    )
    auditd = compiled(DEFINITIONS["auditd"])
    person = event(auditd, call.format(auid=1000, ses=3))
    assert (person["actor.type"], person["actor.id"], person["actor.on_behalf_of"]) == ("user", "1000", "root")
    daemon = event(auditd, call.format(auid=4294967295, ses=4294967295))
    assert daemon["actor.type"] == "system"
    assert not {"actor.id", "actor.on_behalf_of", "source.session_id"} & daemon.keys()
