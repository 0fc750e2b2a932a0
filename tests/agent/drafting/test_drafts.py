"""First drafts: of logs of many kinds, each loads, and its samples are as it says."""

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.drafting import DraftError, draft_profile
from agent.profile.reading import read_profile
from watchbook.cli import cli
from watchbook.clock import parse_rfc3339
from watchbook.configfile import parse

READ_US = parse_rfc3339("2026-11-21T22:26:40Z")

JSON = """\
{"eventTime":"2026-11-21T09:00:00Z","principal":{"email":"alice@example.com","ip":"192.0.2.7"},"op":"CreateInvoice","invoice_id":"INV-1","state":"ok","took_ms":12,"before":{"a":1},"after":{"a":2},"api_key":"AKIAIOSFODNN7EXAMPLE"}
{"eventTime":"2026-11-21T09:00:05Z","principal":{"email":"bob@example.com","ip":"192.0.2.8"},"op":"DeleteInvoice","invoice_id":"INV-2","state":"refused","took_ms":3,"why":"locked"}
{"eventTime":"2026-11-21T09:00:09Z","principal":{"email":"bob@example.com","ip":"192.0.2.8"},"op":"Frobnicate","invoice_id":"INV-2","state":"partial","took_ms":3}
"""
LOGFMT = """\
ts=2026-11-21T09:00:00Z level=info user=alice event=login ip=192.0.2.7 status=200 duration=12ms
ts=2026-11-21T09:00:01Z level=warn user=bob event=login_failed ip=192.0.2.8 status=401 duration=5ms reason="bad pin"
ts=2026-11-21T09:00:02Z level=info user=alice event=export ip=192.0.2.7 status=200 duration=1.2s rows=500
"""
CSV = """\
Date;User;Action;Object;Result;Rows
21/11/2026 09:00:00;alice;viewed;report 1;ok;5
21/11/2026 09:01:00;bob;exported;report 2;denied;
21/11/2026 09:02:00;carol;deleted;report 3;ok;1
"""
COLUMNS = """\
2026-11-21 09:00:00|alice|LOGIN|OK|192.0.2.7
2026-11-21 09:00:01|bob|LOGIN|FAILED|192.0.2.8
2026-11-21 09:00:02|alice|EXPORT|OK|192.0.2.7
"""
SYSLOG = """\
Nov 28 09:00:00 web01 vaultd[12]: session opened for user alice from 192.0.2.7
Nov 28 09:00:02 web01 vaultd[12]: session opened for user bob from 192.0.2.8
Nov 28 09:00:03 web01 vaultd[12]: access denied for user mallory from 203.0.113.9: bad token
"""
CRI = """\
2026-11-21T09:00:00.123456789Z stdout F {"time":"2026-11-21T09:00:00Z","user":"a","action":"created","file":"/x"}
2026-11-21T09:00:01.123456789Z stderr F {"time":"2026-11-21T09:00:00Z","user":"b","action":"deleted","file":"/y"}
"""
DOCKER = """\
{"log":"level=info user=alice event=login\\n","stream":"stdout","time":"2026-11-21T09:00:00.1Z"}
{"log":"level=info user=bob event=logout\\n","stream":"stdout","time":"2026-11-21T09:00:01.1Z"}
"""
PAIRS = """\
time: 2026-11-21 09:00:00; user: alice; action: created; object: report 7
time: 2026-11-21 09:00:01; user: bob; action: deleted; object: report 8
"""
COMBINED = """\
192.0.2.7 - alice [21/Nov/2026:14:05:09 +0100] "GET /a HTTP/1.1" 200 5 "-" "curl/8"
192.0.2.8 - - [21/Nov/2026:14:05:10 +0100] "POST /b HTTP/1.1" 403 5 "-" "curl/8"
"""
TEXT = """\
21.11.2026 08:14:02,118 [reader-3] INFO  Door "Server room" opened by alice@example.com (badge 4711) from 192.0.2.17 in 245ms
21.11.2026 08:15:40,002 [reader-1] WARN  Door "Archive" refused for mallory@example.com (badge 9901) from 192.0.2.31: badge expired
21.11.2026 08:20:11,530 [admin] INFO  Role "night shift" granted to bob@example.com by alice@example.com
21.11.2026 08:21:00,001 [admin] INFO  Role "visitor" revoked from mallory@example.com by alice@example.com
21.11.2026 08:24:31,415 [admin] INFO  Setting "lock_timeout" changed from "30s" to "60s" by alice@example.com
21.11.2026 09:02:19,348 [admin] ERROR Backup of the badge list failed: disk full
"""  # noqa: E501
TEXT_WITH_PAIRS = """\
[2026-11-21 09:00:00.123] INFO  com.acme.Shop - order.created user=alice order=4711 amount=12.50 ip=192.0.2.7
[2026-11-21 09:00:01.200] INFO  com.acme.Shop - order.cancelled user=bob order=4712 amount=2.50 ip=192.0.2.8
[2026-11-21 09:00:03.000] ERROR com.acme.Pay - payment.failed user=bob order=4712 amount=2.50 error="card refused"
"""
ALL = {
    "json": JSON, "logfmt": LOGFMT, "csv": CSV, "columns": COLUMNS, "syslog": SYSLOG, "cri": CRI, "docker": DOCKER,
    "pairs": PAIRS, "combined": COMBINED, "text": TEXT, "text-with-pairs": TEXT_WITH_PAIRS, "one": "hello\n",
    "odd": "\x00\x01 what: ever'\"{}[]#\n\t\n{\n: - ?\n",
}  # fmt: skip


