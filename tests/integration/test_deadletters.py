"""The dead-letter routes on a real socket, with doors before a real memory bus."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from otlp.receivers.grpc import SIGNALS
from otlp.receivers.intake import JSON, PROTOBUF
from pipeline.position import Position
from pipeline.signal import Signal
from tests.support.buses import all_letters, message, refused
from tests.support.letter_doors import Api, opened
from tests.support.otlp_requests import (
    REQUESTS,
    Gate,
    logs,
    memory_bus,
    spans,
    stored,
    until,
)

METHODS = {signal: method for method, signal in SIGNALS.items()}


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    async with opened() as found:
        yield found


async def test_a_refused_record_of_each_door_is_there_with_its_reason(api: Api):
    bad = spans(0, zero_ids=1)
    assert await api.send(f"{api.otlp}/v1/traces", bad, PROTOBUF) == 200
    await api.channel.unary_unary(METHODS[Signal.TRACES])(bad)
    assert await api.send(f"{api.api}/v1/traces", bad, PROTOBUF) == 400
    await api.written(3)

    status, page = await api.ask("GET", signal="traces")

    assert (status, page["next"]) == (200, None)
    for number, head in enumerate(page["deadletters"], 1):
        assert head.pop("time").endswith("Z")
        assert head.pop("bytes") > 0
        assert head == {
            "id": number,
            "origin": "door",
            "signal": "traces",
            "tenant": "default",
            "reason": "trace_id must be 16 bytes and not all zero",
            "field": "trace_id",
            "records": 1,
            "form": "protobuf",
            "complete": True,
        }
    letter = await api.one()
    ((span,),) = [
        scope["spans"] for one in letter["otlp"]["resourceSpans"] for scope in one["scopeSpans"]
    ]
    assert span["traceId"] == "0" * 32
    assert base64.b64decode(letter["base64"]) == bad
    assert api.counted("buried") == 3


async def test_otlp_json_is_kept_as_it_was_written(api: Api):
    bad, good = {"traceId": "xyz", "mine": 1}, {"traceId": "1" * 32, "spanId": "1" * 16}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [good, bad]}]}]}
    assert await api.send(f"{api.otlp}/v1/traces", json.dumps(body).encode(), JSON) == 200
    letter = await api.one()
    assert (letter["form"], letter["field"]) == ("json", "trace_id")
    assert json.loads(letter["text"]) == {"resourceSpans": [{"scopeSpans": [{"spans": [bad]}]}]}
    assert base64.b64decode(letter["base64"]).decode() == letter["text"]


async def test_plain_json_is_kept_as_it_was_written(api: Api):
    body = b'[{"message":"fine"},{"message":"when?","time":"yesterday"}]'
    assert await api.send(f"{api.api}/v1/logs", body, JSON) == 200
    letter = await api.one()
    assert (letter["form"], letter["field"], letter["signal"]) == ("plain", "time", "logs")
    assert json.loads(letter["text"]) == {"message": "when?", "time": "yesterday"}
    assert "otlp" not in letter


@pytest.mark.parametrize(
    ("path", "body", "kind", "form", "field"),
    [
        ("otlp", b"\xff\xff", PROTOBUF, "protobuf", None),
        ("otlp", b'{"resourceLogs":', JSON, "json", None),
        ("otlp", b'{"resourceLogs":[7]}', JSON, "json", "resourceLogs[0]"),
        ("api", b"{nonsense", JSON, "plain", None),
        ("api", b"\xff", JSON, "plain", None),
        ("api", b"\xff\xff", PROTOBUF, "protobuf", None),
    ],
    ids=["protobuf", "json", "value", "plain", "not text", "protobuf to api"],
)
async def test_a_body_that_cannot_be_read_is_kept_whole(
    api: Api, path: str, body: bytes, kind: str, form: str, field: str | None
):
    assert await api.send(f"{getattr(api, path)}/v1/logs", body, kind) == 400
    letter = await api.one()
    assert base64.b64decode(letter["base64"]) == body
    assert (letter["form"], letter["records"], letter["field"]) == (form, None, field)
    assert "otlp" not in letter
    status, told = await api.ask("POST", "/1/replay")
    assert (status, told["accepted"]) == (400, 0)
    assert told["errors"][0]["message"] == letter["reason"]
    assert api.counted("replayed", signal="logs", outcome="refused") == 1
    assert len(await all_letters(api.bus)) == 1


async def test_what_the_committer_buried_is_there_with_its_place(api: Api):
    await api.bus.bury(Signal.LOGS, 2, Position(1, 5), message(logs(3), accepted=3), "poison")
    letter = await api.one()
    assert (letter["origin"], letter["records"], letter["reason"]) == ("committer", 3, "poison")
    assert letter["position"] == {"partition": 2, "epoch": 1, "sequence": 5}
    assert (await api.ask("POST", "/1/replay"))[1]["accepted"] == 3


async def test_what_is_accepted_at_last_is_stored_once_and_gone():
    bus, large = memory_bus(), spans(1, name="x" * 900)
    async with opened(bus=bus, message_bytes_max=500) as small:
        assert await small.send(f"{small.otlp}/v1/traces", large, PROTOBUF) == 200
        await small.written()
        status, told = await small.ask("POST", "/1/replay")
        assert (status, told["accepted"], told["refused"]) == (400, 0, 1)
        assert "at most 500 bytes" in told["errors"][0]["message"]
    async with opened(bus=bus) as roomy:
        before = len(await stored(bus, Signal.TRACES))
        assert await roomy.ask("POST", "/1/replay") == (
            200,
            {"accepted": 1, "refused": 0, "errors": []},
        )
        assert [one.payload for one in (await stored(bus, Signal.TRACES))[before:]] == [large]
        assert (await roomy.ask("POST", "/1/replay"))[0] == 404
        assert (await roomy.ask("GET", "/1"))[0] == 404
        assert roomy.counted("replayed", outcome="accepted") == 1


async def test_a_letter_of_which_a_part_is_refused_stays_whole(api: Api):
    await api.bus.refuse(Signal.TRACES, refused(spans(2, zero_ids=1), records=3))
    status, told = await api.ask("POST", "/1/replay")
    assert (status, told["accepted"], told["refused"]) == (400, 0, 1)
    assert "trace_id must be" in told["errors"][0]["message"]
    assert await stored(api.bus, Signal.TRACES) == []
    assert len(await all_letters(api.bus)) == 1


async def test_an_excerpt_says_so_and_is_not_replayed():
    async with opened(message_bytes_max=500, letter_bytes_max=100) as api:
        large = spans(1, name="x" * 900)
        await api.send(f"{api.otlp}/v1/traces", large, PROTOBUF)
        letter = await api.one()
        assert (letter["complete"], letter["bytes"]) == (False, len(large))
        assert base64.b64decode(letter["base64"]) == large[:100]
        status, told = await api.ask("POST", "/1/replay")
        assert status == 409
        assert f"only the first 100 of its {len(large)} bytes" in told["error"]["message"]


async def test_two_replays_at_one_time_send_it_once():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with opened(bus=bus, publish=gate) as api:
        await bus.refuse(Signal.LOGS, refused(logs(1)))
        first = asyncio.create_task(api.ask("POST", "/1/replay"))
        await until(lambda: gate.messages)
        assert (await api.ask("POST", "/1/replay"))[0] == 409
        gate.opened.set()
        assert (await first)[0] == 200
        assert (await api.ask("POST", "/1/replay"))[0] == 404
    assert len(await stored(bus, Signal.LOGS)) == 1


async def test_who_replays_and_goes_leaves_no_letter_that_was_accepted():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with opened(bus=bus, publish=gate) as api:
        await bus.refuse(Signal.LOGS, refused(logs(1)))
        gone = asyncio.create_task(api.ask("POST", "/1/replay"))
        await until(lambda: gate.messages)
        gone.cancel()
        await asyncio.wait({gone})
        gate.opened.set()
        for _ in range(1000):
            if not await all_letters(bus):
                break
            await asyncio.sleep(0.01)
        assert await all_letters(bus) == []
    assert len(await stored(bus, Signal.LOGS)) == 1


async def test_a_letter_is_removed_for_good(api: Api):
    await api.bus.refuse(Signal.LOGS, refused())
    assert await api.ask("DELETE", "/1") == (204, None)
    assert (await api.ask("DELETE", "/1"))[0] == 404


async def test_pages_go_on_after_each_other(api: Api):
    for _ in range(5):
        await api.bus.refuse(Signal.LOGS, refused())
    _, first = await api.ask("GET", limit=2)
    _, second = await api.ask("GET", limit=3, after=first["next"])
    found = first["deadletters"] + second["deadletters"]
    assert [one["id"] for one in found] == [1, 2, 3, 4, 5]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("?limit=0", "limit: must be an integer from 1 to 100"),
        ("?limit=101", "limit: must be"),
        ("?after=-1", "after: must be"),
        ("?after=٣", "after: must be"),
        ("?signal=profiles", "signal: must be one of"),
        ("?q=x", "q: no such parameter; there are after, limit, signal"),
        ("?limit=1&limit=2", "limit: is given more than once"),
        ("/x", "id: must be an integer"),
        ("/0", "id: must be"),
        (f"/{2**63}", "id: must be"),
        ("/1?full=1", "full: no such parameter"),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, asked: str, told: str):
    status, answer = await api.ask("GET", asked)
    assert status == 400
    assert answer["error"]["message"].startswith(told)


async def test_a_page_of_another_origin_may_not_replay_or_remove(api: Api):
    await api.bus.refuse(Signal.LOGS, refused(logs(1)))
    foreign = {"Origin": "https://evil.example"}
    assert (await api.ask("POST", "/1/replay", foreign))[0] == 403
    assert (await api.ask("DELETE", "/1", foreign))[0] == 403
    assert len(await all_letters(api.bus)) == 1


async def test_a_flood_of_refused_records_costs_no_answer():
    async with opened(waiting_bytes_max=50_000, letter_bytes_max=1000) as api:
        never = asyncio.Event()

        async def stuck(*_: object) -> None:
            await never.wait()

        api.bus.refuse = stuck  # type: ignore[method-assign] # a bus that takes no letters
        for signal in Signal:
            for _ in range(30):
                url = f"{api.otlp}/v1/{signal}"
                bad = spans(1, zero_ids=200) if signal is Signal.TRACES else b"\xff" * 3000
                status = await api.send(url, bad, PROTOBUF)
                assert status == (200 if signal is Signal.TRACES else 400)
                assert await api.send(url, REQUESTS[signal](1), PROTOBUF) == 200
        assert api.waits.allowance.bytes < 2000
        assert api.counted("dropped", why="many") > 0
        assert api.counted("dropped", why="full", signal="logs") > 0
        never.set()
