"""The NATS bus through deaths of its server, strangers' messages and wrong servers."""

import asyncio
import os
import signal as signals
from contextlib import asynccontextmanager
from functools import partial

import pytest

from pipeline.bus import open_bus, streams
from pipeline.bus.config import BusConfig
from pipeline.bus.connection import Connection
from pipeline.bus.reader import NatsReader
from pipeline.bus.wire import FOREIGN, Codec
from pipeline.errors import Overloaded, Setup, Unavailable
from pipeline.ports import Delivery
from pipeline.position import Position
from pipeline.signal import Signal
from tests.support.buses import NatsRig, all_letters, answered, message, nats_rig, take_all, until
from tests.support.processes import stopped

LOGS = Signal.LOGS


@pytest.fixture
async def rig(tmp_path):
    async with nats_rig(tmp_path) as real:
        yield real


@pytest.fixture
async def bus(rig):
    async with rig.open() as opened:
        yield opened


@asynccontextmanager
async def paused(rig: NatsRig):
    """A server that takes no notice, which is not the same as one that is gone."""
    pid = rig.pid()
    os.kill(pid, signals.SIGSTOP)
    try:
        await until(lambda: stopped(pid))  # on a busy machine it goes on for a moment
        yield
    finally:
        os.kill(pid, signals.SIGCONT)


@pytest.mark.slow
async def test_killing_the_server_in_mid_publish_loses_nothing_that_was_answered(rig, bus):
    """Publishers keep 50 under way and never repeat; the server is killed thrice under them."""
    successes: set[int] = set()
    unknown: set[int] = set()
    numbers = iter(range(10**9))
    stop = False

    async def publisher():
        while not stop:
            number = next(numbers)
            try:
                await bus.publish(LOGS, message(b"%d" % number))
                successes.add(number)
            except Unavailable:
                unknown.add(number)
                await asyncio.sleep(0.01)

    def reached(goal):
        return len(successes) >= goal

    publishers = [asyncio.create_task(publisher()) for _ in range(50)]
    for _ in range(3):
        goal = len(successes) + 1000
        await until(partial(reached, goal))
        await rig.killed()
    await until(partial(reached, len(successes) + 1000))
    stop = True
    await asyncio.gather(*publishers)
    last = (await answered(lambda: bus.state(LOGS, 0))).last

    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, last)

    assert [delivery.sequence for delivery in taken] == list(range(1, last + 1))
    there = [int(delivery.message.payload) for delivery in taken]
    assert len(set(there)) == len(there)
    assert successes <= set(there)
    assert set(there) - successes <= unknown


@pytest.mark.slow
async def test_killing_the_server_in_mid_read_neither_loses_nor_doubles(rig, bus):
    number = 6000
    await asyncio.gather(
        *(bus.publish(LOGS, message(b"%d" % n + bytes(200))) for n in range(number))
    )
    taken: list[Delivery] = []

    async with bus.read(LOGS, 0, after=0) as reader:
        for goal in (1000, 2500, 4000, number):
            while len(taken) < goal:
                taken += await answered(lambda: reader.take(20_000, 1))
            await rig.killed()

    assert [delivery.sequence for delivery in taken] == list(range(1, number + 1))


@pytest.mark.slow
async def test_a_reader_that_waits_gets_what_comes_after_the_server_was_killed(rig, bus):
    async with bus.read(LOGS, 0, after=0) as reader:
        taken: list[Delivery] = []
        for n in range(3):
            await answered(partial(bus.publish, LOGS, message(b"%d" % n)))
            while len(taken) == n:
                taken += await answered(lambda: reader.take(1000, 5))
            await rig.killed()

    assert [delivery.sequence for delivery in taken] == [1, 2, 3]


async def test_a_small_pull_is_followed_by_others_until_all_is_read(rig, bus):
    """Pulls of 2,000 bytes, one message that is larger than a pull, and holes in the log."""
    for n in range(60):
        await bus.publish(LOGS, message(os.urandom(9000 if n == 30 else 300)))
    async with rig.client() as client:
        for sequence in (5, 6, 40):
            await client.jsm().delete_msg("AURA_LOGS_0", sequence)
        await client.flush()
    connection = Connection([rig.server.url], "test", 5)
    async with connection:
        await connection.open(10)
        reader = NatsReader(connection, Codec(), "AURA_LOGS_0", 0, "test", pull_bytes=2000)
        taken = await take_all(reader, 57, bytes_max=500)
        await reader.close()

    expected = [n for n in range(1, 61) if n not in {5, 6, 40}]
    assert [delivery.sequence for delivery in taken] == expected


