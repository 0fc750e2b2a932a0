"""The words of ``watchbook rules`` that work on files; those that ask the collector are in ``watchbook.operator``."""

import sys
from pathlib import Path

import click
import msgspec

from collector.config import DEFAULT_PATH, CollectorSettings, load_settings
from collector.detect import Surroundings, idle_inhibitions, read_rules, read_surroundings
from collector.finding import LEVELS
from collector.rule_import import OUTCOMES, Outcome, Verdict, copy, counts, judge, reasons
from collector.rule_trials_cli import backtest, explain
from collector.rule_trials_cli import test as trial_test
from watchbook.clock import now_us
from watchbook.operator.ruling import disable, enable, list_rules, reload, shadow, show

_REASONS_MAX = 10
_config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"collector.yaml with lists, profiles and aliases.  [default: {DEFAULT_PATH}, if it is there]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def rules() -> None:
    """Check, import, show and switch rules.

    \b
    watchbook rules lint my-rules/
    watchbook rules import sigma/rules --into /etc/watchbook/rules/community --level medium
    watchbook rules list --state active
    watchbook rules disable failure_spike --reason 'load test until Friday'
    """


@rules.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--strict", is_flag=True, help="Exit with 1 for remarks too.")
@_config_option
def lint(paths: tuple[Path, ...], strict: bool, config: Path | None) -> None:
    """Say everything that is wrong with rules, and what is allowed but hardly meant.

    Without PATHS the rules of collector.yaml, else the shipped ones.  Exits with 1 when something is wrong.

    \b
    watchbook rules lint
    watchbook rules lint my-rules/ --strict
    """
    surroundings, configured = _surroundings(config)
    loaded = read_rules(paths or configured, surroundings)
    said = [(problem.path, problem.line, problem.column, problem.text) for problem in loaded.problems]
    remarks = [
        (document.path, line, column, f"remark: {text}")
        for document in loaded.documents
        for line, column, text in document.remarks
    ]
    remarks += [
        (each.path, each.line, each.column, f"remark: {each.text}")
        for each in idle_inhibitions(loaded.rules.rules, loaded.documents)
    ]
    for path, line, column, text in sorted(said + remarks):
        click.echo(f"{path}:{line}:{column}: {text}")
    number = sum(not document.broken and document.kind != "filter" for document in loaded.documents)
    click.echo(f"{_many(number, 'rule')}, {_many(len(said), 'mistake')}, {_many(len(remarks), 'remark')}", err=True)
    sys.exit(1 if said or (strict and remarks) else 0)


@rules.command("import")
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Where to copy what runs; else only look."
)
@click.option("--product", "products", multiple=True, help="Only rules of this product. Can be given several times.")
@click.option("--level", type=click.Choice(LEVELS), help="Only rules of this level or above.")
@click.option("--verbose", is_flag=True, help="Say of each file what becomes of it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file instead.")
@_config_option
def import_rules(
    folder: Path,
    into: Path | None,
    products: tuple[str, ...],
    level: str | None,
    verbose: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Take over rules from a checkout of others, such as SigmaHQ's: what runs here is copied, what does not is told.

    Done again, it updates what it copied; files that you changed stay yours.  Mind the licence of the rules: it is
    copied along.

    \b
    watchbook rules import sigma/rules
    watchbook rules import sigma/rules --into /etc/watchbook/rules/community --product aws --product okta
    """
    surroundings, _ = _surroundings(config)
    verdicts = judge(folder, surroundings, products=[product.lower() for product in products], level=level)
    if as_json:
        for verdict in verdicts:
            click.echo(msgspec.json.encode(verdict._asdict()))
    else:
        _print_table(verdicts)
        _print_reasons(verdicts, verbose=verbose)
    if into is None:
        click.echo("nothing was copied; give --into FOLDER to copy what runs", err=True)
        return
    try:
        done = copy(folder, into, verdicts, now_us())
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the rules cannot be copied to {into}: {error}") from error
    told = ", ".join(f"{len(paths)} {what}" for what, paths in done._asdict().items() if paths and what != "kept")
    click.echo(f"{into}: {told or 'nothing to copy'}", err=True)
    for name in done.kept:
        click.echo(f"kept {into / name}: it was changed here since it was imported", err=True)
    if done.added or done.updated or done.removed:
        click.echo(
            "put the folder into 'rules' of collector.yaml if it is not there, then: watchbook rules reload", err=True
        )


for _command in (trial_test, backtest, explain, list_rules, show, enable, disable, shadow, reload):
    rules.add_command(_command)


def _surroundings(config: Path | None) -> tuple[Surroundings, tuple[Path, ...]]:
    """Return what the collector of this host reads its rules against, and which rules these are."""
    path = config or DEFAULT_PATH
    settings = load_settings(path) if config is not None or path.exists() else CollectorSettings(data=Path())
    detect = settings.detect
    return read_surroundings(detect.profiles, detect.aliases, detect.lists), settings.rule_paths


def _print_table(verdicts: list[Verdict]) -> None:
    heads: tuple[str, ...] = ("product", "files", *OUTCOMES)
    rows = [(product, sum(row.values()), *row.values()) for product, row in counts(verdicts).items()]
    total = ("all", len(verdicts), *(sum(verdict.outcome == outcome for verdict in verdicts) for outcome in OUTCOMES))
    click.echo(f"{heads[0]:<24}" + "".join(f"{head:>14}" for head in heads[1:]))
    for name, *numbers in [*rows, total]:
        click.echo(f"{name:<24}" + "".join(f"{number or '-':>14}" for number in numbers))


def _print_reasons(verdicts: list[Verdict], *, verbose: bool) -> None:
    if verbose:
        for verdict in verdicts:
            click.echo(f"{verdict.path}: {verdict.outcome}{f': {verdict.why}' if verdict.why else ''}")
        return
    outcomes: tuple[Outcome, ...] = ("needs list", "cannot match", "wrong")
    for outcome in outcomes:
        found = list(reasons(verdicts, outcome))
        for why, number in found[:_REASONS_MAX]:
            click.echo(f"{number:>6}  {why}")
        if len(found) > _REASONS_MAX:
            click.echo(f"        … and {len(found) - _REASONS_MAX} other reasons; --verbose says them")


def _many(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
