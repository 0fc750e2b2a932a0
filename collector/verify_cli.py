"""The command ``verify``: looks over a folder of segments, or a copy of one, without a running collector."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from collector.archive import ArchiveError, ArchiveReader, ArchiveSettings
from collector.block import DecodedBlock
from collector.store.findings import Finding, Report
from collector.store.signing import KeyUnusableError, VerifierKey
from collector.store.verify import Selection, verify_folder
from collector.store.verify_export import FindArchived, check_export
from watchbook.clock import TIME_MAX_US, TIME_MIN_US, format_rfc3339, parse_rfc3339
from watchbook.configfile import EX_CONFIG
from watchbook.database import EX_DATA, NewerDatabaseError

_SHOWN_MAX: Final = 200


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path), default=Path("/var/lib/watchbook/collector"))
@click.option("--key", help="The store's public key as it was kept elsewhere: a file, or the key itself.")
@click.option("--from", "since", help="Content of segments with events from then on: 2026-11-21 or RFC 3339.")
@click.option("--to", "until", help="Content of segments with events before then.")
@click.option("--segment", help="Content of this segment only; what holds the segments together is always checked.")
@click.option(
    "--checkpoint", "checkpoints", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
    help="A checkpoint that left the host earlier; may be given several times.",
)  # fmt: skip
@click.option(
    "--export", type=click.Path(path_type=Path, dir_okay=False), help="An export (NDJSON) to compare with the store."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(
    folder: Path,
    key: str | None,
    since: str | None,
    until: str | None,
    segment: str | None,
    checkpoints: tuple[Path, ...],
    export: Path | None,
    as_json: bool,
) -> None:
    """Check that nothing that was stored has been changed, removed, moved or cut off.

    FOLDER is the collector's 'data', or its folder of segments, or a copy of one, anywhere; without it the one that
    the shipped configuration names.
    Exits 0 when everything is as it was written, 1 when not.

    \b
    watchbook verify /var/lib/watchbook/collector
    watchbook verify copy/segments --key watchbook.pub --checkpoint last-week.checkpoint
    """
    selection = Selection(segment, _moment("--from", since, TIME_MIN_US), _moment("--to", until, TIME_MAX_US + 1))
    folder = folder / "segments" if (folder / "segments").is_dir() else folder
    if not folder.is_dir():
        _refuse(f"{folder}: expected the collector's folder of segments, found no folder; name it", EX_DATA)
    try:
        with _progress(as_json) as progress:
            report = verify_folder(
                folder, _key(key), kept=_notes(checkpoints), selection=selection, progress=progress("checking")
            )
            if export is not None:
                count = progress("comparing")
                with _archives(folder) as find:
                    report.exported = check_export(folder, export, report.findings.append, lambda n: count(n, 0), find)
    except KeyUnusableError as error:
        _refuse(str(error), EX_CONFIG)
    except (NewerDatabaseError, OSError) as error:
        _refuse(str(error), EX_DATA)
    _print(report, folder, as_json)
    sys.exit(0 if report.is_intact else 1)


@contextmanager
def _archives(folder: Path) -> Iterator[FindArchived]:
    """Give what finds events in archives."""
    archives = ArchiveReader(folder, ArchiveSettings())

    def find(path: Path, stream: str, sequence: int) -> DecodedBlock | None:
        try:
            return archives.find(path, stream, sequence)
        except (KeyError, ArchiveError) as error:
            raise OSError(str(error)) from error

    try:
        yield find
    finally:
        archives.close()


def _key(text: str | None) -> VerifierKey | None:
    if text is None:
        return None
    path = Path(text)
    return VerifierKey.parse(path.read_text(encoding="utf-8") if path.is_file() else text)


def _notes(paths: tuple[Path, ...]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def _moment(option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007  # a day alone is one of UTC
    except ValueError:
        day = None
    try:
        return parse_rfc3339(f"{day:%Y-%m-%d}T00:00:00Z" if day else text)
    except ValueError as error:
        raise click.BadParameter(
            f"expected 2026-11-21 or 2026-11-21T14:00:00Z, found {text!r}", param_hint=option
        ) from error


def _refuse(message: str, code: int) -> None:
    click.echo(f"watchbook verify: {message}", err=True)
    sys.exit(code)


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Yield what makes a bar; there is none where nobody sees it."""
    if as_json or not sys.stderr.isatty():
        yield lambda _name: lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def bar(name: str) -> Callable[[int, int], None]:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total or None)

        yield bar


def _print(report: Report, folder: Path, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_document(report)), indent=2))
        return
    for finding in report.findings[:_SHOWN_MAX]:
        click.echo(_line(finding))
    if len(report.findings) > _SHOWN_MAX:
        click.echo(f"… and {len(report.findings) - _SHOWN_MAX} more; --json prints all")
    for segment in report.segments:
        if segment.checked and segment.intact < segment.events:
            click.echo(f"{segment.name}: {segment.intact:,} of {segment.events:,} events are as they were written")
    click.echo(_summary(report, folder))
    if report.key_from_folder:
        click.echo(
            "The public key was taken from the folder itself. To rule out that it was exchanged together with the rest,"
            " keep a copy elsewhere and give it with --key:",
            err=True,
        )
        click.echo(report.key, err=True)


def _line(finding: Finding) -> str:
    """Return a finding as a line: its place, what is wrong, which events and of what time."""
    about = ""
    if finding.first_number is not None:
        last = finding.last_number
        about = f"event {finding.first_number}" + (f" to {last}" if last not in (None, finding.first_number) else "")
    if finding.row is not None:
        about = f"rows {finding.row} to {finding.row + (finding.rows or 1) - 1}"
    if finding.tmin is not None and finding.tmax is not None:
        about += f", of {format_rfc3339(finding.tmin)} to {format_rfc3339(finding.tmax)}"
    word = finding.kind.replace("_", " ").upper()
    return f"{word:<11}{finding.place}: {finding.text}" + (f" ({about})" if about else "")


def _summary(report: Report, folder: Path) -> str:
    checked = sum(segment.events for segment in report.segments if segment.checked)
    skipped = sum(1 for segment in report.segments if not segment.checked)
    looked_at = (
        f"{checked:,} events in {len(report.segments) - skipped} segments, {report.entries} entries of the ledger"
    )
    if report.exported:
        looked_at += f", {report.exported:,} exported events"
    left_out = f"; {skipped} segments were left out as asked" if skipped else ""
    behind = report.last_number - report.covered_to
    uncovered = f"; the last {behind:,} events are not under a signed checkpoint yet" if behind > 0 else ""
    if report.is_intact:
        return f"{folder}: intact. Checked {looked_at}{left_out}{uncovered}."
    count = len(report.findings)
    return f"{folder}: {count} {'finding' if count == 1 else 'findings'}. Checked {looked_at}{left_out}{uncovered}."


def _document(report: Report) -> dict[str, object]:
    return {"intact": report.is_intact, **msgspec.structs.asdict(report)}
