"""Every bus keeps the promises of `ports.Bus` and `ports.Reader`."""

import asyncio
import os
from dataclasses import replace

import pytest

from pipeline.errors import Overloaded, TooLarge
from pipeline.ports import Delivery
from pipeline.reason import Reason
from pipeline.signal import Signal
from tests.support.buses import MemoryRig, message, nats_rig, take_all

LOGS, TRACES = Signal.LOGS, Signal.TRACES


@pytest.fixture(params=["memory", "nats"])
async def rig(request, tmp_path):
    if request.param == "memory":
        yield MemoryRig()
        return
    async with nats_rig(tmp_path) as real:
        yield real


@pytest.fixture
async def bus(rig):
    async with rig.open() as opened:
        yield opened


async def fill(bus, number, signal=LOGS, size=0):
    for index in range(number):
        await bus.publish(signal, message(f"{index + 1}".encode().ljust(size)))


async def test_a_message_comes_back_as_it_went_in(bus):
    sent = message(
        b"\x00\xff payload", tenant=" ténant\r\n:%", accepted=7, refused=2**40, arrived_ns=2**62
    )
    await bus.publish(LOGS, sent)

    async with bus.read(LOGS, 0, after=0) as reader:
        (delivery,) = await take_all(reader, 1)

    assert delivery.message == sent


async def test_a_payload_may_be_empty(bus):
    await bus.publish(LOGS, message(b"", accepted=0, refused=3))

    async with bus.read(LOGS, 0, after=0) as reader:
        (delivery,) = await take_all(reader, 1)

    assert delivery.message == message(b"", accepted=0, refused=3)


async def test_deliveries_come_in_the_order_of_their_sequences_from_one_on(bus):
    await fill(bus, 50)

    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, 50)

    assert [delivery.sequence for delivery in taken] == list(range(1, 51))
    assert [int(delivery.message.payload) for delivery in taken] == list(range(1, 51))


async def test_reading_starts_above_the_given_sequence(bus):
    await fill(bus, 20)

    async with bus.read(LOGS, 0, after=13) as reader:
        taken = await take_all(reader, 7)

    assert [delivery.sequence for delivery in taken] == list(range(14, 21))


async def test_reading_above_the_end_waits_for_what_comes_there(bus):
    await fill(bus, 3)

    async with bus.read(LOGS, 0, after=4) as reader:
        assert await reader.take(1000, 0.05) == []
        await fill(bus, 3)
        taken = await take_all(reader, 2)

    assert [delivery.sequence for delivery in taken] == [5, 6]


async def test_two_readers_of_a_log_get_everything_each(bus):
    await fill(bus, 10)

    async with bus.read(LOGS, 0, 0) as one, bus.read(LOGS, 0, 0) as other:
        assert await take_all(one, 10) == await take_all(other, 10)


async def test_heads_are_what_stands_above_a_sequence_without_the_payloads(bus):
    refused = {Reason.TIME: 2, Reason.OTHER: 1}
    sent = [message(b"1" * 9999, accepted=4, tenant="é=1 x"), message(refused=3, reasons=refused)]
    for one in [message(b"0"), *sent]:
        await bus.publish(LOGS, one)
    async with bus.read(LOGS, 0, after=1) as reader:
        taken = await take_all(reader, 2)

    heads = await bus.heads(LOGS, 0, 1, 100)

    assert [one.message.payload for one in heads] == [b"", b""]
    assert [
        (head.sequence, head.stored_ns, replace(head.message, payload=one.message.payload))
        for head, one in zip(heads, taken, strict=True)
    ] == [(one.sequence, one.stored_ns, one.message) for one in taken]
    assert list(await bus.heads(LOGS, 0, 3, 100)) == []
    assert list(await bus.heads(LOGS, 0, 9, 100)) == []
    assert list(await bus.heads(TRACES, 0, 0, 100)) == []


async def test_heads_are_the_first_of_as_many_as_are_asked_for(bus):
    await fill(bus, 300)
    await bus.purge(LOGS, 0, below=50)

    heads = await bus.heads(LOGS, 0, 10, 200)

    assert [one.sequence for one in heads] == list(range(50, 250))
    assert len(await bus.heads(LOGS, 0, 0, 251)) == 251


async def test_take_returns_an_empty_list_when_nothing_came(bus):
    async with bus.read(LOGS, 0, after=0) as reader:
        assert list(await reader.take(1000, 0.05)) == []
        assert list(await reader.take(1000, 0)) == []


async def test_take_waits_for_a_message_and_no_longer(bus):
    async with bus.read(LOGS, 0, after=0) as reader, asyncio.timeout(10):
        taking = asyncio.create_task(reader.take(1000, 60))
        await asyncio.sleep(0)
        await bus.publish(LOGS, message(b"late"))
        (delivery,) = await taking

    assert delivery.message.payload == b"late"


async def test_take_stops_at_the_bytes_asked_for_but_brings_at_least_one(bus):
    await fill(bus, 10, size=100)

    async with bus.read(LOGS, 0, after=0) as reader:
        await take_all(reader, 1, bytes_max=1)
        sizes: list[int] = []
        while sum(sizes) < 9:
            sizes.append(len(await reader.take(250, 5)))

    assert max(sizes) <= 3


async def test_publishes_under_way_at_once_are_each_there_once(bus):
    await asyncio.gather(*(bus.publish(LOGS, message(b"%d" % index)) for index in range(2000)))

    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, 2000)

    assert [delivery.sequence for delivery in taken] == list(range(1, 2001))
    assert sorted(int(delivery.message.payload) for delivery in taken) == list(range(2000))


