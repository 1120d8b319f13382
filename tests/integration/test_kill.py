"""What was answered with success is stored once, whatever is killed."""

import os
import random
import signal
import subprocess
from contextlib import suppress

import pytest

from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll
from tests.support.numbered import Sender, check, settle

ROUNDS = 10
VICTIMS = ("aura", "nats", "both")


def senders(aura: Aura) -> list[Sender]:
    made = [
        Sender(one, f"{one}-{transport}", aura.ports[f"ingestor.{transport}"], transport)
        for one in Signal
        for transport in ("grpc", "http")
    ]
    for one in made:
        one.start()
    return made


@pytest.mark.slow
def test_ten_rounds_of_kills_lose_and_double_nothing(tmp_path):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Aura(tmp_path) as aura:
        load = senders(aura)
        for number in range(ROUNDS):
            victim = VICTIMS[number % 3]
            before = sum(len(one.answered) for one in load)
            wanted = before + chance.randrange(20, 400)
            poll(
                lambda wanted=wanted: sum(len(one.answered) for one in load) >= wanted,
                30,
                f"round {number}: load after {VICTIMS[(number - 1) % 3]}",
            )
            nats = aura.nats_or_none()
            if victim in {"nats", "both"} and nats:
                os.kill(nats, signal.SIGKILL)
            if victim in {"aura", "both"}:
                aura.kill()
                if chance.random() < 0.5:  # again, somewhere on its way up
                    began = aura.begin()
                    with suppress(subprocess.TimeoutExpired):
                        began.wait(chance.uniform(0.3, 2.5))
                    aura.kill()
                aura.start()
        for one in load:
            one.finish()
        settle(aura, load)
        assert aura.stop() == 0
        check(aura, load)


@pytest.mark.slow
def test_a_stop_in_mid_load_keeps_what_was_answered(tmp_path):
    with Aura(tmp_path) as aura:
        load = senders(aura)
        poll(lambda: all(one.answered for one in load), 30, "load")
        assert aura.stop() == 0
        for one in load:
            one.finish()
        aura.start()
        settle(aura, load)
        assert aura.stop() == 0
        check(aura, load)
