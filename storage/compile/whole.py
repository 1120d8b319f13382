"""What is asked of whole traces to SQL: which might match, what is true of them, their spans."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Sequence
from typing import Final

from pipeline.plan import And, Column, Compare, Condition, Find, Or, Path, Traces
from pipeline.signal import Signal
from storage.compile import pages
from storage.compile.clickhouse import EARLIEST, among, bounded
from storage.compile.condition import Conditions, searching, type_of
from storage.compile.parameters import Parameters, Statement
from storage.compile.rows import within
from storage.pattern import Leaf, possible, seeds

_COLUMNS: Final = {
    "span_count": "count()",
    "error_count": "countIf(status_code = 2)",
    "service_count": "uniqExact(service_name)",
    "duration_ns": (
        "greatest(max(end_time_unix_nano), min(start_time_unix_nano)) - min(start_time_unix_nano)"
    ),
    "root_service": f"argMinIf(toString(service_name), {EARLIEST})",
    "root_name": f"argMinIf(toString(name), {EARLIEST})",
}


def candidates(plan: Traces, whole: Condition) -> Statement:
    """Return the traces that might match, as `matching` does: the newest, and one too many."""
    parameters = Parameters()
    who = parameters.add(plan.tenant, "String")
    conditions = Conditions(Signal.TRACES, who, parameters)
    parts = [f"tenant = {who}", *within(plan.start_ns, plan.end_ns, parameters)]
    if either := seeds(whole):
        parts.append(conditions.sql(Or(either)))
    parts += pages.committed(plan.within, parameters)
    having = [_having(possible(whole), conditions), *pages.after_trace(plan.after, parameters)]
    limit = parameters.add(plan.candidates_max + 1, "UInt64")
    sql = (
        f"SELECT hex(trace_id) AS id, max(time) AS matched_ns FROM spans "
        f"WHERE {' AND '.join(parts)} GROUP BY trace_id HAVING {' AND '.join(having)} "
        f"ORDER BY matched_ns DESC, trace_id DESC LIMIT {limit}"
    )
    return Statement(sql, parameters.bound)


def facts(plan: Traces, ids: list[str], leaves: Sequence[Leaf]) -> Statement:
    """Return what is true of these traces: id, as hex, and a bool for each leaf, f0 and so on."""
    parameters = Parameters()
    who = parameters.add(plan.tenant, "String")
    conditions = Conditions(Signal.TRACES, who, parameters)
    inside = " AND ".join(within(plan.start_ns, plan.end_ns, parameters))
    told = [
        f"{_fact(leaf, inside, conditions, parameters)} AS f{at}" for at, leaf in enumerate(leaves)
    ]
    wanted = f"tenant = {who} AND {among(ids, parameters)}"
    sql = (
        f"SELECT hex(trace_id) AS id, {', '.join(told)} FROM spans "
        f"WHERE {wanted} AND {bounded(wanted)} GROUP BY trace_id"
    )
    return Statement(sql, parameters.bound)


def spans(plan: Traces, ids: list[str], steps: Sequence[Condition | None]) -> Statement:
    """Return the spans of these traces and which step each meets: s0 and so on."""
    parameters = Parameters()
    who = parameters.add(plan.tenant, "String")
    conditions = Conditions(Signal.TRACES, who, parameters)
    inside = within(plan.start_ns, plan.end_ns, parameters)
    fits = [
        f"({' AND '.join([*inside, *([] if one is None else [conditions.sql(one)])])}) AS s{at}"
        for at, one in enumerate(steps)
    ]
    wanted = f"tenant = {who} AND {among(ids, parameters)}"
    sql = (
        f"SELECT trace_id, span_id, parent_span_id, {', '.join(fits)} FROM spans "
        f"WHERE {wanted} AND {bounded(wanted)}"
    )
    return Statement(sql, parameters.bound)


def _having(condition: Condition, conditions: Conditions) -> str:
    match condition:
        case And(parts):
            return f"({' AND '.join(_having(part, conditions) for part in parts) or 'true'})"
        case Or(parts):
            return f"({' OR '.join(_having(part, conditions) for part in parts) or 'false'})"
        case Path(steps=(step,)) if step is not None:
            return f"countIf({conditions.sql(step)}) > 0"
    raise TypeError(condition)


def _fact(leaf: Leaf, inside: str, conditions: Conditions, parameters: Parameters) -> str:
    match leaf:
        case Path(steps=(None,)):
            return f"countIf({inside}) > 0"
        case Path(steps=(step,)) if step is not None:
            return f"countIf({inside} AND {conditions.sql(step)}) > 0"
        case Compare(Column(name), operator, value):
            return f"{_COLUMNS[name]} {operator} {parameters.add(value, type_of(value))}"
        case Find(Column(name), how, text):
            return searching(how, text, parameters).format(value=_COLUMNS[name])
    raise TypeError(leaf)
