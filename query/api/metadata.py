"""Metrics metadata: what metrics there are, and what each of them is."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pipeline import schema
from pipeline.plan import Metrics
from query.api import parameters, render
from query.api.desk import Desk
from query.api.metrics import TEMPORALITIES
from query.api.render import Json


class MetadataApi:
    """The handler of `/v1/metrics/metadata`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer `{"metrics": [{"name", "type", "unit", "description", …, "series"}]}`."""
        asked = self._desk.open(request, ("prefix", "limit", "explain"))
        plan = Metrics(
            asked.tenant,
            parameters.text(request.query, "prefix"),
            parameters.limit(request.query, self._desk.engine.limits),
        )
        return await self._desk.answer(
            asked,
            plan,
            lambda answer: {"metrics": [_metric(row) for row in answer.rows.to_pylist()]},
        )


def _metric(row: Mapping[str, Any]) -> dict[str, Json]:
    return {
        "name": row["metric_name"],
        "type": schema.METRIC_TYPES.get(row["metric_type"], "unknown"),
        "unit": row["metric_unit"],
        "description": row["metric_description"],
        "temporality": TEMPORALITIES.get(row["aggregation_temporality"], "unspecified"),
        "monotonic": row["is_monotonic"],
        "series": render.integer(row["series_count"]),
    }
