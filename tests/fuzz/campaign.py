"""One run against one Aura: attack it, and send it a clean load beside."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from random import Random

from grpc import aio

from pipeline.signal import Signal
from tests.fuzz import calls, cases, client, frames, verdict
from tests.fuzz.client import Heard
from tests.fuzz.report import CALL, Report
from tests.fuzz.rpcs import PORTS
from tests.fuzz.surface import OTLP, PROTOBUF
from tests.fuzz.watch import holds
from tests.fuzz.wire import Request, whole
from tests.support.aura_process import Aura
from tests.support.numbered import PER_REQUEST, request

CONNECTIONS = 6
CALLERS = 2
DEADLINE_S = 35.0
"""Within which every request is answered: a question has 30 s, a body that does not come 2 s."""
CLEAN_PAUSE_S = 0.1
LOOK_S = 0.5
WARM = 3
"""This part of the time has passed when Aura is warm."""
SETTINGS = {"AURA_INGESTOR_READ_TIMEOUT_S": "2s"}
RUNAWAY_MIB = 3072
"""Beyond it the process is ended: one question must not take the machine."""


class Campaign:
    """An attack of `seconds` on a running Aura, the same for the same seed."""

    def __init__(self, aura: Aura, seed: int, seconds: float) -> None:
        self.report = Report()
        self._aura = aura
        self._seed = seed
        self._end = time.monotonic() + seconds
        self._numbers = count()

    async def run(self) -> Report:
        """Attack until the time is over."""
        assert self._aura.process is not None
        pid = self._aura.process.pid
        self.report.idle = holds(pid)
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._attack())
            for number in range(CALLERS):
                group.create_task(self._call(number))
            group.create_task(self._disturb())
            for signal in Signal:
                group.create_task(self._clean(signal))
            group.create_task(self._watch(pid))
        return self.report

    async def _watch(self, pid: int) -> None:
        warm = time.monotonic() + (self._end - time.monotonic()) / WARM
        while self._left():
            try:
                held = holds(pid)
            except OSError:
                return  # it has ended, as is seen afterwards
            self.report.held.append(held)
            if self.report.warm is None and time.monotonic() >= warm:
                self.report.warm = held
            if held.resident_mib > RUNAWAY_MIB:
                self.report.fail("memory", f"{held.resident_mib} MiB: the process was ended")
                self._aura.kill()
                return
            await asyncio.sleep(LOOK_S)

    def _left(self) -> bool:
        return time.monotonic() < self._end and self._alive() and len(self.report.failures) < 20

    def _alive(self) -> bool:
        return self._aura.process is not None and self._aura.process.poll() is None

    async def _attack(self) -> None:
        while self._left():
            await self.case(next(self._numbers))

    async def again(self, name: str) -> None:
        """Repeat one case or call, by the name under which it was reported."""
        if name.startswith(CALL):
            async with self._channels() as channels:
                await self.call(channels, int(name.removeprefix(CALL)))
        else:
            await self.case(int(name))

    async def case(self, number: int) -> None:
        """Send the case of this number and note what is wrong with its answers."""
        case = cases.draw(self._seed, number)
        try:
            heard = await client.send(self._aura.ports[case.door.setting], case, DEADLINE_S)
        except OSError as error:
            self.report.fail(str(number), f"no connection: {error}")
            return
        self.report.sent[case.demand.name] += 1
        self._count(heard)
        if found := verdict.complaints(case, heard):
            self.report.fail(str(number), *found)

    def _count(self, heard: Heard) -> None:
        self.report.statuses.update(str(answer.status) for answer in heard.answers)

    async def _call(self, first: int) -> None:
        number = first
        while self._left():
            async with self._channels() as channels:
                for _ in range(200):
                    if not self._left():
                        break
                    await self.call(channels, number)
                    number += CALLERS

    @asynccontextmanager
    async def _channels(self) -> AsyncIterator[dict[str, aio.Channel]]:
        """Open a connection to each port of gRPC."""
        async with AsyncExitStack() as up:
            yield {
                port: await up.enter_async_context(calls.channel(self._aura.ports[port]))
                for port in PORTS
            }

    async def call(self, channels: dict[str, aio.Channel], number: int) -> None:
        """Make the call of this number and note what is wrong with its answer."""
        call = calls.draw(self._seed, number)
        found = await calls.complaints(channels[call.port], call, DEADLINE_S)
        self.report.sent["CALL"] += 1
        if found:
            self.report.fail(f"{CALL}{number}", *found)

    async def _disturb(self) -> None:
        chance = Random(self._seed)
        while self._left():
            await frames.disturb(self._aura.ports[chance.choice(tuple(PORTS))], chance)
            await asyncio.sleep(CLEAN_PAUSE_S)

    async def _clean(self, signal: Signal) -> None:
        """Send what is valid, and again what was not answered with success."""
        name = f"clean-{signal}"
        for first in count(0, PER_REQUEST):
            for attempt in count(1):
                if not self._left():
                    return
                body = request(signal, name, first, attempt)
                sent = Request(
                    "POST", f"/v1/{signal}".encode(), (("Content-Type", PROTOBUF),), body
                )
                port = self._aura.ports[OTLP.setting]
                heard = await client.send(port, whole(OTLP, sent), DEADLINE_S)
                await asyncio.sleep(CLEAN_PAUSE_S)
                if [answer.status for answer in heard.answers] == [200]:
                    numbers = range(first, first + PER_REQUEST)
                    labels = [f"{name}-{one} {attempt}" for one in numbers]
                    self.report.clean.update(labels)
                    self.report.newest[signal] = labels[-1]
                    break
