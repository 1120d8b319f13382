"""The tables of a group as rows of PostgreSQL's: points by table, and what their series share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.envelope import Resource, Scope
from pipeline.ports import Group
from pipeline.schema import ATTRIBUTES
from pipeline.value import dumps
from storage.lists import attribute_keys, distinct
from storage.remembered import remembered
from storage.tables import (
    AS_DOUBLE,
    AS_INT,
    POINT_TABLES,
    Keep,
    expires_day,
    expiring,
    joined,
    record_tables,
)
from storage.timescale import binary, elements, text
from storage.timescale.binary import Fields
from storage.timescale.elements import DOUBLE, INT8, Oids
from storage.timescale.seen import Numbers

# fmt: off
_POINT: Final = (
    "series", "time", "time_unix_nano", "start_time_unix_nano", "sequence", "flags",
    "epoch", "partition", "ordinal",
)
_PLAIN: Final[Mapping[str, Sequence[str]]] = {
    "number_points": (),
    "histogram_points": ("count",),
    "exponential_histogram_points": (
        "count", "scale", "zero_count", "zero_threshold", "positive_offset", "negative_offset",
    ),
    "summary_points": ("count", "sum"),
}
_SERIES: Final = (
    "id", "series_id", "variant", "metric_type", "aggregation_temporality", "is_monotonic",
    "resource", "scope", "keep_for_s", "expires_day",
)
_SERIES_TEXTS: Final = (
    "tenant", "service_name", "metric_name", "metric_description", "metric_unit", "metric_metadata",
)
# fmt: on
_NULLABLE: Final[Mapping[str, Sequence[str]]] = {
    "number_points": ("value_double", "value_int"),
    "histogram_points": ("sum", "min", "max"),
    "exponential_histogram_points": ("sum", "min", "max"),
    "summary_points": (),
}
_LISTS: Final[Mapping[str, Mapping[str, int]]] = {
    "number_points": {},
    "histogram_points": {"bucket_counts": INT8, "explicit_bounds": DOUBLE},
    "exponential_histogram_points": {
        "positive_bucket_counts": INT8,
        "negative_bucket_counts": INT8,
    },
    "summary_points": {},
}


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, ready for COPY."""

    table: str
    columns: Sequence[str]
    body: bytes
    rows: int


def tables(group: Group, keep: Keep) -> dict[str, pa.Table]:
    """Return the tables of a group; `series` of a point is the `id` of its series."""
    found = []
    for batch in group.batches:
        of_batch = record_tables(batch, group.commit.epoch, group.partition, keep)
        for name, rows in of_batch.items():
            ids = _series_ids(batch.tenant, rows["series_id"], rows["variant"])
            of_batch[name] = rows.append_column("id" if name == "series" else "series", ids)
        found.append(of_batch)
    return joined(found)


def points(found: Mapping[str, pa.Table], oids: Oids) -> list[Block]:
    """Return the points of every kind."""
    return [_points(name, _columns(found[name]), oids) for name in POINT_TABLES if name in found]


def _points(table: str, columns: dict[str, Any], oids: Oids) -> Block:
    if table == "number_points":
        for value, kind in (("value_double", AS_DOUBLE), ("value_int", AS_INT)):
            there = pc.equal(columns["value_type"], pa.scalar(kind, pa.uint8()))
            columns[value] = pc.if_else(there, columns[value], pa.scalar(None, columns[value].type))
    for name in ("epoch", "ordinal"):  # counted up from small numbers
        columns[name] = pc.cast(columns[name], pa.int32())
    plain = (*_POINT, *_PLAIN[table])
    fields: dict[str, Fields] = {
        **{name: binary.nullable(columns[name]) for name in _NULLABLE[table]},
        **{name: elements.numbers(columns[name], oid) for name, oid in _LISTS[table].items()},
        "exemplars": elements.exemplars(columns["exemplars"], oids),
    }
    if table == "summary_points":
        fields["quantile_values"] = elements.quantiles(columns["quantile_values"], oids)
    return _block(table, {one: columns[one] for one in plain}, fields)


