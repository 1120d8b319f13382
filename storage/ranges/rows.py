"""The series and points of a range from rows in memory: what compiled SQL is compared with."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.plan import Condition, Range
from storage.answers import SERIES
from storage.evaluate import matches
from storage.ranges.source import How, Source, first_ns
from storage.series import identify
from storage.tabulate import plain


def identified(tenant: str, rows: pa.Table, where: Condition | None) -> pa.Table:
    """Return the points of series that a condition finds, with their `series_id` and `variant`."""
    found = [where is None or matches(where, one) for one in plain(rows).to_pylist()]
    chosen = rows.filter(pa.array(found, pa.bool_())).combine_chunks()
    if not len(chosen):
        empty = pa.array([], pa.uint64())
        return chosen.append_column("series_id", empty).append_column("variant", empty)
    (batch,) = chosen.to_batches()
    series = identify(batch, batch["service_name"].dictionary_encode(), tenant)
    return chosen.append_column("series_id", series.ids).append_column("variant", series.variants)


def series(found: pa.Table) -> pa.Table:
    """Return the distinct series of points."""
    order = [(name, "ascending") for name in ("metric_name", "series_id", "variant")]
    rows = found.sort_by(cast("Any", order))
    seen: set[Any] = set()
    firsts = []
    for at, one in enumerate(rows["series_id"].to_pylist()):
        if one not in seen:
            seen.add(one)
            firsts.append(at)
    return rows.take(pa.array(firsts, pa.int64())).select(SERIES.names).cast(SERIES)


def points(plan: Range, source: Source, found: pa.Table) -> pa.Table:
    """Return the points of a source, none left out."""
    of_type: Any = pc.equal(found["metric_type"], pa.scalar(source.metric_type, pa.uint8()))
    if source.metric_type not in {schema.GAUGE, schema.SUMMARY}:
        of_type = pc.and_(
            of_type,
            pc.equal(found["aggregation_temporality"], pa.scalar(source.temporality, pa.int32())),
        )
    whole = found.append_column("value", _values(source, found))
    marked = pc.equal(
        pc.bit_wise_and(whole["flags"], pa.scalar(1, pa.uint32())), pa.scalar(0, pa.uint32())
    )
    kept = pc.and_(of_type, marked)
    if source.needs:
        kept = pc.and_(kept, whole[source.needs].is_valid())
    if source.table == "number_points":
        # Of null, as of NaN, it is not true that it equals itself.
        kept = pc.and_(kept, pc.equal(whole["value"], whole["value"]))
    first = plan.start_ns if source.how is How.SUMMED else first_ns(plan, source)
    time = whole["time"]
    within = pc.and_(
        pc.greater_equal(time, pa.scalar(max(0, first), pa.uint64())),
        pc.less(time, pa.scalar(plan.end_ns, pa.uint64())),
    )
    rows = whole.filter(pc.and_(kept, within))
    if source.how is not How.SUMMED:
        return rows.select(source.columns.names).cast(source.columns)
    step = (rows["time"].to_numpy().astype("int64") - plan.start_ns) // plan.step_ns
    totals = (
        rows.append_column("step", pa.array(step, pa.int64()))
        .group_by(["series_id", "step"])
        .aggregate([("value", name) for name in ("count", "sum", "min", "max")])
    )
    names = {f"value_{name}": name for name in ("count", "sum", "min", "max")}
    named = totals.rename_columns([names.get(name, name) for name in totals.column_names])
    return named.select(source.columns.names).cast(source.columns)


def _values(source: Source, found: pa.Table) -> Any:
    if source.measured != "value":
        return pc.cast(found[source.measured], pa.float64())
    return pc.coalesce(found["value_double"], pc.cast(found["value_int"], pa.float64(), safe=False))
