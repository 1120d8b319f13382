"""Where freed memory waits: in one heap for all threads, and not in one of each."""

import ctypes
import sys
from contextlib import suppress
from typing import Final

import pyarrow as pa

_ARENAS_MAX: Final = -8
"""glibc's M_ARENA_MAX."""

_MMAP_THRESHOLD: Final = -3
"""glibc's M_MMAP_THRESHOLD."""

_OWN_BYTES_MIN: Final = 2**20
"""From this size on a block has pages of its own, which go back to the system with it."""


def share() -> None:
    """
    Have threads and Arrow share one heap; to be called before there are threads.

    By itself glibc gives each of some dozen threads a heap of its own, and Arrow has one besides:
    what a group leaves free in one is not there for the next group, whose thread is another. At
    saturation that is about 100 MiB. And it comes to keep in the heap, between what is small and
    stays, blocks of up to 32 MiB, as the columns of groups are: about 70 MiB. CPU: within noise.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such thing
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_ARENAS_MAX, 1)
            mallopt(_MMAP_THRESHOLD, _OWN_BYTES_MIN)
