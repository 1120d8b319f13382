"""The query API over a store in memory that holds a few groups, asked without a socket between."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pipeline.keyring import Keyring
from pipeline.ports import Group
from query.api import answers, http
from query.config import Config, Limits
from query.engine import Engine
from storage.memory import MemoryStore
from tests.support.stores import write


class Reader:
    """Asks the API, and checks that what it answers is JSON."""

    def __init__(self, client: TestClient, store: Any) -> None:
        self.client = client
        self.store = store

    async def get(self, path: str, status: int = 200, **parameters: Any) -> Any:
        async with self.client.get(path, params=parameters) as response:
            text = await response.text()
            assert response.status == status, text
            assert response.headers["Content-Type"] == "application/json; charset=utf-8"
            return json.loads(text)

    async def wrong(self, path: str, **parameters: Any) -> tuple[str, str]:
        """Return the parameter and the message of a refusal."""
        error = (await self.get(path, 400, **parameters))["error"]
        return error["parameter"], error["message"]

    async def pages(self, path: str, name: str, **parameters: Any) -> AsyncIterator[list[Any]]:
        """Yield page after page; what came between is for the caller to do."""
        cursor = ""
        while True:
            answer = await self.get(path, **parameters, **({"cursor": cursor} if cursor else {}))
            yield answer[name]
            cursor = answer["cursor"]
            assert answer["truncated"] is bool(cursor)
            if not cursor:
                return


@asynccontextmanager
async def reading(
    groups: Sequence[Group], now_ns: int, limits: Limits | None = None
) -> AsyncIterator[Reader]:
    """Serve what these groups hold."""
    store = MemoryStore()
    for one in groups:
        await write(store, one)
    app = web.Application(middlewares=[answers.errors])
    engine = Engine(store, limits or Limits())
    app.add_routes(http.routes(engine, Keyring(), lambda: now_ns, Config().promoted))
    async with TestClient(TestServer(app)) as client:
        yield Reader(client, store)
