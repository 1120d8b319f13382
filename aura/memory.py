"""Where freed memory waits: in one heap for all threads, and not in one of each."""

import ctypes
import sys
from contextlib import suppress
from typing import Final

import pyarrow as pa

_ARENAS_MAX: Final = -8
"""glibc's M_ARENA_MAX."""


def share() -> None:
    """
    Have threads and Arrow share one heap; to be called before there are threads.

    By itself glibc gives each of some dozen threads a heap of its own, and Arrow has one besides:
    what a group leaves free in one is not there for the next group, whose thread is another. At
    saturation that is about 100 MiB. CPU: within noise.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such thing
            ctypes.CDLL(None).mallopt(_ARENAS_MAX, 1)
