"""Paths: how a profile names a place in a line, and how a value that stands in a list is found and taken out.

``a.b`` is a key in an object, ``a[0]`` and ``a[-1]`` an element, ``a[type=User]`` the first element whose member
``type`` has that text, ``a[]`` every element; ``a."b.c"`` has a key with a dot in it.

A value in a list is known by its chain: the links (container, key or index, name) that lead to it, where the name is
that of the member by which the container was selected.  Taking a value out leaves a hole where an element was, so that
the indices of the others hold; :func:`close_holes` does away with them at the end.  An element of which nothing is left
but the member that selected it goes too: the path says that one.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple


class Select(NamedTuple):
    """The first element whose member ``key`` has some text."""

    key: str
    text: str


class Every(NamedTuple):
    """All elements, in order."""


EVERY: Final = Every()
Step = str | int | Select | Every
Link = tuple[Any, Any, str | None]
Chain = tuple[Link, ...]
#: A value and its chain; an empty chain when there is nothing.
Found = tuple[Any, Chain]
NOTHING: Final[Found] = (None, ())


class _Hole:
    """What stands in a list where an element was taken out."""


HOLE: Final = _Hole()

_PART: Final = re.compile(r'"([^"]+)"|([^.\[\]"]+)')
_STEP: Final = re.compile(r'\[(?:(-?[0-9]{1,6})|([^\]=\["]+)=([^\]]*)|)\]')


class Path(NamedTuple):
    """A path taken apart.  ``joined``: how many of its first steps may also be one key with dots in it."""

    steps: tuple[Step, ...]
    joined: int

    @property
    def is_plain(self) -> bool:
        """Whether it is nothing but keys."""
        return all(step.__class__ is str for step in self.steps)

    @property
    def has_every(self) -> bool:
        """Whether it may lead to several values."""
        return EVERY in self.steps


@lru_cache(maxsize=8192)
def parse_path(text: str) -> Path:
    """Return the steps of a path; raises ValueError with what was expected."""
    steps: list[Step] = []
    joined, counts, place = 0, True, 0
    while True:
        part = _PART.match(text, place)
        if part is None:
            raise ValueError(f"expected a path such as 'user', 'user.name' or 'target[0].id', found {text!r}")
        steps.append(part[1] or part[2])
        counts = counts and part[1] is None
        joined += counts
        place = part.end()
        while text[place : place + 1] == "[":
            step = _STEP.match(text, place)
            if step is None:
                raise ValueError(f"expected '[0]', '[-1]', '[key=text]' or '[]' in a path, found {text[place:]!r}")
            steps.append(int(step[1]) if step[1] else Select(step[2], step[3]) if step[2] else EVERY)
            counts = False
            place = step.end()
        if place == len(text):
            return Path(tuple(steps), max(joined, 1))
        if text[place] != ".":
            raise ValueError(f"expected '.' or '[' behind {text[:place]!r} in a path, found {text[place:]!r}")
        place += 1


def first_key(path: str) -> str:
    """Return the key that a path begins with."""
    return str(parse_path(path).steps[0])


def finder(key: str, below: tuple[Step, ...]) -> Callable[[dict[str, Any]], Found]:
    """Return what finds the one value that a key and steps without EVERY lead to."""

    def find(line: dict[str, Any]) -> Found:
        value: Any = line.get(key)
        chain: list[Link] = [(line, key, None)]
        selected = None
        for step in below:
            place = _place_of(value, step)
            if place is None:
                return NOTHING
            chain.append((value, place, selected))
            value = value[place]
            selected = step.key if step.__class__ is Select else None
        return value, tuple(chain)

    return find


def finder_of_all(key: str, below: tuple[Step, ...]) -> Callable[[dict[str, Any]], list[Found]]:
    """Return what finds all values that a key and steps lead to, in order."""

    def find(line: dict[str, Any]) -> list[Found]:
        return list(steps_from(line.get(key), ((line, key, None),), below)) if key in line else []

    return find


def steps_from(value: Any, chain: Chain, below: tuple[Step, ...]) -> Iterator[Found]:
    """Yield all that steps lead to from a value that stands at the end of a chain."""
    selected = None
    for index, step in enumerate(below):
        if step is EVERY:
            if value.__class__ is list:
                for place, item in enumerate(value):
                    if item is not HOLE:
                        yield from steps_from(item, (*chain, (value, place, None)), below[index + 1 :])
            return
        place = _place_of(value, step)
        if place is None:
            return
        chain = (*chain, (value, place, selected))
        value = value[place]
        selected = step.key if isinstance(step, Select) else None
    yield value, chain


def _place_of(value: Any, step: Step) -> Any:
    """Return the key or index of a step in a value, None when there is no such thing."""
    if step.__class__ is str:
        return step if value.__class__ is dict and step in value else None
    if value.__class__ is not list:
        return None
    if isinstance(step, int):
        place = step if step >= 0 else len(value) + step
        return place if 0 <= place < len(value) and value[place] is not HOLE else None
    assert isinstance(step, Select)
    key, text = step
    for place, item in enumerate(value):
        if item.__class__ is dict:
            given = item.get(key)
            if given == text or (given.__class__ is not str and scalar_text(given) == text):
                return place
    return None


def getter(path: str, find_key: Callable[[dict[str, Any], str], str | None] | None = None) -> Callable[[Any], Any]:
    """Return what gets the first value that is not null at a path of an object; None when there is none.

    ``find_key`` finds the key of an object that a name stands for; without it names are keys.
    """
    steps, joined = parse_path(path)
    starts = [(".".join(map(str, steps[:joined])), steps[joined:])]
    if joined > 1:
        starts.append((str(steps[0]), steps[1:]))

    def get(line: Any) -> Any:
        if line.__class__ is not dict:
            return None
        for name, below in starts:
            key = name if find_key is None else find_key(line, name)
            if key is None or key not in line:
                continue
            for value, _ in steps_from(line[key], (), below):
                if value is not None:
                    return value
        return None

    return get


def take(chain: Chain, holed: list[list[Any]]) -> None:
    """Take a value out of the line, and every container that this leaves empty; lists with holes are added to.

    Taking what is gone already changes nothing.
    """
    for container, key, selected in reversed(chain):
        if container.__class__ is dict:
            container.pop(key, None)
            if container and (selected is None or container.keys() != {selected}):
                return
        else:
            container[key] = HOLE
            holed.append(container)
            if any(item is not HOLE for item in container):
                return


def close_holes(holed: list[list[Any]]) -> None:
    """Remove the holes of lists."""
    for each in holed:
        each[:] = [item for item in each if item is not HOLE]


def scalar_text(value: Any) -> str | None:
    """Return the text of a text, number, true or false; None for an empty text and all else."""
    if value.__class__ is str:
        return value or None
    if value is True or value is False:
        return "true" if value else "false"
    return str(value) if value.__class__ is int or value.__class__ is float else None
