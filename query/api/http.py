"""The HTTP API for reading: every route, and the handler of each."""

import time
from collections.abc import Callable, Sequence

from aiohttp import web

from pipeline.guard import guarded
from pipeline.keyring import Access, Keyring
from query.api import openapi
from query.api.completion import CompletionApi
from query.api.desk import Desk
from query.api.facets import FacetsApi
from query.api.histogram import HistogramApi
from query.api.metadata import MetadataApi
from query.api.search import SearchApi
from query.api.series import SeriesApi
from query.api.services import ServicesApi
from query.api.trace import TraceApi
from query.engine import Engine


def routes(
    engine: Engine,
    keyring: Keyring,
    now_ns: Callable[[], int] = time.time_ns,
    promoted: Sequence[str] = (),
) -> list[web.RouteDef]:
    """Return the API's routes; the application needs the middleware `answers.errors`."""
    desk = Desk(engine, now_ns)
    search, completion, services = SearchApi(desk), CompletionApi(desk), ServicesApi(desk)
    series = SeriesApi(desk, promoted)
    reading = [
        web.get("/v1/logs", search.logs),
        web.get("/v1/traces", search.traces),
        web.get("/v1/traces/{trace_id}", TraceApi(desk).trace),
        web.get("/v1/metrics", search.metrics),
        web.get("/v1/metrics/metadata", MetadataApi(desk).metrics),
        web.get("/v1/metrics/series", series.series),
        web.get("/v1/metrics/range", series.range),
        web.get("/v1/histogram", HistogramApi(desk).histogram),
        web.get("/v1/facets", FacetsApi(desk).facets),
        web.get("/v1/keys", completion.keys),
        web.get("/v1/values", completion.values),
        web.get("/v1/services", services.services),
        web.get("/v1/operations", services.operations),
        web.get("/v1/dependencies", services.dependencies),
    ]
    open_to_all = web.get("/v1/openapi.json", openapi.document)
    return [*guarded(reading, keyring, Access.READ), open_to_all]
