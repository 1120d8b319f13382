"""Every bus keeps the promises of `letter.DeadLetters`, and buries as `ports.Bus` says."""

import asyncio
import os

import pytest

from pipeline.letter import Choice, Form
from pipeline.position import Position
from pipeline.signal import Signal
from tests.support.buses import MemoryRig, all_letters, message, nats_rig, refused

LOGS, TRACES = Signal.LOGS, Signal.TRACES
ROOMY = 1 << 30


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


async def test_burying_again_at_the_same_place_changes_nothing(rig):
    async with rig.open(partitions=2) as bus:
        for reason in ("not OTLP", "not OTLP", "another reason"):
            await bus.bury(LOGS, 0, Position(1, 5), message(b"bad"), reason)
        for signal, partition, position in [
            (TRACES, 0, Position(1, 5)),
            (LOGS, 1, Position(1, 5)),
            (LOGS, 0, Position(2, 5)),
            (LOGS, 0, Position(1, 6)),
        ]:
            await bus.bury(signal, partition, position, message(b"bad"), "not OTLP")
        letters = await all_letters(bus)

    assert [(one.signal, one.partition, one.position) for one in letters] == [
        (LOGS, 0, Position(1, 5)),
        (TRACES, 0, Position(1, 5)),
        (LOGS, 1, Position(1, 5)),
        (LOGS, 0, Position(2, 5)),
        (LOGS, 0, Position(1, 6)),
    ]
    assert {(one.content.payload, one.content.reason) for one in letters} == {(b"bad", "not OTLP")}


async def test_a_buried_message_tells_what_it_was(bus):
    sent = message(b"\x00\xff", tenant="ténant", accepted=7, arrived_ns=2**62)
    await bus.bury(LOGS, 0, Position(3, 4), sent, "the store never takes it")

    (letter,) = await all_letters(bus)

    assert (letter.origin, letter.content) == (
        "committer",
        refused(
            b"\x00\xff",
            tenant="ténant",
            reason="the store never takes it",
            records=7,
            arrived_ns=2**62,
        ),
    )


@pytest.mark.parametrize(
    "sent",
    [
        refused(b"", records=0),
        refused(b"\x00\xff", tenant=" ténant\r\n:%", reason="é", field="a[0].ß", records=2**40),
        refused(b'{"resourceSpans":[', form=Form.JSON, records=None, arrived_ns=2**62),
        refused(b"x", form=Form.PLAIN, size=2**31, records=None),
    ],
    ids=["empty", "odd", "unreadable", "cut"],
)
async def test_what_a_door_refused_comes_back_as_it_went_in(bus, sent):
    await bus.refuse(TRACES, sent)

    (letter,) = await all_letters(bus)

    assert letter.content == sent
    assert (letter.signal, letter.origin, letter.position) == (TRACES, "door", None)
    assert await bus.letter(letter.id) == letter


async def test_the_oldest_dead_letters_go_when_they_are_too_many(rig):
    async with rig.open(dead_letters_bytes_max=50_000) as bus:
        for sequence in range(1, 21):
            await bus.bury(LOGS, 0, Position(1, sequence), message(os.urandom(4000)), "not OTLP")
            await bus.refuse(LOGS, refused(os.urandom(1000)))
        letters = await all_letters(bus)

    assert 10 <= len(letters) <= 20
    assert [one.id for one in letters] == list(range(41 - len(letters), 41))


async def test_beyond_their_number_the_oldest_go(rig):
    async with rig.open(dead_letters_max=3) as bus:
        for _ in range(5):
            await bus.refuse(LOGS, refused())
        assert [one.id for one in await all_letters(bus)] == [3, 4, 5]


async def test_a_letter_goes_when_it_is_too_old(rig):
    async with rig.open(dead_letters_age="1s") as bus:
        await bus.refuse(LOGS, refused())
        assert await bus.letter(1)
        async with asyncio.timeout(20):
            while True:
                if not await bus.letter(1):
                    break
                await asyncio.sleep(0.02)
        assert await all_letters(bus) == []
        await bus.refuse(LOGS, refused())
        assert [one.id for one in await all_letters(bus)] == [2]


async def test_new_bounds_hold_for_the_letters_that_are_there(tmp_path):
    async with nats_rig(tmp_path) as rig:
        async with rig.open() as bus:
            for _ in range(5):
                await bus.refuse(LOGS, refused())
        async with rig.open(dead_letters_max=2, dead_letters_age="1m") as bus:
            assert [one.id for one in await all_letters(bus)] == [4, 5]


async def test_pages_go_through_all_letters_once_and_in_order(bus):
    for number in range(10):
        await bus.refuse(TRACES if number % 2 else LOGS, refused(b"%d" % number * 10))
    found, after = [], 0
    while after is not None:
        page = await bus.letters(Choice(after), 3, ROOMY)
        assert len(page.letters) <= 3
        found += page.letters
        after = page.next
    assert [one.content.payload[:1] for one in found] == [b"%d" % n for n in range(10)]


async def test_a_page_stops_at_its_bytes_but_brings_at_least_one(bus):
    for _ in range(5):
        await bus.refuse(LOGS, refused(bytes(100)))

    assert len((await bus.letters(Choice(), 10, 250)).letters) == 2
    page = await bus.letters(Choice(), 10, 1)
    assert len(page.letters) == 1
    assert len((await bus.letters(Choice(page.next), 10, 400)).letters) == 4


async def test_letters_are_chosen_by_signal_and_tenant(bus):
    for signal in (LOGS, TRACES):
        for tenant in ("a", "b"):
            await bus.refuse(signal, refused(tenant=tenant))
    await bus.bury(TRACES, 0, Position(1, 1), message(tenant="a"), "x")

    async def numbers(**choice):
        return [letter.id for letter in await all_letters(bus, **choice)]

    assert await numbers() == [1, 2, 3, 4, 5]
    assert await numbers(signal=TRACES) == [3, 4, 5]
    assert await numbers(tenant="a") == [1, 3, 5]
    assert await numbers(signal=TRACES, tenant="a", after=3) == [5]
    assert await numbers(signal=Signal.METRICS) == []


async def test_a_letter_is_removed_once(bus):
    for _ in range(3):
        await bus.refuse(LOGS, refused())
    removed = await asyncio.gather(*(bus.remove_letter(2) for _ in range(5)))

    assert sorted(removed) == [False] * 4 + [True]
    assert await bus.letter(2) is None
    assert [letter.id for letter in await all_letters(bus)] == [1, 3]
    assert not await bus.remove_letter(99)
    assert await bus.letter(99) is None
    await bus.remove_letter(3)
    await bus.refuse(LOGS, refused())
    assert [letter.id for letter in await all_letters(bus)] == [1, 4]
