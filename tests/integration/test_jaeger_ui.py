"""Case 46: a real Jaeger UI in a real browser. `JAEGER_UI_DIR` names a built one.

`make peers` installs what drives the browser; without bundle, browser or that, this is skipped. Any
generation will do (1.76, 2.19 and 2.20 were seen). Pictures of the pages stay in pytest's folder.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.aura_process import Aura, poll
from tests.support.jaegers import MS, Sent
from tests.support.peers import built

pytestmark = pytest.mark.slow

SECOND = 10**9
FIRST, SECOND_TRACE = 0xABC1, 0xABC2


def sent(trace: int, at: int) -> Sent:
    """Return a trace of two services; the first one failed."""
    made = Sent()
    made.span(
        "web",
        "GET /",
        trace=trace,
        span=trace,
        at=at,
        lasts=50 * MS,
        kind=2,
        tags={"http.route": "/pay", "big": 2**53},
        events=(("exception", {"exception.message": "boom"}),),
        status=2 if trace == FIRST else 0,
    )
    made.span(
        "api",
        "SELECT",
        trace=trace,
        span=trace + 16,
        parent=trace,
        at=at + MS,
        lasts=20 * MS,
        kind=2,
        links=((FIRST + SECOND_TRACE - trace, 5, {}),),
    )
    return made


def send(aura: Aura, made: Sent) -> None:
    request = urllib.request.Request(
        aura.url("/v1/traces", "ingestor.http"),
        made.request.SerializeToString(),
        {"Content-Type": "application/x-protobuf"},
    )
    urllib.request.urlopen(request, timeout=20).close()


@pytest.mark.optional
def test_case_46_the_ui_shows_what_was_sent(tmp_path: Path):
    bundle = os.environ.get("JAEGER_UI_DIR")
    if not bundle:
        pytest.skip("JAEGER_UI_DIR names no built Jaeger UI")
    browser = shutil.which("chromium") or pytest.skip("chromium is not installed")
    script = built("browser") / "jaeger.js"
    now = time.time_ns()
    with Aura(tmp_path, AURA_QUERY_JAEGER_UI_DIR=bundle) as aura:
        for trace in (FIRST, SECOND_TRACE):
            send(aura, sent(trace, now - 120 * SECOND))
        poll(lambda: len(aura.ask("/v1/traces")["traces"]) == 2)
        address = f"http://127.0.0.1:{aura.ports['query.jaeger.listen']}"
        archive = "button:has-text('Archive Trace')"
        pages = {
            "/search?service=web&limit=20&lookback=1h": (["text=web: GET /"], "", ""),
            f"/trace/{FIRST:x}": (["text=SELECT"], ".span-row .span-view", "text=/pay"),
            f"/trace/{FIRST:016x}": (["text=SELECT"], archive, "text=/has been archived/i"),
            f"/trace/{FIRST:016x}...{SECOND_TRACE:016x}": (["text=/Spans: *2/ >> nth=1"], "", ""),
            "/dependencies": (["canvas, .plexus-Digraph, svg"], "", ""),
            "/monitor": (["path.recharts-curve", "text=GET /"], "", ""),
        }
        steps = [
            {
                "url": address + path,
                "kept": {"lastAtmSearchService": "web"},  # the service that was looked at last
                "waits": waits,
                "click": click,
                "then": then,
                "picture": str(tmp_path / f"{number}.png"),
            }
            for number, (path, (waits, click, then)) in enumerate(pages.items(), 1)
        ]
        told = subprocess.run(
            ["node", str(script), str(browser), json.dumps(steps)],
            check=True,
            capture_output=True,
            text=True,
            timeout=240,
        )
        shown = dict(zip(pages, json.loads(told.stdout), strict=True))
    for path, one in shown.items():
        assert one["errors"] == [], path
    search, trace, _, compared, _, monitor = (one["text"] for one in shown.values())
    assert "2 traces" in search.lower()
    for text in ("web", "api", "http.route", "/pay", "9007199254740992", "exception"):
        assert text in trace, trace
    assert compared.count("Spans: 2") == 2
    assert "No data yet" not in monitor
