"""The quick way for JSON logs: learns what the lines look like, and has code of their own made for them.

It learns from the lines that its present code refuses; after enough of them the code is written anew.  The lines it
refuses are no worse off: the code for any keys makes the same row, more slowly.
"""

import linecache
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.profile.meaning import Meaning
from agent.profile.shape import Shape
from agent.profile.structcode import StructCode, UnsuitableError

#: Lines learnt before code is written for the first time; each later time needs four times as many new ones.
FIRST_LINES: Final = 16
#: Times that code is written.
WRITTEN_MAX: Final = 10

MakeRows = Callable[[Sequence[bytes], int, Callable[[tuple[Any, ...]], None], Callable[[bytes], None]], None]


class Learner:
    """Learns from lines; ``make_rows`` is the code for what it learnt, None as long as there is none.

    ``make_rows(lines, read_us, append, otherwise)`` appends the row of each line it takes, in order, and calls
    ``otherwise`` with each of the others.
    """

    def __init__(self, title: str, meaning: Meaning, decoder_of: Callable[[Any], Any]) -> None:
        self._title = title
        self._meaning = meaning
        self._decoder_of = decoder_of
        self._shape = Shape()
        self._new_lines = 0
        self._wanted = FIRST_LINES
        self._written = 0
        self._is_done = False
        self.make_rows: MakeRows | None = None
        self.source = ""

    def see(self, line: dict[str, Any]) -> None:
        """Learn from a line that went the other way."""
        if self._is_done:
            return
        self._shape.see(line)
        self._new_lines += 1
        if self._new_lines >= self._wanted:
            self._write()

    def _write(self) -> None:
        self._new_lines, self._wanted, self._written = 0, self._wanted * 4, self._written + 1
        self._is_done = self._written >= WRITTEN_MAX
        if self._shape.too_varied:
            self._give_up()
            return
        try:
            code = StructCode(self._meaning, self._shape)
            core = self._shape.core
            usual = None if core is None else StructCode(self._meaning, core)
            self.source = code.source(usual)
            names = {**self._meaning.namespace, **code.namespace(self._decoder_of)}
        except UnsuitableError:
            self._give_up()
            return
        file = f"<profile {self._title}, learnt {self._written}>"
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(keepends=True), file)
        exec(compile(self.source, file, "exec"), names)  # noqa: S102 - written by StructCode; values only by repr()
        self.make_rows = names["rows"]

    def _give_up(self) -> None:
        self._is_done = True
        self.make_rows = None
