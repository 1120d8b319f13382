"""One run against one Aura: attack it, send it a clean load beside, and look what became of it."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from grpc import aio

from pipeline.signal import Signal
from tests.fuzz import calls, cases, client, verdict
from tests.fuzz.client import Heard
from tests.fuzz.surface import OTLP, PROTOBUF
from tests.fuzz.watch import Holds, holds, outcries
from tests.fuzz.wire import Request, whole
from tests.support.aura_process import Aura, poll
from tests.support.numbered import PER_REQUEST, request, stored

CONNECTIONS = 6
CALLERS = 2
DEADLINE_S = 35.0
"""Within which every request is answered: a question has 30 s, a body that does not come 2 s."""
CLEAN_PAUSE_S = 0.1
STEPS = 15
"""Of the time; after a third of them Aura is warm."""
QUIET_S = 40.0
"""Within which nothing is left of the attack."""
SETTINGS = {"AURA_INGESTOR_READ_TIMEOUT_S": "2s"}


@dataclass(frozen=True)
class Slack:
    """How much more than after the warm-up may be held at the end."""

    resident_mib: int
    files: int = 64
    sockets: int = 4
    threads: int = 16


@dataclass
class Report:
    """What a campaign found; `failures` by the number of the case."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=dict)
    clean: set[str] = field(default_factory=set)
    """Labels of the clean records that were answered with success."""
    newest: dict[Signal, str] = field(default_factory=dict)
    idle: Holds | None = None
    warm: Holds | None = None
    end: Holds | None = None
    resident_mib: list[int] = field(default_factory=list)
    """At even steps of the time."""

    def fail(self, case: str, *what: str) -> None:
        """Note what is wrong with a case."""
        self.failures.setdefault(case, []).extend(what)


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
        seconds = self._end - time.monotonic()
        for step in range(1, STEPS):
            await asyncio.sleep(seconds / STEPS)
            if not self._left():
                return
            held = holds(pid)
            self.report.resident_mib.append(held.resident_mib)
            if step == STEPS // 3:
                self.report.warm = held

    def _left(self) -> bool:
        return time.monotonic() < self._end and self._alive() and len(self.report.failures) < 20

    def _alive(self) -> bool:
        return self._aura.process is not None and self._aura.process.poll() is None

    async def _attack(self) -> None:
        while self._left():
            await self.case(next(self._numbers))

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
            target = f"127.0.0.1:{self._aura.ports['ingestor.grpc']}"
            async with aio.insecure_channel(
                target, options=[("grpc.use_local_subchannel_pool", 1)]
            ) as channel:
                for _ in range(200):
                    if not self._left():
                        break
                    await self.call(channel, number)
                    number += CALLERS

    async def call(self, channel: aio.Channel, number: int) -> None:
        """Make the call of this number and note what is wrong with its answer."""
        found = await calls.complaints(channel, calls.draw(self._seed, number), DEADLINE_S)
        self.report.sent["CALL"] += 1
        if found:
            self.report.fail(f"call {number}", *found)

    async def _disturb(self) -> None:
        chance = Random(self._seed)
        while self._left():
            await calls.disturb(self._aura.ports["ingestor.grpc"], chance)
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


def after(aura: Aura, report: Report, slack: Slack) -> None:
    """Stop Aura and note what it lost, holds too much of, or cried out."""
    if aura.process is None or aura.process.poll() is not None:
        report.fail("alive", "the process has ended")
        return
    if aura.status("/readyz") != 200:
        report.fail("ready", "not ready at the end")
    _held(aura.process.pid, report, slack)
    for text in outcries(aura.folder / "stderr.log"):
        report.fail("log", text)
    _settled(aura, report)
    if aura.stop() != 0:
        report.fail("stop", "a stop did not end well")
    counts = stored(aura, "clean-")
    if lost := report.clean - set(counts):
        report.fail("lost", f"{len(lost)} of {len(report.clean)}, such as {sorted(lost)[:3]}")
    if doubled := [label for label, number in counts.items() if number > 1]:
        report.fail("doubled", f"{len(doubled)}, such as {doubled[:3]}")


def _settled(aura: Aura, report: Report) -> None:
    """Wait until the newest clean record of each signal is found: the others came before it."""
    for signal, label in report.newest.items():
        question = {"q": f'label="{label}"', "start": "now-3d"}
        path = f"/v1/{signal}"
        poll(lambda path=path, question=question: aura.ask(path, **question)[path[4:]], 60, label)


def _held(pid: int, report: Report, slack: Slack) -> None:
    """Wait until no connection is left, and compare with what was held before and in between."""
    if report.idle is None or report.warm is None:
        return
    end = time.monotonic() + QUIET_S
    while holds(pid).sockets > report.idle.sockets + slack.sockets and time.monotonic() < end:
        time.sleep(0.05)
    report.end = holds(pid)
    for name, before in (
        ("sockets", report.idle),
        ("resident_mib", report.warm),
        ("files", report.warm),
        ("threads", report.warm),
    ):
        most = getattr(before, name) + getattr(slack, name)
        if getattr(report.end, name) > most:
            report.fail(name, f"{getattr(before, name)} before, {getattr(report.end, name)} now")


def shown(seed: int, report: Report, folder: Path) -> str:
    """Return the failures as text, with the bytes of each case in a file."""
    lines = []
    for name, found in report.failures.items():
        lines.append(f"{name}: " + "\n    ".join(found))
        if name.isdigit():
            folder.mkdir(parents=True, exist_ok=True)
            case = cases.draw(seed, int(name))
            steps = [step for step in case.steps if isinstance(step, bytes)]
            file = folder / f"{seed}-{name}"
            file.write_bytes(b"".join(steps))
            lines.append(f"    sent to {case.door.setting}, bytes in {file}; again with")
            lines.append(f"    make fuzz SEED={seed} CASE={name}")
            lines.append(f"    {case.demand.name} {case.steps!r:.1500}")
    return "\n".join(lines)
