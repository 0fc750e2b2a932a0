"""The words of ``watchbook rules`` that try rules out: test, backtest, explain."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import click
import msgspec

from collector.archive import ArchiveReader
from collector.config import DEFAULT_PATH, STORED_BATCH_BYTES_MAX, CollectorSettings, load_settings
from collector.detect import Exceptions, block_of, read_surroundings
from collector.index import IndexReader
from collector.problem import ApiProblem
from collector.rule_tests import Verdict, read_tests, run_suite, suites_of
from collector.store import SegmentReader
from collector.trials import Trials, explain_unloaded
from watchbook.event import parse_event_id
from watchbook.operator.asking import typed_moment
from watchbook.operator.cells import visible, visible_lines
from watchbook.operator.connection import OperatorError
from watchbook.operator.counting import write_json
from watchbook.operator.options import Options, common_options
from watchbook.operator.trials import (
    Document,
    Tell,
    ask_backtest,
    ask_explanations,
    progress_bar,
    rule_text,
    show_backtest,
    show_explanation,
)

_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}
_ALERTS_MAX: Final = 10_000
_config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"collector.yaml with rules, lists, profiles and aliases.  [default: {DEFAULT_PATH}, if it is there]",
)
_data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Read the data folder of a collector itself, without asking one: also a copy on another host.",
)


@click.command(context_settings=_CONTEXT)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--only", metavar="WORD", help="Only rules or tests with this in their name.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the results as JUnit XML, too.")
@click.option("--verbose", is_flag=True, help="Name every test.")
@_config_option
def test(paths: tuple[Path, ...], only: str | None, junit: Path | None, verbose: bool, config: Path | None) -> None:
    """Run the tests of rules: those in PATHS, files of rules or of tests, or folders.

    Without PATHS those of the rules in collector.yaml, else of the shipped ones. Exits with 1 when a test fails.

    \b
    watchbook rules test
    watchbook rules test my-rules/ --junit rules.xml
    watchbook rules test rules/failure_spike.yml --verbose
    """
    settings = _settings(config)
    detect = settings.detect
    surroundings = read_surroundings(detect.profiles, detect.aliases, detect.lists)
    verdicts: list[Verdict] = []
    suites = 0
    for suite, file, loaded in read_tests(suites_of(paths or settings.rule_paths), surroundings):
        word = None if only is None or only.lower() in suite.rule.lower() else only
        before = len(verdicts)
        for verdict in run_suite(suite, file.path, loaded, only=word):
            verdicts.append(verdict)
            _say_verdict(verdict, verbose=verbose)
        suites += len(verdicts) > before
    if junit is not None:
        _write_junit(junit, verdicts)
    failed = sum(bool(verdict.wrong) for verdict in verdicts)
    if not verdicts:
        raise click.ClickException(f"there is no test with {only!r} in its name")
    click.echo(f"{_many(suites, 'rule')}, {_many(len(verdicts), 'test')}, {failed or 'none'} failed", err=True)
    sys.exit(1 if failed else 0)


@click.command(context_settings=_CONTEXT)
@click.argument("rule")
@click.option("--since", help="Beginning of the range: 30d, 2026-11-21, '2026-11-21 14:00' [default: 30d]")
@click.option("--until", help="End of the range, written the same way [default: none]")
@click.option("--query", "query", help="Only events of this query, written as for watchbook search.")
@click.option("--alerts", type=click.IntRange(1, _ALERTS_MAX), default=20, show_default=True,
              help="How many alerts --json lists, the newest ones.")  # fmt: skip
@_data_option
@_config_option
@common_options
def backtest(
    options: Options,
    rule: str,
    since: str | None,
    until: str | None,
    query: str | None,
    alerts: int,
    data: Path | None,
    config: Path | None,
) -> None:
    """Say which alerts RULE would have raised over the events that are stored.

    RULE is the id or the name of one in force, or a file. Events are judged as they were live: in the order in which
    they arrived, with the same lateness, folding and exceptions. An alert counts when its condition first held within
    the range.

    \b
    watchbook rules backtest failure_spike --since 30d
    watchbook rules backtest my-rules/night_login.yml --since 2026-11-01 --query 'org:acme'
    watchbook rules backtest failure_spike --data /var/lib/watchbook --json
    """
    wanted: dict[str, Any] = {"q": query, "alerts": alerts}
    wanted |= {
        name: typed_moment(text, options.utc) for name, text in (("from", since), ("to", until)) if text is not None
    }
    with progress_bar() as tell:
        if data is None:
            text = rule_text(rule)
            wanted |= {"rule": rule} if text is None else {"text": text, "name": rule}
            result = ask_backtest(options.collector(), wanted, tell)
        else:
            result = _offline(data, config, lambda trials: _backtest_offline(trials, rule, wanted, tell))
    if options.json_lines:
        write_json(msgspec.json.encode(result))
    else:
        show_backtest(result, utc=options.utc)


@click.command(context_settings=_CONTEXT)
@click.argument("rule")
@click.argument("event")
@_data_option
@_config_option
@common_options
def explain(options: Options, rule: str, event: str, data: Path | None, config: Path | None) -> None:
    """Say why RULE matches EVENT or does not: every test with the value it saw, and what is missing in its window.

    RULE is the id or the name of one in force, or a file; EVENT is an event's id. What a window holds is known of rules
    in force only.

    \b
    watchbook rules explain failure_spike 5f3c…-12-0
    watchbook rules explain my-rules/night_login.yml 5f3c…-12-0
    """
    if data is None:
        found = ask_explanations(options.collector(), rule, event)
    else:
        found = _offline(data, config, lambda trials: _explain_offline(trials, rule, event))
    for place, each in enumerate(found):
        if options.json_lines:
            write_json(msgspec.json.encode(each))
            continue
        if place:
            click.echo()
        show_explanation(each, utc=options.utc)


def _offline(data: Path, config: Path | None, ask: Callable[[Trials], Any]) -> Any:
    """Return what is answered by the files of a data folder; a collector may be at work there."""
    settings = replace(_settings(config), data=data)
    if not settings.segments.is_dir():
        raise OperatorError(f"'--data': {data} is no data folder of a collector: it has no {settings.segments.name}/")
    reader = SegmentReader(settings.segments, STORED_BATCH_BYTES_MAX, settings.store)
    archive = ArchiveReader(settings.segments, settings.archive)
    indexes = IndexReader(settings.index.cache_bytes, settings.index.open_files_max)
    try:
        return ask(Trials(settings, reader, archive, indexes))
    except ApiProblem as problem:
        told = [str(each.get("message")) for each in problem.errors] or [problem.detail]
        raise OperatorError("\n".join(told)) from problem
    finally:
        archive.close()
        reader.close()


def _backtest_offline(trials: Trials, rule: str, wanted: Document, tell: Tell) -> Any:
    return msgspec.json.decode(trials.backtest({**wanted, **_rule_offline(rule)}, tell))


def _explain_offline(trials: Trials, rule: str, event: str) -> list[Document]:
    try:
        identity = parse_event_id(event)
    except ValueError as error:
        raise OperatorError(str(error)) from error
    found = trials.find_event(*identity)
    if found is None:
        raise OperatorError(f"there is no event {event}; retention may have removed it")
    block = block_of(*found)
    rules = trials.rules(_rule_offline(rule))
    exceptions = Exceptions(trials.exceptions())
    return [explain_unloaded(each, rules, block, exceptions) for each in rules.rules]


def _rule_offline(rule: str) -> Document:
    text = rule_text(rule)
    return {"on_disk": rule} if text is None else {"text": text, "name": rule}


def _settings(config: Path | None) -> CollectorSettings:
    path = config or DEFAULT_PATH
    return load_settings(path) if config is not None or path.exists() else CollectorSettings(data=Path())


def _say_verdict(verdict: Verdict, *, verbose: bool) -> None:
    if verdict.wrong:
        click.echo(visible(f"FAILED {verdict.rule}: {verdict.case} ({verdict.place})"))
        for line in verdict.wrong:
            click.echo(f"  {visible(line)}")
    elif verbose:
        click.echo(visible(f"ok     {verdict.rule}: {verdict.case}"))


def _write_junit(path: Path, verdicts: list[Verdict]) -> None:
    """Write the results as JUnit XML: a suite a rule."""
    root = ElementTree.Element("testsuites", name="watchbook rules")
    for rule in dict.fromkeys(verdict.rule for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.rule == rule]
        suite = ElementTree.SubElement(
            root, "testsuite", name=rule, tests=str(len(own)), failures=str(sum(bool(each.wrong) for each in own)),
            errors="0", skipped="0", time=f"{sum(each.seconds for each in own):.3f}",
        )  # fmt: skip
        for each in own:
            file, _, line = each.place.rpartition(":")
            case = ElementTree.SubElement(
                suite, "testcase", classname=rule, name=each.case, file=file, line=line, time=f"{each.seconds:.3f}"
            )
            if each.wrong:
                failure = ElementTree.SubElement(case, "failure", message=_xml_text("; ".join(each.wrong[:2])))
                failure.text = _xml_text("\n".join(each.wrong))
    try:
        path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise click.ClickException(f"'--junit': {path} cannot be written: {error.strerror}") from error


def _xml_text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return visible_lines(text)


def _many(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
