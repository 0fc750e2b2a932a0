"""Secrets are planted and clean lines are written; what is found of the first, and what is taken out of the second.

Exits with 1 when a planted secret is found anywhere, or more than one clean line in 10,000 is changed.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.agent.redact.clean import clean_lines
from tests.agent.redact.corpus import FORMATS, Plant, plants
from tests.agent.redact.kinds import KINDS
from tests.progress import clear, progress
from tests.redaction.falsely import Counted, count_false
from tests.redaction.trial import Found, run_trial

_FALSE_MAX = 1 / 10_000


def main() -> int:
    """Run what the arguments ask for and return the exit code."""
    parser = argparse.ArgumentParser(prog="make redaction ARGS=…", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=5, help="secrets of each kind in each format (5: 2,000 in all)")
    parser.add_argument("--clean", type=int, default=1_000_000, help="clean lines (1000000)")
    parser.add_argument("--seed", type=int, default=5, help="of the secrets and the lines (5)")
    arguments = parser.parse_args()
    say = progress()
    began = time.monotonic()
    given = list(plants(arguments.seed, arguments.each))
    with tempfile.TemporaryDirectory(prefix="watchbook-redaction-") as folder:
        trial = run_trial(Path(folder), given, say)
    clear()
    _show_plants(given, trial.found)
    for place, size in trial.searched.items():
        print(f"  {place:<28} {size:>12,} bytes searched")
    print(f"planted {len(given):,}, found {len({id(each.plant) for each in trial.found})}")
    counted = count_false(clean_lines(arguments.clean, arguments.seed), say)
    clear()
    _show_clean(counted)
    right = not trial.found and counted.false <= arguments.clean * _FALSE_MAX
    print(f"{'all as it must be' if right else 'FAILED'} after {time.monotonic() - began:.0f} s")
    return 0 if right else 1


def _show_plants(given: list[Plant], found: list[Found]) -> None:
    planted = Counter((plant.kind, plant.format) for plant in given)
    seen = Counter((plant.kind, plant.format) for plant in {id(each.plant): each.plant for each in found}.values())
    print("found of planted, by kind and format (. is none of all)")
    for number, name in enumerate(FORMATS, 1):
        print(f"  {number:>2} {name}")
    print(f"{'':<16}" + "".join(f"{number:>4}" for number in range(1, len(FORMATS) + 1)))
    for kind in KINDS:
        cells = [seen[kind, name] for name in FORMATS]
        total = sum(planted[kind, name] for name in FORMATS)
        print(f"{kind:<16}" + "".join(f"{cell or '.':>4}" for cell in cells) + f"   {sum(cells)} of {total}")
    for each in found[:10]:
        print(f"  FOUND in {each.place}: {each.plant.kind}, {each.plant.format}: {each.needle}")


def _show_clean(counted: Counted) -> None:
    print(f"{'clean lines':<14}{'lines':>10}{'suspected':>12}{'looked at':>12}{'false':>8}")
    for name, lines in counted.lines.items():
        shares = counted.suspected[name] / lines, counted.looked_at[name] / lines
        print(f"{name:<14}{lines:>10,}{shares[0]:>12.2%}{shares[1]:>12.3%}{counted.false_by_source[name]:>8}")
    for text in counted.examples[:10]:
        print(f"  FALSE: {text}")
    lines = sum(counted.lines.values())
    print(f"clean {lines:,}, changed {counted.false}")
    print(f"CPU us: {counted.cpu_us:.2f} a line, {counted.careful_us:.0f} more for each that the rules looked at")


if __name__ == "__main__":
    sys.exit(main())
