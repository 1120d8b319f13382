"""`stats count(), p95(duration) as slow by service, bucket(1m)`: rows of a group become one."""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pipeline import plan
from query.language import literal, tree
from query.language.stages.cells import Cell
from query.language.stages.functions import Named, function
from query.language.stages.scope import Scope, too_many
from query.wrong import Place, WrongQuery, shown

AGGREGATES_MAX: Final = 20
KEYS_MAX: Final = 8
NAME_MAX: Final = 200
"""Characters of a column's name."""
BUCKET_MIN_NS: Final = 10**6
BUCKET_MAX_NS: Final = 366 * 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the rows of a group, of those that meet `where`; `name` follows `as`."""

    function: str
    of: tree.Name | None = None
    where: tree.Expression | None = None
    name: tree.Name | None = None
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        given = ", ".join(str(one) for one in (self.of, self.where) if one is not None)
        return f"{self.function}({given}){named_as(self.name)}"

    def check(self, scope: Scope) -> tuple[tree.Name, Cell, plan.Aggregate]:
        """Return the name of its column, the column and what it computes; raises WrongQuery."""
        called = function(self.function, self.place)
        of = self._column(called, scope)
        name = self.name or tree.Name(self._title(called), quoted=True, place=self.place)
        kind = called.kind(plan.Kind.INTEGER if of is None else of.kind)
        where = None if self.where is None else scope.condition(self.where)
        aggregate = plan.Aggregate(
            name.key, called.function, "" if of is None else of.name, called.quantile, where
        )
        return name, Cell(name.key, kind), aggregate

    def _title(self, called: Named) -> str:
        """Return what its column is called when nothing was said."""
        if self.where is not None:
            return str(self)[:NAME_MAX]
        return called.name if self.of is None else f"{called.name}_{title(self.of).key}"

    def _column(self, called: Named, scope: Scope) -> Cell | None:
        if called.counts_rows:
            if self.of is not None:
                raise WrongQuery(
                    f"{called.name} counts rows and takes a condition: expected "
                    f"{called.name}() or {called.name}({self.of} exists), found {self.of}",
                    self.of.place,
                )
            return None
        if self.of is None:
            raise WrongQuery(
                f"{called.name} needs a field first: expected {called.name}(field)", self.place
            )
        if called.function is plan.Function.COUNT_DISTINCT:
            return scope.column(self.of)
        return scope.number(self.of, called.name, times=called.takes_times)


@dataclass(frozen=True, slots=True)
class By:
    """A field that rows of a group have in common."""

    of: tree.Name
    name: tree.Name | None = None

    @property
    def place(self) -> Place:
        """Return where it starts."""
        return self.of.place

    def __str__(self) -> str:
        return f"{self.of}{named_as(self.name)}"

    def check(self, scope: Scope) -> tuple[tree.Name, Cell, plan.Key]:
        """Return the name of its column, the column and the key; raises WrongQuery."""
        name, found = self.name or title(self.of), scope.column(self.of)
        return name, found, plan.Key(name.key, found.name)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The time, cut to buckets of a width."""

    width: tree.Value
    name: tree.Name | None = None
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"bucket({self.width}){named_as(self.name)}"

    def check(self, scope: Scope) -> tuple[tree.Name, Cell, plan.Key]:
        """Return the name of its column, the column and the key; raises WrongQuery."""
        width_ns = literal.duration_ns(self.width.text)
        if width_ns is None or not BUCKET_MIN_NS <= width_ns <= BUCKET_MAX_NS:
            raise WrongQuery(
                "expected a duration between 1ms and 366d, such as bucket(1m), found "
                f"{shown(self.width)}",
                self.width.place,
            )
        name = self.name or tree.Name("time", place=self.place)
        found = scope.time(self.place)
        return name, found, plan.Key(name.key, found.name, width_ns)


Grouping: TypeAlias = By | Bucket


@dataclass(frozen=True, slots=True)
class Stats:
    """The stage."""

    calls: tuple[Call, ...]
    by: tuple[Grouping, ...] = ()
    place: Place = field(default=tree.NOWHERE, compare=False)

    def __str__(self) -> str:
        calls = ", ".join(map(str, self.calls))
        return f"stats {calls} by {', '.join(map(str, self.by))}" if self.by else f"stats {calls}"

    @property
    def expressions(self) -> tuple[tree.Expression, ...]:
        """Return the conditions in it."""
        return tuple(one.where for one in self.calls if one.where is not None)

    def check(self, scope: Scope) -> None:
        """Add it; raises WrongQuery."""
        if len(self.calls) > AGGREGATES_MAX:
            raise too_many("functions", AGGREGATES_MAX, self.calls[AGGREGATES_MAX].place)
        if len(self.by) > KEYS_MAX:
            raise too_many("fields to group by", KEYS_MAX, self.by[KEYS_MAX].place)
        buckets = [one for one in self.by if isinstance(one, Bucket)]
        if len(buckets) > 1:
            raise WrongQuery("there is one bucket at most", buckets[1].place)
        keys = [one.check(scope) for one in self.by]
        calls = [one.check(scope) for one in self.calls]
        stage = plan.Stats(tuple(one[2] for one in calls), tuple(one[2] for one in keys))
        scope.group(stage, [(name, cell) for name, cell, _ in (*keys, *calls)])


def named_as(name: tree.Name | None) -> str:
    """Return the name as it follows a column."""
    return "" if name is None else f" as {name}"


def title(name: tree.Name) -> tree.Name:
    """Return what the column of a field is called when nothing else was said."""
    key = f"{name.prefix}.{name.key}" if name.prefix else name.key
    return tree.Name(key, quoted=True, place=name.place)