async def test_signals_and_partitions_are_logs_of_their_own(rig):
    async with rig.open(partitions=3) as bus:
        assert bus.partitions == 3
        await fill(bus, 9, LOGS)
        await fill(bus, 3, TRACES)

        for partition in range(3):
            assert (await bus.state(LOGS, partition)).last == 3
            assert (await bus.state(TRACES, partition)).last == 1
            async with bus.read(LOGS, partition, after=0) as reader:
                taken = await take_all(reader, 3)
            assert len({int(delivery.message.payload) % 3 for delivery in taken}) == 1
        identities = {
            (await bus.state(signal, partition)).identity
            for signal in Signal
            for partition in range(3)
        }

    assert len(identities) == 9


async def test_a_full_log_refuses_what_is_new_and_has_room_again_after_a_purge(rig):
    async with rig.open(stream_bytes_max=100_000) as bus:
        stored = 0
        try:
            for _ in range(100):
                await bus.publish(LOGS, message(os.urandom(10_000)))
                stored += 1
        except Overloaded:
            pass
        assert 5 <= stored <= 10
        with pytest.raises(Overloaded):
            await bus.publish(LOGS, message(os.urandom(10_000)))
        await bus.publish(TRACES, message(os.urandom(10_000)))
        state = await bus.state(LOGS, 0)
        assert (state.first, state.last) == (1, stored)

        await bus.purge(LOGS, 0, below=3)
        await bus.publish(LOGS, message(b"room"))

        async with bus.read(LOGS, 0, after=stored) as reader:
            (delivery,) = await take_all(reader, 1)
    assert (delivery.sequence, delivery.message.payload) == (stored + 1, b"room")


async def test_the_largest_message_passes_and_a_larger_one_is_refused(bus):
    largest = os.urandom(8 * 2**20 - 64 * 2**10)
    await bus.publish(LOGS, message(largest))
    with pytest.raises(TooLarge):
        await bus.publish(LOGS, message(largest + b"x"))
    await bus.publish(LOGS, message(b"after"))

    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, 2)

    assert [delivery.message.payload for delivery in taken] == [largest, b"after"]


async def test_the_state_of_a_log_follows_publishes_and_purges(bus):
    async def bounds():
        state = await bus.state(LOGS, 0)
        return state.first, state.last

    identity = (await bus.state(LOGS, 0)).identity
    assert await bounds() == (1, 0)
    await fill(bus, 4)
    assert await bounds() == (1, 4)
    await bus.purge(LOGS, 0, below=0)
    await bus.purge(LOGS, 0, below=1)
    assert await bounds() == (1, 4)
    await bus.purge(LOGS, 0, below=3)
    await bus.purge(LOGS, 0, below=3)
    assert await bounds() == (3, 4)
    await bus.purge(LOGS, 0, below=5)
    assert await bounds() == (5, 4)
    await fill(bus, 1)
    assert await bounds() == (5, 5)
    assert (await bus.state(LOGS, 0)).identity == identity


async def test_a_log_made_anew_has_another_identity(rig):
    async with rig.open() as bus:
        await fill(bus, 2)
        before = await bus.state(LOGS, 0)
        async with rig.reopen_anew(bus) as other:
            after = await other.state(LOGS, 0)

    assert after.identity != before.identity
    assert (after.first, after.last) == (1, 0)


async def test_reading_leaves_out_what_was_purged_and_nothing_else(bus):
    await fill(bus, 10)
    await bus.purge(LOGS, 0, below=6)

    async with bus.read(LOGS, 0, after=2) as reader:
        taken = await take_all(reader, 5)

    assert [delivery.sequence for delivery in taken] == [6, 7, 8, 9, 10]


async def test_the_time_of_a_message_is_its_deliverys(bus):
    await fill(bus, 20)
    await bus.purge(LOGS, 0, below=3)

    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, 18)

    for delivery in taken:
        assert await bus.stored_ns(LOGS, 0, delivery.sequence) == delivery.stored_ns
    assert [delivery.stored_ns for delivery in taken] == sorted(
        delivery.stored_ns for delivery in taken
    )
    for absent in (2, 21, 10**6):
        assert await bus.stored_ns(LOGS, 0, absent) is None


async def test_cancelling_take_loses_nothing(bus):
    number = 300

    async def publish():
        for index in range(number):
            await bus.publish(LOGS, message(b"%d" % index))

    async with bus.read(LOGS, 0, after=0) as reader:
        publishing = asyncio.create_task(publish())
        taken: list[Delivery] = []
        turns = 0
        async with asyncio.timeout(30):
            while len(taken) < number:
                turns += 1
                taking = asyncio.create_task(reader.take(50, 5))
                for _ in range(turns % 7):
                    await asyncio.sleep(0)
                taking.cancel()
                try:
                    taken += await taking
                except asyncio.CancelledError:
                    if turns % 5 == 0:
                        taken += await reader.take(50, 0.01)
        await publishing

    assert [delivery.sequence for delivery in taken] == list(range(1, number + 1))


async def test_cancelled_publishes_are_there_once_or_not_at_all(bus):
    tasks = [asyncio.create_task(bus.publish(LOGS, message(b"%d" % n))) for n in range(200)]
    for index, task in enumerate(tasks):
        if index % 10 == 0:
            await asyncio.sleep(0)
        if index % 2:
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    answered = [n for n, result in enumerate(results) if result is None]
    await bus.publish(LOGS, message(b"end"))
    last = (await bus.state(LOGS, 0)).last

    async with bus.read(LOGS, 0, after=0) as reader:
        payloads = [delivery.message.payload for delivery in await take_all(reader, last)]

    assert len(set(payloads)) == len(payloads)
    assert {b"%d" % n for n in answered} <= set(payloads)
    assert payloads[-1] == b"end"
