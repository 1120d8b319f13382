"""What lists, completion and the service graph answer, row by row in Python."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.plan import (
    AttributeField,
    Dependencies,
    Keys,
    Level,
    Metrics,
    Operations,
    Place,
    Traces,
    Values,
)
from storage.evaluate import Row, attributes, column, keys

_ERROR = 2


def place(row: Row) -> Place:
    """Return a record's place in the order of answers."""
    return Place(row["time"], row["epoch"], row["partition"], row["sequence"], row["ordinal"])


def committed(plan: Traces, row: Row) -> bool:
    """Tell whether a match counts: it was committed up to the heads that the plan names."""
    if not plan.within:
        return True
    heads = {one.partition: (one.epoch, one.sequence) for one in plan.within}
    return (row["epoch"], row["sequence"]) <= heads.get(row["partition"], (0, 0))


def every_key(plan: Keys, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the rows of a `Keys` plan."""
    found = {one for row in rows for one in keys(plan, row)}
    levels = tuple(Level) if plan.level is Level.ANY else (plan.level,)
    return sorted(one for one in found if one[1] in levels and one[0].startswith(plan.prefix))


def values(plan: Values, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the rows of a `Values` plan; nothing here is too much to look at."""
    found = {text for row in rows for text in _texts(plan.field, row)}
    return [(text,) for text in sorted(found) if text.startswith(plan.prefix)]


def services(prefix: str, by_signal: Mapping[str, Sequence[Row]]) -> list[tuple[Any, ...]]:
    """Return the rows of a `Services` plan."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for signal, rows in by_signal.items():
        for row in rows:
            found[row["service_name"]].add(signal)
    return sorted((name, sorted(of)) for name, of in found.items() if name.startswith(prefix))


def operations(plan: Operations, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the rows of an `Operations` plan."""
    found = {(row["service_name"], row["name"], row["kind"]) for row in rows}
    return sorted(
        one
        for one in found
        if plan.service in (None, one[0])
        and plan.kind in (None, one[2])
        and one[1].startswith(plan.prefix)
    )


def metrics(plan: Metrics, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the rows of a `Metrics` plan, but for how many series each has: they have no ID."""
    names = ("metric_name", "metric_type", "metric_unit", "aggregation_temporality", "is_monotonic")
    found: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["metric_name"].startswith(plan.prefix):
            found[tuple(row[name] for name in names)].append(row)
    return [
        (*key[:3], max(one["metric_description"] for one in of), *key[3:], _series(of))
        for key, of in sorted(found.items())
    ]


def dependencies(plan: Dependencies, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the rows of a `Dependencies` plan."""
    within = [row for row in rows if plan.start_ns <= row["time"] < plan.end_ns]
    callers = {(row["trace_id"], row["span_id"]): row["service_name"] for row in within}
    calls: Counter[tuple[str, str]] = Counter()
    errors: Counter[tuple[str, str]] = Counter()
    for row in within:
        parent = callers.get((row["trace_id"], row["parent_span_id"]))
        if parent is not None and any(row["parent_span_id"]):
            calls[parent, row["service_name"]] += 1
            errors[parent, row["service_name"]] += row["status_code"] == _ERROR
    edges = sorted(calls, key=lambda edge: (-calls[edge], edge))
    return [(*edge, calls[edge], errors[edge]) for edge in edges]


def _texts(field: Any, row: Row) -> Iterator[str]:
    if isinstance(field, AttributeField):
        yield from (text for key, _, text in attributes(row, field.level) if key == field.key)
    else:
        yield column(field.name, row)


def _series(points: Sequence[Row]) -> int:
    """Count what makes a series, of points that are equal in all that their metric says."""
    every = {
        (
            row["resource"],
            row["scope"],
            tuple(sorted((one["key"], one["type"], one["value"]) for one in row["attributes"])),
        )
        for row in points
    }
    return len(every)
