"""The whole path with keys and without: what one tenant sends no other finds."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from pipeline.keyring import Access
from tests.support.aura_process import Aura, poll
from tests.support.cluster import Cluster
from tests.support.keys import READ, WRITE, bearer, entries, kept
from tests.support.otlp_sdk import send_span

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed"),
]

METRIC = {
    "resourceMetrics": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "test-svc"}}]
            },
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "load",
                            "gauge": {"dataPoints": [{"asDouble": 0.5, "timeUnixNano": "%d"}]},
                        }
                    ]
                }
            ],
        }
    ]
}
LOG = '{"service_name":"test-svc","level":"INFO","message":"hello"}'
OTHER = "key-of-the-other-tenant-0"
OF_QUERY = "key-that-the-query-role-shows-to-the-storage"
OLD = "key-of-the-other-tenant-before-its-rotation"


def curl(*arguments: str) -> Any:
    done = subprocess.run(["curl", "-s", *arguments], capture_output=True, check=True, timeout=30)
    return json.loads(done.stdout)


def lines_of_the_readme(aura: Aura) -> tuple[Any, Any, Any]:
    """Send a log record and a point with curl, and ask for the record until it is there."""
    door, look = aura.url("/v1", "ingestor.api"), aura.url("/v1")
    write, read = f"Authorization: Bearer {WRITE}", f"Authorization: Bearer {READ}"
    metric = json.dumps(METRIC).replace("%d", str(time.time_ns()))
    sent = curl("-H", write, "-X", "POST", f"{door}/logs", "-d", LOG)
    point = curl("-H", write, "-X", "POST", f"{door}/metrics", "-d", metric)
    question = f'{look}/logs?q=service_name="test-svc"'
    return sent, poll(lambda: found(curl("-H", read, question))), point


def found(answer: Any) -> Any:
    return answer["logs"] and answer


def get(aura: Aura, path: str, key: str, **parameters: str) -> tuple[int, Any]:
    url = f"{aura.url(path)}?{urllib.parse.urlencode(parameters)}"
    request = urllib.request.Request(url, headers=bearer(key) if key else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_curl_as_in_the_readme_on_a_fresh_install(tmp_path):
    with Aura(tmp_path) as aura:
        sent, answer, point = lines_of_the_readme(aura)
        assert sent == point == {"accepted": 1, "refused": 0, "errors": []}
        assert [log["body"] for log in answer["logs"]] == ["hello"]
        poll(lambda: aura.ask("/v1/metrics")["metrics"])


@pytest.mark.parametrize("kind", [Aura, Cluster])
def test_no_tenant_finds_what_another_sent(tmp_path, kind):
    both = (Access.WRITE, Access.READ)
    keys = entries(
        [
            kept(WRITE, Access.WRITE),
            kept(READ, Access.READ),
            kept(OTHER, *both, tenant="other", name="new"),
            kept(OLD, *both, tenant="other", name="old"),
            kept(OF_QUERY, Access.READ, tenant="", name="query"),
        ]
    )
    settings = {"AURA_AUTH_KEYS": json.dumps(keys), "AURA_STORAGE_REMOTE_KEY": OF_QUERY}
    with kind(tmp_path, **settings) as aura:
        ours, _, point = lines_of_the_readme(aura)
        assert ours["accepted"] == point["accepted"] == 1
        for key in (WRITE, OTHER):
            send_span(
                OTLPSpanExporter(
                    f"127.0.0.1:{aura.ports['ingestor.grpc']}",
                    insecure=True,
                    headers={"authorization": f"Bearer {key}", "x-scope-orgid": "default"},
                )
            )
        theirs = LOG.replace("hello", "theirs").replace("test-svc", "their-svc")
        metric = json.dumps(METRIC).replace("load", "theirs").replace("test-svc", "their-svc")
        metric = metric.replace("%d", str(time.time_ns()))
        for signal, body in [("logs", theirs), ("metrics", metric)]:
            url = aura.url(f"/v1/{signal}", "ingestor.api")
            assert curl("-H", f"Authorization: Bearer {OLD}", url, "-d", body)["accepted"] == 1

        seen = {key: everything(aura, key) for key in (READ, OTHER)}
        assert seen[READ]["logs"] == ["hello"]
        assert seen[OTHER]["logs"] == ["theirs"]
        assert seen[READ]["metrics"] == ["load"]
        assert seen[OTHER]["metrics"] == ["theirs"]
        (mine,), (their,) = seen[READ]["traces"], seen[OTHER]["traces"]
        assert mine != their
        for key, own, foreign in [(READ, mine, their), (OTHER, their, mine)]:
            assert get(aura, f"/v1/traces/{own}", key)[0] == 200
            assert get(aura, f"/v1/traces/{foreign}", key)[0] == 404
        for key, service in [(READ, "their-svc"), (OTHER, "test-svc")]:
            for signal in ("logs", "traces", "metrics"):
                question = f'resource.service.name="{service}"'
                assert get(aura, f"/v1/{signal}", key, q=question)[1][signal] == []
        assert get(aura, "/v1/logs", WRITE)[0] == 403
        assert get(aura, "/v1/logs", "")[0] == 401
        assert [aura.status(path) for path in ("/healthz", "/readyz", "/metrics")] == [
            200,
            200,
            401,
        ]


def everything(aura: Aura, key: str) -> dict[str, list[str]]:
    """What a key finds of each signal once there is something of all three."""
    fields = {"logs": "body", "traces": "trace_id", "metrics": "name"}

    def all_three() -> dict[str, list[str]] | None:
        found = {}
        for signal, field in fields.items():
            status, answer = get(aura, f"/v1/{signal}", key)
            assert status == 200, answer
            found[signal] = [one[field] for one in answer[signal]]
        return found if all(found.values()) else None

    return poll(all_three)  # type: ignore[return-value]
