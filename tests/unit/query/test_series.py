"""Metrics over time, asked over HTTP."""

import pytest

from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from tests.support.readers import reading
from tests.support.stores import NOW, around, attribute, group

S = 10**9
BASE = NOW // (60 * S) * 60 * S - 600 * S


def posts():
    """Two services, whose counters grow by 6 and by 60 a minute, and how warm they are."""
    for sequence, (service, host, step) in enumerate((("api", "h1", 1), ("web", "h2", 10))):
        request = REQUESTS[Signal.METRICS]()
        one = around(request.resource_metrics, service)
        attribute(one.resource.attributes, "host.name", host)
        attribute(one.resource.attributes, "secret", "x")
        scope = one.scope_metrics.add()
        counter = scope.metrics.add(name="requests", unit="1").sum
        counter.aggregation_temporality, counter.is_monotonic = 2, True
        warmth = scope.metrics.add(name="warmth", unit="Cel").gauge
        for at in range(61):
            time = BASE + at * 10 * S
            point = counter.data_points.add(
                time_unix_nano=time, start_time_unix_nano=BASE - S, as_int=at * step
            )
            attribute(point.attributes, "route", "/")
            if at != 30:
                warmth.data_points.add(time_unix_nano=time, as_double=at)
        yield sequence + 1, "default", request


@pytest.fixture
async def reader():
    async with reading([group(Signal.METRICS, list(posts()))], NOW) as one:
        yield one


async def range_of(reader, **parameters):
    asked = {"start": str(BASE), "end": str(BASE + 300 * S), "step": "1m", **parameters}
    return await reader.get("/v1/metrics/range", **asked)


async def test_series_have_their_own_labels_and_those_that_are_promoted(reader):
    answer = await reader.get("/v1/metrics/series", q="metric_name=requests")

    assert sorted((one["labels"] for one in answer["series"]), key=str) == [
        {"service.name": service, "host.name": host, "route": "/"}
        for service, host in (("api", "h1"), ("web", "h2"))
    ]
    (one,) = (await reader.get("/v1/metrics/series", q="name=warmth host.name=h1"))["series"]
    assert (one["name"], one["type"], one["unit"]) == ("warmth", "gauge", "Cel")
    assert len(one["id"]) == 16


async def test_a_rate_by_label_in_steps(reader):
    answer = await range_of(reader, q="name=requests", measure="rate", by="service.name, route")

    assert [one["labels"] for one in answer["series"]] == [
        {"service.name": "api", "route": "/"},
        {"service.name": "web", "route": "/"},
    ]
    api, web = ([value for _, value in one["points"]] for one in answer["series"])
    assert api[1:] == [0.1] * 4
    assert web[1:] == [1.0] * 4
    assert answer["step_ns"] == 60 * S
    assert answer["truncated"] is False


async def test_a_step_without_points_is_left_out(reader):
    answer = await range_of(
        reader, q="name=warmth", measure="max", step="10s", start=str(BASE + 290 * S),
        end=str(BASE + 320 * S),
    )  # fmt: skip

    assert [value for _, value in answer["series"][0]["points"]] == [29, 31]


async def test_what_is_cut_says_so(reader):
    answer = await range_of(reader, q="name=requests", measure="count", limit="3")

    assert answer["truncated"] is True
    assert sum(len(one["points"]) for one in answer["series"]) == 3


async def test_how_a_range_would_be_asked_is_explained(reader):
    answer = await range_of(reader, measure="count", explain="true")

    assert answer["plans"][0]["measure"] == "count"


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"measure": "median"}, "measure"),
        ({"measure": "quantile", "quantile": "2"}, "quantile"),
        ({"measure": "quantile", "quantile": "nan"}, "quantile"),
        ({"measure": "quantile", "quantile": "x"}, "quantile"),
        ({"measure": "rate", "step": "0s"}, "step"),
        ({"measure": "rate", "by": "value"}, "by"),
        ({"measure": "rate", "by": "| limit"}, "by"),
        ({"measure": "rate", "q": "name=x | limit 5"}, "q"),
        ({"measure": "rate", "q": "name="}, "q"),
        ({"measure": "rate", "cursor": "x"}, "cursor"),
    ],
)
async def test_what_is_wrong_is_named(reader, parameters, parameter):
    named, _ = await reader.wrong("/v1/metrics/range", **parameters)

    assert named == parameter


async def test_what_has_no_answer_says_why(reader):
    error = await reader.get("/v1/metrics/range", 400, measure="rate", q="name=warmth")
    assert "rate of warmth: a gauge has none" in error["error"]["message"]
    error = await reader.get("/v1/metrics/range", 400, measure="max", q="value>5")
    assert "value belongs to points" in error["error"]["message"]
