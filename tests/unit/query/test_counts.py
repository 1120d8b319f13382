"""Histograms and facets: counts over time and by the values of fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from query.api.histogram import Steps
from query.api.parameters import Range
from query.config import Limits
from query.language import tree
from tests.support.readers import reading
from tests.support.stores import NOW, around, attribute, group

MINUTE = 60 * 10**9
START = NOW - NOW % MINUTE
RANGE = {"start": str(START), "end": str(START + 5 * MINUTE)}
TEXT = {"": 0, "INFO": 9, "ERROR": 17}


def logs(*records):
    """A message with a log for each (minute, level, user)."""
    request = REQUESTS[Signal.LOGS]()
    scope = around(request.resource_logs, "api").scope_logs.add()
    for minute, level, user in records:
        log = scope.log_records.add(
            time_unix_nano=START + minute * MINUTE, severity_number=TEXT[level]
        )
        if user:
            attribute(log.attributes, "user", user)
    return request


RECORDS = [
    (0, "INFO", "ann"), (0, "ERROR", "ann"), (2, "ERROR", "bob"), (2, "ERROR", ""),
    (2, "INFO", "cy"), (4, "", "dan"),
]  # fmt: skip


@pytest.fixture
async def reader():
    limits = Limits(buckets_max=100, facets_max=3, groups_max=50)
    groups = [group(Signal.LOGS, [(1, "default", logs(*RECORDS))])]
    async with reading(groups, NOW, limits) as one:
        yield one


async def test_steps_without_records_count_zero(reader):
    answer = await reader.get("/v1/histogram", step="1m", **RANGE)

    assert [time[14:19] for time in answer["times"]] == [
        "00:00",
        "01:00",
        "02:00",
        "03:00",
        "04:00",
    ]
    assert answer["series"] == [{"value": None, "total": 6, "counts": [2, 0, 3, 0, 1]}]
    assert (answer["other"], answer["total"], answer["step_ns"]) == (None, 6, MINUTE)
    assert answer["cost"]["cached"] is False


async def test_values_of_a_field_are_counted_apart(reader):
    answer = await reader.get("/v1/histogram", step="1m", by="level", **RANGE)

    assert answer["series"] == [
        {"value": "ERROR", "total": 3, "counts": [1, 0, 2, 0, 0]},
        {"value": "INFO", "total": 2, "counts": [1, 0, 1, 0, 0]},
        {"value": None, "total": 1, "counts": [0, 0, 0, 0, 1]},
    ]


async def test_rare_values_are_counted_together(reader):
    answer = await reader.get("/v1/histogram", step="1m", by="user", limit=1, **RANGE)

    assert answer["series"] == [{"value": "ann", "total": 2, "counts": [2, 0, 0, 0, 0]}]
    assert answer["other"] == {"values": 4, "total": 4, "counts": [0, 0, 3, 0, 1]}


async def test_only_what_matches_counts(reader):
    answer = await reader.get("/v1/histogram", q="level=ERROR", step="5m", **RANGE)

    assert [one["counts"] for one in answer["series"]] == [[3]]
    empty = await reader.get("/v1/histogram", q="level=FATAL", step="1m", **RANGE)
    assert [one["counts"] for one in empty["series"]] == [[0] * 5]
    assert (await reader.get("/v1/histogram", q="level=FATAL", by="user", **RANGE))["series"] == []


@pytest.mark.parametrize(
    ("parameters", "named", "said"),
    [
        ({"step": "1s"}, "step", "300 steps of this time range, and 100 are the most"),
        ({"step": "1us"}, "step", "between 1ms and 366d"),
        ({"step": "x"}, "step", "is a duration"),
        ({"by": "a, b"}, "by", "one field's name"),
        ({"by": "a |"}, "by", "by"),
        ({"by": "a | limit 1"}, "by", "list of fields"),
        ({"by": "a*"}, "by", "without *"),
        ({"by": "bucket(1m)"}, "by", "list of fields"),
        ({"q": "| limit 1"}, "q", "stages have no place"),
        ({"signal": "x"}, "signal", "one of traces, logs, metrics"),
        ({"limit": "0"}, "limit", "between 1 and"),
        ({"fields": "a"}, "fields", "unknown parameter"),
    ],
)
async def test_what_cannot_be_counted_is_refused(reader, parameters, named, said):
    parameter, message = await reader.wrong("/v1/histogram", **(RANGE | parameters))

    assert parameter == named
    assert said in message


@given(st.integers(0, 2**62), st.integers(1, 2**50), st.integers(10**6, 2**60))
def test_steps_cover_the_range_and_no_more(start_ns, length_ns, width_ns):
    wanted = Range(start_ns, start_ns + length_ns, 1, tree.Query())

    steps = Steps.of(wanted, width_ns)

    assert steps.first_ns % width_ns == 0
    assert steps.first_ns <= start_ns < steps.first_ns + width_ns
    end_ns = steps.first_ns + steps.number * width_ns
    assert end_ns - width_ns < wanted.end_ns <= end_ns
    assert steps.at(start_ns) == 0
    assert steps.at(wanted.end_ns - 1) == steps.number - 1


@pytest.mark.parametrize("length_s", [1, 59, 60, 3600, 86_400, 400 * 86_400, 10**9])
async def test_without_a_width_there_are_few_steps(reader, length_s):
    answer = await reader.get("/v1/histogram", start="0", end=str(length_s))

    assert len(answer["times"]) <= 61


async def test_facets_are_the_most_frequent_values(reader):
    answer = await reader.get("/v1/facets", fields="level, user, `service.name`", limit=2, **RANGE)

    assert answer["facets"] == [
        {
            "field": "level",
            "values": [{"value": "ERROR", "count": 3}, {"value": "INFO", "count": 2}],
            "truncated": True,
        },
        {
            "field": "user",
            "values": [{"value": "ann", "count": 2}, {"value": "bob", "count": 1}],
            "truncated": True,
        },
        {
            "field": "`service.name`",
            "values": [{"value": "api", "count": 6}],
            "truncated": False,
        },
    ]


async def test_a_field_of_too_many_values_costs_the_others_nothing(reader):
    many = logs(*[(1, "INFO", f"user-{number}") for number in range(60)])
    async with reading(
        [group(Signal.LOGS, [(1, "default", many)])], NOW, Limits(groups_max=50)
    ) as one:
        answer = await one.get("/v1/facets", fields="user,level", **RANGE)

    first, second = answer["facets"]
    assert first["values"] == []
    assert "groups" in first["error"]
    assert second["values"] == [{"value": "INFO", "count": 60}]


async def test_wrong_facets_are_refused(reader):
    for fields, said in [("", "fields"), ("a,b,c,d", "query.limits.facets_max"), ("a b", "fields")]:
        parameter, message = await reader.wrong("/v1/facets", fields=fields, **RANGE)
        assert parameter == "fields"
        assert said in message
