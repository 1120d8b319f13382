"""Room for groups: the bytes that all logs of a process may have in memory, shared among them."""

import asyncio


class Room:
    """
    At most `bytes_max` in the groups of `logs` logs, and one message of each beyond it.

    One half is shared evenly, so that no log ever waits for another; of the other half each takes
    what it needs.
    """

    def __init__(self, bytes_max: int, logs: int) -> None:
        self.even = bytes_max // (2 * logs)
        """What each log may have in any case."""
        self._common = bytes_max - logs * self.even
        self._shares: list[Share] = []
        self.given = asyncio.Event()
        """Is set when there is more room than before."""

    def share(self) -> "Share":
        """Return what a log takes its room from."""
        self._shares.append(Share(self))
        return self._shares[-1]

    def common(self) -> int:
        """Return what is free of the common half."""
        return self._common - sum(max(0, one.held - self.even) for one in self._shares)


class Share:
    """What one log has in memory: its groups from the first message on until they are committed."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.held = 0

    def free(self) -> int:
        """Return how many bytes more it may take now."""
        return max(0, self._room.even - self.held) + max(0, self._room.common())

    async def wait(self) -> None:
        """Wait until a group is worth its while: at once for a log that has nothing."""
        # It cannot wait for ever: what any log has is committed, which takes no more room.
        while self.held and self.free() < max(1, self._room.even):
            self._room.given.clear()
            await self._room.given.wait()

    def take(self, size: int) -> None:
        """Have so many bytes more."""
        self.held += size

    def give(self, size: int) -> None:
        """Have so many bytes less."""
        self.held -= size
        self._room.given.set()
