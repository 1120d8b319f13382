"""What names mean at one place of the stages, and the part of the plan that is made so far.

First they mean what they do in a condition: fields and attributes of the record. What is read out
of a text comes beside that. A stage that makes rows of its own closes the scope: from there on
there are the columns that it made, and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from pipeline import plan
from pipeline.plan import AttributeField, Column, Compare, Made, Operator
from pipeline.signal import Signal
from pipeline.value import DOUBLE, INT
from query.language import tree
from query.language.conditions import Conditions, named, of_column
from query.language.fields import WORDS
from query.language.seen import listed
from query.language.stages.cells import NUMBERS, Cell, cell
from query.wrong import Place, WrongQuery, shown

COLUMNS_MAX: Final = 50
"""Columns that are made of a record, and those of a table."""
READ_MAX: Final = 20
"""Columns that one stage reads out of a text."""
LISTED_MAX: Final = 10
"""Names that a message lists."""

SHOWN: Final[Mapping[Signal, tuple[str, ...]]] = {
    Signal.LOGS: ("time", "level", "service_name", "body"),
    Signal.TRACES: ("time", "service_name", "name", "status", "duration", "trace_id", "span_id"),
    Signal.METRICS: ("time", "service_name", "name", "type", "value", "unit"),
}
"""The columns of records when no stage says which."""


class Reading:
    """A stage that reads columns out of a text, while names are still added to it."""

    def __init__(self, how: plan.Format, of: str, place: Place, pattern: str = "") -> None:
        self._fields: list[tuple[str, str]] = []
        self._how, self._of, self._place, self._pattern = how, of, place, pattern

    def add(self, key: str, column: str) -> None:
        """Read a column."""
        if len(self._fields) == READ_MAX:
            raise too_many("columns to read", READ_MAX, self._place)
        self._fields.append((key, column))

    def stage(self) -> plan.Extract:
        """Return the stage of the plan; raises WrongQuery when it reads nothing."""
        if not self._fields:
            raise WrongQuery(
                f"{self._how} reads nothing: name fields ({self._how} a, b), or use them in a "
                "later stage",
                self._place,
            )
        return plan.Extract(self._how, self._of, tuple(self._fields), self._pattern)


class Scope:
    """The columns at one place; `conditions` knows the record and gathers what is asked of it."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._stages: list[plan.Stage | Reading] = []
        self._made: dict[str, tuple[Cell, Made]] = {}
        self._columns: dict[str, Cell] = {}
        self._open = True
        self._ordered = False
        self._reading: Reading | None = None
        self._extracted = 0
        self._keys: tuple[str, ...] = ()

    def column(self, name: tree.Name) -> Cell:
        """Return the column that a name means; raises WrongQuery."""
        return self._named(name) or self._attribute(name, plan.Kind.ANY)

    def number(self, name: tree.Name, what: str, *, times: bool = False) -> Cell:
        """Return a column of numbers; raises WrongQuery, which says that `what` needs them."""
        found = self._named(name)
        if found is None:
            self._check_types(name, what)
            return self._attribute(name, plan.Kind.NUMBER)
        if found.kind not in NUMBERS and not (times and found.kind is plan.Kind.TIME):
            raise WrongQuery(f"{what} needs a number: {name} is {found.said}", name.place)
        return found

    def body(self, place: Place) -> Cell:
        """Return the text that is read when none is named: where words are looked for."""
        name = tree.Name(WORDS[self._conditions.signal], place=place)
        return self._field(name.key) if self._open else self.column(name)

    def time(self, place: Place) -> Cell:
        """Return the time that buckets are made of."""
        if self._open:
            return self._field("time")
        found = self._columns.get("time")
        if found is None or found.kind is not plan.Kind.TIME:
            raise WrongQuery("bucket needs a column time, which is not here", place)
        return found

    def condition(self, node: tree.Expression) -> plan.Condition:
        """Return what a row meets; raises WrongQuery."""
        if self._open and not any(map(self._of_table, tree.leaves(node))):
            return self._flag(self._conditions.condition(node))
        match node:
            case tree.And(parts):
                return plan.And(tuple(map(self.condition, parts)))
            case tree.Or(parts):
                return plan.Or(tuple(map(self.condition, parts)))
            case tree.Not(part):
                return plan.Not(self.condition(part))
            case tree.Words(text, place=place):
                raise WrongQuery(
                    f"words are looked for in records, not in a table: write a column and "
                    f'contains "{shown(text)}"',
                    place,
                )
            case tree.Path():
                raise WrongQuery("{…} stands before all stages", node.place)
            case _:
                kind = self.column(node.name).compared(self._conditions.now_ns)
                return of_column(kind, node, "row")

    def read(self, reading: Reading, names: Iterable[tuple[str, tree.Name]]) -> None:
        """Add columns that are read; of no names, whatever is named from here on is read."""
        self._stages.append(reading)
        self._reading = reading
        for key, name in names:
            self._reading = None
            self._extract(reading, key, name)

    def add(self, stage: plan.Stage) -> None:
        """Add a stage that changes no column. What is sorted equal follows the keys of groups."""
        if isinstance(stage, plan.Limit):
            self._sort()
        if isinstance(stage, plan.Sort):
            self._ordered = True
            by = {one.column for one in stage.by}
            keys = (plan.Order(key) for key in self._keys if key not in by)
            stage = plan.Sort((*stage.by, *keys))
            if self._stages and isinstance(self._stages[-1], plan.Sort):
                self._stages.pop()
        self._stages.append(stage)

    def group(self, stage: plan.Stats, cells: Iterable[tuple[tree.Name, Cell]]) -> None:
        """Go on with what groups are: columns under their names; ordered by the keys."""
        self._close(cells)
        self._stages.append(stage)
        self._keys = tuple(key.name for key in stage.by)
        if stage.by:
            self.add(plan.Sort(()))

    def pick(self, cells: Iterable[tuple[tree.Name, Cell]]) -> None:
        """Go on with these columns alone."""
        self._sort()
        chosen = list(cells)
        self._close(chosen)
        self._keys = ()
        pairs = zip(chosen, self._columns, strict=True)
        self._stages.append(plan.Pick(tuple((one.name, new) for (_, one), new in pairs)))

    def finish(self) -> tuple[tuple[Made, ...], tuple[plan.Stage, ...]]:
        """Return the columns of a record and the stages; a record is shown by its usual fields."""
        if self._open:
            usual = [one for one in SHOWN[self._conditions.signal] if one not in self._columns]
            shown = {one: self._field(one) for one in usual} | self._columns
            self.pick([(tree.Name(name), one) for name, one in shown.items()])
        stages = [one.stage() if isinstance(one, Reading) else one for one in self._stages]
        return tuple(made for _, made in self._made.values()), tuple(stages)

    def _named(self, name: tree.Name) -> Cell | None:
        """Return a column that has that name, or a field; None where it is an attribute."""
        if "*" in name.key and not name.quoted:
            raise WrongQuery(f"expected one field, found {name}", name.place)
        if not name.prefix and (found := self._columns.get(name.key)) is not None:
            return found
        if not self._open:
            if self._reading is not None and not name.prefix:
                return self._extract(self._reading, name.key, name)
            raise self._unknown(name)
        if self._conditions.kind(name) is not None:
            return self._field(name.key)
        if self._reading is not None and self._is_extracted(name):
            return self._extract(self._reading, name.key, name)
        return None

    def _field(self, key: str) -> Cell:
        kind = self._conditions.kind(tree.Name(key))
        if kind is None:
            raise KeyError(key)
        return self._make(key, lambda inner: cell(kind, inner))

    def _is_extracted(self, name: tree.Name) -> bool:
        return named(name, self._conditions.signal)[1] is plan.Level.ANY

    def _of_table(self, leaf: tree.Leaf | tree.Path) -> bool:
        """Tell whether a condition asks for something that a stage made."""
        if isinstance(leaf, tree.Words | tree.Path):
            return False
        name = leaf.name
        if not name.prefix and name.key in self._columns:
            return True
        new = self._reading is not None and self._conditions.kind(name) is None
        return new and self._is_extracted(name)

    def _attribute(self, name: tree.Name, kind: plan.Kind) -> Cell:
        field = self._conditions.attribute(name)
        if not isinstance(field, AttributeField):
            raise TypeError(field)  # `_named` takes no star
        return self._make(f"{name} {kind}", lambda inner: (Cell(inner, kind), field))

    def _check_types(self, name: tree.Name, what: str) -> None:
        seen = self._conditions.seen
        field = self._conditions.attribute(name)
        types = seen.types_of(field) if seen is not None else frozenset()
        if types and not types & {INT, DOUBLE}:
            raise WrongQuery(
                f"{what} needs a number: {name} has none (seen: {listed(types)})", name.place
            )
        if types - {INT, DOUBLE}:
            self._conditions.warnings.append(
                f"{name} is not always a number (seen: {listed(types)}): {what} leaves the rest out"
            )

    def _flag(self, condition: plan.Condition) -> plan.Condition:
        holds = plan.Holds(condition)
        made = self._make(repr(condition), lambda inner: (Cell(inner, plan.Kind.FLAG), holds))
        return Compare(Column(made.name), Operator.EQUAL, value=True)

    def _make(self, asked: str, how: Callable[[str], tuple[Cell, plan.Expression]]) -> Cell:
        """Return the column of a record that was asked for, the same one each time."""
        if asked not in self._made:
            made, of = how(f"c{len(self._made)}")
            self._made[asked] = made, Made(made.name, made.kind, of)
        return self._made[asked][0]

    def _extract(self, reading: Reading, key: str, name: tree.Name) -> Cell:
        new(self._columns, name)
        # Inside an open scope the names of columns are ours: no name of a record is in the way.
        inner = f"x{self._extracted}" if self._open else name.key
        self._extracted += 1
        reading.add(key, inner)
        self._columns[name.key] = Cell(inner, plan.Kind.ANY)
        return self._columns[name.key]

    def _sort(self) -> None:
        """Order records as lists do, newest first, when nothing else was said."""
        if self._open and not self._ordered:
            newest = plan.Order(self._field("time").name, descending=True)
            self.add(plan.Sort((newest,)))

    def _close(self, cells: Iterable[tuple[tree.Name, Cell]]) -> None:
        columns: dict[str, Cell] = {}
        for name, one in cells:
            new(columns, name)
            columns[name.key] = Cell(name.key, one.kind, one.labels, one.size)
        self._columns = columns
        self._open, self._reading = False, None

    def _unknown(self, name: tree.Name) -> WrongQuery:
        like = get_close_matches(name.key[:100], self._columns, n=1)
        names = list(self._columns)
        there = ", ".join(map(shown, names[:LISTED_MAX])) + (", …" * (len(names) > LISTED_MAX))
        hint = f"did you mean {like[0]}?" if like else f"there are {there}"
        return WrongQuery(f"there is no column {shown(name)} here; {hint}", name.place)


def new(columns: Mapping[str, object], name: tree.Name) -> None:
    """Refuse a name that is taken, or one more than there may be."""
    if name.key in columns:
        raise WrongQuery(f"two columns are called {shown(name.key)}: name one with as", name.place)
    if len(columns) == COLUMNS_MAX:
        raise too_many("columns", COLUMNS_MAX, name.place)


def too_many(what: str, most: int, place: Place) -> WrongQuery:
    """Return that there is one more than there may be."""
    return WrongQuery(f"at most {most} {what} may stand here", place)
