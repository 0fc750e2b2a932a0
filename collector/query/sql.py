"""A plan as SQL over an archive's columns, as far as SQL can say it: true of every event that matches, and of others.

As for an index there are two conditions of each plan, (surely, perhaps), and Not swaps them.  Every value is a named
parameter; no text of a user is part of the SQL.  A column has the name of its field; ``details`` and ``changes`` are
JSON texts, ``measures`` too, and texts that a case folds to are compared as DuckDB lowers them only where that is the
same (ASCII).
"""

from collector.query.archive import Condition
from collector.query.plan import And, Between, Compare, Equals, Not, Or, Plan, Present, StartsWith, Term, Test
from watchbook.event import FIELD_BY_NAME

_TRUE, _FALSE = "TRUE", "FALSE"


def condition_of(plan: Plan) -> Condition:
    """Return a condition that holds for every event that matches."""
    compiler = _Compiler()
    return Condition(compiler.pair(plan)[1], compiler.values)


class _Compiler:
    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def pair(self, plan: Plan) -> tuple[str, str]:
        """Return SQL for what surely and for what perhaps matches; neither is ever NULL."""
        match plan:
            case Term(fields, test):
                pairs = [self._field(field, test) for field in fields]
                return _joined(" OR ", [p[0] for p in pairs], _FALSE), _joined(" OR ", [p[1] for p in pairs], _FALSE)
            case And(parts):
                pairs = [self.pair(part) for part in parts]
                return _joined(" AND ", [p[0] for p in pairs], _TRUE), _joined(" AND ", [p[1] for p in pairs], _TRUE)
            case Or(parts):
                pairs = [self.pair(part) for part in parts]
                return _joined(" OR ", [p[0] for p in pairs], _FALSE), _joined(" OR ", [p[1] for p in pairs], _FALSE)
            case Not(part):
                lower, upper = self.pair(part)
                return f"(NOT {upper})", f"(NOT {lower})"

    def _field(self, field: str, test: Test) -> tuple[str, str]:
        known = FIELD_BY_NAME.get(field) or FIELD_BY_NAME.get(field.partition(".")[0])
        if known is None:
            return _FALSE, _TRUE
        column = f'"{known.name}"'
        if known.kind == "time":
            return self._time(column, test)
        present = f"({column} IS NOT NULL)"
        if known.kind != "text":
            return _FALSE, self._number(column, test) if known.kind == "number" else present
        if isinstance(test, Present):
            return present, present
        if isinstance(test, Compare | Between):
            return _FALSE, _FALSE
        if isinstance(test, Equals | StartsWith) and test.text.isascii():
            # A sign beyond ASCII may fold to ASCII: such texts are perhaps.
            name = self._bind(test.text)
            lowered = f"lower({column})"
            found = f"{lowered} = {name}" if isinstance(test, Equals) else f"starts_with({lowered}, {name})"
            return _FALSE, f"({present} AND ({found} OR strlen({column}) != length({column})))"
        return _FALSE, present

    def _time(self, column: str, test: Test) -> tuple[str, str]:
        match test:
            case Compare(operator, int(number)) if abs(number) < 2**62:
                sql = f"({column} {operator} {self._bind(number)})"
            case Between(int(low), int(high)) if max(abs(low), abs(high)) < 2**62:
                sql = f"({column} BETWEEN {self._bind(low)} AND {self._bind(high)})"
            case _:
                return _FALSE, _TRUE
        return sql, sql

    def _number(self, column: str, test: Test) -> str:
        """Return SQL for the numbers that perhaps pass: a double may stand for its neighbours."""
        match test:
            case Between(low, high):
                return f"({column} BETWEEN {self._bind(float(low))} AND {self._bind(float(high))})"
            case Compare(operator, number):
                loose = operator if operator == "=" else f"{operator[0]}="
                return f"({column} {loose} {self._bind(float(number))})"
        return f"({column} IS NOT NULL)"

    def _bind(self, value: object) -> str:
        name = f"q{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def _joined(operator: str, parts: list[str], empty: str) -> str:
    return f"({operator.join(parts)})" if parts else empty
