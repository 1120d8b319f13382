"""Where to go on reading a log: the epoch rule."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pipeline.ports import Bus, Commit, Delivery, Recovery, Store
from pipeline.signal import Signal


@dataclass(frozen=True, slots=True)
class Resume:
    """
    How a worker starts: read what is above `after`, number it with `epoch`.

    `begins`: the epoch is new, and is to be committed before its first row. `lost` counts the
    sequences up to `after` that the bus forgot before they were committed. `done` are the commit
    records, by epoch and ascending, of messages that a restored log holds again.
    """

    epoch: int
    after: int
    log: str
    begins: bool = False
    lost: int = 0
    done: Mapping[int, Sequence[Commit]] = field(default_factory=dict)

    def is_done(self, delivery: Delivery) -> bool:
        """Tell whether the message was committed in an earlier epoch of the same log."""
        # Sequence and the bus's time together name a message: a restored log gives the old
        # sequences to new messages, but at a later time.
        for commits in self.done.values():
            at = bisect_left(commits, delivery.sequence, key=lambda commit: commit.last)
            if (
                at < len(commits)
                and commits[at].first <= delivery.sequence
                and commits[at].first_stored_ns <= delivery.stored_ns <= commits[at].last_stored_ns
            ):
                return True
        return False

    def agrees(self, other: "Resume") -> bool:
        """Tell whether both go on at the same place of the same log."""
        return (self.epoch, self.after, self.log) == (other.epoch, other.after, other.log)


async def resume(
    bus: Bus, store: Store, signal: Signal, partition: int, recovery: Recovery
) -> Resume:
    """
    Compare the log with the newest commit record and say where to go on; raises Unavailable.

    - The log goes on where it was left: same epoch, after the committed sequence.
    - It was made anew: next epoch, from its first message.
    - An older copy of it was restored (its last sequence is below the committed one, or another
      message stands there): next epoch, from its first message, leaving out what was committed.
    """
    state = await bus.state(signal, partition)
    last = recovery.last
    before = state.first - 1
    if last is None or state.identity != last.log:
        epoch = last.epoch + 1 if last else 1
        return Resume(epoch, before, state.identity, begins=True, lost=before)
    goes_on = state.last >= last.last
    if goes_on and last.last > before:
        stored_ns = await bus.stored_ns(signal, partition, last.last)
        goes_on = stored_ns in (None, last.committed_ns)
    epoch = last.epoch if goes_on else last.epoch + 1
    after = max(last.last, before) if goes_on else before
    done: dict[int, list[Commit]] = {}
    if epoch > 1 and after < state.last:
        found = await store.history(signal, partition, after + 1, state.last)
        earlier = [one for one in found if one.log == state.identity and one.epoch < epoch]
        earlier.sort(key=lambda one: (one.epoch, one.last))
        done = {number: list(of) for number, of in groupby(earlier, key=lambda one: one.epoch)}
    lost = after - last.last if goes_on else 0
    return Resume(epoch, after, state.identity, begins=not goes_on, lost=lost, done=done)
