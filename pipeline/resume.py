"""Where to go on reading a log: the epoch rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.ports import Bus, Commit, Delivery, Recovery, Store
from pipeline.signal import Signal


@dataclass(frozen=True, slots=True)
class Resume:
    """
    How a worker starts: read what is above `after`, number it with `epoch`.

    `lost` counts sequences that the bus forgot before they were committed. `done` are the commit
    records of messages that a restored log holds again.
    """

    epoch: int
    after: int
    log: str
    lost: int = 0
    done: Sequence[Commit] = ()

    def is_done(self, delivery: Delivery) -> bool:
        """Tell whether the message was committed in an earlier epoch of the same log."""
        # Sequence and the bus's time together name a message: a restored log gives the old
        # sequences to new messages, but at a later time.
        return any(
            commit.first <= delivery.sequence <= commit.last
            and commit.first_stored_ns <= delivery.stored_ns <= commit.last_stored_ns
            for commit in self.done
        )


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
    if last is None:
        return Resume(1, state.first - 1, state.identity, lost=state.first - 1)
    if state.identity != last.log:
        return Resume(last.epoch + 1, state.first - 1, state.identity, lost=state.first - 1)
    stored_ns = await bus.stored_ns(signal, partition, last.last)
    if state.last < last.last or stored_ns not in (None, last.committed_ns):
        done = await store.history(signal, partition, state.first, state.last)
        return Resume(last.epoch + 1, state.first - 1, state.identity, done=done)
    return Resume(last.epoch, last.last, state.identity, lost=max(0, state.first - last.last - 1))
