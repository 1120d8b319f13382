"""Spans of old clients and of any order, put into the form in which they are shown."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import value
from pipeline.envelope import Resource, Scope, find
from pipeline.schema import EVENT, LINK, SPAN_ID
from query.jaeger import arrays
from query.jaeger.arrays import Column, Numbers, Pairs
from query.jaeger.names import MISSING_SERVICE, SERVICE_NAME

_SERVER: Final = 2
_CLIENT: Final = 3
_ADDRESSES: Final = ("ip", "peer.ipv4")
_IPV4_MAX: Final = 2**32 - 1
_LIBRARY: Final = (
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
)


def own_ids(rows: pa.Table) -> pa.Table:
    """
    Give server spans an ID of their own that share their client's, as Zipkin's do.

    The server's becomes a child of the client's, and what was below both is below the server's.
    """
    traces = arrays.numbered(rows)
    ids, parents = (arrays.words(arrays.one(rows[name])) for name in ("span_id", "parent_span_id"))
    kinds = arrays.numbers(rows["kind"])
    every = arrays.codes(np.r_[traces, traces], np.r_[ids, parents])
    own, above = every[: len(ids)], every[len(ids) :]
    clients = kinds == _CLIENT
    shared = (kinds == _SERVER) & np.isin(own, own[clients])
    if not shared.any():
        return rows
    new_ids, new_parents = ids.copy(), parents.copy()
    renamed: dict[int, np.uint64] = {}
    for trace in np.unique(traces[shared]).tolist():
        of = traces == trace
        free = _free(set(ids[of].tolist()))
        for at in np.flatnonzero(of & shared).tolist():
            renamed[int(own[at])] = new_ids[at] = np.uint64(next(free))
            new_parents[at] = ids[at]
    below = np.isin(above, list(renamed)) & ~clients & ~shared
    new_parents[below] = [renamed[int(one)] for one in above[below].tolist()]
    return _with(_with(rows, "span_id", _ids(new_ids)), "parent_span_id", _ids(new_parents))


def services(rows: pa.Table) -> pa.Table:
    """Name the services of resources that have no name, or none that is a text."""
    return _with(rows, "resource", mapped(arrays.one(rows["resource"]), _named_resource))


def sort(rows: pa.Table) -> pa.Table:
    """Sort attributes of every level by key, and events by name."""
    own = Pairs.of(arrays.one(rows["attributes"])).by_key().column(rows.num_rows)
    rows = _with(rows, "attributes", own)
    rows = _with(rows, "events", _events(arrays.one(rows["events"])))
    rows = _with(rows, "links", _links(arrays.one(rows["links"])))
    rows = _with(rows, "resource", mapped(arrays.one(rows["resource"]), _sorted_resource))
    return _with(rows, "scope", mapped(arrays.one(rows["scope"]), _sorted_scope))


def mapped(texts: Column, change: Callable[[str], str]) -> Column:
    """Change each distinct text."""
    coded: Any = texts.dictionary_encode()
    changed = [change(text) for text in coded.dictionary.to_pylist()]
    return pa.array(changed, pa.utf8()).take(coded.indices)


def addresses(rows: pa.Table) -> pa.Table:
    """Write IPv4 addresses that were sent as numbers with dots."""
    own = Pairs.of(arrays.one(rows["attributes"]))
    odd = own.named(*_ADDRESSES) & np.isin(own.types, (value.INT, value.DOUBLE))
    if not odd.any():
        return rows
    texts, types = own.values.to_pylist(), own.types.copy()
    for at in np.flatnonzero(odd).tolist():
        number = float(str(texts[at]))
        if 0 <= number <= _IPV4_MAX:
            texts[at], types[at] = str(ipaddress.IPv4Address(int(number))), value.STRING
    told = Pairs(own.rows, own.keys, types, pa.array(texts, pa.utf8()))
    return _with(rows, "attributes", told.column(rows.num_rows))


def library(rows: pa.Table) -> pa.Table:
    """Tell what a span says of its library of its resource, unless that says something else."""
    own = Pairs.of(arrays.one(rows["attributes"]))
    named = own.named(*_LIBRARY)
    if not named.any():
        return rows
    resources = arrays.one(rows["resource"]).to_pylist()
    known = {text: dict(_keyed(Resource.parse(str(text)))) for text in set(resources)}
    moved: dict[int, list[tuple[str, int, str]]] = {}
    gone = np.zeros(len(own), bool)
    for at in np.flatnonzero(named).tolist():
        row, key = int(own.rows[at]), str(own.keys[at])
        said = int(own.types[at]), str(own.values[at])
        if known[resources[row]].get(key, said) == said:
            gone[at] = True
            if key not in known[resources[row]]:
                moved.setdefault(row, []).append((key, *said))
    for row, more in moved.items():
        resources[row] = _extended(Resource.parse(str(resources[row])), more).text()
    rows = _with(rows, "attributes", own.where(~gone).column(rows.num_rows))
    return _with(rows, "resource", pa.array(resources, pa.utf8()))


def _free(taken: set[int]) -> Iterator[int]:
    """Yield IDs that no span of a trace has, the same each time."""
    found = max(taken)
    while True:
        found = (found + 1) % 2**64
        if found and found not in taken:
            yield found


def _events(events: Column) -> Column:
    flat: Any = pc.list_flatten(events)
    if not len(flat):
        return events
    rows = arrays.owners(events)
    parts = [flat.field(at) for at in range(len(EVENT))]
    parts[2] = Pairs.of(parts[2]).by_key().column(len(flat))
    names = parts[1].to_pylist()
    order = sorted(range(len(names)), key=lambda at: (rows[at], names[at]))
    made = pa.StructArray.from_arrays(parts, fields=list(EVENT))
    return arrays.listed(rows, made.take(arrays.index(np.array(order))), len(events))


def _links(links: Column) -> Column:
    flat: Any = pc.list_flatten(links)
    if not len(flat):
        return links
    rows = arrays.owners(links)
    parts = [flat.field(at) for at in range(len(LINK))]
    parts[3] = Pairs.of(parts[3]).by_key().column(len(flat))
    made = pa.StructArray.from_arrays(parts, fields=list(LINK))
    return arrays.listed(rows, made, len(links))


def with_service(one: Resource, name: str) -> Resource:
    """Return a resource whose service has this name."""
    others = (pair for pair in one.attributes if pair[0] != SERVICE_NAME)
    return _resource(one, (*others, (SERVICE_NAME, value.STRING, name)))


def _named_resource(text: str) -> str:
    one = Resource.parse(text)
    name = find(one.attributes, SERVICE_NAME) or MISSING_SERVICE
    if (SERVICE_NAME, value.STRING, name) in one.attributes:
        return text
    return with_service(one, name).text()


def _sorted_resource(text: str) -> str:
    one = Resource.parse(text)
    ordered = tuple(sorted(one.attributes, key=lambda pair: pair[0]))
    return _resource(one, ordered).text()


def _sorted_scope(text: str) -> str:
    one = Scope.parse(text)
    ordered = tuple(sorted(one.attributes, key=lambda pair: pair[0]))
    return Scope(
        one.name, one.version, ordered, one.dropped_attributes_count, one.schema_url
    ).text()


def _extended(one: Resource, more: list[tuple[str, int, str]]) -> Resource:
    return _resource(one, tuple(sorted((*one.attributes, *more), key=lambda pair: pair[0])))


def _resource(one: Resource, attributes: tuple[tuple[str, int, str], ...]) -> Resource:
    return Resource(attributes, one.dropped_attributes_count, one.schema_url, one.entity_refs)


def _keyed(one: Resource) -> list[tuple[str, tuple[int, str]]]:
    return [(key, (kind, text)) for key, kind, text in one.attributes]


def _ids(numbers: Numbers) -> Column:
    data = numbers.astype(">u8").tobytes()
    return pa.Array.from_buffers(SPAN_ID, len(numbers), [None, pa.py_buffer(data)])


def _with(rows: pa.Table, name: str, column: Column) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, column)
