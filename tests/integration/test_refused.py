"""What a real Aura refuses is kept, through a restart, and stored when it has become acceptable."""

import base64
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otlp.receivers.grpc import SIGNALS
from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll

pytestmark = pytest.mark.slow

METHOD = next(method for method, signal in SIGNALS.items() if signal is Signal.LOGS)
LETTERS = "/v1/deadletters"


def small_and_large(label: str) -> bytes:
    """A record that is always taken, and one above the limit of the first start."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for size, name in ((5, "small"), (6000, "large")):
        record = scope.log_records.add(time_unix_nano=time.time_ns())
        record.body.string_value = "x" * size
        record.attributes.add(key="label").value.string_value = f"{label} {name}"
    return request.SerializeToString()


def asked(aura: Aura, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(aura.url(path, "ingestor.api"), body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def listed(aura: Aura, number: int) -> list[dict[str, Any]]:
    def page() -> list[dict[str, Any]]:
        return asked(aura, "GET", LETTERS)[1]["deadletters"]

    poll(lambda: len(page()) == number, why=f"{number} letters")
    return page()


def found(aura: Aura, label: str) -> int:
    return len(aura.ask("/v1/logs", q=f'label="{label}"')["logs"])


def counted(aura: Aura, name: str) -> str:
    with urllib.request.urlopen(aura.url("/metrics", "ingestor.api"), timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return " ".join(line.rpartition(" ")[2] for line in lines if line.startswith(name + "{"))


def test_what_is_refused_is_replayed_after_its_limit_was_raised(tmp_path: Path):
    aura = Aura(tmp_path, AURA_INGESTOR_JOIN_BYTES_MAX="1kB")
    try:
        aura.start(AURA_BUS_MESSAGE_BYTES_MAX="4KiB")
        url = aura.url("/v1/logs", "ingestor.http")
        sent = urllib.request.Request(
            url, small_and_large("http"), {"Content-Type": "application/x-protobuf"}
        )
        with urllib.request.urlopen(sent, timeout=10) as answer:
            assert answer.status == 200
        with grpc.insecure_channel(f"127.0.0.1:{aura.ports['ingestor.grpc']}") as channel:
            channel.unary_unary(METHOD)(small_and_large("grpc"), timeout=10)
        status, _ = asked(aura, "POST", "/v1/logs", b'{"message":"nonsense"')
        assert status == 400

        first, second, third = listed(aura, 3)

        assert "at most 4096 bytes" in first["reason"]
        assert first["complete"]
        assert second["signal"] == "logs"
        assert (third["records"], third["form"]) == (None, "plain")
        _, letter = asked(aura, "GET", f"{LETTERS}/{first['id']}")
        kept = ExportLogsServiceRequest.FromString(base64.b64decode(letter["base64"]))
        (record,) = kept.resource_logs[0].scope_logs[0].log_records
        assert record.attributes[0].value.string_value == "http large"
        (scope,) = letter["otlp"]["resourceLogs"][0]["scopeLogs"]
        assert scope["logRecords"][0]["body"] == {"stringValue": "x" * 6000}
        status, told = asked(aura, "POST", f"{LETTERS}/{first['id']}/replay")
        assert (status, told["refused"]) == (400, 1)
        assert counted(aura, "aura_dead_letters_buried_total") == "3.0"
        poll(lambda: found(aura, "http small"), why="what was accepted")
        assert found(aura, "http large") == 0

        assert aura.stop() == 0
        aura.start()

        for one in (first, second):
            status, told = asked(aura, "POST", f"{LETTERS}/{one['id']}/replay")
            assert (status, told) == (200, {"accepted": 1, "refused": 0, "errors": []})
        assert asked(aura, "DELETE", f"{LETTERS}/{third['id']}") == (204, None)
        assert listed(aura, 0) == []
        assert asked(aura, "POST", f"{LETTERS}/{first['id']}/replay")[0] == 404
        for label in ("http large", "grpc large"):
            poll(lambda label=label: found(aura, label), why=label)
        assert [found(aura, label) for label in ("http large", "grpc large", "http small")] == [
            1
        ] * 3
        assert counted(aura, "aura_dead_letters_replayed_total") == "2.0"
        assert aura.stop() == 0
    finally:
        aura.kill()
