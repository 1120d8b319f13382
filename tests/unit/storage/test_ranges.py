"""What points amount to: across resets, gaps and scales, by hand and against the samples."""

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec.request import REQUESTS
from pipeline.plan import AttributeField, Measure, Range
from pipeline.signal import Signal
from storage.memory import MemoryStore
from tests.support.otlp_strategies import LAWS
from tests.support.stores import NOW, around, ask, attribute, group, write

S = 10**9
CUMULATIVE, DELTA = 2, 1


def metric(kind, temporality=0, *, monotonic=True, host="h", name="m"):
    """Return a request and the list of its points."""
    whole = REQUESTS[Signal.METRICS]()
    data = getattr(
        around(whole.resource_metrics, "api").scope_metrics.add().metrics.add(name=name), kind
    )
    if temporality:
        data.aggregation_temporality = temporality
    if kind == "sum":
        data.is_monotonic = monotonic

    def add(at_s, start_s=0, **values):
        point = data.data_points.add(
            time_unix_nano=NOW + int(at_s * S), start_time_unix_nano=NOW + start_s * S, **values
        )
        attribute(point.attributes, "host", host)
        return point

    return whole, add


def told(requests, measure, *, end_s=60, step_s=10, lookback_s=100, by=(), quantile=0.5):
    """Return the values of the steps by their seconds."""

    async def run():
        store = MemoryStore()
        posts = [(at + 1, "t", one) for at, one in enumerate(requests)]
        await write(store, group(Signal.METRICS, posts))
        return await ask(
            store,
            Range(
                "t", NOW, NOW + end_s * S, step_s * S, lookback_s * S, None, measure, quantile,
                tuple(map(AttributeField, by)), 1000,
            ),
        )  # fmt: skip

    rows = asyncio.run(run()).to_pylist()
    if not by:
        return {(one["time"] - NOW) / S: one["value"] for one in rows}
    return {(*one["labels"], (one["time"] - NOW) / S): one["value"] for one in rows}


def counter(values, temporality=CUMULATIVE, **options):
    """Return a request of (second, start, value)."""
    whole, add = metric("sum", temporality, **options)
    for at_s, start_s, value in values:
        add(at_s, start_s, as_int=value)
    return whole


def test_a_counter_grows_from_point_to_point():
    asked = [counter([(-5, -99, 100), (5, -99, 103), (9, -99, 110), (25, -99, 111)])]

    assert told(asked, Measure.INCREASE) == {0: 10, 20: 1}
    assert told(asked, Measure.RATE) == {0: 1, 20: 0.1}
    assert told(asked, Measure.INCREASE, step_s=60) == {0: 11}
    assert told(asked, Measure.RATE, step_s=60, end_s=30) == {0: 11 / 30}


def test_what_a_counter_had_before_anyone_looked_is_not_growth():
    asked = [counter([(5, -99, 100), (15, -99, 101)])]

    assert told(asked, Measure.INCREASE) == {10: 1}
    # Unless it began within the range: then all of it grew there.
    assert told([counter([(5, 2, 100), (15, 2, 101)])], Measure.INCREASE) == {0: 100, 10: 1}


def test_a_start_time_that_moves_on_is_a_reset():
    asked = [counter([(-5, -99, 100), (5, -99, 101), (15, 12, 500), (25, 12, 501)])]

    assert told(asked, Measure.INCREASE) == {0: 1, 10: 500, 20: 1}


def test_a_value_that_drops_is_a_reset_of_what_only_grows():
    values = [(-5, -99, 100), (5, -99, 101), (15, -99, 7), (25, -99, 9)]

    assert told([counter(values)], Measure.INCREASE) == {0: 1, 10: 7, 20: 2}
    falling = counter(values, monotonic=False)
    assert told([falling], Measure.INCREASE) == {0: 1, 10: -94, 20: 2}


def test_deltas_are_added_as_they_are():
    asked = [counter([(-5, -10, 9), (5, 0, 3), (9, 5, 4), (25, 9, 1)], DELTA)]

    assert told(asked, Measure.INCREASE) == {0: 7, 20: 1}
    assert told(asked, Measure.COUNT) == {0: 2, 20: 1}


def test_a_staleness_marker_is_a_gap_and_no_zero():
    whole, add = metric("gauge")
    add(1, as_double=5.0)
    add(11, flags=1)
    add(21, as_double=math.nan)
    add(31, as_double=-1.0)

    assert told([whole], Measure.AVG) == {0: 5, 30: -1}
    assert told([whole], Measure.COUNT) == {0: 1, 30: 1}

    counting = counter([(-5, -99, 100), (5, -99, 101), (25, -99, 104)])
    point = counting.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points.add()
    point.CopyFrom(counting.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0])
    point.time_unix_nano, point.flags, point.as_int = NOW + 15 * S, 1, 0
    assert told([counting], Measure.INCREASE) == {0: 1, 20: 3}


def test_late_points_and_other_order_change_nothing():
    values = [(-5, -99, 100), (5, -99, 103), (15, -99, 104), (25, 20, 2), (35, 20, 8)]
    expected = told([counter(values)], Measure.INCREASE)

    for turn in range(1, 5):
        order = values[turn:] + values[:turn]
        assert told([counter([one]) for one in order], Measure.INCREASE) == expected


