"""Jaeger's HTTP API and its UI: every route, in the union of what its versions have."""

import time
from collections.abc import Callable

from aiohttp import hdrs, web

from pipeline.guard import guarded
from pipeline.keyring import Access, Keyring
from query.jaeger import wrong
from query.jaeger.api_v1 import ApiV1
from query.jaeger.api_v3 import ApiV3
from query.jaeger.reader import Reader
from query.jaeger.ui import Ui


def routes(
    reader: Reader, keyring: Keyring, ui: Ui, now_ns: Callable[[], int] = time.time_ns
) -> list[web.RouteDef]:
    """Return the routes; what is not among them is the UI's page, or 404 below /api."""
    one, three = ApiV1(reader, now_ns), ApiV3(reader)
    base = reader.config.base_path
    v1 = [
        web.get("/api/services", one.services),
        web.get("/api/services/{service}/operations", one.names),
        web.get("/api/operations", one.operations),
        web.get("/api/traces", one.search),
        web.get("/api/traces/{trace_id}", one.trace),
        web.post("/api/archive/{trace_id}", one.archive),
        web.post("/api/transform", one.transform),
        web.get("/api/dependencies", one.dependencies),
        web.get("/api/metrics/{figure:latencies|calls|errors}", one.metrics),
    ]
    v3 = [
        web.get("/api/v3/services", three.services),
        web.get("/api/v3/operations", three.operations),
        web.get("/api/v3/traces", three.search),
        web.get("/api/v3/traces/{trace_id}", three.trace),
        web.get("/api/v3/trace-summaries", three.summaries),
    ]
    found = [
        *_answering(guarded(v1, keyring, Access.READ), wrong.v1),
        *_answering(guarded(v3, keyring, Access.READ), wrong.v3),
        web.route(hdrs.METH_ANY, "/api/{rest:.*}", wrong.nothing),
        web.get("/static/{file:.+}", ui.static),
        web.get("/{page:.*}", ui.page),
    ]
    prefixed = [web.RouteDef(r.method, base + r.path, r.handler, r.kwargs) for r in found]
    if base:
        prefixed.append(web.get(base, ui.page))
    return [*prefixed, web.route(hdrs.METH_ANY, "/{rest:.*}", wrong.nothing)]


def _answering(routes: list[web.RouteDef], say: wrong.Say) -> list[web.RouteDef]:
    return [
        web.RouteDef(one.method, one.path, wrong.answering(one.handler, say), one.kwargs)
        for one in routes
    ]
