"""The OpenAPI document says what the routes take, and nothing else."""

import re

import pytest

from pipeline.keyring import Keyring
from pipeline.signal import Signal
from query.api import http, ledger, tail
from query.api.openapi import described
from query.config import Config, Limits
from query.engine import Engine
from storage.memory import MemoryStore
from tests.support.readers import reading
from tests.support.stores import NOW, group, messages

DOCUMENT = described()
ENGINE = Engine(MemoryStore(), Limits())
ROUTES = [
    route.path
    for route in [
        *http.routes(ENGINE, Keyring()),
        *tail.routes(ENGINE, None, Keyring()),  # type: ignore[arg-type]
        *ledger.routes(ENGINE, None, Keyring()),
    ]
]
BESIDE = {"/v1/tail": tail.TAKES, "/v1/ledger": ledger.TAKES}
"""Routes that need more than an engine: what they take."""
TRACE = f"{1:032x}"
NEEDED = {"/v1/values": {"field": "body"}, "/v1/facets": {"fields": "body"}}


def resolved(part):
    while "$ref" in part:
        found = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def parameters(path):
    every = DOCUMENT["paths"][path]["get"].get("parameters", ())
    return [one for one in map(resolved, every) if one["in"] == "query"]


@pytest.fixture
async def reader():
    groups = [group(one, messages(one, (1, 2), ("default",))) for one in Signal]
    async with reading(groups, NOW + 1) as one:
        yield one


def test_every_route_is_documented_and_nothing_else():
    assert set(DOCUMENT["paths"]) == set(ROUTES)
    assert DOCUMENT["openapi"] == "3.1.0"
    for path, methods in DOCUMENT["paths"].items():
        assert list(methods) == ["get"], path
        assert methods["get"]["summary"]
        assert "default" in methods["get"]["responses"]


def test_the_bounds_are_those_of_the_settings():
    limit = DOCUMENT["components"]["parameters"]["limit"]["schema"]
    assert limit["maximum"] == Config().limits.rows_max


@pytest.mark.parametrize("path", [path for path in ROUTES if path != "/v1/openapi.json"])
async def test_what_is_documented_is_what_is_taken(reader, path):
    if path in BESIDE:
        assert {one["name"] for one in parameters(path)} == set(BESIDE[path])
        return
    url = path.replace("{trace_id}", TRACE)
    named, message = await reader.wrong(url, **{"no-such": "x"})

    assert named == "no-such"
    known = re.split(r", ", message.partition("; known are ")[2])
    assert sorted(known) == sorted(one["name"] for one in parameters(path))


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (path, one["name"])
        for path in ROUTES
        if path != "/v1/openapi.json" and path not in BESIDE
        for one in parameters(path)
        if "example" in one
    ],
)
async def test_examples_are_taken(reader, path, parameter):
    (one,) = (one for one in parameters(path) if one["name"] == parameter)
    given = {**NEEDED.get(path, {}), parameter: one["example"]}
    if parameter == "end":
        given["start"] = "now-1h"

    await reader.get(path.replace("{trace_id}", TRACE), **given)


async def test_the_document_is_answered(reader):
    assert await reader.get("/v1/openapi.json") == DOCUMENT


def test_every_reference_leads_somewhere():
    def look(part):
        if isinstance(part, dict):
            if "$ref" in part:
                assert resolved(part)
            for inner in part.values():
                look(inner)
        elif isinstance(part, list):
            for inner in part:
                look(inner)

    look(DOCUMENT)
