"""A real Collector upstream: what it took arrives, whatever happens to Aura meanwhile."""

import pytest

from pipeline.signal import Signal
from tests.integration.test_kill import settle, stored
from tests.support import peers
from tests.support.aura_process import Aura, poll
from tests.support.collector import Collector
from tests.support.numbered import PER_REQUEST, Sender

pytestmark = pytest.mark.slow

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
        if end == "killed":
            aura.kill()
        else:
            assert aura.stop() == 0
        aura.start()
        before = delivered(collector)
        poll(lambda: delivered(collector) > before + 2_000, 20, "data resume")
        for sender in load.values():
            sender.finish()
        # A first retry comes 2.5 to 7.5 s later, a second one after half as much again.
        poll(lambda: collector.waiting() == 0, 30, "the Collector has delivered all it took")
        settle(aura, list(load.values()))
        assert aura.stop() == 0
        check(aura, collector, load, end)


def delivered(collector: Collector) -> int:
    return sum(
        collector.count(f"exporter_sent_{items}")
        for items in ("spans", "log_records", "metric_points")
    )


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
