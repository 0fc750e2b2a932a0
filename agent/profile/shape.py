"""What the lines of a log have looked like so far: which keys, and what stood under them."""

from typing import Any, Final, Literal

Kind = Literal["text", "integer", "object", "mixed"]

#: Integers beyond are taken as they come.
INTEGER_MAX: Final = 2**53
#: Keys of a line, or of an object in it, beyond which a log is too varied to be learnt.
KEYS_MAX: Final = 64
#: Objects within objects that are learnt; what is deeper is taken as it comes.
DEPTH_MAX: Final = 3


class Shape:
    """The members of an object over all the lines seen.

    A member is *definite* when every line had it, always of one kind, and never empty; the code may then rely on it.
    """

    def __init__(self, depth: int = 0) -> None:
        self.members: dict[str, Member] = {}
        self._seen = 0
        self._depth = depth

    @property
    def too_varied(self) -> bool:
        """Whether there are more keys than are worth learning."""
        return len(self.members) > KEYS_MAX

    @property
    def core(self) -> "Shape | None":
        """The shape of the lines that have nothing but what every line has; None when that is all there is."""
        core = Shape(self._depth)
        core.members = {key: member for key, member in self.members.items() if member.always}
        return core if 0 < len(core.members) < len(self.members) else None

    def see(self, line: dict[str, Any]) -> None:
        """Learn from one more line."""
        for key, value in line.items():
            member = self.members.get(key)
            if member is None:
                if self.too_varied:
                    return
                member = self.members[key] = Member(self._depth, always=not self._seen)
            member.see(value)
        for key, member in self.members.items():
            if key not in line:
                member.always = False
        self._seen += 1


class Member:
    """A key and what stood under it."""

    def __init__(self, depth: int, *, always: bool) -> None:
        self.always = always
        self.kind: Kind | None = None
        self.object = Shape(depth + 1)
        self._depth = depth

    @property
    def definite(self) -> bool:
        """Whether every line had it, of one kind."""
        return self.always and self.kind not in (None, "mixed")

    def see(self, value: Any) -> None:
        """Learn from one more value."""
        kind = _kind_of(value)
        if kind == "object":
            if self._depth >= DEPTH_MAX:
                kind = "mixed"
            else:
                self.object.see(value)
        self.kind = kind if self.kind in (None, kind) else "mixed"


def _kind_of(value: Any) -> Kind:
    if value.__class__ is str and value:
        return "text"
    if value.__class__ is int and abs(value) < INTEGER_MAX:
        return "integer"
    return "object" if value.__class__ is dict and value else "mixed"
