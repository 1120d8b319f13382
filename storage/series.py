"""Series: which points belong together, computed after the chain from one canonical form.

Identity (OpenTelemetry metrics data model, "Timeseries Model"): resource attributes, scope name,
version and attributes, metric name, unit, type, temporality and monotonicity, point attributes;
attributes without their order. Two processes give the same series the same `series_id`.

What comes along without being identity (description, metadata, schema URLs, dropped counts, the
order of attributes) makes the `variant`, so that a point can be given back exactly as it was sent.

Per record this is Arrow; Python runs once per distinct series of a batch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pyarrow as pa

from pipeline.envelope import Resource, Scope
from pipeline.value import dumps
from storage.codes import KEY, Codes, coded, combined, firsts, numbered, runs

SERIES_COLUMNS: Final = (
    "metric_name",
    "metric_description",
    "metric_unit",
    "metric_metadata",
    "metric_type",
    "aggregation_temporality",
    "is_monotonic",
    "resource",
    "scope",
    "attributes",
)
"""The columns of `schema.POINTS` that stand in the table of series."""

Hash: TypeAlias = "hashlib.blake2b"

_TEXTS: Final = (
    "resource",
    "scope",
    "metric_name",
    "metric_unit",
    "metric_description",
    "metric_metadata",
)


@dataclass(frozen=True, slots=True)
class Series:
    """
    The series of a batch's points.

    `ids`, `variants`: uint64, one a row. `distinct`: a row for each distinct pair, with `tenant`,
    `series_id`, `variant`, `service_name`, `time` (the newest of its points) and SERIES_COLUMNS.
    """

    ids: pa.Array[Any]
    variants: pa.Array[Any]
    distinct: pa.Table


def identify(rows: pa.RecordBatch, service: pa.Array[Any], tenant: str) -> Series:
    """Return the series of points; `service` is each row's service name."""
    names = (*_TEXTS, "metric_type", "aggregation_temporality", "is_monotonic")
    shared = [coded(rows[name]) for name in names]
    own = [coded(column) for column in runs(cast("pa.ListArray[Any]", rows["attributes"]))]
    of_metric = numbered(combined([codes for codes, _ in shared]))
    whole = numbered(combined([of_metric, *(codes for codes, _ in own)]))
    metrics, series = firsts(of_metric), firsts(whole)
    heads = _picked(shared, metrics)
    hashes = [
        _hashes(heads[metric], *attributes)
        for metric, attributes in zip(of_metric[series].tolist(), _picked(own, series), strict=True)
    ]
    ids = np.array([one for one, _ in hashes], np.uint64)
    variants = np.array([two for _, two in hashes], np.uint64)
    newest = np.zeros(len(ids), np.uint64)
    np.maximum.at(newest, whole, rows["time"].to_numpy())
    first: pa.Array[Any] = pa.array(series)
    distinct = pa.table(
        {
            "tenant": pa.array([tenant] * len(series), pa.utf8()).dictionary_encode(),
            "series_id": pa.array(ids),
            "variant": pa.array(variants),
            "service_name": service.take(first),
            "time": pa.array(newest),
            **{name: rows[name].take(first) for name in SERIES_COLUMNS},
        }
    )
    return Series(pa.array(ids[whole]), pa.array(variants[whole]), distinct)


def _picked(coded: list[tuple[Codes, pa.Array[Any]]], rows: Codes) -> list[tuple[Any, ...]]:
    """Return the values of these rows, each value made a Python object once."""
    columns = []
    for codes, values in coded:
        objects = values.to_pylist()
        columns.append([objects[code] for code in codes[rows].tolist()])
    return list(zip(*columns, strict=True))


def _pairs(keys: bytes, kinds: bytes, values: bytes, lengths: bytes) -> list[list[str | int]]:
    """Return the attributes that `runs` took apart."""
    found: list[list[str | int]] = []
    key_at = value_at = 0
    for (kind, key_length), value_length in zip(
        np.frombuffer(kinds, KEY).tolist(), np.frombuffer(lengths, np.int32).tolist(), strict=True
    ):
        key_end, value_end = key_at + key_length, value_at + value_length
        found.append([keys[key_at:key_end].decode(), kind, values[value_at:value_end].decode()])
        key_at, value_at = key_end, value_end
    return found


@lru_cache(maxsize=200_000)
def _hashes(metric: tuple[Any, ...], *attributes: bytes) -> tuple[int, int]:
    """Return the hash of the identity and the hash of all that is not identity."""
    pairs = _pairs(*attributes)
    identity, variant = (begun.copy() for begun in _begun(metric))
    identity.update(_text(sorted(pairs)))
    variant.update(_text(dumps(pairs)))
    return _ended(identity), _ended(variant)


@lru_cache(maxsize=10_000)
def _begun(metric: tuple[Any, ...]) -> tuple[Hash, Hash]:
    """Return both hashes of a list's text up to its last element: that of a series' attributes."""
    resource, scope, name, unit, description, metadata, metric_type, temporality, monotonic = metric
    whole_scope = Scope.parse(scope)
    identity = [
        sorted(Resource.parse(resource).attributes),
        [whole_scope.name, whole_scope.version, sorted(whole_scope.attributes)],
        [name, unit, metric_type, temporality, monotonic],
    ]
    variant = [resource, scope, description, metadata]
    return _begin(identity), _begin(variant)


def _begin(elements: list[Any]) -> Hash:
    return hashlib.blake2b(_text(elements).removesuffix(b"]") + b",", digest_size=8)


def _ended(begun: Hash) -> int:
    begun.update(b"]")
    return int.from_bytes(begun.digest(), "big")


def _text(canonical: object) -> bytes:
    return dumps(canonical).encode(errors="surrogatepass")
