"""Ratios are those of the issue, and stages sum up to the whole."""

import pytest

from pipeline.signal import Signal
from tests.bench.path import Path, Receiving
from tests.bench.report import ratios, shares_of
from tests.bench.stages import Stages
from tests.bench.whole import Used

STAGES = Stages(parse=0.5, validate=0.2, decode=0.4, pack=0.3, unpack=0.1)
PATH = Path(
    Signal.TRACES,
    1_000_000,
    first=Used(4.0, 0.5, 0.5),
    all=Used(5.5, 0.5, 1.0),
    later=Used(4.4, 0.5, 0.5),
    peak_mib=800.0,
    bare={"200000": 4.0, "1000000": 5.0},
)
BEFORE = Receiving(Signal.TRACES, 512, gzip=False, aura=2.4, nats=0.4, peers={"rotel": 2.0})


def test_each_figure_stands_beside_its_bound():
    found = {one.name: one for one in ratios({Signal.TRACES: STAGES}, [PATH], [BEFORE], 900.0)}

    assert {name: round(one.found, 3) for name, one in found.items()} == {
        "traces: decode / protobuf's parse": 0.8,
        "traces: whole path / bare insert": 1.5,
        "traces: 10 x the load / the load": 13.333,
        "traces: with 10 x the data stored, a record": 1.089,
        "traces: s/M before the store": 2.4,
        "traces: before the store / Rotel's receiving": 1.2,
        "peak MiB at saturation": 900.0,
    }
    assert found["traces: whole path / bare insert"].most == 1.6


def test_without_a_peer_there_is_no_ratio_to_it():
    alone = Receiving(Signal.TRACES, 512, gzip=False, aura=2.4, nats=0.4, peers={})

    assert [one.name for one in ratios({}, [], [alone], None)] == ["traces: s/M before the store"]


def test_stages_sum_up_to_the_whole():
    shares = shares_of(PATH, STAGES, BEFORE)

    assert sum(shares.values()) == pytest.approx(PATH.all.whole)
    assert shares["derive, insert"] == pytest.approx(6.0 - 2.4 - 1.0)
