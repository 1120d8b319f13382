"""What watches Aura from outside: /healthz, /readyz and /metrics on every HTTP listener of its own.

- `/healthz`: the process serves (200 as long as it can answer);
- `/readyz`: 200 when every part is ready, else 503 with the parts that are not;
- `/metrics`: Prometheus's text format; where there are keys, for those that may read or admin.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pipeline.errors import AuraError
from pipeline.guard import guarded
from pipeline.keyring import Access, Keyring

Check = Callable[[], Awaitable[bool]]
"""Tells whether a part is ready; may raise a verdict, which counts as not."""

_PATIENCE_S: Final = 2.0


def routes(
    checks: Mapping[str, Check], registry: CollectorRegistry, keyring: Keyring
) -> list[web.RouteDef]:
    """Return the three routes; `checks` by the name of the part."""

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        if waiting_for := await missing(checks):
            body = {"status": "not ready", "waiting_for": waiting_for}
            return web.json_response(body, status=503)
        return web.json_response({"status": "ready"})

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [
        web.get("/healthz", health),
        web.get("/readyz", ready),
        *guarded([web.get("/metrics", metrics)], keyring, Access.READ, Access.ADMIN),
    ]


async def missing(checks: Mapping[str, Check]) -> list[str]:
    """Return the names of the parts that are not ready."""
    answers = await asyncio.gather(*(_holds(check) for check in checks.values()))
    return [name for name, answer in zip(checks, answers, strict=True) if not answer]


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await check()
    except (AuraError, TimeoutError):
        return False
