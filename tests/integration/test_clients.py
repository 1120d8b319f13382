"""The official SDKs of four languages: what they send is found once, soon, and with its types."""

import asyncio
import math
from typing import Any

import pytest

from otlp.receivers.grpc import GrpcReceiver
from otlp.receivers.http import HttpReceiver
from pipeline.errors import Overloaded
from pipeline.ports import Message
from pipeline.signal import Signal
from tests.support import peers
from tests.support.aura_process import Aura, poll
from tests.support.otlp_requests import memory_bus, opened, stored

pytestmark = pytest.mark.slow

COUNT = 60
RUNS = [
    (language, protocol)
    for language, protocols in peers.PROTOCOLS.items()
    for protocol in protocols
]
NEVER_RETRY = {("javascript", "grpc")}
"""Its exporter calls every gRPC error a failure, though OTLP has it repeat what is UNAVAILABLE."""
INSTRUMENTS = {
    "client.requests": ("sum", "{request}"),
    "client.load": ("gauge", "1"),
    "client.duration": ("histogram", "s"),
    "client.sizes": ("exponential_histogram", "By"),
}


@pytest.fixture(scope="module")
def aura(tmp_path_factory):
    with Aura(tmp_path_factory.mktemp("aura")) as started:
        yield started


@pytest.mark.parametrize(("language", "protocol"), RUNS)
def test_all_is_found_once_and_soon_with_its_types(aura, language, protocol):
    service = f"{language} {protocol}"
    port = aura.ports["ingestor.grpc" if protocol == "grpc" else "ingestor.http"]
    process = peers.start(peers.client(language), service, protocol, port, COUNT)
    assert peers.finish(process, 30) == (0, "")
    found = poll(lambda: everything(aura, service), 2.0, f"all of {service}")
    assert isinstance(found, dict)
    check_spans(found["spans"], language)
    check_logs(found["logs"], language, {span["spanId"]: span for span in found["spans"]})
    for name in INSTRUMENTS:
        check_points(name, [one for one in found["points"] if one["name"] == name])


@pytest.mark.parametrize("language", peers.PROTOCOLS)
def test_a_client_says_when_nobody_took_it(aura, language):
    port = aura.ports["query.listen"]
    process = peers.start(peers.client(language), language, "http/protobuf", port, 1)
    code, said = peers.finish(process, 30)
    assert code == 1
    assert "Method Not Allowed" in said


async def test_case_40_every_client_comes_back_after_a_burst_of_refusals():
    bus = memory_bus()
    refused: set[tuple[Signal, bytes]] = set()

    async def full_at_first(signal: Signal, message: Message) -> None:
        if (signal, message.payload) not in refused:
            refused.add((signal, message.payload))
            raise Overloaded("full")
        await bus.publish(signal, message)

    async with (
        opened(GrpcReceiver, full_at_first) as (grpc, _),
        opened(HttpReceiver, full_at_first) as (http, _),
    ):
        started = []
        for language, protocol in RUNS:
            address = grpc.address if protocol == "grpc" else http.address
            port = int(address.rpartition(":")[2])
            command = peers.client(language)
            started.append(peers.start(command, f"{language} {protocol}", protocol, port, 2))
        ends = [await asyncio.to_thread(peers.finish, process, 30) for process in started]
    failed = {run: said for run, (code, said) in zip(RUNS, ends, strict=True) if code}
    assert failed.keys() == NEVER_RETRY, failed
    spans = sum(message.accepted for message in await stored(bus, Signal.TRACES))
    logs = sum(message.accepted for message in await stored(bus, Signal.LOGS))
    came_back = len(RUNS) - len(NEVER_RETRY)
    assert (spans, logs) == (3 * came_back, 2 * came_back)
    points = sum(message.accepted for message in await stored(bus, Signal.METRICS))
    assert points >= 2 * len(INSTRUMENTS) * came_back  # Java counts itself too


