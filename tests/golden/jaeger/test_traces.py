"""OTLP in, both generations of Jaeger's JSON out: compared key by key, in their order.

`AURA_GOLDEN=write pytest tests/golden/jaeger` writes the answers anew; read the difference.
"""

import json
import os
from pathlib import Path

import pytest

from tests.support.jaegers import golden_sent, jaeger

FOLDER = Path(__file__).parent


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("v1", "/api/traces/110000000000000022?prettyPrint=true"),
        ("v1_raw", "/api/traces/110000000000000022?prettyPrint=true&raw=true"),
        ("v3", "/api/v3/traces/110000000000000022"),
    ],
)
async def test_case_22_both_generations_are_as_in_the_golden_files(name, path):
    async with jaeger() as asked:
        await asked.send(golden_sent())
        text = await asked.text(path)
    file = FOLDER / f"{name}.json"
    if os.environ.get("AURA_GOLDEN") == "write":
        file.write_text(json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n")
    # As lists of pairs, so that the order of keys counts.
    told, golden = (json.loads(one, object_pairs_hook=list) for one in (text, file.read_text()))
    assert told == golden
