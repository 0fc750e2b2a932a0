"""A bounded memory of a pure function of texts: what a log repeats is worked out once."""

from collections.abc import Callable
from typing import Any, Final

#: Values remembered by each memo; it starts afresh when it is full.
MEMO_MAX: Final = 4096
#: Longer texts are worked out each time.
MEMO_CHARACTERS_MAX: Final = 256


class Memo(dict[str | int, Any]):
    """A dict that fills itself: ``memo[text]`` is ``function(text)``; an int (but no bool) stands for its text.

    ``max_``: values remembered.
    """

    __slots__ = ("function", "max")

    def __init__(self, function: Callable[[str], Any], max_: int = MEMO_MAX) -> None:
        super().__init__()
        self.function = function
        self.max = max_

    def __missing__(self, key: str | int) -> Any:
        text = key if isinstance(key, str) else str(key)
        value = self.function(text)
        if len(text) <= MEMO_CHARACTERS_MAX:
            if len(self) >= self.max:
                self.clear()
            self[key] = value
        return value
