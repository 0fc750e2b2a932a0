"""Takes rules over from a checkout of others: what can run here is copied, and what cannot is told, with the reason.

The folder copied to keeps a ``manifest.json``: where the rules came from, and what each file was when it was copied.  A
file that somebody changed since is theirs: it is neither replaced nor removed.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from collector.detect import CANNOT_MATCH, NEEDS_LIST, Compiled, Surroundings, link, rule_files
from collector.detect.reading import read_file
from collector.finding import LEVELS
from watchbook.clock import format_rfc3339
from watchbook.configfile import Problem

MANIFEST: Final = "manifest.json"
#: The documents of a file, and what is wrong with it.
_Read = tuple[list[Compiled], list[Problem]]
Outcome = Literal["runs", "needs list", "cannot match", "wrong", "left out"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("runs", "needs list", "cannot match", "wrong", "left out")


class Verdict(NamedTuple):
    """What becomes of one file: ``path`` is relative to the checkout, ``product`` its log source's (or category)."""

    path: str
    product: str
    rules: int
    outcome: Outcome
    why: str = ""


class Manifest(msgspec.Struct):
    """What was copied: ``files`` gives the SHA-256 of each by its path."""

    source: str
    imported: str
    files: dict[str, str]


class Copied(NamedTuple):
    """What was done: paths by what was done with them."""

    added: list[str]
    updated: list[str]
    unchanged: list[str]
    removed: list[str]
    kept: list[str]


def judge(
    folder: Path, surroundings: Surroundings, *, products: Collection[str] = (), level: str | None = None
) -> list[Verdict]:
    """Return what can be said of each rule file of a folder; raises ConfigError when there is no such folder."""
    read: dict[str, _Read] = {}
    for file in rule_files(folder):
        problems: list[Problem] = []
        documents = read_file(file, surroundings, problems)
        for document in documents:
            document.path = str(file)
        read[str(file)] = (documents, problems)
    _add_problems_between(read, {path for path, found in read.items() if not found[1]}, surroundings)
    file_of = {name: path for path, (documents, _) in read.items() for each in documents for name in each.names}
    referred = {path: _referred(path, read, file_of) for path in read}
    left: dict[str, str] = {}
    for path, (documents, _) in read.items():
        if why := _left_out(documents, _product(path, read, referred), products, level):
            left[path] = why
    # What a correlation counts comes with it, however little it says by itself.
    needed = {other for path in read if path not in left and not read[path][1] for other in referred[path]}
    verdicts = []
    for path, (documents, problems) in read.items():
        name = str(Path(path).relative_to(folder)) if folder.is_dir() else Path(path).name
        outcome: Outcome
        outcome, why = ("left out", left[path]) if path in left and path not in needed else _outcome(problems)
        verdicts.append(Verdict(name, _product(path, read, referred), len(documents), outcome, why))
    return verdicts


