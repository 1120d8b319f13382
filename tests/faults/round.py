"""One round: load, faults in its midst, load again; then everything is counted."""

import re
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

from pipeline.signal import Signal
from tests.faults.client import FILTERED, Client
from tests.faults.count import Count, count, ledger, unbalanced
from tests.faults.fault import CONDITIONS, FULL_STREAM, Fault, Scene
from tests.faults.transport import Grpc, Http
from tests.fuzz.watch import outcries
from tests.support.aura_process import patient, poll

AFTER_S: Final = 60.0
"""Within which every client is answered with success again, and everything is found, when idle."""

CALM: Final = frozenset({"", "rude clients", "clock jumps"})
"""Conditions under which a stop has all it takes to answer what it accepted."""

GAVE_UP: Final = re.compile("DEADLINE_EXCEEDED|timed out")
EXPECTED: Final = frozenset({"stream full", "disk full", "store refuses"})

Answer = TypeVar("Answer")

Told = Mapping[str, dict[str, int]]
"""What `/v1/ledger` said at the end of a round, by signal; empty when it could not be asked."""


@dataclass
class Tale:
    """What became of a round."""

    name: str
    faults: Sequence[Fault]
    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    stored: int = 0
    filtered: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        faults = "; ".join(map(str, self.faults))
        text = (
            f"{self.name}: {faults}: sent {self.sent}, answered {self.answered}, "
            f"stored {self.stored}, filtered {self.filtered}, unanswered {self.unanswered}, "
            f"{self.seconds:.1f} s"
        )
        return "\n    ".join([text, *self.wrong])


@dataclass
class Owed:
    """What one data folder owes, over all rounds in it."""

    answered: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    counted: Count = field(default_factory=lambda: Count(Counter(), 0, 0, ()))
    told: Told = field(default_factory=dict)
    """The ledger at the end of the last round."""


def play(scene: Scene, faults: Sequence[Fault], owed: Owed) -> Tale:
    """
    Play a round on the scene's folder, add to what is owed, and count; Aura is down after it.

    Faults come one after the other, each when every client has been answered again.
    """
    began = time.monotonic()
    tale = Tale(scene.name, faults)
    supervisor = scene.supervisor
    supervisor.settings = _settings(scene, faults)
    clients = _clients(scene)
    log_size = _log_size(scene)
    told: Told = {}
    try:
        supervisor.ready()
        for client in clients:
            client.start()
        _all_answered(clients, "before a fault")
        for fault in faults:
            _happen(scene, fault)
            supervisor.ready()
            _all_answered(clients, f"after {fault}, failed starts {supervisor.failed_starts}")
        told = _end(scene, clients)
    except Exception as error:  # noqa: BLE001 - whatever it is: this round has failed
        tale.wrong.append(f"{type(error).__name__}: {error}")
        told = _recover(scene, clients, tale)
    tale.wrong += outcries(supervisor.aura.folder / "stderr.log", log_size)
    _settle(tale, scene, clients, owed, told)
    tale.seconds = time.monotonic() - began
    return tale


def _settings(scene: Scene, faults: Sequence[Fault]) -> dict[str, str]:
    conditions = {fault.condition for fault in faults}
    return (FULL_STREAM if "stream full" in conditions else {}) | (
        scene.clock.settings if "clock jumps" in conditions else {}
    )


def _clients(scene: Scene) -> list[Client]:
    ports = scene.supervisor.aura.ports
    ways: dict[str, Callable[[], Grpc | Http]] = {
        "grpc": lambda: Grpc(ports["ingestor.grpc"]),
        "http": lambda: Http(ports["ingestor.http"]),
    }
    return [
        Client(signal, f"{scene.name}-{signal}-{name}", way, Random(scene.chance.random()))
        for signal in Signal
        for name, way in ways.items()
    ]


def _happen(scene: Scene, fault: Fault) -> None:
    supervisor = scene.supervisor
    end = time.monotonic() + fault.hold_s
    with CONDITIONS[fault.condition](scene):
        if fault.end:
            time.sleep(fault.after_s)
            if fault.end == "stop":
                code = supervisor.aura.stop()
                assert code == 0 or fault.condition in EXPECTED, f"a stop ended with {code}"
            else:
                supervisor.kill(fault.end)
            if fault.stumbles and not supervisor.runs:
                supervisor.stumble(scene.chance)
            if fault.up_amid and not supervisor.runs:
                supervisor.aura.begin(**supervisor.settings)
        time.sleep(max(0.0, end - time.monotonic()))


