"""What is worth remembering of texts, within bounds: how long a text is, its sender decides."""

from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from typing import Any, Final, Generic, ParamSpec, TypeVar

LENGTH_MAX: Final = 4096
"""Characters of the longest that is remembered; what is longer is rare, and worked out again."""

_ENTRY_BYTES: Final = 200
"""Of an entry beside its texts: its objects, and its place in a table."""

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """What is known by texts, of about `bytes_max` at most; when there is more it begins anew."""

    def __init__(self, bytes_max: int) -> None:
        self._held: dict[K, V] = {}
        self._bytes_max = bytes_max
        self._bytes = 0
        self.get = self._held.get

    def keep(self, key: K, value: V) -> None:
        """Remember one that was not known."""
        entry = size((key, value))
        if self._bytes + entry > self._bytes_max:
            self._held.clear()
            self._bytes = 0
        self._bytes += entry
        self._held[key] = value


def remembered(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Remember the newest `most` results of a function of texts; those of long texts never."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept = lru_cache(most)(function)

        @wraps(function)
        def call(*texts: P.args, **named: P.kwargs) -> T:
            if length(texts) > LENGTH_MAX:
                return function(*texts, **named)
            return kept(*texts, **named)  # type: ignore[arg-type]  # texts and tuples of them hash

        return call

    return decorate


def length(texts: Iterable[object]) -> int:
    """Return how long texts are together, in characters or bytes; those in tuples as well."""
    found = 0
    for one in texts:
        if isinstance(one, str | bytes):
            found += len(one)
        elif isinstance(one, tuple):
            found += length(one)
    return found


def size(entry: Iterable[Any]) -> int:
    """Return about how many bytes an entry of texts and numbers takes."""
    return _ENTRY_BYTES + length(entry)