def everything(aura: Aura, service: str) -> dict[str, list[dict[str, Any]]] | None:
    """Return what is found of a service, once it is as much as was sent or more."""
    options: dict[str, Any] = {"q": f'service_name="{service}"', "limit": 10_000}
    traces = aura.ask("/v1/traces", **options)["traces"]
    logs = aura.ask("/v1/logs", **options)["logs"]
    points = aura.ask("/v1/metrics", **options)["metrics"]
    points = [point for point in points if point["name"] in INSTRUMENTS]  # Java counts itself too
    wanted = (1, COUNT, COUNT * len(INSTRUMENTS))
    if any(map(int.__lt__, (len(traces), len(logs), len(points)), wanted)):
        return None
    (trace,) = traces
    (resource,) = aura.ask(f"/v1/traces/{trace['trace_id']}")["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    if len(scope["spans"]) < COUNT + 1:
        return None
    assert of(resource["resource"])["client.build"] == 7
    assert of(resource["resource"])["client.tags"] == ["a", "b"]
    assert scope["scope"] == {"name": "client", "version": "1.2.3"}
    for record in (*logs, *points):
        assert record["resource"]["client.build"] == 7
        assert record["resource"]["client.tags"] == ["a", "b"]
        assert record["scope"] == {"name": "client", "version": "1.2.3", "attributes": {}}
    return {"spans": scope["spans"], "logs": logs, "points": points}


def attributes(language: str, number: int) -> dict[str, Any]:
    return {
        "text": 'grüße "✓"',
        "flag": True,
        "share": 0.25,
        "largest": 2**53 - 1 if language == "javascript" else 2**63 - 1,
        "texts": ["one", "two"],
        "flags": [True, False],
        "numbers": [1, -2],
        "shares": [0.5, -0.125],
        "bytes": "AP8=",
        "map": {"inner": [1, "two"]},
        "number": number,
    }


def of(holder: dict[str, Any]) -> dict[str, Any]:
    """Return attributes of OTLP/JSON as an object."""
    return {item["key"]: plain(item["value"]) for item in holder.get("attributes", ())}


def plain(value: dict[str, Any]) -> Any:
    ((kind, one),) = value.items()
    match kind:
        case "intValue":
            return int(one)
        case "arrayValue":
            return [plain(inner) for inner in one["values"]]
        case "kvlistValue":
            return of({"attributes": one["values"]})
        case _:
            assert isinstance(one, {"boolValue": bool, "doubleValue": float}.get(kind, str))
            return one


def check_spans(found: list[dict[str, Any]], language: str) -> None:
    (root,) = [span for span in found if span["name"] == "run"]
    work = sorted((span for span in found if span is not root), key=lambda span: of(span)["number"])
    assert [of(span)["number"] for span in work] == list(range(COUNT))
    for number, span in enumerate(work):
        wanted = attributes(language, number)
        if language == "javascript":  # its spans take only scalars and lists of them
            del wanted["bytes"], wanted["map"]
        assert of(span) == wanted
        assert (span["name"], span["kind"], span["parentSpanId"]) == ("work", 2, root["spanId"])
        status = {"code": 2, "message": "odd"} if number % 2 else {}
        assert span.get("status", {}) == status
        (event,), (link,) = span["events"], span["links"]
        assert (event["name"], of(event)) == ("step", {"number": number})
        assert (link["traceId"], link["spanId"]) == (root["traceId"], root["spanId"])
        assert of(link) == {"number": number}
        times = [span["startTimeUnixNano"], event["timeUnixNano"], span["endTimeUnixNano"]]
        assert times == sorted(times, key=int)


def check_logs(
    found: list[dict[str, Any]], language: str, spans: dict[str, dict[str, Any]]
) -> None:
    records = sorted(found, key=lambda record: record["attributes"]["number"])
    assert [record["attributes"]["number"] for record in records] == list(range(COUNT))
    body = {"said": "hello", "bytes": "AP8=", "list": [1, "two", {"three": False}]}
    for number, record in enumerate(records):
        wanted = attributes(language, number)
        if language != "javascript":  # beyond 2^53 - 1 the answer has the digits as text
            wanted["largest"] = str(wanted["largest"])
        assert record["attributes"] == wanted
        assert record["body"] == body
        assert record["event_name"] == "client.worked"
        assert (record["severity_number"], record["severity_text"]) == (13, "WARN")
        span = spans[record["span_id"]]
        assert (span["traceId"], of(span)["number"]) == (record["trace_id"], number)


def check_points(name: str, found: list[dict[str, Any]]) -> None:
    points = sorted(found, key=lambda point: point["attributes"]["number"])
    assert [point["attributes"] for point in points] == [{"number": n} for n in range(COUNT)]
    for number, point in enumerate(points):
        assert (point["type"], point["unit"]) == INSTRUMENTS[name]
        value = number + 0.5
        if name == "client.load":
            assert point["value"] == value
            continue
        assert point["temporality"] == "cumulative"
        if name == "client.requests":
            assert (point["value"], point["monotonic"]) == (number + 1, True)
            continue
        assert [point[total] for total in ("count", "sum", "min", "max")] == [
            1,
            value,
            value,
            value,
        ]
        if name == "client.duration":
            assert point["explicit_bounds"] == [10.0, 20.0]
            assert point["bucket_counts"] == [value <= 10, 10 < value <= 20, value > 20]
        else:
            assert (point["zero_count"], sum(point["negative"]["bucket_counts"])) == (0, 0)
            assert sum(point["positive"]["bucket_counts"]) == 1
            index = point["positive"]["offset"] + point["positive"]["bucket_counts"].index(1)
            exact = math.log2(value) * 2 ** point["scale"]
            assert index == pytest.approx(exact, abs=1.01)
