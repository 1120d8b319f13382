"""Live tail through a real Aura: soon, redacted, within a tenant, and harmless."""

import asyncio
import json
import time
import urllib.error
import urllib.request

import pytest

from pipeline.keyring import Access
from tests.support.aura_process import Aura, poll
from tests.support.buses import nats_rig
from tests.support.cluster import Cluster
from tests.support.keys import READ, WRITE, entries, kept
from tests.support.shell import piped
from tests.support.streams import Stream

pytestmark = pytest.mark.slow

READ_ALL = "key-of-the-query-role"
"""What its process shows to the storage."""

SETTINGS = {
    "pipeline": {
        "logs": [
            {"redaction": {"allow_all_keys": True, "blocked_values": ["4[0-9]{15}"]}},
            {"filter": {"conditions": ["body=noise"]}},
        ]
    },
    "auth": {
        "keys": entries(
            [
                kept(WRITE, Access.WRITE, name="write"),
                kept(READ, Access.READ, name="read"),
                kept(READ_ALL, Access.READ, tenant="", name="query"),
                kept("key-of-tenant-a-writes", Access.WRITE, tenant="a", name="a-write"),
                kept("key-of-tenant-a-reads", Access.READ, tenant="a", name="a-read"),
            ]
        )
    },
}


@pytest.fixture(scope="module", params=[Aura, Cluster])
def aura(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("aura")
    (folder / "config.yaml").write_text(json.dumps(SETTINGS))
    with request.param(folder, AURA_STORAGE_REMOTE_KEY=READ_ALL) as started:
        yield started


def send(aura, *records, key=WRITE, signal="logs"):
    url = aura.url(f"/v1/{signal}", "ingestor.api")
    body = json.dumps(records).encode()
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["refused"] == 0


def test_a_record_is_seen_within_a_second_as_it_is_stored(aura):
    with Stream(aura, READ, q="user.id=7 OR body=noise") as stream:
        assert stream.opened[1]["signal"] == "logs"
        began = time.monotonic()
        send(
            aura,
            {"message": "noise"},
            {"message": "mine", "user.id": 7, "card": "4111111111111111"},
            {"message": "other", "user.id": 8},
        )
        record = stream.record()
        took_s = time.monotonic() - began

    assert record["body"] == "mine"
    assert record["attributes"]["card"] == "****"
    assert took_s < 1.0


def test_spans_and_points_are_seen(aura):
    with (
        Stream(aura, READ, signal="traces", q="duration>=1s") as spans,
        Stream(aura, READ, signal="metrics") as points,
    ):
        span = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
        send(aura, span | {"name": "quick", "duration": "1ms"}, signal="traces")
        send(aura, span | {"name": "slow", "duration": "2s"}, signal="traces")
        send(aura, {"name": "queue.length", "value": 7}, signal="metrics")

        assert spans.record()["name"] == "slow"
        assert points.record()["value"] == 7


def test_a_tenant_sees_its_own_only(aura):
    with (
        Stream(aura, "key-of-tenant-a-reads") as own,
        Stream(aura, READ) as other,
    ):
        send(aura, {"message": "of a"}, key="key-of-tenant-a-writes")
        send(aura, {"message": "of default"})

        assert own.record()["body"] == "of a"
        assert other.record()["body"] == "of default"


def test_the_shell_asks_with_a_key(aura):
    assert "AURA_KEY" in piped(aura, "query").err
    assert piped(aura, "query", "no-such-word", AURA_KEY=READ).code == 0


def test_two_hundred_readers_get_everything_and_one_that_does_not_read_harms_none(aura):
    streams = [Stream(aura, READ, q="level=ERROR") for _ in range(200)]
    try:
        for number in range(5):
            send(aura, {"message": f"error {number}", "level": "ERROR"}, {"message": "fine"})
        for stream in streams[1:]:  # the first one reads nothing
            assert [stream.record()["body"][-1] for _ in range(5)] == list("01234")
    finally:
        for stream in streams:
            stream.__exit__()


def test_readers_are_told_of_a_stop_and_hold_nothing_up(tmp_path):
    with Aura(tmp_path) as aura, Stream(aura) as stream:
        began = time.monotonic()
        aura.process.terminate()
        assert stream.next() == ("end", {"reason": "Aura is stopping"})
        assert aura.process.wait(20) == 0
        assert time.monotonic() - began < 5.0


async def test_what_one_process_stores_another_shows(tmp_path):
    async with nats_rig(tmp_path / "nats") as nats:
        await asyncio.to_thread(shown_by_another, tmp_path, nats.server.url)


def shown_by_another(folder, bus):
    for name in ("stores", "asks"):
        (folder / name).mkdir()
    stores, asks = (Aura(folder / name, AURA_BUS_URL=bus) for name in ("stores", "asks"))
    try:
        stores.begin("--role", "ingestor,router,storage")
        asks.start(
            "--role",
            "query",
            AURA_STORAGE_REMOTE_URL=f"grpc://127.0.0.1:{stores.ports['storage.listen']}",
        )
        poll(lambda: stores.status("/readyz", "ingestor.api") == 200, 40)
        with Stream(asks, q="level=ERROR") as stream:
            send(stores, {"message": "fine"}, {"message": "wrong", "level": "ERROR"})
            assert stream.record()["body"] == "wrong"
    finally:
        stores.kill()
        asks.kill()


def test_the_query_role_alone_says_what_a_tail_needs(tmp_path):
    aura = Aura(tmp_path)
    try:
        aura.start("--role", "storage,query")
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(aura.url("/v1/tail"), timeout=20)
        assert error.value.code == 400
        assert "bus.url" in json.load(error.value)["error"]["message"]
        error.value.close()
    finally:
        aura.kill()
