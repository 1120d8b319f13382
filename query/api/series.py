"""Metrics over time: the series that there are, and what their points amount to in each step."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
from aiohttp import web
from multidict import MultiMapping

from pipeline import schema
from pipeline.envelope import Resource
from pipeline.plan import AttributeField, Column, Measure, Range, Series
from pipeline.signal import Signal
from query.api import parameters, render, times
from query.api.desk import Asked, Desk
from query.api.histogram import steps_of
from query.api.metrics import TEMPORALITIES
from query.api.render import Json
from query.language.check import Checked, record_by_record
from query.language.columns import Text
from query.language.name import field, names
from query.language.parse import parse
from query.wrong import Wrong, shown

_LOOKBACK_NS: Final = 300 * 10**9
"""How far in front of a range the point may lie that its first one is compared with; or a step."""
_MEDIAN: Final = 0.5


class SeriesApi:
    """
    The handlers of `/v1/metrics/series` and `/v1/metrics/range`.

    `q` is about what points share (name, type, unit, attributes of any level). Attributes of the
    resource that are named in `query.promoted` are labels of a series like those of its own.
    """

    def __init__(self, desk: Desk, promoted: Sequence[str]) -> None:
        self._desk = desk
        self._promoted = frozenset(promoted)

    async def series(self, request: web.Request) -> web.Response:
        """Answer `{"series": [{"id", "name", "type", "unit", …, "labels": {…}}]}`."""
        asked = self._desk.open(request, ("q", "limit", "explain"))
        checked = await self._check(asked)
        limit = parameters.limit(request.query, self._desk.engine.limits)
        plan = Series(asked.tenant, checked.where, limit)
        return await self._desk.answer(
            asked,
            plan,
            lambda answer: {"series": [self._one(row) for row in answer.rows.to_pylist()]},
            _warnings(checked),
        )

    async def range(self, request: web.Request) -> web.Response:
        """
        Answer `{"series": [{"labels": {…}, "points": [[time, value], …]}], "step_ns", …}`.

        A step without points has none: gaps are no zeros. Steps begin at whole multiples of their
        width, so that the same question has the same steps a moment later.
        """
        takes = ("q", "measure", "by", "quantile", "step", "start", "end", "limit", "explain")
        asked = self._desk.open(request, takes)
        given, limits = request.query, self._desk.engine.limits
        wanted = parameters.read(given, limits, asked.now_ns)
        steps = steps_of(given.get("step") or "", wanted, limits)
        by = _by(given.get("by") or "")
        checked = await self._check(asked)
        plan = Range(
            asked.tenant,
            steps.first_ns,
            wanted.end_ns,
            steps.width_ns,
            max(steps.width_ns, _LOOKBACK_NS),
            checked.where,
            _measure(given),
            _quantile(given.get("quantile") or ""),
            tuple(by.values()),
            parameters.limit(given, limits, limits.rows_max),
        )
        used: dict[str, Json] = {
            "measure": plan.measure.value,
            "start": times.text(plan.start_ns),
            "end": times.text(plan.end_ns),
            "step_ns": render.integer(plan.step_ns),
            **_warnings(checked),
        }
        return await self._desk.answer(
            asked, plan, lambda answer: {"series": _lines(answer.rows, list(by))}, used
        )

    async def _check(self, asked: Asked) -> Checked:
        query = parse(parameters.text(asked.request.query, "q"))
        record_by_record(query, Signal.METRICS)
        return await self._desk.engine.check(query, Signal.METRICS, asked.tenant, asked.now_ns)

    def _one(self, row: Mapping[str, Any]) -> dict[str, Json]:
        shared = Resource.parse(row["resource"]).attributes
        promoted = [one for one in shared if one[0] in self._promoted]
        return {
            "id": f"{row['series_id']:016x}",
            "name": row["metric_name"],
            "type": schema.METRIC_TYPES.get(row["metric_type"], "unknown"),
            "unit": row["metric_unit"],
            "temporality": TEMPORALITIES.get(row["aggregation_temporality"], "unspecified"),
            "monotonic": row["is_monotonic"],
            "labels": render.attributes(promoted) | render.column(row["attributes"]),
        }


def _by(text: str) -> dict[str, Column | AttributeField]:
    """Return the labels that a text names, each with what it is."""
    if not text:
        return {}
    found: dict[str, Column | AttributeField] = {}
    for one in names(text, "by"):
        kind = field(str(one), Signal.METRICS, "by")
        if isinstance(kind, AttributeField):
            found[str(one)] = kind
        elif isinstance(kind, Text):
            found[str(one)] = Column(kind.column)
        else:
            raise Wrong(f"by: {shown(str(one))} is no text that points share", "by")
    return found


def _measure(given: MultiMapping[str]) -> Measure:
    text = parameters.choice(given, "measure", [one.value for one in Measure])
    return Measure(text) if text else Measure.COUNT


def _quantile(text: str) -> float:
    if not text:
        return _MEDIAN
    try:
        quantile = float(text) if text.isascii() else -1.0
    except ValueError:
        quantile = -1.0
    if not 0 <= quantile <= 1:
        raise Wrong(f"quantile is a number between 0 and 1, not {shown(text)}", "quantile")
    return quantile


def _lines(rows: pa.Table, labels: Sequence[str]) -> list[Json]:
    """Return the points of each group, which stand together in an answer."""
    found: list[Json] = []
    for values, points in groupby(rows.to_pylist(), key=lambda one: one["labels"]):
        named: dict[str, Json] = dict(zip(labels, values, strict=True))
        line: list[Json] = [
            [times.text(one["time"]), render.double(one["value"])] for one in points
        ]
        found.append({"labels": named, "points": line})
    return found


def _warnings(checked: Checked) -> dict[str, Json]:
    return {"warnings": list(checked.warnings)} if checked.warnings else {}
