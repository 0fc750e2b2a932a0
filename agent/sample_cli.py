"""``watchbook agent test``: the samples of profiles, run."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import click

from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile, load_profile, load_profiles
from agent.profile.filling import filled
from agent.profile.samples import Result, run_samples
from agent.redact import RedactSettings, make_redactor
from watchbook.configfile import ConfigError
from watchbook.shipped import shipped_folder


@click.command("test")
@click.argument("names", nargs=-1, metavar="[NAME|FILE.yaml]...")
@click.option(
    "--profiles", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Your own profiles."
)
@click.option("--fill", is_flag=True, help="Write the outcome of samples that do not say one into their files.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the results there as JUnit XML.")
def test_profiles(names: tuple[str, ...], folder: Path | None, fill: bool, junit: Path | None) -> None:
    """Run the samples of profiles: each line must become exactly the event beside it.

    Without names: all profiles of the folder that --profiles names, else all that come with
    Watchbook. Exits with 1 when a sample fails.
    """
    definitions = _chosen(names, folder)
    results: list[Result] = []
    problems: list[str] = []
    for definition in definitions:
        try:
            made = run_samples(definition, _compile)
        except ConfigError as error:
            problems += map(str, error.problems)
            continue
        if fill and any(result.sample.is_draft for result in made):
            made = _fill(Path(definition.node.path), made)
        results += made
    for text in problems:
        click.echo(text)
    _show(definitions, results)
    if junit is not None:
        junit.write_bytes(junit_of(results))
    sys.exit(1 if problems or any(result.differences for result in results) else 0)


def _chosen(names: Sequence[str], folder: Path | None) -> list[Definition]:
    """Return the profiles that were asked for; raises ConfigError and UsageError."""
    if not names:
        return list(load_profiles(folder or shipped_folder("config") / "profiles").values())
    known: Mapping[str, Definition] | None = None
    found = []
    for name in names:
        if name.endswith((".yaml", ".yml")):
            found.append(load_profile(Path(name)))
            continue
        if known is None:
            own = load_profiles(folder) if folder is not None else {}
            known = load_profiles(shipped_folder("config") / "profiles") | own
        if name not in known:
            raise click.UsageError(f"there is no profile {name!r}; known here: {', '.join(sorted(known))}")
        found.append(known[name])
    return found


def _compile(definition: Definition, include: tuple[str, ...]) -> CompiledProfile:
    return compile_profile(definition, FORMATS, make_redactor(RedactSettings()), include=include)


def _fill(path: Path, results: list[Result]) -> list[Result]:
    """Write the outcomes of drafts into a file, and return how its samples fare now."""
    text = path.read_text(encoding="utf-8")
    path.write_text(filled(text, results), encoding="utf-8")
    drafts = sum(result.sample.is_draft for result in results)
    click.echo(f"{path}: wrote the outcome of {drafts} sample{'' if drafts == 1 else 's'}; check each by eye")
    return run_samples(load_profile(path), _compile)


def _show(definitions: Sequence[Definition], results: Sequence[Result]) -> None:
    for result in results:
        if result.differences:
            click.echo(f"{result.place}: {result.profile}, sample {result.title}")
            click.echo(f"    {_shortened(result.sample.line)}")
            for line in result.differences:
                click.echo(f"    {line}")
            click.echo("")
    failed = Counter(result.profile for result in results if result.differences)
    run = Counter(result.profile for result in results)
    for definition in definitions:
        name = definition.name
        told = f"{failed[name]} of {run[name]} failed" if failed[name] else f"{run[name]} passed"
        click.echo(f"{name:<24} {told if run[name] else 'no samples'}")
    total = sum(failed.values())
    click.echo(f"{len(results)} samples, {f'{total} failed' if total else 'all passed'}")


def _shortened(line: str) -> str:
    shown = line if line.isprintable() else repr(line)[1:-1]
    return shown if len(shown) <= 160 else f"{shown[:157]}..."


def junit_of(results: Sequence[Result]) -> bytes:
    """Return results as JUnit XML."""
    root = ElementTree.Element("testsuites")
    for name in dict.fromkeys(result.profile for result in results):
        own = [result for result in results if result.profile == name]
        failures = sum(bool(result.differences) for result in own)
        suite = ElementTree.SubElement(
            root, "testsuite", name=name, tests=str(len(own)), failures=str(failures), errors="0", skipped="0"
        )
        for result in own:
            case = ElementTree.SubElement(
                suite, "testcase", name=f"sample {_xml(result.title)}", classname=f"profiles.{name}",
                file=result.sample.node.path, line=str(result.sample.node.line),
            )  # fmt: skip
            if result.differences:
                failure = ElementTree.SubElement(case, "failure", message=_xml(result.differences[0]))
                failure.text = _xml("\n".join(result.differences))
    ElementTree.indent(root)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(each if each >= " " or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)
