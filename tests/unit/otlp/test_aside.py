"""Work on large bodies goes on beside the event loop."""

import asyncio
import threading

import pytest
from aiohttp import ClientSession

from otlp.aside import LARGE_BYTES, THREADS, Aside
from otlp.codec.validate import validate
from otlp.receivers.http import HttpReceiver
from otlp.receivers.intake import JSON
from pipeline.errors import Rejected, Unavailable
from pipeline.signal import Signal
from tests.support.otlp_requests import door, memory_bus, opened, spans, until

PATIENCE_S = 10


def held(until_set: threading.Event) -> bool:
    """Block its thread; False when nobody came in time."""
    return until_set.wait(PATIENCE_S)


async def test_the_loop_goes_on_beside_large_work():
    aside, go_on = Aside(), threading.Event()
    work = asyncio.create_task(aside.run(LARGE_BYTES, held, go_on))
    await asyncio.sleep(0)
    go_on.set()  # by the loop, which the work would hold up if it were in its thread
    assert await work
    aside.close()


async def test_small_work_is_done_at_once():
    assert await Aside().run(LARGE_BYTES - 1, threading.get_ident) == threading.get_ident()


async def test_what_it_raises_is_raised():
    def refuse() -> None:
        raise Rejected("no")

    with pytest.raises(Rejected, match="no"):
        await Aside().run(LARGE_BYTES, refuse)


async def test_cancelling_waits_for_what_has_begun_and_takes_back_the_rest():
    aside, go_on, begun = Aside(), threading.Event(), []

    def work(number: int) -> None:
        begun.append(number)
        held(go_on)

    tasks = [
        asyncio.create_task(aside.run(LARGE_BYTES, work, number)) for number in range(THREADS + 1)
    ]
    await until(lambda: len(begun) == THREADS)
    for task in tasks:
        task.cancel()
    await until(tasks[-1].done)
    assert not tasks[0].done()
    go_on.set()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    assert sorted(begun) == list(range(THREADS))
    aside.close()


async def test_nothing_is_begun_after_the_close():
    aside = Aside()
    aside.close()
    with pytest.raises(Unavailable):
        await aside.run(LARGE_BYTES, print)


async def test_the_door_checks_large_requests_aside():
    go_on = threading.Event()

    def slowly(signal: Signal, payload: bytes, bytes_max: int):
        assert held(go_on)
        return validate(signal, payload, bytes_max)

    async with door(memory_bus().publish, validate=slowly) as stands:
        payload = spans(1, name="x" * LARGE_BYTES)
        answer = asyncio.create_task(stands.admit(Signal.TRACES, "default", payload))
        await asyncio.sleep(0)
        go_on.set()
        assert (await answer).accepted == 1


async def test_large_json_is_read_aside():
    class Noting(Aside):
        def __init__(self) -> None:
            super().__init__()
            self.sizes: list[int] = []

        async def run(self, size, work, *arguments):
            self.sizes.append(size)
            return await super().run(size, work, *arguments)

    async with (
        opened(HttpReceiver, memory_bus().publish) as (listens, stands),
        ClientSession() as s,
    ):
        stands.aside = noting = Noting()
        body = b'{"resourceSpans":[]}' + b" " * LARGE_BYTES
        url = f"http://{listens.address}/v1/traces"
        async with s.post(url, data=body, headers={"Content-Type": JSON}) as answer:
            assert answer.status == 200
        assert noting.sizes == [len(body), 0]  # the JSON, and the empty request that it is
