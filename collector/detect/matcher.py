"""The matcher: a rule's condition compiled to a function over the columns of a batch.

Matching is in two steps.  A *witness* is what must hold for the whole condition to hold: equalities or bounds on whole
columns, at least one of which every match shows.  It names the candidates of a batch at the cost of a set of the
column's distinct values; most batches end there.  The candidates are then put to a generated predicate, one Python
expression over the columns.  A condition without a witness is put to every event.

Witnesses are values (:class:`Guard`), so that an index over the witnesses of many rules can be built from them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.detect.expression import Absent, And, Atom, Compares, Equals, Expression, Not, Operator, Or, Test, any_of
from collector.detect.fields import TEXT_FIELDS, resolve, split_object
from collector.detect.values import ValuePredicate, text_predicate, value_predicate
from collector.detect.view import BatchView

#: How many events of a batch an equality on a column lets through, as a guess: the lower, the better a witness.
_COLUMN_COST: Final = {"outcome": 40, "actor.type": 50, "org": 30, "project": 30, "action": 25, "resource.type": 20}
_COLUMN_COST_ELSE: Final = 10
_MEASURE_COST: Final = 15

Predicate = Callable[[BatchView, Sequence[int]], list[int]]


@dataclass(frozen=True)
class Guard:
    """One alternative of a witness: a text column equals one of some texts, or a measure has a bound."""

    field: str
    test: Equals | Compares

    @property
    def cost(self) -> int:
        """How much it is expected to let through."""
        if isinstance(self.test, Compares):
            return _MEASURE_COST
        return _COLUMN_COST.get(self.field, _COLUMN_COST_ELSE) + len(self.test.texts) // 10

    def candidates(self, view: BatchView) -> Sequence[int]:
        """Return the indices that this alternative lets through, ascending."""
        if isinstance(self.test, Compares):
            return view.where_measured(self.field.removeprefix("measures."), self.test.operator, self.test.number)
        return view.where_equal(self.field, self.test.texts, cased=self.test.cased)


Witness = tuple[Guard, ...]


class Matcher:
    """A compiled condition: ``matcher(view)`` gives the indices of the events that match, ascending."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.witness = witness_of(expression)
        exact = self.witness is not None and all_guards(expression)
        self._predicate: Predicate | None = None if exact else generate_predicate(expression)

    def __call__(self, view: BatchView) -> Sequence[int]:
        """Return the indices of the matching events of a batch."""
        found = self.candidates(view)
        if not found or self._predicate is None:
            return found
        return self._predicate(view, found)

    def candidates(self, view: BatchView) -> Sequence[int]:
        """Return the indices of the events that may match, ascending."""
        if self.witness is None:
            return range(view.n)
        if len(self.witness) == 1:
            return self.witness[0].candidates(view)
        found = [indices for guard in self.witness if (indices := guard.candidates(view))]
        return found[0] if len(found) == 1 else sorted(set().union(*found))


def witness_of(expression: Expression) -> Witness | None:
    """Return the cheapest set of guards of which every match passes at least one; None when there is none."""
    if isinstance(expression, Atom):
        return (Guard(expression.field, expression.test),) if _is_guard(expression) else None  # type: ignore[arg-type]
    if isinstance(expression, And):
        found = [witness for arg in expression.args if (witness := witness_of(arg)) is not None]
        return min(found, key=lambda witness: sum(guard.cost for guard in witness), default=None)
    if isinstance(expression, Or):
        parts = [witness_of(arg) for arg in expression.args]
        return None if None in parts else _joined(guard for part in parts if part is not None for guard in part)
    return None


def _joined(guards: Iterable[Guard]) -> Witness:
    """Return the guards with the equalities on one column made one."""
    atoms = any_of([Atom(guard.field, guard.test) for guard in guards])
    args = atoms.args if isinstance(atoms, Or) else (atoms,)
    return tuple(Guard(atom.field, atom.test) for atom in args)  # type: ignore[union-attr,arg-type]


def all_guards(expression: Expression) -> bool:
    """Return whether the witness says all that the expression says."""
    args = expression.args if isinstance(expression, Or) else (expression,)
    return all(isinstance(arg, Atom) and _is_guard(arg) for arg in args)