async def test_a_reader_whose_consumer_vanished_goes_on(rig, bus):
    await bus.publish(LOGS, message(b"1"))
    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, 1)
        async with rig.client() as client:
            manager = client.jsm()
            (consumer,) = await manager.consumers_info("AURA_LOGS_0")
            await manager.delete_consumer("AURA_LOGS_0", consumer.name)
        await bus.publish(LOGS, message(b"2"))
        taken += await take_all(reader, 1)

    assert [delivery.sequence for delivery in taken] == [1, 2]


async def test_a_closed_reader_leaves_no_consumer_behind(rig, bus):
    async with bus.read(LOGS, 0, after=0) as reader:
        await reader.take(1000, 0)
    async with rig.client() as client:
        assert await client.jsm().consumers_info("AURA_LOGS_0") == []


@pytest.mark.slow
async def test_everything_is_unavailable_at_once_while_the_server_is_away(rig, bus):
    await bus.publish(LOGS, message())
    os.kill(rig.pid(), signals.SIGSTOP)  # it cannot come back before it was looked at
    async with bus.read(LOGS, 0, after=1) as reader:
        rig.kill()
        await until(lambda: not bus._writing._client.is_connected)
        await until(lambda: not bus._reading._client.is_connected)
        async with asyncio.timeout(1):
            for call in (
                lambda: bus.publish(LOGS, message()),
                lambda: bus.state(LOGS, 0),
                lambda: bus.stored_ns(LOGS, 0, 1),
                lambda: bus.purge(LOGS, 0, 2),
                lambda: bus.bury(LOGS, 0, Position(1, 1), message(), "reason"),
                lambda: reader.take(1000, 60),
            ):
                with pytest.raises(Unavailable):
                    await call()
        await answered(lambda: bus.publish(LOGS, message(b"back")))
        taken = await answered(lambda: reader.take(1000, 30))

    assert [delivery.message.payload for delivery in taken] == [b"back"]


@pytest.mark.slow
async def test_a_server_that_does_not_answer_makes_the_outcome_unknown(rig):
    async with rig.open(publish_timeout_s=0.2, publishes_max=1) as bus:
        async with paused(rig):
            results = await asyncio.gather(
                *(bus.publish(LOGS, message(b"%d" % n)) for n in range(2)), return_exceptions=True
            )
            with pytest.raises(Unavailable):
                await bus.state(LOGS, 0)
        assert isinstance(results[0], Unavailable)
        assert isinstance(results[1], Overloaded | Unavailable)
        await answered(lambda: bus.publish(LOGS, message(b"3")))


@pytest.mark.slow
async def test_more_publishes_than_allowed_wait_and_then_are_overloaded(rig):
    async with rig.open(publish_timeout_s=0.5, publishes_max=2) as bus:
        async with paused(rig):
            results = await asyncio.gather(
                *(bus.publish(LOGS, message(b"%d" % n)) for n in range(4)), return_exceptions=True
            )
        verdicts = sorted(type(result).__name__ for result in results)
        assert verdicts[-1] == "Unavailable"
        assert "Overloaded" in verdicts


@pytest.mark.slow
async def test_a_publish_that_waits_for_a_full_socket_can_be_cancelled(rig):
    """The client swallows cancellations while it flushes; publish must not."""
    async with rig.open(publish_timeout_s=2) as bus, paused(rig):
        tasks = [
            asyncio.create_task(bus.publish(LOGS, message(os.urandom(4 << 20)))) for _ in range(8)
        ]
        await until(lambda: bus._writing._client._flush_queue.qsize() > 2)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {asyncio.CancelledError, Unavailable}
    assert asyncio.CancelledError in {type(result) for result in results}