def test_groups_are_summed_and_a_label_may_be_missing():
    asked = [
        counter([(-1, -9, at), (5, -9, 2 * at)], host=host)
        for at, host in ((1, "a"), (10, "b"), (100, "b"))
    ]
    # The last two are one series of two senders: what drops is a reset.
    assert told(asked[:2], Measure.INCREASE) == {0: 11}
    assert told(asked[:2], Measure.INCREASE, by=("host",)) == {("a", 0): 1, ("b", 0): 10}
    assert told(asked[:2], Measure.INCREASE, by=("host", "no")) == {
        ("a", None, 0): 1,
        ("b", None, 0): 10,
    }
    assert told(asked[:2], Measure.INCREASE, by=("service.name",)) == {("api", 0): 11}


def test_a_summary_and_a_histogram_tell_what_they_counted():
    whole, add = metric("summary")
    for at_s, count, total in ((-5, 10, 100.0), (5, 12, 110.0), (15, 13, 110.5)):
        add(at_s, -99, count=count, sum=total)

    assert told([whole], Measure.COUNT) == {0: 2, 10: 1}
    assert told([whole], Measure.AVG) == {0: 5, 10: 0.5}


def test_a_quantile_of_explicit_buckets_lies_evenly_in_its_bucket():
    whole, add = metric("histogram", CUMULATIVE)
    for at_s, counts in (
        (-5, (1, 1, 1, 1)),
        (5, (1, 11, 1, 1)),
        (15, (1, 11, 1, 9)),
        (25, (4, 11, 1, 9)),
    ):
        point = add(at_s, -99, count=sum(counts))
        point.explicit_bounds.extend((1.0, 2.0, 4.0))
        point.bucket_counts.extend(counts)

    # Above the last bound nothing is known but the bound; below the first, zero is.
    assert told([whole], Measure.QUANTILE) == {0: 1.5, 10: 4.0, 20: 0.5}
    assert told([whole], Measure.QUANTILE, quantile=0.1)[0] == 1.1
    assert told([whole], Measure.QUANTILE, quantile=1, step_s=60)[0] == 4.0


def test_histograms_of_other_bounds_are_cut_at_each_other():
    requests = []
    for host, bounds, counts in (("a", (0.0, 10.0), (0, 10, 0)), ("b", (0.0, 5.0), (0, 10, 0))):
        whole, add = metric("histogram", DELTA, host=host)
        point = add(5, 0, count=10)
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
        requests.append(whole)

    # 10 in (0, 10] and 10 in (0, 5]: 15 of 20 lie below 5.
    assert told(requests, Measure.QUANTILE, quantile=0.75) == {0: 5.0}
    assert told(requests, Measure.QUANTILE, quantile=0.875) == {0: 7.5}


def exponential(add, at_s, start_s, samples, scale):
    """Add a point that has counted the samples."""
    base = 2.0 ** (2.0**-scale)
    point = add(at_s, start_s, count=len(samples), scale=scale)
    point.zero_count = sum(one == 0 for one in samples)
    for side, sign in ((point.positive, 1), (point.negative, -1)):
        indexes = [math.ceil(math.log(one * sign, base)) - 1 for one in samples if one * sign > 0]
        if indexes:
            side.offset = min(indexes)
            counts = np.bincount(np.array(indexes) - min(indexes))
            side.bucket_counts.extend(map(int, counts))


samples = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-3, 1e4), st.floats(-1e3, -1e-2)), min_size=1, max_size=60
)

scales = st.tuples(st.integers(0, 6), st.integers(0, 3)).map(
    lambda one: (one[0], max(0, one[0] - one[1]))
)


@settings(LAWS, max_examples=40)
@given(samples, samples, samples, st.floats(0, 1), scales, st.booleans())
def test_an_exponential_quantile_is_within_a_bucket_of_the_exact_one(
    before, first, other, quantile, scale, cumulative
):
    """Two hosts, of which one changed its scale: the error is that of the coarsest scale."""
    scale, coarse = scale
    requests = []
    for host, scales, seen in (("a", (scale, coarse), first), ("b", (scale, scale), other)):
        whole, add = metric("exponential_histogram", CUMULATIVE if cumulative else DELTA, host=host)
        if cumulative:
            exponential(add, -5, -99, before, scales[0])
            exponential(add, 5, -99, before + seen, scales[1])
        else:
            exponential(add, 5, 0, seen, scales[1])
        requests.append(whole)

    found = told(requests, Measure.QUANTILE, quantile=quantile)[0]

    whole = sorted(first + other)
    rank = quantile * len(whole)
    near = {
        whole[max(0, min(len(whole) - 1, math.ceil(rank) - 1))],
        whole[min(len(whole) - 1, math.floor(rank))],
    }
    base = 2.0 ** (2.0**-coarse)
    assert any(
        abs(found - exact) <= abs(exact) * (base - 1) * 1.000001 + 1e-12 for exact in near
    ), (found, near)


@pytest.mark.parametrize("scale", [-2000, -11, 20, 100])
def test_absurd_scales_are_survived(scale):
    whole, add = metric("exponential_histogram", DELTA)
    point = add(5, 0, count=3, scale=scale, zero_count=1)
    for side in (point.positive, point.negative):
        side.offset = 2**31 - 2 if scale > 0 else -1
        side.bucket_counts.append(1)

    found = told([whole], Measure.QUANTILE)

    assert math.isfinite(found[0])
