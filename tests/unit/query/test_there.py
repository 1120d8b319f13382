"""What there is: names, values, services, operations, calls, metrics; and one trace."""

from random import Random

import pytest

from pipeline.signal import Signal
from tests.contract.test_query_lists import spans
from tests.support.readers import reading
from tests.support.stores import NOW, group, messages


@pytest.fixture
async def reader():
    groups = [group(one, messages(one, range(1, 4), ("default",))) for one in Signal]
    calls = [(9, "default", spans(9, Random(1)))]
    async with reading([*groups, group(Signal.TRACES, calls, partition=1)], NOW + 1) as one:
        yield one


async def test_keys_are_fields_and_attributes(reader):
    answer = await reader.get("/v1/keys")

    assert {"level", "service_name", "body"} <= set(answer["fields"])
    assert answer["keys"] == [
        {"key": "number", "level": "record", "types": ["int"]},
        {"key": "service.name", "level": "resource", "types": ["string"]},
    ]
    assert answer["truncated"] is False
    assert answer["cost"]["time_ms"] > 0


async def test_keys_have_a_prefix_and_a_level(reader):
    assert (await reader.get("/v1/keys", prefix="ser", signal="traces"))["fields"] == [
        "service", "service_name", "service.name",
    ]  # fmt: skip
    answer = await reader.get("/v1/keys", level="resource", signal="metrics")
    assert (answer["fields"], [one["key"] for one in answer["keys"]]) == ([], ["service.name"])
    cut = await reader.get("/v1/keys", limit=1)
    assert (len(cut["keys"]), cut["truncated"]) == (1, True)


@pytest.mark.parametrize(
    ("field", "parameters", "values"),
    [
        ("service_name", {}, ["api"]),
        ("`service.name`", {}, ["api"]),
        ("number", {"start": "0"}, ["1", "2", "3"]),
        ("level", {"prefix": "F"}, ["FATAL"]),
        ("level", {"limit": 1}, ["TRACE"]),
        ("kind", {"signal": "traces", "prefix": "s"}, ["server"]),
        ("error", {"signal": "traces"}, ["true", "false"]),
        ("name", {"signal": "metrics", "prefix": "s"}, ["sum", "summary"]),
        ("resource.no", {}, []),
    ],
)
async def test_values_of_a_field(reader, field, parameters, values):
    answer = await reader.get("/v1/values", field=field, **parameters)

    assert answer["values"] == values
    assert answer["truncated"] is (parameters.get("limit") == 1)
    assert "rows" in answer["cost"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("", "field: "),
        ("time", "holds text"),
        ("trace_id", "holds text"),
        ("a b", "field: "),
        ("a*", "without *"),
        ("a,b", "one field's name"),
        ("span.`x`", "expected one of"),
        ("x" * 1001, "at most 1000 characters"),
    ],
)
async def test_what_has_no_values_is_refused(reader, field, said):
    parameter, message = await reader.wrong("/v1/values", field=field)

    assert parameter == "field"
    assert said in message


async def test_services_and_their_operations(reader):
    found = (await reader.get("/v1/services"))["services"]
    assert {"name": "api", "signals": ["logs", "metrics", "traces"]} in found
    assert all("traces" in one["signals"] for one in found)
    only = await reader.get("/v1/services", signal="logs")
    assert only["services"] == [{"name": "api", "signals": ["logs"]}]

    answer = await reader.get("/v1/operations", service="api", kind="server", prefix="op")
    assert [one["name"] for one in answer["operations"]] == ["op0", "op1", "op2"]
    assert {one["kind"] for one in answer["operations"]} == {"server"}
    assert (await reader.get("/v1/operations", service=""))["operations"]


async def test_calls_between_services(reader):
    answer = await reader.get("/v1/dependencies")

    assert list(answer) == ["dependencies", "start", "end", "truncated", "cost"]
    calls = answer["dependencies"]
    assert sum(one["calls"] for one in calls) >= 2
    assert list(calls[0]) == ["parent", "child", "calls", "errors"]


async def test_metadata_of_metrics(reader):
    answer = await reader.get("/v1/metrics/metadata", prefix="sum")

    assert answer["metrics"] == [
        {
            "name": "sum", "type": "sum", "unit": "", "description": "",
            "temporality": "cumulative", "monotonic": False, "series": 2,
        },
        {
            "name": "summary", "type": "summary", "unit": "", "description": "",
            "temporality": "unspecified", "monotonic": False, "series": 2,
        },
    ]  # fmt: skip


async def test_a_trace_as_spans_with_a_summary(reader):
    answer = await reader.get(f"/v1/traces/{2:032x}", format="spans")

    assert [one["name"] for one in answer["spans"]] == ["op2", "op2"]
    assert answer["services"] == [{"name": "api", "spans": 2, "errors": 0}]
    assert (answer["span_count"], answer["root_name"]) == (2, "op2")
    assert answer["truncated"] is False
    otlp = await reader.get(f"/v1/traces/{2:032x}", format="otlp")
    assert list(otlp) == ["resourceSpans"]
    assert (await reader.wrong(f"/v1/traces/{2:032x}", format="x"))[0] == "format"


@pytest.mark.parametrize(
    ("path", "parameters", "plan"),
    [
        ("/v1/logs", {"q": "number>1", "start": "0"}, "Records"),
        ("/v1/traces", {}, "Traces"),
        ("/v1/metrics", {"q": "| stats count()"}, "Table"),
        ("/v1/metrics/metadata", {}, "Metrics"),
        ("/v1/dependencies", {}, "Dependencies"),
        ("/v1/histogram", {"by": "level"}, "Table"),
        ("/v1/facets", {"fields": "level,body"}, "Table"),
        ("/v1/values", {"field": "number"}, "Values"),
        (f"/v1/traces/{2:032x}", {}, "Trace"),
    ],
)
async def test_every_question_can_be_explained(reader, path, parameters, plan):
    answer = await reader.get(path, explain="true", **parameters)

    assert list(answer) == ["plans", "statements", "cost"]
    assert {one["plan"] for one in answer["plans"]} == {plan}
    assert answer["plans"][0]["tenant"] == "default"
    assert list(answer["statements"][0]) == ["sql", "parameters", "indexes"]
    assert (await reader.wrong(path, explain="yes", **parameters))[0] == "explain"
