"""The door against the memory bus: what an answer rests on."""

import asyncio
from collections import Counter

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from otlp.codec import rules
from otlp.door import Door, Outcome, Sent
from otlp.receivers.budget import REQUEST_BYTES
from otlp.receivers.join import Broken
from pipeline.errors import Overloaded, Rejected, TooLarge, Unavailable
from pipeline.ports import Message
from pipeline.reason import Reason
from pipeline.signal import Signal
from tests.support.otlp_requests import (
    Gate,
    door,
    ingestor,
    logs,
    memory_bus,
    points,
    spans,
    stored,
    until,
)

TRACES = Signal.TRACES


async def nowhere(signal: Signal, message: Message) -> None:
    raise Unavailable("the bus does not answer", retry_s=7)


async def broken(signal: Signal, message: Message) -> None:
    raise ZeroDivisionError


async def admit(stands: Door, payload: bytes, tenant: str = "default") -> Outcome:
    return await stands.admit(TRACES, tenant, payload)


async def test_a_request_is_answered_after_its_message_and_not_before():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with door(gate, clock_ns=lambda: 77) as stands:
        answer = asyncio.create_task(admit(stands, spans(3)))
        await until(lambda: gate.messages)
        assert not answer.done()

        gate.opened.set()
        assert await answer == Outcome(3, 0, "")
    (message,) = await stored(bus, TRACES)
    assert (message.tenant, message.accepted, message.refused) == ("default", 3, 0)
    assert message.arrived_ns == 77


async def test_an_idle_door_publishes_at_once_what_came_in_unchanged():
    bus = memory_bus()
    payload = spans(2)
    async with door(bus.publish) as stands:
        await admit(stands, payload)
    (message,) = await stored(bus, TRACES)
    assert message.payload is payload


async def test_200_requests_on_a_slow_bus_share_few_messages():
    bus = memory_bus()
    gate = Gate(bus.publish)
    config = ingestor(publishes_max=2)
    async with door(gate, config) as stands:
        first = [asyncio.create_task(admit(stands, spans())) for _ in range(2)]
        await until(lambda: gate.messages)
        rest = [asyncio.create_task(admit(stands, spans(2))) for _ in range(200)]
        await until(lambda: stands.in_flight_bytes >= 200 * REQUEST_BYTES)
        gate.opened.set()
        outcomes = await asyncio.gather(*first, *rest)
    assert Counter(outcome.accepted for outcome in outcomes) == {1: 2, 2: 200}
    messages = await stored(bus, TRACES)
    assert len(messages) <= 3
    assert sum(message.accepted for message in messages) == 402


async def test_a_request_that_comes_as_the_last_publisher_leaves_is_published_too():
    bus = memory_bus()
    late: list[asyncio.Task[Outcome]] = []

    async def publish(signal: Signal, message: Message) -> None:
        await bus.publish(signal, message)
        if len(late) < 3:  # runs after this step of the publisher and before its callbacks
            late.append(asyncio.create_task(admit(stands, spans())))

    async with door(publish, ingestor(publishes_max=1)) as stands:
        await admit(stands, spans())
        await until(lambda: len(late) == 3)
        assert [(await task).accepted for task in late] == [1, 1, 1]
        await until(lambda: not stands._joiners)


async def test_a_joined_message_stays_below_its_bound():
    gate = Gate(memory_bus().publish)
    payload = spans(10)
    config = ingestor(publishes_max=1, join_bytes_max=3 * len(payload))
    async with door(gate, config) as stands:
        waiting = [asyncio.create_task(admit(stands, payload)) for _ in range(10)]
        await until(lambda: gate.messages)
        gate.opened.set()
        await asyncio.gather(*waiting)
    assert [message.accepted for message in gate.messages] == [30, 30, 30, 10]


async def test_tenants_and_signals_are_never_joined_and_are_forgotten_when_idle():
    gate = Gate(memory_bus().publish)
    async with door(gate) as stands:
        waiting = [asyncio.create_task(admit(stands, spans(), f"t{i}")) for i in range(20)]
        waiting.append(asyncio.create_task(stands.admit(Signal.LOGS, "t0", logs())))
        await until(lambda: len(gate.messages) == 21)
        assert len(stands._joiners) == 21
        gate.opened.set()
        await asyncio.gather(*waiting)
        await until(lambda: not stands._joiners)