def _is_guard(atom: Atom) -> bool:
    if isinstance(atom.test, Equals):
        return atom.field in TEXT_FIELDS
    return isinstance(atom.test, Compares) and (split_object(atom.field) or ("",))[0] == "measures"


def generate_predicate(expression: Expression) -> Predicate:
    """Return a function that keeps those of some indices for which the expression holds.

    The source is made of names that are generated here and never of text that a rule brings: a rule's values reach the
    function as objects.
    """
    writer = _Writer()
    condition = writer.write(expression)
    lines = ["def predicate(view, indices):", *writer.setup, f"    return [i for i in indices if {condition}]"]
    scope = dict(writer.constants)
    exec("\n".join(lines), scope)  # noqa: S102 - the text holds only names generated below, see the docstring
    predicate: Predicate = scope["predicate"]
    return predicate


_OPERATOR_SIGN: Final[dict[Operator, str]] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class _Writer:
    """Writes one Python expression over ``i``, and the lines that bring the columns it reads."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.setup: list[str] = []
        self._sources: dict[tuple[str, str], str] = {}

    def write(self, expression: Expression) -> str:
        if isinstance(expression, Atom):
            return self._atom(expression)
        if isinstance(expression, Not):
            return f"(not {self.write(expression.arg)})"
        word = " and " if isinstance(expression, And) else " or "
        cheapest_first = sorted(expression.args, key=_effort)
        return f"({word.join(self.write(arg) for arg in cheapest_first)})"

    def _atom(self, atom: Atom) -> str:
        place = split_object(atom.field)
        if place is not None and place[0] == "measures":
            return self._measure(".".join(place[1]), atom)
        if place is not None:
            decode, test = self._source("decoder", place[0]), self._constant(_member_predicate(place, atom.test))
            if isinstance(atom.test, Absent):
                return f"{test}({decode}(i))"
            return f"({self._source('values', place[0])}[i] is not None and {test}({decode}(i)))"
        column = self._source("values", atom.field)
        if isinstance(atom.test, Absent):
            return f"({column}[i] is None)"
        if atom.field not in TEXT_FIELDS or isinstance(atom.test, Compares):
            return f"{self._constant(value_predicate(atom.test))}({column}[i])"
        if isinstance(atom.test, Equals):
            spelled = "x" if atom.test.cased else "x.lower()"
            return f"((x := {column}[i]) is not None and {spelled} in {self._constant(atom.test.texts)})"
        return f"((x := {column}[i]) is not None and {self._constant(text_predicate(atom.test))}(x))"

    def _measure(self, name: str, atom: Atom) -> str:
        column, key = self._source("values", "measures"), self._constant(name)
        if isinstance(atom.test, Compares):
            sign, bound = _OPERATOR_SIGN[atom.test.operator], self._constant(atom.test.number)
            return f"((x := {column}[i]) is not None and (y := x.get({key})) is not None and y {sign} {bound})"
        test = self._constant(value_predicate(atom.test))
        return f"{test}(None if (x := {column}[i]) is None else x.get({key}))"

    def _source(self, method: str, field: str) -> str:
        name = self._sources.get((method, field))
        if name is None:
            name = self._sources[method, field] = f"c{len(self._sources)}"
            self.setup.append(f"    {name} = view.{method}({self._constant(field)})")
        return name

    def _constant(self, value: object) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name


def _member_predicate(place: tuple[str, tuple[str, ...]], test: Test) -> ValuePredicate:
    """Return the test of what stands at a path of a decoded object."""
    (name, path), passes = place, value_predicate(test)
    if name == "changes" and not isinstance(test, Absent):
        (member,) = path  # the wire lets only lists of flat objects through
        return lambda changes: any(passes(change[member]) for change in changes if member in change)
    return lambda value: passes(None if value is None else resolve(value, path))


def _effort(expression: Expression) -> int:
    """Return how dear it is to evaluate: what decodes an object comes last."""
    if isinstance(expression, Not):
        return _effort(expression.arg)
    if isinstance(expression, Atom):
        place = split_object(expression.field)
        if place is not None:
            return 2 if place[0] == "measures" else 100
        return 1 if isinstance(expression.test, Equals | Absent) else 10
    return sum(_effort(arg) for arg in expression.args)
