"""A series is the same wherever and in whatever order it is seen."""

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otlp.codec import Decoder
from pipeline import schema
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from storage.codes import runs
from storage.series import _pairs, identify
from storage.tables import services

BASE = {
    "resource": [("service.name", "api"), ("zone", 1)],
    "scope": ("lib", "1", [("s", "x")]),
    "name": "cpu",
    "unit": "s",
    "description": "what",
    "kind": "sum",
    "temporality": 2,
    "monotonic": True,
    "attributes": [("host", "h1"), ("core", 1)],
    "schema_url": "",
}


def put(attributes, pairs):
    for key, value in pairs:
        one = attributes.add(key=key).value
        setattr(one, "int_value" if isinstance(value, int) else "string_value", value)


def rows(*changes):
    request = ExportMetricsServiceRequest()
    for change in changes:
        want = BASE | change
        around = request.resource_metrics.add(schema_url=want["schema_url"])
        put(around.resource.attributes, want["resource"])
        group = around.scope_metrics.add()
        group.scope.name, group.scope.version, of_scope = want["scope"]
        put(group.scope.attributes, of_scope)
        metric = group.metrics.add(
            name=want["name"], unit=want["unit"], description=want["description"]
        )
        data = getattr(metric, want["kind"])
        if want["kind"] == "sum":
            data.aggregation_temporality = want["temporality"]
            data.is_monotonic = want["monotonic"]
        put(data.data_points.add(time_unix_nano=5, as_int=1).attributes, want["attributes"])
    decoder = Decoder(Signal.METRICS, TimeWindow())
    decoder.append(request.SerializeToString(), 1, 5, len(changes))
    return decoder.finish()


def series(*changes):
    batch = rows(*changes)
    return identify(batch, services(batch["resource"]), "tenant")


@pytest.mark.parametrize(
    "change",
    [
        {"resource": [("service.name", "api"), ("zone", 2)]},
        {"resource": [("service.name", "api"), ("zone", "1")]},
        {"scope": ("lib2", "1", [("s", "x")])},
        {"scope": ("lib", "2", [("s", "x")])},
        {"scope": ("lib", "1", [])},
        {"name": "cpu2"},
        {"unit": "ms"},
        {"kind": "gauge"},
        {"temporality": 1},
        {"monotonic": False},
        {"attributes": [("host", "h2"), ("core", 1)]},
        {"attributes": [("host", "h1"), ("core", "1")]},
        {"attributes": [("host", "h1")]},
    ],
)
def test_what_is_identity_makes_another_series(change):
    one, other = series({}, change).ids.to_pylist()

    assert one != other


@pytest.mark.parametrize(
    "change",
    [
        {"resource": [("zone", 1), ("service.name", "api")]},
        {"attributes": [("core", 1), ("host", "h1")]},
        {"description": "else"},
        {"schema_url": "https://x"},
    ],
)
def test_what_is_not_identity_makes_a_variant_of_the_same_series(change):
    found = series({}, change)

    assert len(set(found.ids.to_pylist())) == 1
    assert len(set(found.variants.to_pylist())) == 2
    assert len(found.distinct) == 2


def test_what_stands_beside_a_point_changes_nothing():
    alone, crowd = series({}), series({"name": "a"}, {}, {"name": "z"}, {})

    assert crowd.ids[1] == crowd.ids[3] == alone.ids[0]
    assert crowd.variants[1] == alone.variants[0]
    assert len(crowd.distinct) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("a", "b\x1e1\x1f"), ("c", "")], [("a", "b"), ("1\x1f", "c")]),
        ([("a", "\x1f1")], [("a\x1f", "1")]),
        ([("", "")], []),
    ],
)
def test_no_attribute_can_imitate_another(one, other):
    found = series({"attributes": one}, {"attributes": other})

    assert len(set(found.ids.to_pylist())) == 2


def test_slices_and_repeated_dictionaries_make_no_difference():
    whole = rows({}, {"name": "b"}, {}, {"attributes": []})
    twice = pa.Table.from_batches([whole, whole]).unify_dictionaries().combine_chunks()

    expected = identify(whole, services(whole["resource"]), "t").ids.to_pylist()
    tail = whole.slice(1)
    again = twice.to_batches()[0]

    assert identify(tail, services(tail["resource"]), "t").ids.to_pylist() == expected[1:]
    assert identify(again, services(again["resource"]), "t").ids.to_pylist() == expected * 2


@given(st.lists(st.lists(st.tuples(st.text(), st.integers(0, 7), st.text()))), st.integers(0, 2))
def test_attributes_come_back_from_the_bytes_that_tell_them_apart(lists, after):
    values = [[dict(zip(("key", "type", "value"), one, strict=True)) for one in of] for of in lists]
    column = pa.array(values, schema.ATTRIBUTES).slice(after)

    found = [_pairs(*row) for row in zip(*(one.to_pylist() for one in runs(column)), strict=True)]

    assert found == [[list(one) for one in of] for of in lists[after:]]


PROGRAM = """
import numpy as np
from storage.codes import KEY
from storage.series import _learned
RESOURCE, SCOPE = '{"attributes":[["b",1,"2"],["a",1,"1"]]}', '{"attributes":[]}'
METRIC = (RESOURCE, SCOPE, "n", "u", "d", "[]", 5, 0, False)
KIND, LENGTH = np.array([(3, 1)], KEY).tobytes(), np.array([1], "<i4").tobytes()
found = _learned(bytes(8) + b"7" + LENGTH, METRIC, b"k", KIND)
print(tuple(np.frombuffer(found, ">u8").tolist()))
"""


@pytest.mark.slow
def test_two_processes_give_the_same_series_the_same_number():
    """And so does every version: points already stored refer to these numbers."""
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert found == {"(13265983777980248128, 18360407258148507242)\n"}