async def test_a_large_request_is_split_and_every_part_must_be_acknowledged():
    bus = memory_bus()
    payload = spans(100)
    async with door(bus.publish, message_bytes_max=len(payload) // 4) as stands:
        assert (await admit(stands, payload)).accepted == 100
    messages = await stored(bus, TRACES)
    assert len(messages) >= 4
    assert sum(message.accepted for message in messages) == 100

    calls = iter(range(100))

    async def third_fails(signal: Signal, message: Message) -> None:
        if next(calls) == 2:
            raise Overloaded("full", retry_s=3)

    async with door(third_fails, message_bytes_max=len(payload) // 4) as stands:
        with pytest.raises(Overloaded, match="full"):
            await admit(stands, payload)
        await until(lambda: not stands.in_flight_bytes)


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (spans(1, zero_ids=1, short_ids=1), (1, 2)),  # case 26
        (spans(0, zero_ids=3), (0, 3)),  # case 27
        (spans(0), (0, 0)),
        (b"", (0, 0)),
    ],
)
async def test_cases_26_27_refused_records_are_counted_in_the_message(
    payload: bytes, outcome: tuple[int, int]
):
    bus = memory_bus()
    async with door(bus.publish) as stands:
        answer = await admit(stands, payload)
    assert (answer.accepted, answer.refused) == outcome
    assert bool(answer.message) == bool(answer.refused)
    messages = await stored(bus, TRACES)
    assert [(message.accepted, message.refused) for message in messages] == (
        [outcome] if any(outcome) else []
    )
    assert all(bool(message.payload) == bool(message.accepted) for message in messages)


async def test_the_message_says_by_name_why_records_were_refused():
    gate = Gate(memory_bus().publish)
    tiny = 100
    async with door(gate, ingestor(publishes_max=1), message_bytes_max=tiny) as stands:
        first = asyncio.create_task(admit(stands, spans(1)))
        await until(lambda: gate.messages)
        plain = Sent({rules.UNREADABLE: 5})
        rest = [
            asyncio.create_task(admit(stands, spans(0, zero_ids=2, short_ids=1))),
            asyncio.create_task(stands.admit(TRACES, "default", spans(0, zero_ids=1), None, plain)),
            asyncio.create_task(admit(stands, spans(2, name="x" * tiny))),
        ]
        await until(lambda: sum(not one.done() for one in rest) == 3)
        gate.opened.set()
        await asyncio.gather(first, *rest)
    reasons = sum((Counter(one.reasons) for one in gate.messages), Counter())
    assert reasons == {"trace_id": 3, "span_id": 1, "unreadable": 5, "size": 2}
    assert [sum(one.reasons.values()) for one in gate.messages] == [
        one.refused for one in gate.messages
    ]


def test_every_rule_has_a_name_of_its_own_in_the_ledger():
    counted = rules.reasons(dict.fromkeys(rules.RULES[1:], 1))
    assert Reason.OTHER not in counted
    assert counted.total() == len(rules.RULES) - 1
    assert rules.reasons({"a rule of tomorrow": 3}) == {Reason.OTHER: 3}


async def test_case_33_what_is_counted_are_points_not_metrics():
    async with door(memory_bus().publish) as stands:
        outcome = await stands.admit(Signal.METRICS, "default", points(1, timeless=3))
    assert (outcome.accepted, outcome.refused) == (1, 3)


async def test_the_verdict_of_the_bus_reaches_every_request_of_the_message():
    async with door(nowhere) as stands:
        answers = await asyncio.gather(
            *(admit(stands, spans()) for _ in range(5)), return_exceptions=True
        )
        assert [(type(answer), getattr(answer, "retry_s", 0)) for answer in answers] == [
            (Unavailable, 7)
        ] * 5
        assert len({id(answer) for answer in answers}) == 5
        assert not stands.in_flight_bytes


async def test_refusals_alone_are_answered_even_when_the_bus_is_down():
    async with door(nowhere) as stands:
        assert (await admit(stands, spans(0, zero_ids=2))).refused == 2
        with pytest.raises(Unavailable):
            await admit(stands, spans(1, zero_ids=2))