def _all_answered(clients: list[Client], when: str) -> None:
    """Wait until every client is answered with success once more."""
    before = {client.name: len(client.answered) for client in clients}

    def silent() -> list[Client]:
        return [client for client in clients if len(client.answered) == before[client.name]]

    try:
        poll(lambda: not silent(), patient(AFTER_S), f"load {when}")
    except AssertionError as error:
        said = {client.name: list(client.unanswered.values())[-1:] for client in silent()}
        raise AssertionError(f"{error}: {said}") from None


def _end(scene: Scene, clients: list[Client]) -> Told:
    """Let the clients end, wait until all is found; return the ledger, and stop Aura."""
    for client in clients:
        client.stop()
    for client in clients:
        if client.ident is not None:
            client.join(patient(30))
            assert not client.is_alive(), f"{client.name} hangs"
    for client in clients:
        if client.last:
            _found(scene, client)
    told = _nothing_in_flight(scene)
    code = scene.supervisor.aura.stop()
    assert code == 0, f"a stop ended with {code}"
    return told


def _nothing_in_flight(scene: Scene) -> Told:
    told: list[Told] = []

    def landed() -> bool:
        told.append(_answer(lambda: ledger(scene.supervisor.aura)) or {})
        return bool(told[-1]) and not any(one["in_flight"] for one in told[-1].values())

    poll(landed, patient(AFTER_S), "nothing is in flight")
    return told[-1]


def _recover(scene: Scene, clients: list[Client], tale: Tale) -> Told:
    """Start anew after a failure: what is still not there then is lost."""
    scene.supervisor.aura.kill()
    try:
        scene.supervisor.ready()
        return _end(scene, clients)
    except Exception as error:  # noqa: BLE001 - as above
        tale.wrong.append(f"after a new start, {type(error).__name__}: {error}")
        scene.supervisor.aura.kill()
        return {}


def _found(scene: Scene, client: Client) -> None:
    path = f"/v1/{client.signal}"
    question = {"q": f'label="{client.last}"', "start": "now-20d"}
    ask = scene.supervisor.aura.ask

    def there() -> bool:
        return bool((_answer(lambda: ask(path, **question)) or {}).get(path[4:]))

    poll(there, patient(AFTER_S), f"{client.last} is found")


def _answer(ask: Callable[[], Answer]) -> Answer | None:
    """Return an answer; None while the store is not there, as after a write that failed."""
    try:
        return ask()
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return None


def _log_size(scene: Scene) -> int:
    log = scene.supervisor.aura.folder / "stderr.log"
    return log.stat().st_size if log.exists() else 0


def _settle(tale: Tale, scene: Scene, clients: list[Client], owed: Owed, told: Told) -> None:
    """Compare what is stored with what was answered in all rounds of the folder, and the ledger."""
    answered = set().union(*(client.answered for client in clients))
    unanswered = set().union(*(client.unanswered for client in clients))
    if scene.rude is not None:
        unanswered |= scene.rude.unanswered
    for client in clients:
        tale.wrong += [f"{client.name} was refused for good: {why}" for why in client.refused[:3]]
    tale.sent, tale.answered = len(answered) + len(unanswered), len(answered)
    tale.unanswered = len(unanswered)
    owed.told = told
    owed.answered |= answered
    owed.unanswered |= unanswered
    before = owed.counted
    now = owed.counted = count(scene.supervisor.aura)
    tale.stored = now.labels.total() - before.labels.total()
    tale.filtered = now.filtered - before.filtered
    lost = {one for one in owed.answered if not FILTERED.search(one)} - set(now.labels)
    doubled = [one for one, number in now.labels.items() if number > 1]
    strange = set(now.labels) - owed.answered - owed.unanswered
    tale.lost, tale.doubled = len(lost), len(doubled)
    tale.wrong += [*now.wrong, *unbalanced(told, now)]
    for what, some in (("lost", lost), ("doubled", doubled), ("never sent", strange)):
        if some:
            tale.wrong.append(f"{what} {len(some)}: {sorted(some)[:5]}")
    if all(fault.end == "stop" and fault.condition in CALM for fault in tale.faults):
        # What a stop does not answer it has not taken; a client that gave up first does not count.
        silent = {
            label: said
            for client in clients
            for label, said in client.unanswered.items()
            if label in now.labels and not GAVE_UP.search(said)
        }
        if silent:
            tale.wrong.append(f"taken and not answered {len(silent)}: {list(silent.items())[:3]}")
    if any(FILTERED.search(one) for one in now.labels):
        tale.wrong.append("what is to be filtered was stored")
    if now.received != now.labels.total() + now.filtered:
        tale.wrong.append(f"received {now.received}, stored {now.labels.total()} + {now.filtered}")