@pytest.mark.slow
async def test_state_and_times_survive_the_death_of_the_server(rig, bus):
    for n in range(5):
        await bus.publish(LOGS, message(b"%d" % n))
    await bus.purge(LOGS, 0, 3)
    await bus.publish(Signal.TRACES, message())
    await bus.purge(Signal.TRACES, 0, 2)
    states = [await bus.state(signal, 0) for signal in Signal]
    times = [await bus.stored_ns(LOGS, 0, sequence) for sequence in range(1, 7)]

    await rig.killed()

    assert [await answered(partial(bus.state, s, 0)) for s in Signal] == states
    assert [await bus.stored_ns(LOGS, 0, sequence) for sequence in range(1, 7)] == times
    assert times[0] is None
    assert times[3] is not None


async def test_streams_that_vanish_are_made_anew_and_their_readers_say_so(rig, bus):
    await bus.publish(LOGS, message(b"old"))
    async with bus.read(LOGS, 0, after=0) as reader:
        await take_all(reader, 1)
        await rig.remove_streams()
        await answered(lambda: bus.publish(LOGS, message(b"new")))
        with pytest.raises(Unavailable):
            await until_raised(reader)
        with pytest.raises(Unavailable, match="read it anew"):
            await reader.take(1000, 0)
    async with bus.read(LOGS, 0, after=0) as reader:
        (delivery,) = await take_all(reader, 1)
    assert (delivery.sequence, delivery.message.payload) == (1, b"new")


async def until_raised(reader):
    async with asyncio.timeout(30):
        while True:
            assert list(await reader.take(1000, 1)) == []


async def test_what_strangers_publish_is_delivered_as_it_is(bus, rig):
    headers, data = Codec().pack(message(b"payload" * 100))
    strange = [
        (None, b"no headers"),
        ({"Content-Type": "text/plain"}, b"other headers"),
        ({**headers, "Aura-Content": "2"}, data),
        ({**headers, "Aura-Accepted": "-1"}, data),
        ({**headers, "Aura-Accepted": "1_000"}, data),
        ({**headers, "Aura-Refused": "9" * 40}, data),
        ({**headers, "Aura-Arrived": ""}, data),
        ({**headers, "Aura-Raw-Bytes": "699"}, data),
        ({**headers, "Aura-Raw-Bytes": str(2**40)}, data),
        ({**headers, "Aura-Tenant": ""}, data),
        ({**headers, "Aura-Tenant": "%ff"}, data),
        (headers, data[:-1]),
        (headers, data + b"more"),
        (headers, b"not zstd"),
        (headers, b""),
    ]
    async with rig.client() as client:
        stream = client.jetstream()
        for strange_headers, payload in strange:
            await stream.publish("otlp.logs.0", payload, headers=strange_headers)
        await client.request("otlp.logs.0", b"with a reply")
    await bus.publish(LOGS, message(b"ours"))

    async with bus.read(LOGS, 0, after=0) as reader:
        taken = await take_all(reader, len(strange) + 2)

    assert [delivery.sequence for delivery in taken] == list(range(1, len(strange) + 3))
    foreign = [delivery.message for delivery in taken[:-1]]
    assert {(found.tenant, found.accepted) for found in foreign} == {("default", FOREIGN)}
    assert [found.payload for found in foreign] == [p for _, p in strange] + [b"with a reply"]
    assert taken[-1].message == message(b"ours")


async def test_a_strangers_message_larger_than_ours_can_be_buried(bus, rig):
    async with rig.client() as client:
        await client.jetstream().publish("otlp.logs.0", os.urandom(8 * 2**20), timeout=10)
    async with bus.read(LOGS, 0, after=0) as reader:
        (delivery,) = await take_all(reader, 1)

    reason = "bad\r\nX-Evil: 1\x00ü\ud800" + "long " * 1000
    await bus.bury(LOGS, 0, Position(1, 1), delivery.message, reason)

    (letter,) = await all_letters(bus)
    content = letter.content
    assert delivery.message.payload.startswith(content.payload)
    assert len(content.payload) == 8 * 2**20 - 64 * 2**10
    assert (content.size, content.records, content.is_whole) == (8 * 2**20, None, False)
    assert content.reason.startswith("bad X-Evil: 1 ü long")
    assert len(content.reason) <= 1000