def series(rows: pa.Table, oids: Oids) -> Block:
    """Return rows of the table of series."""
    columns = _columns(_dated(rows))
    for level in ("resource", "scope"):
        columns[level] = _envelope_ids(columns["tenant"], columns[level])
    fields = {name: _text(columns[name]) for name in _SERIES_TEXTS}
    fields["attributes"] = elements.attributes(columns["attributes"], oids)
    fields["pairs"] = elements.checksums(columns["attributes"])
    return _block("series", {name: columns[name] for name in _SERIES}, fields)


def shared(rows: pa.Table, oids: Oids) -> list[Block]:
    """Return what series share: their resources, scopes and keys of attributes."""
    dated = _dated(rows)
    return [_envelopes(dated, "resource", oids), _envelopes(dated, "scope", oids), _keys(dated)]


def _envelopes(rows: pa.Table, level: str, oids: Oids) -> Block:
    columns = _columns(distinct(rows, ["tenant", level]))
    parse = Resource.parse if level == "resource" else Scope.parse
    parsed: list[Any] = [parse(one) for one in columns[level].to_pylist()]
    listed = [
        [dict(zip(("key", "type", "value"), each, strict=True)) for each in one.attributes]
        for one in parsed
    ]
    fields = {"tenant": _text(columns["tenant"]), "text": _text(columns[level])}
    if level == "scope":
        for name in ("name", "version"):
            fields[name] = _text(pa.array([getattr(one, name) for one in parsed], pa.utf8()))
    fields["attributes"] = elements.attributes(pa.array(listed, ATTRIBUTES), oids)
    ids = _envelope_ids(columns["tenant"], columns[level])
    return _block(f"{level}s", {"id": ids, "expires_day": columns["expires_day"]}, fields)


def _keys(rows: pa.Table) -> Block:
    columns = _columns(attribute_keys(rows))
    places = zip(*(columns[one].to_pylist() for one in _KEY), strict=True)
    ids = pa.array([_hash(dumps(place)) for place in places], pa.int64())
    plain = {"id": ids, "expires_day": columns["expires_day"], "type": columns["type"]}
    return _block("attribute_keys", plain, {one: _text(columns[one]) for one in _KEY[:-1]})


_KEY: Final = ("tenant", "level", "key", "type")


def _block(table: str, plain: Mapping[str, Any], fields: Mapping[str, Fields]) -> Block:
    names = (*plain, *fields)
    body = binary.copy([binary.fixed(*plain.values()), *fields.values()], len(names))
    return Block(table, names, body, len(next(iter(plain.values()))))


def _columns(rows: pa.Table) -> dict[str, Any]:
    return {name: rows[name].combine_chunks() for name in rows.column_names}


def _dated(rows: pa.Table) -> pa.Table:
    return rows.append_column("expires_day", expires_day(rows["time"], rows["keep_for_s"]))


def lives(rows: pa.Table) -> Numbers:
    """Return a number for each series and the day on which it expires: what is written once."""
    days = expires_day(rows["time"], rows["keep_for_s"]).to_numpy().astype(np.uint64)
    mixed: Numbers = _mixed(rows["id"].to_numpy().view(np.uint64) ^ _mixed(days)).view(np.int64)
    return mixed


def expiries(found: Mapping[str, pa.Table]) -> list[tuple[str, int, int]]:
    """Return how many points of which tenant are kept until which hour."""
    counted = [expiring(found[name]) for name in POINT_TABLES if name in found]
    return [
        (one["tenant"], one["hour"], one["records"]) for rows in counted for one in rows.to_pylist()
    ]


def _text(column: Any) -> Fields:
    return binary.sized(text.column(column))


def _series_ids(tenant: str, ids: Any, variants: Any) -> Any:
    """Return the keys of series: two hashes and the tenant's, mixed into one."""
    whole: Any = np.uint64(_hash(tenant) % 2**64)
    for column in (ids, variants):
        whole = _mixed(whole ^ column.to_numpy())
    return pa.array(whole.view(np.int64))


def _mixed(number: Any) -> Any:
    """Mix the bits of numbers: the last steps of SplitMix64."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def _envelope_ids(tenants: Any, texts: Any) -> Any:
    pairs = zip(tenants.to_pylist(), texts.to_pylist(), strict=True)
    return pa.array([_envelope(tenant, whole) for tenant, whole in pairs], pa.int64())


@remembered(20_000)
def _envelope(tenant: str, whole: str) -> int:
    return _hash(dumps([tenant, whole]))


def _hash(whole: str) -> int:
    digest = hashlib.blake2b(whole.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
