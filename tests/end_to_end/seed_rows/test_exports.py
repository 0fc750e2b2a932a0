"""Exports: everything that a query finds, in the seed's CSV, in JSON, and held against the record of integrity."""

import csv
import http.client
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.end_to_end.seed_rows.desk import EVER, OF_THE_LOG, Desk
from tests.end_to_end.seed_rows.journal import BULK_EVENTS, Event, value

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

HEADER = "timestamp,user,action,resource,status,ip_address"


def _rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def _numbers(rows: list[list[str]]) -> list[int]:
    return sorted(n for row in rows if (n := int(row[0])) >= 0)


def test_an_export_has_every_row_of_the_query_not_only_a_page(desk: Desk) -> None:
    """Row 100: more than the largest page; the full list and the filtered one."""
    assert BULK_EVENTS > 1000
    columns = "details.n"
    filtered = _rows(desk.ask("/v1/export", org="busy", columns=columns).body)
    assert filtered[0] == [columns]
    assert _numbers(filtered[1:]) == desk.journal.numbers(lambda e: value(e, "org") == "busy")
    full = _rows(desk.ask("/v1/export", since=EVER, columns=columns, q=OF_THE_LOG).body)
    assert _numbers(full[1:]) == desk.journal.numbers(lambda _: True, None)


def test_an_export_leaves_out_what_the_query_leaves_out(desk: Desk) -> None:
    """Row 100: the same words select in both places."""
    exclude, action = ["login", "system"], ["create", "delete"]
    rows = _rows(desk.ask("/v1/export", columns="details.n", exclude=exclude, action=action, q=OF_THE_LOG).body)
    assert _numbers(rows[1:]) == desk.numbers(exclude=exclude, action=action) != []


def test_the_csv_has_the_seeds_header_and_rows(desk: Desk) -> None:
    """Row 101: exactly the header and the form of the seed's two example rows."""
    events = [
        {"time": "2024-06-12T14:30:22Z", "actor": {"id": "alice@company.com"}, "action": "created",
         "resource": {"type": "database", "id": "sales_db"}, "outcome": "success", "source": {"ip": "192.168.1.100"}},
        {"time": "2024-06-12T14:35:10Z", "actor": {"id": "bob@company.com"}, "action": "updated",
         "resource": {"type": "database", "id": "sales_db"}, "outcome": "success", "source": {"ip": "192.168.1.101"}},
    ]  # fmt: skip
    desk.post([{**event, "details": {"n": -4}} for event in events])
    answer = desk.ask("/v1/export", since="2024-06-12T00:00:00Z", to="2024-06-13T00:00:00Z")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.body.decode().splitlines() == [
        HEADER,
        "2024-06-12 14:35:10,bob@company.com,updated,sales_db,success,192.168.1.101",
        "2024-06-12 14:30:22,alice@company.com,created,sales_db,success,192.168.1.100",
    ]


def test_no_cell_is_a_formula(desk: Desk) -> None:
    """Row 101: what a spreadsheet would run is text in the file, whichever field it stands in."""
    rows = _rows(desk.ask("/v1/export", q="resource.id:q3").body)
    assert rows[1][3] == "'=HYPERLINK(1)"
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    time = desk.journal.ago(days=600)
    desk.post(
        [{"time": time, "action": "read", "actor": {"id": text}, "details": {"n": -5, "x": text}} for text in hostile]
    )
    end = desk.journal.ago(days=599)
    found = _rows(desk.ask("/v1/export", since=time, to=end, columns="user,details.x").body)[1:]
    assert sorted(found) == sorted([f"'{text}", f"'{text}"] for text in hostile)


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
def test_a_date_range_and_a_format_are_chosen(desk: Desk, kind: str) -> None:
    """Row 102: CSV and JSON, of exactly the range."""
    begin, end = desk.journal.ago(days=35), desk.journal.ago(days=2)

    def is_meant(event: Event) -> bool:
        return bool(begin <= event["time"] < end) and value(event, "org") == "company"

    columns = {"columns": "details.n"} if kind == "csv" else {}
    answer = desk.ask("/v1/export", since=begin, to=end, org="company", format=kind, **columns)
    assert answer.status == 200
    assert f"watchbook-events.{kind}" in answer.headers["Content-Disposition"]
    if kind == "csv":
        found = [int(row[0]) for row in _rows(answer.body)[1:]]
    else:
        events = answer.document if kind == "json" else [json.loads(line) for line in answer.body.splitlines()]
        found = [event["details"]["n"] for event in events]
    assert sorted(found) == desk.journal.numbers(is_meant, None) != []


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_export_is_streamed(desk: Desk, kind: str) -> None:
    """Row 102: it begins before its length is known."""
    with closing(http.client.HTTPConnection("127.0.0.1", desk.stand.port, timeout=60)) as connection:
        path = f"/v1/export?{urlencode({'from': EVER, 'format': kind})}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {desk.stand.token}"})
        answer = connection.getresponse()
        assert answer.getheader("Transfer-Encoding") == "chunked"
        assert answer.getheader("Content-Length") is None
        assert answer.read().count(b"\n" if kind == "csv" else b'"id":') >= len(desk.journal.events)


def test_the_operator_exports_the_same_to_a_file(desk: Desk, tmp_path: Path) -> None:
    """Rows 100 to 102: a CSV of the default header, and JSON."""
    table, document = tmp_path / "busy.csv", tmp_path / "busy.json"
    for path in (table, document):
        told = desk.operate("export", "org:busy", "--since", "30d", "--to", str(path))
        assert told.exit_code == 0, told.output
        assert told.stderr.startswith(f"{BULK_EVENTS} events")
    rows = _rows(table.read_bytes())
    assert (",".join(rows[0]), len(rows)) == (HEADER, BULK_EVENTS + 1)
    assert sorted(event["details"]["n"] for event in json.loads(document.read_text())) == desk.journal.numbers(
        lambda e: value(e, "org") == "busy"
    )


def test_everything_goes_to_a_file_of_rows_for_an_archive_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """Rows 99 and 119: what must be kept longer is exported, all tiers of it, and read without this program."""
    path = tmp_path / "archive.db"
    told = desk.operate("export", OF_THE_LOG, "--since", EVER, "--to", str(path))
    assert told.exit_code == 0, told.output
    with closing(sqlite3.connect(path)) as connection:
        (table,) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        found = connection.execute(f"SELECT json_extract(details, '$.n') FROM {table}").fetchall()
    assert sorted(n for (n,) in found if n >= 0) == desk.journal.numbers(lambda _: True, None)
