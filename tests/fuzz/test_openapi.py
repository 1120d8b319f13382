"""A few seconds of what `make fuzz-api` does for long."""

import pytest

from query.api.openapi import described
from tests.fuzz.openapi import fill, fuzz
from tests.support.aura_process import Aura

pytestmark = pytest.mark.slow


def test_schemathesis_finds_no_error_of_the_api(tmp_path):
    with Aura(tmp_path) as aura:
        fill(aura)
        done = fuzz(aura, 7, "--phases", "examples,fuzzing", "--max-examples", "6")

        assert done.returncode == 0, done.stdout[-5000:]
        told = f"{len(described()['paths']) - 2} passed"
        assert told in done.stdout, "all but the tail, and the document itself"
        assert b"unhandled" not in (tmp_path / "stderr.log").read_bytes()
