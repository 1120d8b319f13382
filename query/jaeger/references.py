"""A span's parent and links as Jaeger's references."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schema import SPAN_ID, TRACE_ID
from query.jaeger import arrays
from query.jaeger.arrays import Column, Numbers, Pairs

REFERENCE: Final = pa.struct(
    [("follows", pa.bool_()), ("trace_id", TRACE_ID), ("span_id", SPAN_ID)]
)
"""To a span: FOLLOWS_FROM, or else CHILD_OF."""

_KIND: Final = "opentracing.ref_type"
"""The attribute of a link that says which of the two it is."""


def references(rows: pa.Table) -> Column:
    """
    Return each span's references: its parent first, then its links.

    A link to the parent says what kind of reference the parent is, and comes no second time.
    """
    own = arrays.one(rows["trace_id"])
    parents = arrays.one(rows["parent_span_id"])
    children = np.flatnonzero(arrays.words(parents) != 0)
    links = arrays.one(rows["links"])
    flat: Any = pc.list_flatten(links)
    if not len(flat):
        at = arrays.index(children)
        said = _reference(np.zeros(len(children), bool), own.take(at), parents.take(at))
        return arrays.listed(children, said, rows.num_rows)
    of = arrays.owners(links)
    traces, spans = flat.field(0), flat.field(1)
    follows = ~_child_of(flat.field(3))
    of_parent = (arrays.words(own)[of] == arrays.words(traces)).all(axis=1) & (
        arrays.words(parents)[of] == arrays.words(spans)
    )
    kinds = np.zeros(rows.num_rows, bool)
    kinds[of[of_parent]] = follows[of_parent]
    return _joined(
        rows.num_rows,
        (children, kinds[children], own, parents),
        (of[~of_parent], np.flatnonzero(~of_parent), follows, traces, spans),
    )


def _joined(
    number: int,
    first: tuple[Numbers, Numbers, Column, Column],
    more: tuple[Numbers, Numbers, Numbers, Column, Column],
) -> Column:
    children, kinds, own, parents = first
    rows, chosen, follows, traces, spans = more
    at, to = arrays.index(children), arrays.index(chosen)
    every = pa.concat_arrays(
        [
            _reference(kinds, own.take(at), parents.take(at)),
            _reference(follows[chosen], traces.take(to), spans.take(to)),
        ]
    )
    owners = np.concatenate([children, rows])
    order = np.argsort(owners, kind="stable")
    return arrays.listed(owners, every.take(arrays.index(order)), number)


def _child_of(attributes: Column) -> Numbers:
    """Tell of each link whether its attributes say that it is a child."""
    pairs = Pairs.of(attributes)
    says = pairs.named(_KIND) & arrays.numbers(pc.equal(pairs.values, pa.scalar("child_of")))
    found = np.zeros(len(attributes), bool)
    found[pairs.rows[says]] = True
    return found


def _reference(follows: Numbers, traces: Column, spans: Column) -> Column:
    kinds = pa.array(follows, pa.bool_())
    return pa.StructArray.from_arrays([kinds, traces, spans], fields=list(REFERENCE))
