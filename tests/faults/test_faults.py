"""A short `make faults`: what was answered with success is stored once, whatever ends."""

import pytest

from tests.faults.campaign import Stage, seeded
from tests.faults.fault import Fault

FAULTS = (
    Fault("", "both", 0.6, 0.4, stumbles=False, up_amid=False),
    Fault("", "nats", 0.6, 0.4, stumbles=False, up_amid=False),
    Fault("rude clients", "stop", 0.8, 0.5, stumbles=False, up_amid=False),
    Fault("store refuses", "aura", 1.5, 1.0, stumbles=False, up_amid=False),
)


@pytest.mark.slow
def test_faults_lose_and_double_nothing_and_the_ledger_balances():
    seed = seeded()
    stage = Stage(seed, 0, small_disk=False)
    try:
        tale = stage.play(seed, 0, FAULTS)
        complaints = stage.complaints_without_one_log()
    finally:
        stage.close()
    print(f"seed {seed} {tale}")
    assert not tale.wrong, f"seed {seed}: {tale}"
    assert tale.answered > 0
    by_record, by_ledger = complaints
    assert "stored by the ledger" in by_record
    assert "the ledger of logs tells" in by_ledger
