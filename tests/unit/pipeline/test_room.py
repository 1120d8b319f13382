"""Logs share room: together they have no more of it than there is, and none waits for ever."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import RouterConfig
from pipeline.gather import Gatherer
from pipeline.ports import Delivery, Message
from pipeline.room import Room
from tests.support.virtual import run

MESSAGE_BYTES_MAX = 40
PAUSES_S = (0.0, 0.0, 0.1, 3.0)


class Log:
    """Messages of some size, and a worker that gathers one group while it commits another."""

    def __init__(self, room, sizes, dice):
        self.share = room.share()
        self.seen = []
        self._dice = dice
        self._messages = [Message("default", bytes(size), 1, 0, 0) for size in sizes]
        self._waiting = [Delivery(at, 0, one) for at, one in enumerate(self._messages)]

    async def take(self, bytes_max, wait_s):
        assert bytes_max > 0
        await asyncio.sleep(self._dice.choice(PAUSES_S))
        number = self._dice.randrange(1, 4)
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        return taken

    async def work(self):
        loop = asyncio.get_running_loop()
        ready = asyncio.Queue(1)
        gatherer = Gatherer(self, RouterConfig(), self.share, loop.time)
        async with asyncio.TaskGroup() as tasks:
            committing = tasks.create_task(self._commit(ready))
            gathering = tasks.create_task(self._gather(gatherer, ready))
            await committing
            gathering.cancel()

    async def _gather(self, gatherer, ready):
        while True:
            await ready.put(await gatherer.group())
            await ready.join()

    async def _commit(self, ready):
        while len(self.seen) < len(self._messages):
            group = await ready.get()
            ready.task_done()
            await asyncio.sleep(self._dice.choice(PAUSES_S))
            self.seen += [one.sequence for one in group]
            self.share.give(sum(one.size for one in group))


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.integers(0, MESSAGE_BYTES_MAX), max_size=25), min_size=1, max_size=4),
    st.integers(1, 300),
    st.randoms(use_true_random=False),
)
def test_no_log_has_more_than_there_is_or_waits_for_ever(sizes, bytes_max, dice):
    room = Room(bytes_max, len(sizes))
    logs = [Log(room, one, random.Random(dice.random())) for one in sizes]

    async def watch():
        while True:
            held = sum(log.share.held for log in logs)
            assert held <= bytes_max + MESSAGE_BYTES_MAX * len(logs)
            await asyncio.sleep(0.05)

    async def all_of_them():
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch())
            await asyncio.gather(*(log.work() for log in logs))
            watching.cancel()

    run(all_of_them(), 10_000)

    assert [log.seen for log in logs] == [list(range(len(one))) for one in sizes]
    assert [log.share.held for log in logs] == [0] * len(logs)


def test_a_log_has_its_even_share_whatever_the_others_take():
    room = Room(120, 3)
    busy, other, idle = room.share(), room.share(), room.share()
    busy.take(20 + 60)

    assert (busy.free(), other.free()) == (0, 20)
    other.take(20)
    assert (busy.free(), other.free(), idle.free()) == (0, 0, 20)
    busy.give(50)
    assert (busy.free(), other.free(), idle.free()) == (50, 50, 70)
