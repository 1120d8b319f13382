"""Series: which points belong together, computed after the chain from one canonical form.

Identity (OpenTelemetry metrics data model, "Timeseries Model"): resource attributes, scope name,
version and attributes, metric name, unit, type, temporality and monotonicity, point attributes;
attributes without their order. Two processes give the same series the same `series_id`.

What comes along without being identity (description, metadata, schema URLs, dropped counts, the
order of attributes) makes the `variant`, so that a point can be given back exactly as it was sent.

Per record this is Arrow; Python runs once per distinct series of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.envelope import Resource, Scope
from pipeline.value import dumps
from storage.codes import KEY, Codes, coded, combined, firsts, numbered, runs
from storage.remembered import Remembered, remembered

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

_TEXTS: Final = (
    "resource",
    "scope",
    "metric_name",
    "metric_unit",
    "metric_description",
    "metric_metadata",
)


_Coded: TypeAlias = "tuple[Codes, pa.Array[Any]]"
_Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint64]]"

_LENGTH_BYTES: Final = 4
"""Of the length of a value, in what `runs` returns."""

_KNOWN_BYTES_MAX: Final = 64 * 2**20
"""Of series whose hashes are remembered, some 300 bytes each."""


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
    series = firsts(whole)
    ids, variants = _hashes(_metrics(shared, of_metric), of_metric[series], own, series)
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


def _metrics(shared: list[_Coded], of_metric: Codes) -> list[tuple[Any, ...]]:
    """Return what series share, by its code."""
    first = firsts(of_metric)
    columns = [_few(values, codes[first]) for codes, values in shared]
    return list(zip(*columns, strict=True))


def _few(values: pa.Array[Any], codes: Codes) -> list[Any]:
    """Return coded values as Python objects, each made once."""
    objects = values.to_pylist()
    return [objects[code] for code in codes.tolist()]


def _hashes(
    metrics: list[tuple[Any, ...]], of_metric: Codes, own: list[_Coded], series: Codes
) -> tuple[_Numbers, _Numbers]:
    """Return the ids and variants of the series in these rows; Python looks each up once."""
    keys, kinds, values, lengths = own
    shapes = numbered(combined([of_metric, keys[0][series], kinds[0][series]]))
    first = firsts(shapes)
    heads = list(
        zip(
            [metrics[metric] for metric in of_metric[first].tolist()],
            _few(keys[1], keys[0][series[first]]),
            _few(kinds[1], kinds[0][series[first]]),
            strict=True,
        )
    )
    numbers = pa.array([_number(*head) for head in heads], pa.binary())
    parts = [(shapes, numbers), (values[0][series], values[1]), (lengths[0][series], lengths[1])]
    picked: list[Any] = [pc.take(column, cast("Any", pa.array(at))) for at, column in parts]
    names = cast("Any", pc.binary_join_element_wise(*picked, b"")).to_pylist()
    found = list(map(_known.get, names))
    for at in [at for at, one in enumerate(found) if one is None]:
        found[at] = _learned(names[at], *heads[shapes[at]])
    whole = np.frombuffer(b"".join(cast("list[bytes]", found)), ">u8").astype(np.uint64)
    return whole[::2], whole[1::2]


_known: Final = Remembered[bytes, bytes](_KNOWN_BYTES_MAX)
"""Both hashes of a series, by the number of its head, its values and their lengths."""

_numbers: Final = count()


@remembered(10_000)
def _number(*_: object) -> bytes:
    """Return a number for what many series share; one that is forgotten is never given again."""
    return next(_numbers).to_bytes(8, "big")


def _learned(name: bytes, metric: tuple[Any, ...], keys: bytes, kinds: bytes) -> bytes:
    """Return both hashes of a series, and remember them."""
    at = len(name) - len(kinds) // KEY.itemsize * _LENGTH_BYTES
    pairs = _pairs(keys, kinds, name[8:at], name[at:])
    identity, variant = (one.copy() for one in _begun(metric))
    identity.update(_bytes(f",{dumps(sorted(pairs))}]"))
    variant.update(_bytes(f",{dumps(dumps(pairs))}]"))
    found: bytes = identity.digest() + variant.digest()
    _known.keep(name, found)
    return found


@remembered(10_000)
def _begun(metric: tuple[Any, ...]) -> tuple[Any, Any]:
    """
    Return hashers that have taken all but the attributes of points.

    The identity is the JSON of a list of four, the variant of a list of five.
    """
    resource, scope, name, unit, description, metadata, metric_type, temporality, monotonic = metric
    whole_scope = Scope.parse(scope)
    identity = [
        sorted(Resource.parse(resource).attributes),
        [whole_scope.name, whole_scope.version, sorted(whole_scope.attributes)],
        [name, unit, metric_type, temporality, monotonic],
    ]
    variant = [resource, scope, description, metadata]
    return (
        blake2b(_bytes(dumps(identity)[:-1]), digest_size=8),
        blake2b(_bytes(dumps(variant)[:-1]), digest_size=8),
    )


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


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