def copy(source: Path, into: Path, verdicts: Sequence[Verdict], now_us: int) -> Copied:
    """Copy the files that run, and remove those that a former import copied and this one does not; raises OSError."""
    before = read_manifest(into)
    root = source if source.is_dir() else source.parent
    wanted = [verdict.path for verdict in verdicts if verdict.outcome == "runs"]
    done = Copied([], [], [], [], [])
    files: dict[str, str] = {}
    for name in wanted:
        target, digest = into / name, _digest(root / name)
        there = _digest(target) if target.exists() else None
        if there is not None and there not in (before.get(name), digest):
            done.kept.append(name)
            files[name] = before.get(name, digest)
            continue
        files[name] = digest
        if there == digest:
            done.unchanged.append(name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)
        (done.added if there is None else done.updated).append(name)
    for name in before.keys() - set(wanted):
        target = into / name
        if target.exists() and _digest(target) != before[name]:
            done.kept.append(name)
        elif target.exists():
            target.unlink()
            done.removed.append(name)
    for licence in sorted(root.glob("LICEN[CS]E*")):
        if licence.is_file():
            shutil.copyfile(licence, into / licence.name)
    into.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(str(source.resolve()), format_rfc3339(now_us), dict(sorted(files.items())))
    (into / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return done


def read_manifest(into: Path) -> Mapping[str, str]:
    """Return what a former import copied; nothing when there was none.  Raises ValueError when it cannot be read."""
    try:
        data = (into / MANIFEST).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        return msgspec.json.decode(data, type=Manifest).files
    except msgspec.MsgspecError as error:
        raise ValueError(f"{into / MANIFEST} cannot be read: {error}; remove the folder and import anew") from error


def counts(verdicts: Sequence[Verdict]) -> dict[str, dict[Outcome, int]]:
    """Return how many files have which outcome, by product, the most first."""
    found: dict[str, dict[Outcome, int]] = {}
    for verdict in verdicts:
        row = found.setdefault(verdict.product, dict.fromkeys(OUTCOMES, 0))
        row[verdict.outcome] += 1
    return dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def _add_problems_between(read: Mapping[str, _Read], right: set[str], surroundings: Surroundings) -> None:
    """Add what is wrong between files that are right by themselves, until those that are left can run together."""
    while True:
        problems: list[Problem] = []
        link([document for path in sorted(right) for document in read[path][0]], problems, surroundings)
        wrong = {problem.path for problem in problems}
        for problem in problems:
            read[problem.path][1].append(problem)
        right -= wrong
        if not wrong:
            return


def _outcome(problems: Sequence[Problem]) -> tuple[Outcome, str]:
    if not problems:
        return "runs", ""
    texts = [_bare(problem) for problem in problems]
    kinds: tuple[tuple[str, Outcome], ...] = ((CANNOT_MATCH, "cannot match"), (NEEDS_LIST, "needs list"))
    for start, outcome in kinds:
        found = next((text for text in texts if text.startswith(start)), None)
        if found is not None:
            return outcome, found.partition("; ")[0].partition(": no list")[0]
    return "wrong", f"{problems[0].line}:{problems[0].column}: {problems[0].text}"


def _bare(problem: Problem) -> str:
    """Return what a problem says without the option that it names."""
    option, separator, rest = problem.text.partition("': ")
    return rest if separator and option.startswith("'") else problem.text


def _referred(path: str, read: Mapping[str, _Read], file_of: Mapping[str, str]) -> set[str]:
    """Return the other files that the correlations of a file refer to, however far."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        for document in read[waiting.pop()][0]:
            names = () if document.correlation is None else document.correlation.rules
            new = {file_of[name] for name in names if name in file_of} - found - {path}
            found |= new
            waiting.extend(new)
    return found


def _product(path: str, read: Mapping[str, _Read], referred: Mapping[str, set[str]]) -> str:
    """Return the product of a file's log source; of one with correlations alone that of what they refer to."""
    for file in (path, *sorted(referred[path])):
        for document in read[file][0]:
            found = document.source.product or document.source.category or document.source.service
            if found:
                return found
    return "any"


def _left_out(documents: Sequence[Compiled], product: str, products: Collection[str], level: str | None) -> str | None:
    if products and product not in products:
        return "another product"
    if level is not None and documents:
        highest = max(_rank(document) for document in documents)
        if highest < LEVELS.index(level):
            return f"below the level {level}"
    return None


def _rank(document: Compiled) -> int:
    return LEVELS.index(document.brief.level) if document.brief.level in LEVELS else len(LEVELS)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reasons(verdicts: Sequence[Verdict], outcome: Outcome) -> Iterator[tuple[str, int]]:
    """Yield the reasons for an outcome and how many files have each, the most frequent first."""
    found: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.outcome == outcome:
            found[verdict.why] = found.get(verdict.why, 0) + 1
    yield from sorted(found.items(), key=lambda item: (-item[1], item[0]))
