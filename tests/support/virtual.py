"""An event loop whose time passes only when nothing else can happen: no test waits, none races.

What would run in a thread runs at once, so that a schedule depends on nothing but the test.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(Exception):
    """Everything waits for something that never comes."""


class _Instant(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout=None):
        found = super().select(0)
        if not found and timeout is None:
            raise StuckError
        if not found and timeout > 0:
            self.now += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)

    def time(self) -> float:
        return self._instant.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        answer = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            answer.set_exception(error)
        return answer


def run(work: Coroutine[Any, Any, T], deadline_s: float = 3600.0) -> T:
    """Run to the end on virtual time; fail after so much of it."""

    async def bounded() -> T:
        async with asyncio.timeout(deadline_s):
            return await work

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function that runs on virtual time."""

    @functools.wraps(test)
    def wrapper(*args: Any, **named: Any) -> None:
        run(test(*args, **named))

    return wrapper
