"""Clean lines through the redactor: how many it suspects, looks at, and changes though it must not."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from agent.redact import RedactSettings, make_redactor

_CHUNK_LINES = 512


@dataclass
class Counted:
    """Counts by kind of line; ``cpu_us`` a line for the scan, ``careful_us`` for each line that the rules looked at."""

    lines: Counter[str] = field(default_factory=Counter)
    suspected: Counter[str] = field(default_factory=Counter)
    looked_at: Counter[str] = field(default_factory=Counter)
    false_by_source: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    cpu_us: float = 0.0
    careful_us: float = 0.0

    @property
    def false(self) -> int:
        """How many lines were changed."""
        return self.false_by_source.total()


def count_false(lines: Iterable[tuple[str, bytes]], progress: Callable[[str], None] = lambda _: None) -> Counted:
    """Redact clean lines as the agent would, JSON as values and others as text."""
    counted, redactor = Counted(), make_redactor(RedactSettings())
    remaining = iter(lines)
    scanned = careful = 0.0
    while chunk := list(islice(remaining, _CHUNK_LINES)):
        names = [name for name, _ in chunk]
        counted.lines.update(names)
        counted.suspected.update(name for name, line in chunk if redactor.suspects(line))
        began = time.process_time()
        places = redactor.suspected([line for _, line in chunk])
        scanned += time.process_time() - began
        counted.looked_at.update(names[place] for place in places)
        began = time.process_time()
        for place in places:
            text = chunk[place][1].decode()
            before = redactor.counts.total()
            shown = redactor.value(json.loads(text)) if text.startswith("{") else redactor.text(text)
            if redactor.counts.total() > before:
                counted.false_by_source[names[place]] += 1
                counted.examples.append(f"{text} -> {shown}")
        careful += time.process_time() - began
        progress(f"{counted.lines.total():,} clean lines, {counted.false} changed")
    counted.cpu_us = scanned / counted.lines.total() * 1e6
    counted.careful_us = careful / max(1, counted.looked_at.total()) * 1e6
    return counted
