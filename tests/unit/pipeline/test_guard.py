"""Guarded routes, and what stays open beside them."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from pipeline import probes
from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from query.api import answers
from tests.support.keys import READ, WRITE, bearer, kept, ring

ADMIN = "admin-key-of-the-house-0123456789"


def application(keyring):
    async def who(request):
        return web.json_response({"name": identity(request).name, "is": identity(request).tenant})

    app = web.Application(middlewares=[answers.errors])
    app.add_routes(guarded([web.post("/who", who)], keyring, Access.ADMIN))
    app.add_routes(probes.routes({}, CollectorRegistry(), keyring))
    return TestClient(TestServer(app))


async def status(client, path, key=""):
    async with client.get(path, headers=bearer(key) if key else {}) as response:
        return response.status


async def test_a_route_asks_for_its_scope_and_knows_who_asks():
    admin = kept(ADMIN, Access.ADMIN, tenant="acme", name="boss")
    async with application(ring(admin)) as client:
        for headers, code in [({}, 401), (bearer(READ), 403), (bearer("x" * 32), 401)]:
            async with client.post("/who", headers=headers) as response:
                assert response.status == code
                assert (response.headers.get("WWW-Authenticate") == "Bearer") == (code == 401)
                told = (await response.json())["error"]["message"]
                assert "key" in told
                assert "secret" not in told
        async with client.post("/who", headers=bearer(ADMIN)) as response:
            assert await response.json() == {"name": "boss", "is": "acme"}


async def test_health_is_open_and_metrics_are_for_readers_and_admins():
    async with application(ring(kept(ADMIN, Access.ADMIN))) as client:
        for path in ("/healthz", "/readyz"):
            assert await status(client, path) == 200
            assert await status(client, path, "wrong-key") == 200
        assert await status(client, "/metrics") == 401
        assert await status(client, "/metrics", WRITE) == 403
        for key in (READ, ADMIN):
            assert await status(client, "/metrics", key) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_without_keys_all_is_open(path):
    async with application(Keyring()) as client:
        assert await status(client, path) == 200
        assert await status(client, path, "any-key") == 200
