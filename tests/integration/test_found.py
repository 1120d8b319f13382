"""What SDK exporters send is found within two seconds of the answer, and again after a restart."""

import os
import signal
import time
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto import http as over_http
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_spans
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_spans

from tests.support.aura_process import Aura, poll
from tests.support.otlp_sdk import send_all

pytestmark = pytest.mark.slow

QUESTIONS = {
    "traces": ('name="work"', "root_name", "work"),
    "logs": ("level=INFO", "body", "hello"),
    "metrics": ("name=requests", "name", "requests"),
}


def exporters(aura: Aura, transport: str):
    if transport == "grpc":
        options = {"endpoint": f"127.0.0.1:{aura.ports['ingestor.grpc']}", "insecure": True}
        return (
            grpc_spans.OTLPSpanExporter(**options),
            grpc_logs.OTLPLogExporter(**options),
            grpc_metrics.OTLPMetricExporter(**options),
        )
    url, gzip = f"http://127.0.0.1:{aura.ports['ingestor.http']}/v1", over_http.Compression.Gzip
    return (
        http_spans.OTLPSpanExporter(endpoint=f"{url}/traces", compression=gzip),
        http_logs.OTLPLogExporter(endpoint=f"{url}/logs", compression=gzip),
        http_metrics.OTLPMetricExporter(endpoint=f"{url}/metrics", compression=gzip),
    )


def counts(aura: Aura) -> dict[str, int]:
    return {
        name: len([one for one in aura.ask(f"/v1/{name}", q=question)[name] if one[field] == value])
        for name, (question, field, value) in QUESTIONS.items()
    }


def test_every_signal_is_found_soon_and_after_a_restart(tmp_path):
    aura = Aura(tmp_path)
    try:
        aura.start()
        for sent, transport in enumerate(("grpc", "http"), 1):
            send_all(*exporters(aura, transport))
            wanted = dict.fromkeys(QUESTIONS, sent)
            poll(lambda wanted=wanted: counts(aura) == wanted, 2.0, f"{transport}: {wanted}")
        assert aura.stop() == 0
        aura.start()
        assert counts(aura) == dict.fromkeys(QUESTIONS, 2)
        trace = aura.ask("/v1/traces")["traces"][0]["trace_id"]
        assert aura.ask(f"/v1/traces/{trace}")["resourceSpans"]
    finally:
        aura.kill()


def test_health_tells_which_part_is_missing(tmp_path):
    with Aura(tmp_path) as aura:
        for door in ("query.listen", "ingestor.api"):
            assert aura.status("/healthz", door) == 200
            assert aura.status("/readyz", door) == 200
            assert aura.status("/metrics", door) == 200
        nats = aura.nats
        os.kill(nats, signal.SIGSTOP)
        try:
            poll(lambda: aura.status("/readyz") == 503, 15, "not ready without its bus")
            assert aura.status("/healthz") == 200
        finally:
            os.kill(nats, signal.SIGCONT)
        poll(lambda: aura.status("/readyz") == 200, 20, "ready again")


def test_a_killed_aura_leaves_no_child(tmp_path):
    with Aura(tmp_path) as aura:
        nats = aura.nats
        aura.kill()
        poll(lambda: not _runs(nats), 10, "its nats-server is gone")


def test_a_killed_nats_is_started_again(tmp_path):
    with Aura(tmp_path) as aura:
        first = aura.nats
        started = time.monotonic()
        os.kill(first, signal.SIGKILL)
        poll(lambda: aura.nats_or_none() not in (None, first), 15, "another child")
        poll(lambda: aura.status("/readyz") == 200, 20, "ready again")
        send_all(*exporters(aura, "http"))
        poll(lambda: counts(aura) == dict.fromkeys(QUESTIONS, 1), 10, "found")
        print(f"served again after {time.monotonic() - started:.1f} s")


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
