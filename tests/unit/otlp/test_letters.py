"""The queue before the dead letters, and the door that fills it."""

import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry

from otlp.config import DeadLettersConfig
from otlp.door import Sent
from otlp.letters import LetterBox
from otlp.receivers.metrics import Metrics
from pipeline.errors import Overloaded, Rejected, TooLarge, Unavailable
from pipeline.letter import Form, Refused
from pipeline.ports import Message
from pipeline.signal import Signal
from tests.support.buses import all_letters
from tests.support.otlp_requests import Gate, door, memory_bus, points, spans, stored, until

TRACES = Signal.TRACES
FAST = DeadLettersConfig(rate=10_000)


class Slow:
    """A memory bus that takes a letter only when it is let."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.bus = memory_bus()
        self.opened = asyncio.Event()
        self.failure = failure
        self.letters = self.bus.letters
        self.letter = self.bus.letter
        self.remove_letter = self.bus.remove_letter

    async def refuse(self, signal: Signal, refused: Refused) -> None:
        await self.opened.wait()
        if self.failure:
            raise self.failure
        await self.bus.refuse(signal, refused)


def box(letters, registry=None, config=FAST, message_bytes_max=2**20):
    metrics = Metrics(registry or CollectorRegistry())
    return LetterBox(
        letters, config, metrics, message_bytes_max=message_bytes_max, clock_ns=lambda: 77
    )


def unread(letters, body, signal=TRACES):
    letters.unread(signal, "t", Form.PLAIN, body, Rejected("bad"))


async def test_refused_records_are_letters_once_the_request_is_answered():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with box(bus) as letters, door(gate, letters=letters) as stands:
        answer = asyncio.create_task(stands.admit(TRACES, "t", spans(1, zero_ids=2, short_ids=1)))
        await until(lambda: gate.messages)
        assert await all_letters(bus) == []
        gate.opened.set()
        assert (await answer).refused == 3
    kept = [letter.content for letter in await all_letters(bus)]
    assert [one.field for one in kept] == ["trace_id", "trace_id", "span_id"]
    assert kept[0].reason.startswith("trace_id must be")
    for one in kept:
        assert (one.tenant, one.form, one.records, one.arrived_ns, one.is_whole) == (
            "t",
            Form.PROTOBUF,
            1,
            77,
            True,
        )


async def test_a_request_that_comes_again_leaves_no_letter_and_no_room_taken():
    async def nowhere(signal: Signal, message: Message) -> None:
        raise Unavailable("the bus does not answer")

    bus = memory_bus()
    async with box(bus) as letters, door(nowhere, letters=letters) as stands:
        before = letters.allowance
        for _ in range(100):
            with pytest.raises(Unavailable):
                await stands.admit(TRACES, "t", spans(1, zero_ids=100))
        assert letters.allowance == before
    assert await all_letters(bus) == []


async def test_a_request_that_cannot_be_read_is_kept_up_to_the_bound():
    bus = memory_bus()
    config = DeadLettersConfig(letter_bytes_max=10, rate=10_000)
    async with box(bus, config=config) as letters, door(bus.publish, letters=letters) as stands:
        with pytest.raises(Rejected):
            await stands.admit(TRACES, "t", b"\xff" * 25)
    (letter,) = await all_letters(bus)
    content = letter.content
    assert (content.payload, content.size, content.records) == (b"\xff" * 10, 25, None)
    assert "is not a valid ExportTraceServiceRequest" in content.reason


async def test_what_came_as_json_is_kept_as_it_came():
    bus = memory_bus()
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz", "extra": 1}]}]}]}
    sent = Sent(body=json.dumps(body).encode())
    async with box(bus) as letters, door(bus.publish, letters=letters) as stands:
        await stands.admit(TRACES, "t", spans(0, zero_ids=1), sent=sent)
    (letter,) = await all_letters(bus)
    assert (letter.content.form, json.loads(letter.content.payload)) == (Form.JSON, body)
    assert sent.body == b""


async def test_letters_that_find_no_room_are_dropped_and_counted_and_nobody_waits():
    bus, registry = Slow(), CollectorRegistry()
    config = DeadLettersConfig(letter_bytes_max=2000, waiting_bytes_max=20_000, rate=10_000)

    def dropped() -> float:
        labels = {"signal": "traces", "why": "full"}
        return registry.get_sample_value("aura_dead_letters_dropped_total", labels) or 0

    async with (
        box(bus, registry, config) as letters,
        door(bus.bus.publish, letters=letters) as stands,
    ):
        before = letters.allowance
        for number in range(100):
            outcome = await stands.admit(TRACES, "t", spans(1, zero_ids=5))
            assert outcome.accepted == 1, number
            with pytest.raises(Rejected):
                await stands.admit(TRACES, "t", b"\xff" * 2000)
        assert dropped() > 50
        assert letters.allowance.bytes < 1000
        bus.opened.set()
        await until(lambda: letters.allowance == before)
        kept = len(await all_letters(bus.bus))
    assert 0 < kept < 30
    assert len(await stored(bus.bus, TRACES)) == 100


@pytest.mark.parametrize("failure", [Overloaded("full"), Unavailable("gone"), ZeroDivisionError()])
async def test_what_the_bus_does_not_take_is_dropped_and_the_next_has_its_turn(failure):
    bus, registry = Slow(failure), CollectorRegistry()
    bus.opened.set()
    async with box(bus, registry) as letters:
        before = letters.allowance
        unread(letters, b"one")
        await until(lambda: letters.allowance == before)
        bus.failure = None
        unread(letters, b"two")
    assert [one.content.payload for one in await all_letters(bus.bus)] == [b"two"]
    value = registry.get_sample_value
    assert value("aura_dead_letters_dropped_total", {"signal": "traces", "why": "bus"}) == 1
    assert value("aura_dead_letters_buried_total", {"signal": "traces"}) == 1


async def test_no_more_letters_a_second_are_written_than_the_rate():
    bus = memory_bus()
    async with box(bus, config=DeadLettersConfig(rate=0.001)) as letters:
        for number in range(5):
            unread(letters, b"%d" % number)
        await until(lambda: letters._queue.qsize() == 4)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(await all_letters(bus)) == 1


async def test_leaving_writes_what_waits():
    bus = memory_bus()
    async with box(bus, config=DeadLettersConfig(rate=50)) as letters:
        for number in range(10):
            unread(letters, b"%d" % number)
    assert len(await all_letters(bus)) == 10


async def test_nothing_is_kept_where_the_user_says_so():
    bus = memory_bus()
    config = DeadLettersConfig(request_letters_max=0)
    async with box(bus, config=config) as letters, door(bus.publish, letters=letters) as stands:
        await stands.admit(Signal.METRICS, "t", points(1, timeless=2))
        with pytest.raises(Rejected):
            await stands.admit(TRACES, "t", b"\xff")
    assert await all_letters(bus) == []


async def test_of_one_request_the_first_are_kept_and_the_others_counted():
    bus, registry = memory_bus(), CollectorRegistry()
    config = DeadLettersConfig(request_letters_max=3, rate=10_000)
    async with (
        box(bus, registry, config) as letters,
        door(bus.publish, letters=letters) as stands,
    ):
        outcome = await stands.admit(TRACES, "t", spans(1, zero_ids=50))
    assert (outcome.accepted, outcome.refused) == (1, 50)
    assert len(await all_letters(bus)) == 3
    labels = {"signal": "traces", "why": "many"}
    assert registry.get_sample_value("aura_dead_letters_dropped_total", labels) == 47


async def test_what_is_too_large_for_the_bus_is_kept_up_to_its_bound():
    class Small(Slow):
        async def refuse(self, signal: Signal, refused: Refused) -> None:
            if len(refused.payload) > 100:
                raise TooLarge("no")
            await self.bus.refuse(signal, refused)

    bus = Small()
    async with box(bus, message_bytes_max=100) as letters:
        unread(letters, b"x" * 500)
    (letter,) = await all_letters(bus.bus)
    assert (letter.content.payload, letter.content.size) == (b"x" * 100, 500)
