"""The seam: where answers are kept."""

from typing import Protocol


class Cache(Protocol):
    """
    Bytes by key, for a time at most; may forget anything at any moment, and never raises.

    What cannot be reached holds nothing, and everybody's claim is granted.
    """

    async def get(self, key: str) -> bytes | None:
        """Return what was put last under the key, or None."""
        ...

    async def put(self, key: str, value: bytes) -> bool:
        """Keep a value, in place of what was there; False: there is no room, or nobody there."""
        ...

    async def claim(self, key: str, for_s: float) -> bool:
        """
        Become the one, of all processes, that fills a key; False: another is at it.

        It ends after `for_s` of itself. One claim of a key in a process at any time.
        """
        ...

    async def release(self, key: str) -> None:
        """End the claim, if it is still ours."""
        ...
