"""Messages of a log become groups: full, or waited for long enough."""

from collections import deque
from collections.abc import Callable
from typing import Final

from pipeline.config import RouterConfig
from pipeline.ports import Delivery, Reader
from pipeline.room import Share

TAKE_BYTES_MAX: Final = 4 * 2**20
"""What one look at the bus may bring: each message is looked at on the event loop."""

_LOOK_S: Final = 1.0
_BUSY: Final = 20

WATCHED_WAIT_S: Final = 0.5
"""How long a group gathers at most while somebody watches: what comes first in it is to be seen
within a second, its commit included. Still fewer groups than when little comes."""


class Gatherer:
    """
    Cuts what a reader brings into groups within the limits; nothing is lost between two groups.

    A message counts as one record at least, so that a flood of empty ones is bounded as well. A
    message that is larger than a group is a group of its own. What is in a group has taken its
    room of `share`; whoever is done with the group gives it back.
    """

    def __init__(
        self,
        reader: Reader,
        config: RouterConfig,
        share: Share,
        clock: Callable[[], float],
        watched: Callable[[], bool] = lambda: False,
    ) -> None:
        self._watched = watched
        self._reader = reader
        self._config = config
        self._share = share
        self._clock = clock
        self._held: deque[Delivery] = deque()

    async def group(self) -> list[Delivery]:
        """Return the messages of the next group, at least one."""
        config = self._config
        taken: list[Delivery] = []
        records = size = 0
        started = 0.0
        await self._share.wait()
        while True:
            while self._held:
                more = self._held[0].size
                records += max(1, self._held[0].records)
                size += more
                over = records > config.group_records_max or size > config.group_bytes_max
                if taken and (over or more > self._share.free()):
                    return taken
                started = started if taken else self._clock()
                taken.append(self._held.popleft())
                self._share.take(more)
            wait_s = _LOOK_S
            if taken:
                # A twentieth of a group within the first moments is load: it pays to wait for more.
                full = max(records / config.group_records_max, size / config.group_bytes_max)
                patience_s = config.group_wait_s if full * _BUSY >= 1 else config.idle_wait_s
                if self._watched():
                    patience_s = min(patience_s, WATCHED_WAIT_S)
                wait_s = started + patience_s - self._clock()
                if full >= 1 or wait_s <= 0 or not self._share.free():
                    return taken
            room = min(config.group_bytes_max - size, max(1, self._share.free()))
            self._held.extend(await self._reader.take(min(TAKE_BYTES_MAX, room), wait_s))
