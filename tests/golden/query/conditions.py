"""The corpus: queries in `<name>.txt`, and a condition as one line of text."""

from pathlib import Path
from typing import NamedTuple

from pipeline import plan
from pipeline.signal import Signal
from pipeline.value import ARRAY, BOOL, DOUBLE, INT, STRING
from query.language.seen import Seen

FOLDER = Path(__file__).parent
NOW = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z

SEEN = Seen.of(
    [
        ("http.route", "record", STRING),
        ("http.request.method", "record", STRING),
        ("http.response.status_code", "record", INT),
        ("status", "record", INT),
        ("status", "record", STRING),
        ("code", "record", STRING),
        ("ratio", "record", DOUBLE),
        ("ratio", "record", INT),
        ("cached", "record", BOOL),
        ("flag", "record", BOOL),
        ("flag", "record", STRING),
        ("tags", "record", ARRAY),
        ("size", "record", INT),
        ("k8s.pod.name", "resource", STRING),
        ("k8s.pod.restarts", "resource", INT),
        ("build", "scope", STRING),
        ("both", "record", INT),
        ("both", "resource", STRING),
    ],
    (
        "http.route",
        "http.request.method",
        "http.response.status_code",
        "k8s.pod.name",
        "status",
        "User.Id",
    ),
)
"""The keys that `typed.txt` is checked against."""


class Corpus(NamedTuple):
    name: str
    signal: Signal
    seen: Seen | None = None


CORPORA = (
    Corpus("logs", Signal.LOGS),
    Corpus("traces", Signal.TRACES),
    Corpus("metrics", Signal.METRICS),
    Corpus("typed", Signal.LOGS, SEEN),
)
TABLES = (
    Corpus("stages_logs", Signal.LOGS),
    Corpus("stages_traces", Signal.TRACES),
    Corpus("stages_metrics", Signal.METRICS),
    Corpus("stages_typed", Signal.LOGS, SEEN),
)
"""Queries with stages, each a plan and its statement."""
WHOLE = Corpus("whole", Signal.TRACES)
"""Queries for traces as a whole."""


def queries(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return [line[2:] for line in lines if line.startswith("?")]


def printed(condition: plan.Condition | None) -> str:
    match condition:
        case None:
            return "everything"
        case plan.And(parts):
            return f"({' and '.join(map(printed, parts))})"
        case plan.Or(parts):
            return f"({' or '.join(map(printed, parts))})"
        case plan.Not(part):
            return f"not {printed(part)}"
        case plan.Compare(field, operator, value):
            return f"{_field(field)} {operator} {_scalar(value)}"
        case plan.OneOf(field, values):
            return f"{_field(field)} in ({', '.join(map(_scalar, values))})"
        case plan.Exists(field):
            return f"{_field(field)} exists"
        case plan.Find(field, how, text):
            return f"{_field(field)} {how} {text!r}"
        case plan.Path(steps, relations):
            spans = [f"{{{'' if one is None else printed(one)}}}" for one in steps]
            below = (f" {how} {one}" for how, one in zip(relations, spans[1:], strict=True))
            return spans[0] + "".join(below)


def made(columns: tuple[plan.Made, ...]) -> str:
    return ", ".join(f"{one.name}: {one.kind} {_expression(one.of)}" for one in columns)


def stage(one: plan.Stage) -> str:
    match one:
        case plan.Extract(how, of, fields, pattern):
            read = ", ".join(f"{key!r} {name!r}" for key, name in fields)
            return f"{how} {of} {pattern!r} {read}" if pattern else f"{how} {of} {read}"
        case plan.Keep(where):
            return f"keep {printed(where)}"
        case plan.Stats(aggregates, by):
            keys = ", ".join(f"{key.name!r} {key.of} {key.bucket_ns or ''}".strip() for key in by)
            return f"stats {', '.join(map(_aggregate, aggregates))} by {keys or 'nothing'}"
        case plan.Sort(by):
            return f"sort {', '.join(('-' * one.descending) + one.column for one in by)}"
        case plan.Limit(rows):
            return f"limit {rows}"
        case plan.Pick(columns):
            return f"pick {', '.join(f'{of} {name!r}' for of, name in columns)}"


def _aggregate(one: plan.Aggregate) -> str:
    given = [one.of] if one.of else []
    if one.function is plan.Function.QUANTILE:
        given.append(str(one.quantile))
    if one.where is not None:
        given.append(printed(one.where))
    return f"{one.name!r} {one.function}({', '.join(given)})"


def _expression(of: plan.Expression) -> str:
    match of:
        case plan.Labels(column, labels, unset):
            rest = "" if unset is None else f" or {_expression(unset)}"
            return f"{column} as one of {len(labels)} labels{rest}"
        case plan.Holds(condition):
            return f"({printed(condition)})"
        case _:
            return _field(of)


def _field(field: plan.Field) -> str:
    match field:
        case plan.Column(name):
            return name
        case plan.AttributeField(key, level):
            return f"{level}[{key!r}]"
        case plan.AttributeKeys(pattern, level):
            return f"{level}[like {pattern!r}]"


def _scalar(value: plan.Scalar) -> str:
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)