async def test_a_bug_below_fails_the_requests_of_the_message_and_is_logged_once():
    async with door(broken, ingestor(publishes_max=1)) as stands:
        with capture_logs() as lines:
            answers = await asyncio.gather(
                *(admit(stands, spans()) for _ in range(5)), return_exceptions=True
            )
        assert [type(answer) for answer in answers] == [Broken] * 5
        assert len(lines) == 1
        assert not stands.in_flight_bytes


async def test_bytes_that_are_no_request_leave_nothing_behind():
    bus = memory_bus()
    async with door(bus.publish) as stands:
        with pytest.raises(Rejected):
            await admit(stands, b"\xff" * 20)
        assert not stands.in_flight_bytes
    assert not await stored(bus, TRACES)


async def test_beyond_the_budget_nothing_is_queued():
    gate = Gate(memory_bus().publish)
    payload = spans(1000)
    config = ingestor(
        request_bytes_max=len(payload), in_flight_bytes_max=3 * (len(payload) + REQUEST_BYTES)
    )
    async with door(gate, config) as stands:
        waiting = [asyncio.create_task(admit(stands, payload)) for _ in range(3)]
        await until(lambda: gate.messages)
        held = stands.in_flight_bytes
        with pytest.raises(Overloaded, match="in_flight_bytes_max"):
            await admit(stands, payload)
        assert stands.in_flight_bytes == held == config.in_flight_bytes_max

        gate.opened.set()
        await asyncio.gather(*waiting)
        assert not stands.in_flight_bytes
        await admit(stands, payload)


async def test_a_client_that_goes_away_takes_nobody_with_it_and_leaks_nothing():
    bus = memory_bus()
    gate = Gate(bus.publish)
    async with door(gate, ingestor(publishes_max=1)) as stands:
        tasks = [asyncio.create_task(admit(stands, spans())) for _ in range(10)]
        await until(lambda: gate.messages)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.wait(tasks[::2])
        # What was handed over is held until the shared message is done.
        assert 0 < stands.in_flight_bytes < 6 * REQUEST_BYTES
        gate.opened.set()
        assert [(await task).accepted for task in tasks[1::2]] == [1] * 5
        await until(lambda: not stands.in_flight_bytes)
    assert sum(message.accepted for message in await stored(bus, TRACES)) == 10


async def test_when_all_clients_go_away_the_bytes_come_back_too():
    gate = Gate(nowhere)
    async with door(gate) as stands:
        tasks = [asyncio.create_task(admit(stands, spans())) for _ in range(10)]
        await until(lambda: gate.messages)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        gate.opened.set()
        await until(lambda: not stands.in_flight_bytes)


async def test_closing_finishes_what_is_under_way_and_admits_no_more():
    gate = Gate(memory_bus().publish)
    stands = door(gate)
    waiting = [asyncio.create_task(admit(stands, spans())) for _ in range(3)]
    await until(lambda: gate.messages)
    closing = asyncio.create_task(stands.close())
    await until(lambda: stands.closed)
    with pytest.raises(Unavailable, match="shutting down"):
        await admit(stands, spans())
    gate.opened.set()
    await closing
    assert [(await task).accepted for task in waiting] == [1, 1, 1]
    await stands.close()


async def test_closing_waits_only_so_long():
    gate = Gate(memory_bus().publish)
    stands = door(gate, ingestor(stop_timeout_s=0.01, publishes_max=1, join_bytes_max=0))
    waiting = [asyncio.create_task(admit(stands, spans())) for _ in range(3)]
    await until(lambda: gate.messages)
    await stands.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert not stands.in_flight_bytes
    assert not stands._joiners


async def test_a_message_that_the_bus_finds_too_large_is_the_clients_verdict():
    bus = memory_bus(message_bytes_max=10)
    async with door(bus.publish) as stands:
        with pytest.raises(TooLarge):
            await admit(stands, spans())


async def test_what_happened_is_counted():
    registry = CollectorRegistry()
    payload = spans(2, zero_ids=1)
    async with door(memory_bus().publish, registry=registry) as stands:
        await admit(stands, payload)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"aura_ingest_{name}", labels)

    assert value("bytes_total", signal="traces") == len(payload)
    assert value("accepted_records_total", signal="traces") == 2
    assert value("messages_total", signal="traces", outcome="acknowledged") == 1
    assert value("in_flight_bytes") == 0
    refused = [
        sample
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "aura_ingest_refused_records_total"
    ]
    assert [(sample.labels["signal"], sample.value) for sample in refused] == [("traces", 1)]