async def test_changed_sizes_are_taken_over_and_cost_no_message(rig):
    async with rig.open(stream_bytes_max="1MB") as bus:
        for _ in range(20):
            await bus.publish(LOGS, message(os.urandom(20_000)))
        before = await bus.state(LOGS, 0)
    async with rig.open(stream_bytes_max="100kB") as bus:
        after = await bus.state(LOGS, 0)
        assert (after.identity, after.first, after.last) == (before.identity, 1, 20)
        assert after.used > 1 > before.used
        with pytest.raises(Overloaded):
            await bus.publish(LOGS, message())
    async with rig.open(stream_bytes_max="2MB") as bus:
        await bus.publish(LOGS, message())
        after = await bus.state(LOGS, 0)
        assert (after.identity, after.first, after.last) == (before.identity, 1, 21)


async def test_a_stream_that_would_lose_messages_is_refused(rig):
    async with rig.client() as client:
        await client.jsm().add_stream(name="AURA_LOGS_0", subjects=["otlp.logs.0"], max_age=3600)
    with pytest.raises(Setup, match=r"bus\.url: the stream AURA_LOGS_0 has"):
        async with rig.open():
            pass


async def test_a_server_that_takes_only_small_messages_is_refused(rig):
    with pytest.raises(Setup, match=r"bus\.message_bytes_max: 9000000 needs .* max_payload"):
        async with rig.open(message_bytes_max=9_000_000):
            pass


async def test_a_bus_may_be_named_by_url(rig, tmp_path):
    async with open_bus(BusConfig(url=f"{rig.server.url}, {rig.server.url}"), rig.folder) as bus:
        await bus.publish(LOGS, message(b"by url"))
        assert (await bus.state(LOGS, 0)).last == 1
    async with open_bus(BusConfig(url="memory://"), rig.folder) as bus:
        await bus.publish(LOGS, message())
        assert (await bus.state(LOGS, 0)).last == 1


async def test_a_server_that_is_not_there_is_a_matter_of_setup(unused_port):
    connection = Connection([f"nats://user:secret@127.0.0.1:{unused_port}"], "test", 5)
    async with connection:
        with pytest.raises(Setup, match=r"bus\.url: no NATS") as caught:
            await connection.open(0.3)
    assert "secret" not in str(caught.value)


@pytest.mark.slow
async def test_a_wrong_password_is_a_matter_of_setup(rig):
    url = rig.server.url
    connection = Connection([url.replace("nats://aura:", "nats://aura:wrong")], "test", 5)
    async with connection:
        with pytest.raises(Setup, match="Authorization Violation"):
            await connection.open(1)


async def test_a_request_cancelled_as_its_answer_comes_is_cancelled(rig, bus):
    """`asyncio.wait_for` of Python 3.11 swallows it; a worker that is closed then never ends."""
    connection = bus._reading
    asking = asyncio.create_task(connection.request("INFO", {}))
    await asyncio.sleep(0)  # it asks; the answer is fast
    (answer,) = connection.live()._resp_map.values()
    answer.add_done_callback(lambda _: asking.cancel())
    await asyncio.wait({asking}, timeout=10)

    assert asking.cancelled()


async def test_a_tls_url_never_sends_its_password_in_the_clear(rig):
    heard = []

    async def plain(reader, writer):
        writer.write(b'INFO {"server_id":"x","version":"2.12.0","max_payload":1000}\r\n')
        heard.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection([f"tls://user:secret@127.0.0.1:{port}"], "test", 5)
        async with connection:
            with pytest.raises(Setup):
                await connection.open(0.5)
    assert b"".join(heard) == b""


async def test_an_error_that_ends_the_client_for_good_is_recovered_from(rig, bus):
    """A payload above the server's limit makes it close the connection with -ERR."""
    client = bus._writing._client
    client._max_payload = 1 << 30
    await client.publish("otlp.logs.0", bytes(9 << 20))
    await until(lambda: bus._writing._client is not client)

    await answered(lambda: bus.publish(LOGS, message(b"after")))


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-01-02T03:04:05.123456789Z", 1735787045123456789),
        ("2025-01-02T03:04:05.1Z", 1735787045100000000),
        ("2025-01-02T05:04:05.000000001+02:00", 1735787045000000001),
    ],
)
def test_times_keep_their_nanoseconds(text, nanoseconds):
    assert streams.time_ns(text) == nanoseconds


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError, match="not a time"):
        streams.time_ns("yesterday")
