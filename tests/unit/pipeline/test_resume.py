"""Where a worker goes on: the epoch rule."""

from collections.abc import Sequence

import pytest

from pipeline.ports import Commit, Delivery, LogState, Message, Recovery
from pipeline.resume import Resume, resume
from pipeline.signal import Signal


class Log:
    """A bus of one log, and a store of its commit records."""

    def __init__(self, identity: str, stored: dict[int, int], last: int | None = None) -> None:
        self.stored = stored
        self.last = max(stored, default=0) if last is None else last
        self.identity = identity
        self.commits: list[Commit] = []
        self.asked: list[tuple[int, int]] = []

    async def state(self, signal: Signal, partition: int) -> LogState:
        return LogState(self.identity, min(self.stored, default=self.last + 1), self.last)

    async def stored_ns(self, signal: Signal, partition: int, sequence: int) -> int | None:
        assert sequence > 0  # NATS has no message 0
        return self.stored.get(sequence)

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        self.asked.append((first, last))
        return [one for one in self.commits if one.last >= first and one.first <= last]

    async def resume(self, last: Commit | None) -> Resume:
        return await resume(self, self, Signal.LOGS, 0, Recovery(last))  # type: ignore[arg-type]


def commit(first: int, last: int, *, epoch: int = 1, log: str = "a", at: int = 0) -> Commit:
    """Return the record of messages that were stored at `at` + sequence."""
    return Commit(epoch, first, last, at + first, at + last, at + last, log)


def times(first: int, last: int, at: int = 0) -> dict[int, int]:
    return {sequence: at + sequence for sequence in range(first, last + 1)}


def delivery(sequence: int, stored_ns: int) -> Delivery:
    return Delivery(sequence, stored_ns, Message("default", b"", 0, 0, 0))


async def test_a_store_without_commits_begins_the_first_epoch_at_the_first_message():
    assert await Log("a", times(1, 5)).resume(None) == Resume(1, 0, "a", begins=True)


async def test_what_the_bus_forgot_before_the_first_commit_is_lost():
    assert await Log("a", times(4, 9)).resume(None) == Resume(1, 3, "a", begins=True, lost=3)


async def test_the_same_log_goes_on_after_the_committed_message():
    assert await Log("a", times(1, 9)).resume(commit(3, 5)) == Resume(1, 5, "a")


async def test_a_log_that_ends_with_the_committed_message_goes_on():
    assert await Log("a", times(1, 5)).resume(commit(1, 5)) == Resume(1, 5, "a")


async def test_a_log_that_is_empty_behind_the_committed_message_goes_on():
    assert await Log("a", {}, last=5).resume(commit(1, 5)) == Resume(1, 5, "a")


async def test_a_gap_behind_the_committed_message_is_lost_and_not_read():
    assert await Log("a", times(9, 12)).resume(commit(1, 5)) == Resume(1, 8, "a", lost=3)


async def test_a_committed_message_that_was_deleted_alone_says_nothing():
    log = Log("a", times(1, 4) | times(6, 9))

    assert await log.resume(commit(1, 5)) == Resume(1, 5, "a")


async def test_a_recreated_log_begins_an_epoch_at_its_first_message():
    log = Log("b", times(1, 9, at=100))
    log.commits = [commit(1, 5)]

    assert await log.resume(commit(1, 5)) == Resume(2, 0, "b", begins=True)


async def test_an_older_log_begins_an_epoch_and_leaves_out_what_is_committed():
    log = Log("a", times(1, 6))
    log.commits = [commit(1, 4), commit(5, 9)]

    place = await log.resume(commit(5, 9))

    assert (place.epoch, place.after, place.begins, place.lost) == (2, 0, True, 0)
    assert all(place.is_done(delivery(sequence, sequence)) for sequence in range(1, 7))
    assert not place.is_done(delivery(7, 100 + 7))


async def test_an_older_log_that_grew_beyond_the_position_is_known_by_the_time_of_its_message():
    log = Log("a", times(1, 6) | times(7, 12, at=100))
    log.commits = [commit(1, 9)]

    place = await log.resume(commit(1, 9))

    done = [one for one, at in log.stored.items() if place.is_done(delivery(one, at))]
    assert (place.epoch, place.after) == (2, 0)
    assert done == [1, 2, 3, 4, 5, 6]


async def test_what_was_committed_in_a_log_of_another_identity_is_not_done():
    log = Log("a", times(1, 6))
    log.commits = [commit(1, 6, log="other"), commit(1, 9, epoch=2)]

    place = await log.resume(commit(1, 9, epoch=2))

    assert list(place.done) == [2]


async def test_an_epoch_that_has_begun_still_leaves_out_what_earlier_ones_committed():
    """A worker that dies right after the record that begins the epoch must not store twice."""
    log = Log("a", times(1, 6))
    log.commits = [commit(1, 9), Commit(2, 1, 0, 0, 0, 0, "a")]

    place = await log.resume(log.commits[-1])

    assert (place.epoch, place.after, place.begins) == (2, 0, False)
    assert all(place.is_done(delivery(sequence, sequence)) for sequence in range(1, 7))


async def test_a_log_restored_twice_begins_a_third_epoch():
    log = Log("a", times(1, 6))
    log.commits = [commit(1, 9), commit(7, 8, epoch=2, at=100)]

    place = await log.resume(log.commits[-1])

    assert (place.epoch, place.after) == (3, 0)
    assert place.is_done(delivery(6, 6))
    assert not place.is_done(delivery(7, 200 + 7))


async def test_the_first_epoch_asks_for_no_history():
    log = Log("a", times(1, 9))
    await log.resume(commit(1, 5))

    assert log.asked == []


@pytest.mark.parametrize(
    ("sequence", "stored_ns", "done"),
    [(4, 4, False), (5, 5, True), (7, 7, True), (8, 8, False), (6, 4, False), (6, 8, False)],
)
def test_a_message_is_known_by_its_sequence_and_its_time(sequence, stored_ns, done):
    place = Resume(3, 0, "a", done={1: [commit(1, 3), commit(5, 7)], 2: []})

    assert place.is_done(delivery(sequence, stored_ns)) == done


def test_places_agree_when_epoch_sequence_and_log_do():
    place = Resume(2, 5, "a", lost=3, done={1: [commit(1, 3)]})

    assert place.agrees(Resume(2, 5, "a"))
    assert not place.agrees(Resume(3, 5, "a"))
    assert not place.agrees(Resume(2, 6, "a"))
    assert not place.agrees(Resume(2, 5, "b"))
