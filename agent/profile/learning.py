"""The quick way for JSON logs: learns what the lines look like, and has code of their own made for them.

It learns from the lines that its present code refuses; after enough of them the code is written anew.  The lines it
refuses are no worse off: the code for any keys makes the same row, more slowly.
"""

import linecache
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.profile.definition import ChangesRule
from agent.profile.meaning import Meaning
from agent.profile.shape import Shape
from agent.profile.structcode import StructCode, UnsuitableError

#: Lines learnt before code is written for the first time; each later time needs twice as many new ones.
FIRST_LINES: Final = 16
#: Times that code is written.
WRITTEN_MAX: Final = 10
#: Share of lines that the code for the core of a log may refuse, looked at after so many lines each time.
CORE_REFUSED_MAX: Final = 0.4
CORE_LINES: Final = 4096

MakeRows = Callable[[Sequence[bytes], int, Callable[[tuple[Any, ...]], None], Callable[[bytes], None]], None]


class CoreFirst:
    """Tries the code for lines with nothing but what every line has, then the code for all; the first is half the work.

    It is given up when too many lines have more than that.
    """

    def __init__(self, core: MakeRows, every: MakeRows) -> None:
        self._core: MakeRows | None = core
        self._every = every
        self._lines = 0
        self._refused = 0

    def __call__(
        self,
        lines: Sequence[bytes],
        read_us: int,
        append: Callable[[tuple[Any, ...]], None],
        otherwise: Callable[[bytes], None],
    ) -> None:
        """See :class:`Learner`."""
        every = self._every
        if self._core is None:
            every(lines, read_us, append, otherwise)
            return

        def refused(line: bytes) -> None:
            self._refused += 1
            every((line,), read_us, append, otherwise)

        self._core(lines, read_us, append, refused)
        self._lines += len(lines)
        if self._lines >= CORE_LINES:
            if self._refused > self._lines * CORE_REFUSED_MAX:
                self._core = None
            self._lines = self._refused = 0


class Learner:
    """Learns from lines; ``make_rows`` is the code for what it learnt, None as long as there is none.

    ``make_rows(lines, read_us, append, otherwise)`` appends the row of each line it takes, in order, and calls
    ``otherwise`` with each of the others.
    """

    def __init__(
        self, title: str, meaning: Meaning, changes: ChangesRule | None, decoder_of: Callable[[Any], Any]
    ) -> None:
        self._title = title
        self._meaning = meaning
        self._changes = changes
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
        self._new_lines, self._wanted, self._written = 0, self._wanted * 2, self._written + 1
        self._is_done = self._written >= WRITTEN_MAX
        if self._shape.too_varied:
            self._give_up()
            return
        try:
            self.source, make_rows = self._code(self._shape, "all")
            core = self._shape.core
            self.make_rows = make_rows if core is None else CoreFirst(self._code(core, "core")[1], make_rows)
        except UnsuitableError:
            self._give_up()

    def _code(self, shape: Shape, part: str) -> tuple[str, MakeRows]:
        code = StructCode(self._meaning, shape, self._changes)
        source = code.source()
        names = {**self._meaning.namespace, **code.namespace(self._decoder_of)}
        file = f"<profile {self._title}, learnt {self._written}, {part}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), names)  # noqa: S102 - written by StructCode; values only by repr()
        return source, names["rows"]

    def _give_up(self) -> None:
        self._is_done = True
        self.make_rows = None
