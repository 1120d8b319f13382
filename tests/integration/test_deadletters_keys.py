"""Whose dead letters a key may see, replay and remove."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from otlp.receivers.intake import JSON, PROTOBUF
from pipeline.keyring import Access
from pipeline.signal import Signal
from tests.support.buses import all_letters, refused
from tests.support.keys import READ, WRITE, bearer, kept, ring
from tests.support.letter_doors import Api, opened
from tests.support.otlp_requests import (
    logs,
    stored,
)

ADMIN, ACME, EVERY = "admin-key-of-default", "admin-key-of-acme", "admin-key-of-any-tenant"


@pytest_asyncio.fixture
async def kept_apart() -> AsyncIterator[Api]:
    """With keys, and a letter of each of two tenants: 1 of default, 2 of acme."""
    admins = [
        kept(ADMIN, Access.ADMIN),
        kept(ACME, Access.ADMIN, Access.WRITE, tenant="acme"),
        kept(EVERY, Access.ADMIN, tenant=""),
    ]
    async with opened(ring(*admins)) as found:
        for tenant in ("default", "acme"):
            await found.bus.refuse(Signal.LOGS, refused(logs(1), tenant=tenant))
        yield found


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/1"), ("DELETE", "/1"), ("POST", "/1/replay")],
    ids=["list", "one", "remove", "replay"],
)
async def test_only_admins_may(kept_apart: Api, method: str, path: str):
    assert (await kept_apart.ask(method, path))[0] == 401
    for key in (WRITE, READ):
        status, told = await kept_apart.ask(method, path, bearer(key))
        assert status == 403
        assert "admin" in told["error"]["message"]
    # Who may is told whose letter it is no more than that it is there.
    if path:
        absent = (await kept_apart.ask(method, path.replace("1", "9"), bearer(ACME)))[1]
        status, told = await kept_apart.ask(method, path, bearer(ACME))
        assert status == 404
        assert told["error"]["message"] == absent["error"]["message"].replace("9", "1")
    assert len(await all_letters(kept_apart.bus)) == 2
    assert await stored(kept_apart.bus, Signal.LOGS) == []


async def test_a_key_sees_its_tenant_and_one_of_no_tenant_sees_all(kept_apart: Api):
    async def seen(key: str, **more: str) -> list[str]:
        _, page = await kept_apart.ask("GET", "", bearer(key) | more)
        return [one["tenant"] for one in page["deadletters"]]

    assert await seen(ADMIN) == ["default"]
    assert await seen(ACME) == ["acme"]
    assert await seen(ACME, **{"X-Scope-OrgID": "default"}) == ["acme"]
    assert await seen(EVERY) == ["default", "acme"]
    assert await seen(EVERY, **{"X-Scope-OrgID": "acme"}) == ["acme"]
    for key in (ACME, EVERY):
        assert (await kept_apart.ask("GET", "/2", bearer(key)))[0] == 200
    narrow = bearer(EVERY) | {"X-Scope-OrgID": "default"}
    assert (await kept_apart.ask("GET", "/2", narrow))[0] == 404


async def test_a_letter_is_replayed_for_the_tenant_that_sent_it(kept_apart: Api):
    assert (await kept_apart.ask("POST", "/2/replay", bearer(EVERY)))[0] == 200
    assert [one.tenant for one in await stored(kept_apart.bus, Signal.LOGS)] == ["acme"]


async def test_what_cannot_be_read_is_the_letter_of_who_sent_it(kept_apart: Api):
    url = f"{kept_apart.otlp}/v1/logs"
    for kind in (PROTOBUF, JSON):
        assert await kept_apart.send(url, b"\xff", kind, **bearer(ACME)) == 400
    plain_url = f"{kept_apart.api}/v1/logs"
    assert await kept_apart.send(plain_url, b"{", JSON, **bearer(ACME)) == 400
    await kept_apart.written(5)
    found = await all_letters(kept_apart.bus)
    assert [one.content.tenant for one in found] == ["default", *["acme"] * 4]
