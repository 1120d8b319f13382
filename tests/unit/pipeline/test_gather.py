"""Messages become groups: full, or waited for long enough. Time is the test's own."""

import pytest

from pipeline.config import RouterConfig
from pipeline.gather import TAKE_BYTES_MAX, Gatherer
from pipeline.ports import Delivery, Message
from pipeline.room import Room


class Script:
    """A reader and its clock: what comes when."""

    def __init__(self, *arrivals):
        self.now = 0.0
        self.asked = []
        self._arrivals = [
            (at, Delivery(number, 0, one)) for number, (at, one) in enumerate(arrivals, start=1)
        ]

    async def take(self, bytes_max, wait_s):
        assert bytes_max > 0
        assert wait_s > 0
        self.asked.append(bytes_max)
        until = self.now + wait_s
        if self._arrivals and self.now < self._arrivals[0][0]:
            self.now = min(until, self._arrivals[0][0])
        elif not self._arrivals:
            self.now = until
        taken, size = [], 0
        while self._arrivals and self._arrivals[0][0] <= self.now and size < bytes_max:
            taken.append(self._arrivals.pop(0)[1])
            size += len(taken[-1].message.payload)
        return taken


def of(records, size=0):
    return Message("default", bytes(size), records, 0, 0)


def gatherer(script, share=None, **settings):
    config = RouterConfig(group_records_max=100, group_bytes_max=1000).model_copy(update=settings)
    return Gatherer(script, config, share or Room(10**9, 1).share(), lambda: script.now)


async def groups(script, number, **settings):
    gathering = gatherer(script, **settings)
    return [[one.sequence for one in await gathering.group()] for _ in range(number)]


async def test_what_comes_alone_waits_for_the_idle_time_only():
    script = Script((5.0, of(1)))

    assert await groups(script, 1) == [[1]]
    assert script.now == pytest.approx(5.2)


async def test_what_comes_within_the_idle_time_joins_the_group():
    script = Script((0, of(1)), (0.1, of(1)), (0.19, of(1)), (0.3, of(1)))

    assert await groups(script, 2) == [[1, 2, 3], [4]]


async def test_under_load_a_group_gathers_longer():
    script = Script((0, of(5)), (0.5, of(5)), (0.9, of(5)), (1.1, of(5)))

    assert await groups(script, 1) == [[1, 2, 3]]
    assert script.now == pytest.approx(1.0)


async def test_load_is_seen_when_it_comes_after_the_first_look():
    script = Script((0, of(1)), (0.1, of(9)), (0.6, of(1)), (1.1, of(1)))

    assert await groups(script, 1) == [[1, 2, 3]]


async def test_many_bytes_of_few_records_are_load_as_well():
    script = Script((0, of(1, 50)), (0.9, of(1)))

    assert await groups(script, 1) == [[1, 2]]


@pytest.mark.parametrize("message", [of(25), of(1, 250)], ids=["records", "bytes"])
async def test_a_full_group_does_not_wait(message):
    script = Script(*[(0, message)] * 9)

    assert await groups(script, 2) == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert script.now == 0


async def test_a_look_that_brings_more_than_a_group_is_cut():
    script = Script(*[(0, of(40))] * 5)

    assert await groups(script, 3) == [[1, 2], [3, 4], [5]]


async def test_a_message_larger_than_a_group_is_a_group_of_its_own():
    script = Script((0, of(1)), (0, of(500)), (0, of(1)), (0, of(1, 5000)), (0, of(1)))

    assert await groups(script, 5) == [[1], [2], [3], [4], [5]]


async def test_empty_messages_count_as_well():
    script = Script(*[(0, of(0))] * 150, *[(0, of(-1))] * 70)

    assert [len(one) for one in await groups(script, 3)] == [100, 100, 20]


async def test_a_group_has_at_least_one_message_however_long_it_takes():
    script = Script((1000.0, of(1)))

    assert await groups(script, 1) == [[1]]


async def test_without_patience_a_group_is_what_one_look_brings():
    script = Script((3.0, of(1)), (3.0, of(1)), (3.1, of(1)))

    assert await groups(script, 2, idle_wait_s=0.0, group_wait_s=0.0) == [[1, 2], [3]]


async def test_one_look_asks_for_no_more_than_fits_and_than_the_event_loop_bears():
    script = Script((0, of(1, TAKE_BYTES_MAX)), (0, of(1, TAKE_BYTES_MAX)), (0, of(1)))
    limit = 2 * TAKE_BYTES_MAX + 10

    await groups(script, 1, group_bytes_max=limit)

    assert script.asked[:3] == [TAKE_BYTES_MAX, TAKE_BYTES_MAX, 10]


async def test_a_group_that_somebody_waits_to_see_gathers_for_half_a_second():
    script = Script(*((number / 10, of(60)) for number in range(30)))
    config = RouterConfig(group_records_max=1000)

    share = Room(10**9, 1).share()

    watched = Gatherer(script, config, share, lambda: script.now, lambda: script.now < 1.0)

    assert [len(await watched.group()) for _ in range(2)] == [6, 11]


async def test_a_group_ends_where_the_room_ends():
    script = Script(*[(0, of(1, 40))] * 6)
    room = Room(200, 1)
    share = room.share()

    gathering = gatherer(script, share)

    assert [one.sequence for one in await gathering.group()] == [1, 2, 3, 4, 5]
    assert (share.held, share.free()) == (200, 0)
    share.give(200)
    assert [one.sequence for one in await gathering.group()] == [6]


async def test_a_message_larger_than_all_room_is_a_group_of_its_own():
    script = Script((0, of(1, 900)), (0, of(1)))
    share = Room(100, 1).share()

    assert [one.sequence for one in await gatherer(script, share).group()] == [1]
    assert share.held == 900
