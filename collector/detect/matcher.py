"""The matcher: a rule's condition compiled to a function over the columns of a batch.

Matching is in two steps.  A *survey* (:mod:`collector.detect.survey`) decides on whole columns, at the cost of their
distinct values; most batches end there.  What it leaves open is put to a generated predicate, one Python expression
over the columns, event by event.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

from collector.detect.encoded import digest, encode_expression
from collector.detect.expression import Absent, And, Atom, Compares, Equals, Expression, Not, Operator
from collector.detect.fields import TEXT_FIELDS, split_object
from collector.detect.masks import indices_of
from collector.detect.survey import Surveyor, surveyor_of
from collector.detect.values import effort, member_predicate, text_predicate, value_predicate
from collector.detect.view import BatchView

Predicate = Callable[[BatchView, Sequence[int]], list[int]]


class Matcher:
    """A compiled condition: ``matcher(view)`` gives the indices of the events that match, ascending.

    It is compiled when it is asked first: of thousands of rules most are never asked, and a start must not wait for
    them.
    """

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    @cached_property
    def key(self) -> str:
        """What names the condition: equal ones have equal keys."""
        return digest(encode_expression(self.expression))

    @cached_property
    def _survey(self) -> Surveyor:
        return surveyor_of(self.expression)

    @cached_property
    def _predicate(self) -> Predicate:
        return generate_predicate(self.expression)

    def __call__(self, view: BatchView) -> Sequence[int]:
        """Return the indices of the matching events of a batch."""
        sure, possible = self._survey(view)
        if sure is possible:
            return indices_of(possible, view.n)
        return self._predicate(view, indices_of(possible, view.n))

    def among(self, view: BatchView, indices: Sequence[int]) -> list[int]:
        """Return those of some indices whose events match."""
        return self._predicate(view, indices)


def generate_predicate(expression: Expression) -> Predicate:
    """Return a function that keeps those of some indices for which the expression holds.

    The source is made of names that are generated here and never of text that a rule brings: a rule's values reach the
    function as objects.
    """
    writer = _Writer()
    condition = writer.write(expression)
    loop = "i in indices"
    if writer.columns:
        columns = [f"view.at({constant}, indices)" for constant in writer.columns.values()]
        loop = f"i, {', '.join(writer.columns)} in zip(indices, {', '.join(columns)})"
    lines = ["def predicate(view, indices):", *writer.setup, f"    return [i for {loop} if {condition}]"]
    scope = dict(writer.constants)
    exec("\n".join(lines), scope)  # noqa: S102 - the text holds only names generated below, see the docstring
    predicate: Predicate = scope["predicate"]
    return predicate


_OPERATOR_SIGN: Final[dict[Operator, str]] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class _Writer:
    """Writes one Python expression over ``i`` and the values of ``columns`` there, and lines to stand before it."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.setup: list[str] = []
        #: The constant that holds the name of each column, by the name of its value.
        self.columns: dict[str, str] = {}
        self._sources: dict[tuple[str, str], str] = {}

    def write(self, expression: Expression) -> str:
        if isinstance(expression, Atom):
            return self._atom(expression)
        if isinstance(expression, Not):
            return f"(not {self.write(expression.arg)})"
        word = " and " if isinstance(expression, And) else " or "
        cheapest_first = sorted(expression.args, key=effort)
        return f"({word.join(self.write(arg) for arg in cheapest_first)})"

    def _atom(self, atom: Atom) -> str:
        place = split_object(atom.field)
        if place is not None and place[0] == "measures":
            return self._measure(".".join(place[1]), atom)
        if place is not None:
            decode, test = self._decoder(place[0]), self._constant(member_predicate(place, atom.test))
            if isinstance(atom.test, Absent):
                return f"{test}({decode}(i))"
            return f"({self._column(place[0])} is not None and {test}({decode}(i)))"
        value = self._column(atom.field)
        if isinstance(atom.test, Absent):
            return f"({value} is None)"
        if atom.field not in TEXT_FIELDS or isinstance(atom.test, Compares):
            return f"{self._constant(value_predicate(atom.test))}({value})"
        if isinstance(atom.test, Equals):
            spelled = value if atom.test.cased else f"{value}.lower()"
            return f"({value} is not None and {spelled} in {self._constant(atom.test.texts)})"
        return f"({value} is not None and {self._constant(text_predicate(atom.test))}({value}))"

    def _measure(self, name: str, atom: Atom) -> str:
        value, key = self._column("measures"), self._constant(name)
        if isinstance(atom.test, Compares):
            sign, bound = _OPERATOR_SIGN[atom.test.operator], self._constant(atom.test.number)
            return f"({value} is not None and (y := {value}.get({key})) is not None and y {sign} {bound})"
        test = self._constant(value_predicate(atom.test))
        return f"{test}(None if {value} is None else {value}.get({key}))"

    def _column(self, field: str) -> str:
        return self._source("c", field, lambda name: self.columns.update({name: self._constant(field)}))

    def _decoder(self, field: str) -> str:
        return self._source(
            "d", field, lambda name: self.setup.append(f"    {name} = view.decoder({self._constant(field)})")
        )

    def _source(self, kind: str, field: str, add: Callable[[str], object]) -> str:
        name = self._sources.get((kind, field))
        if name is None:
            name = self._sources[kind, field] = f"{kind}{len(self._sources)}"
            add(name)
        return name

    def _constant(self, value: object) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name
