"""A real Collector upstream: what it took arrives, whatever happens to Aura meanwhile."""

import time

import pytest

from pipeline.signal import Signal
from tests.support import peers
from tests.support.aura_process import Aura, poll
from tests.support.collector import Collector, patience_s
from tests.support.numbered import PER_REQUEST, Sender, settle, stored

pytestmark = pytest.mark.slow

WORK_S = 10.0
"""What delivering itself may take, beside all waits."""
PAUSE_S = 0.03
"""Between two requests of one sender, so that the Collector's queue holds what an outage brings."""


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_case_41_an_aura_that_ends_in_mid_load_costs_nothing(tmp_path, end):
    program = peers.built("collector")
    with Aura(tmp_path) as aura, Collector(program, tmp_path, aura) as collector:
        load = {
            (exporter, signal): Sender(signal, f"{exporter}-{signal}", port, "http", PAUSE_S)
            for exporter, port in collector.ports.items()
            for signal in Signal
        }
        for sender in load.values():
            sender.start()
        poll(lambda: delivered(collector) > 2_000, 20, "load")
        went = time.monotonic()
        if end == "killed":
            aura.kill()
        else:
            assert aura.stop() == 0
        aura.start()
        outage_s = time.monotonic() - went
        before = delivered(collector)
        poll(lambda: delivered(collector) > before + 2_000, 20, "data resume")
        for sender in load.values():
            sender.finish()
        print(f"out for {outage_s:.1f} s, waited {deliver(collector, outage_s):.1f} s")
        settle(aura, list(load.values()))
        assert aura.stop() == 0
        check(aura, collector, load, end)


def delivered(collector: Collector) -> int:
    return sum(
        collector.count(f"exporter_sent_{items}")
        for items in ("spans", "log_records", "metric_points")
    )


def deliver(collector: Collector, outage_s: float) -> float:
    """Wait until the Collector has delivered all it took; return how long that took."""
    began = time.monotonic()
    # On a slow machine Aura is away for longer, and the Collector's waits grow with that.
    deadline_s = patience_s(outage_s) + WORK_S
    try:
        poll(lambda: not collector.waiting(), deadline_s, "the Collector has delivered all it took")
    except AssertionError as error:
        error.add_note(f"out for {outage_s:.1f} s, undelivered: {collector.waiting()}")
        error.add_note("\n".join(collector.log.splitlines()[-20:]))
        raise
    return time.monotonic() - began


def check(
    aura: Aura, collector: Collector, load: dict[tuple[str, Signal], Sender], end: str
) -> None:
    counts = stored(aura)
    for (exporter, signal), sender in load.items():
        lost = sender.answered - set(counts)
        doubled = [label for label in sender.answered if counts[label] > 1]
        retries = collector.retries(exporter, signal)
        print(
            f"{exporter} {signal}: taken {len(sender.answered)}, lost {len(lost)}, "
            f"attempts without success {retries}, doubled {len(doubled)}"
        )
        assert not lost
        # An attempt that was under way when Aura was killed had no answer, and may be stored beside
        # the one that repeats it; one that Aura answered, or refused when it stopped, may not.
        assert len(doubled) <= (retries * PER_REQUEST if end == "killed" else 0)
        assert all(counts[label] == 2 for label in doubled)
    for trouble in ("Permanent error", "Dropping data", "No more retries"):
        assert trouble not in collector.log
