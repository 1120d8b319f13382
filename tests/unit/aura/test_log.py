"""A log that cannot be written costs its lines and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.aura_process import ROOT

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")

SPEAK = """
import sys, structlog
from aura import log
log.configure(log.LogConfig(format="json"))
speaks = structlog.get_logger()
for number in range(200):
    speaks.warning("a line", number=number)
    try:
        raise ValueError("a bug")
    except ValueError:
        speaks.exception("a trace")
log.tell("a line for a person")
with open(sys.argv[1], "w") as done:
    done.write("done")
"""


def run(folder: Path, **streams: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SPEAK, str(folder / "done")]
    done = subprocess.run(command, env=environment, check=False, timeout=60, **streams)  # type: ignore[call-overload]
    assert (folder / "done").read_text() == "done"
    return done  # type: ignore[no-any-return]


def test_every_line_is_written_where_lines_can_be(tmp_path):
    done = run(tmp_path, capture_output=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["number"] for line in lines if line["event"] == "a line"] == list(range(200))
    assert done.stdout == b"a line for a person\n"


@needs_full
def test_a_full_disk_under_the_log_ends_nothing(tmp_path):
    with FULL.open("wb") as full:
        run(tmp_path, stdout=full, stderr=full)


def test_a_reader_of_the_log_that_has_gone_ends_nothing(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run(tmp_path, stdout=writing, stderr=writing)
    finally:
        os.close(writing)