def draft(text: str, name: str = "mine") -> str:
    return draft_profile(name, text.encode().splitlines(), READ_US)


def said(text: str) -> dict[str, Any]:
    return dict(parse(draft(text), "t").plain())


@pytest.mark.parametrize("name", ALL)
def test_a_draft_is_a_profile_whose_samples_pass_and_cover_its_lines(name: str, tmp_path: Path) -> None:
    log, profile = tmp_path / "a.log", tmp_path / "mine.yaml"
    log.write_text(ALL[name])
    made = CliRunner().invoke(cli, ["agent", "profile", "new", "mine", str(log), "--to", str(profile)])
    assert made.exit_code == 0, made.output
    done = CliRunner().invoke(cli, ["agent", "test", str(profile)])
    assert done.exit_code == 0, f"{done.output}\n{profile.read_text()}"
    samples = read_profile(parse(profile.read_text(), "t")).samples
    assert 1 <= len(samples) <= 8
    assert done.output.splitlines()[-1] == f"{len(samples)} samples, all passed"


@pytest.mark.parametrize(
    ("name", "format_name", "fields"),
    [
        ("json", "json", {"actor.id", "action", "resource.id", "outcome", "reason", "duration_ms", "source.ip"}),
        ("logfmt", "logfmt", {"actor.id", "action", "outcome", "reason", "duration_ms", "measures.rows", "source.ip"}),
        ("csv", "csv", {"actor.id", "action", "resource.id", "outcome", "measures.rows"}),
        ("columns", "csv", {"action", "outcome", "source.ip"}),
        ("cri", "json", {"actor.id", "action", "resource.id"}),
        ("docker", "logfmt", {"actor.id", "action"}),
        ("pairs", "pairs", {"actor.id", "action", "resource.id"}),
        ("combined", "combined", {"actor.id", "action", "resource.id", "outcome", "source.ip", "source.user_agent"}),
        ("text-with-pairs", "text", {"actor.id", "action", "resource.id", "reason", "module"}),
    ],
)
def test_the_format_is_found_and_who_what_and_where_by_names_and_looks(
    name: str, format_name: str, fields: set[str]
) -> None:
    profile = said(ALL[name])
    found = profile["format"]
    assert (found["name"] if isinstance(found, dict) else found) == format_name
    assert fields <= profile["fields"].keys()
    assert "time" in profile or name == "docker"


