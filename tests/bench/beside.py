"""How long small requests wait while one of 64 MiB is taken in: `python -m tests.bench.beside`.

Each line: what was sent beside, how long it took, and the latencies of requests with one record.
"""

import http.client
import sys
import tempfile
import threading
import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp.receivers.intake import JSON, PROTOBUF
from pipeline.signal import Signal
from tests.bench.load import Load
from tests.fuzz.telemetry import as_json
from tests.support.aura_process import Aura
from tests.support.otlp_requests import spans

LARGE_BYTES = 63 * 2**20


def large(as_text: bool) -> bytes:
    """Return ordinary spans of nearly the largest size that is taken."""
    one = next(iter(Load(Signal.TRACES, 512, time.time_ns())))
    content = as_json(ExportTraceServiceRequest.FromString(one)) if as_text else one
    times = LARGE_BYTES // len(content)
    if not as_text:
        return one * times
    inner = content[content.index(b"[") + 1 : content.rindex(b"]")]
    return b'{"resourceSpans":[' + b",".join([inner] * times) + b"]}"


def post(port: int, path: str, body: bytes, media_type: str) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", path, body, {"Content-Type": media_type})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, content[:300]
    return time.perf_counter() - began


def beside(port: int, path: str, body: bytes, media_type: str) -> str:
    """Send the large request; return how long it and the small ones beside it took."""
    took: list[float] = []
    sender = threading.Thread(target=lambda: took.append(post(port, path, body, media_type)))
    sender.start()
    small = []
    while sender.is_alive():
        small.append(post(port, "/v1/traces", spans(), PROTOBUF))
        time.sleep(0.005)
    small.sort()
    parts = {"p50": len(small) // 2, "p99": len(small) * 99 // 100, "max": len(small) - 1}
    told = ", ".join(f"{name} {small[at] * 1000:.0f} ms" for name, at in parts.items())
    return f"{took[0]:5.1f} s for it; {len(small)} small: {told}"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, Aura(Path(folder)) as aura:
        port = aura.ports["ingestor.http"]
        for _ in range(20):
            post(port, "/v1/traces", spans(), PROTOBUF)
        for name, body, media_type in (
            ("nothing", spans(), PROTOBUF),
            ("protobuf", large(as_text=False), PROTOBUF),
            ("JSON", large(as_text=True), JSON),
        ):
            print(f"{name:9} {beside(port, '/v1/traces', body, media_type)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
