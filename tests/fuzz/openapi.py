"""Schemathesis against a running Aura, by its own OpenAPI document.

`make fuzz-api`: MINUTES= (10), SEED= (printed, repeatable).
"""

import os
import random
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll
from tests.support.numbered import request

CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance,unsupported_method"
)


def fill(aura: Aura) -> None:
    """Send a few records of every signal, and wait until they are found."""
    for signal in Signal:
        url = aura.url(f"/v1/{signal.value}", "ingestor.http")
        headers = {"Content-Type": "application/x-protobuf"}
        body = request(signal, "fuzz", 1, 1, 16)
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()
        poll(lambda path=f"/v1/{signal.value}", of=signal.value: aura.ask(path)[of])


def fuzz(aura: Aura, seed: int, *options: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis; the tail is left out, since it does not end."""
    words = [
        *(str(Path(sys.executable).with_name("st")), "run", aura.url("/v1/openapi.json")),
        *("--checks", CHECKS, "--exclude-path", "/v1/tail", "--no-color", "--warnings", "off"),
        *("--seed", str(seed), "--request-timeout", "60", *options),
    ]
    return subprocess.run(words, cwd=aura.folder, capture_output=True, text=True, check=False)


def main() -> int:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    seconds = round(60 * float(os.environ.get("MINUTES") or 10))
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, Aura(Path(folder)) as aura:
        fill(aura)
        done = fuzz(aura, seed, "--max-time", str(seconds), "--continue-on-failure")
        print(done.stdout, done.stderr)
        print((aura.folder / "stderr.log").read_text()[-5000:] if done.returncode else "")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