def test_sentences_of_a_text_become_cases_with_what_varies_in_them() -> None:
    profile = said(TEXT)
    cases = {case["name"]: case for case in profile["cases"]}
    opened = cases["door-opened-by"]
    assert opened["fields"] == {
        "source.ip": {"from": "ip", "as": "ip"}, "actor.id": "actor", "resource.id": "door",
        "duration_ms": {"from": "duration", "as": "duration"},
    }  # fmt: skip
    assert opened["constants"]["outcome"] == "success"
    refused = cases["door-refused-for"]
    assert (refused["fields"]["actor.id"], refused["fields"]["reason"]) == ("user", "reason")
    assert refused["constants"]["outcome"] == "failure"
    assert cases["role-granted-to"]["constants"]["action"] == "grant"
    assert cases["role-revoked-from"]["fields"]["actor.id"] == "actor"
    assert cases["setting-changed-from"]["changes"] == {"field": "setting", "old": "from", "new": "to"}
    assert profile["time"]["format"] == "%d.%m.%Y %H:%M:%S,%f"
    events = {sample["note"]: sample["event"] for sample in profile["samples"]}
    assert events["grant success"]["actor"]["id"] == "alice@example.com"
    assert events["update success"]["changes"] == [{"field": "lock_timeout", "old": "30s", "new": "60s"}]


def test_what_a_human_must_decide_is_marked() -> None:
    assert re.search(r"^time: .*# LOOK: these times name no zone", draft(TEXT), re.MULTILINE)
    assert re.search(r"action: .*# LOOK: words that stay as they are: Frobnicate;", draft(JSON))
    assert re.search(r"outcome: .*# LOOK: also seen: partial; what do they mean\?", draft(JSON))
    assert re.search(r"LOOK: name the columns$", draft(COLUMNS), re.MULTILINE)
    assert "unwrap: cri" in draft(CRI)
    assert "unwrap: docker" in draft(DOCKER)
    assert "LOOK: who did it?" in draft("hello\n")
    assert "LOOK: no time was found" in draft("hello\n")


def test_times_that_could_be_read_in_two_ways_are_marked() -> None:
    ambiguous = CSV.replace("21/11/", "03/11/")
    assert re.search(r"^time: .*they would fit %m/%d/%Y %H:%M:%S too$", draft(ambiguous), re.MULTILINE)
    assert "would fit" not in draft(CSV)


def test_samples_hold_no_secret_and_differ_from_each_other() -> None:
    assert "AKIAIOSFODNN7EXAMPLE" not in draft(JSON)
    many = "".join(f'{{"ts":"2026-11-21T09:00:{n % 60:02}Z","user":"u{n}","action":"viewed"}}\n' for n in range(500))
    many += '{"ts":"2026-11-21T09:00:00Z","user":"a","action":"deleted","status":"failed"}\n{"no":'
    samples = said(many)["samples"]
    assert len(samples) == 8
    assert {sample["note"] for sample in samples} >= {"read", "delete failure", "not understood yet"}


def test_a_year_that_the_lines_do_not_name_is_that_of_the_day_of_the_draft() -> None:
    days_later = draft_profile("x", SYSLOG.encode().splitlines(), parse_rfc3339("2026-11-29T10:00:00Z"))
    sample = parse(days_later, "t").plain()["samples"][0]
    assert sample["event"]["time"] == "2026-11-28T09:00:00.000000Z"


def test_no_lines_make_no_draft_and_files_are_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(DraftError, match="no line that is not blank"):
        draft("\n\n")
    (tmp_path / "a.log").write_text("hello\n")
    (tmp_path / "mine.yaml").write_text("precious")
    run = CliRunner().invoke
    words = ["agent", "profile", "new"]
    done = run(cli, [*words, "mine", str(tmp_path / "a.log"), "--to", str(tmp_path / "mine.yaml")])
    assert (done.exit_code, (tmp_path / "mine.yaml").read_text()) == (1, "precious")
    assert "is there already" in done.output
    assert "expected a name of small letters" in run(cli, [*words, "My Log", str(tmp_path / "a.log")]).output
    assert run(cli, [*words, "mine", "-"], input="\n").output == (
        "Error: there is no line that is not blank: give some lines of the log\n"
    )
