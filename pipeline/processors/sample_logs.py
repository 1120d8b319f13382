"""Sample log records: by trace ID or an attribute; what was done is written into attributes."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.processors import randomness
from pipeline.processors.arrays import Arrow, Bits, Mask, Numbers, from_arrow, to_arrow
from pipeline.processors.conversion import as_bytes
from pipeline.processors.elements import Elements
from pipeline.processors.policy import Policy, bits
from pipeline.processors.threshold import (
    ALWAYS,
    NEVER,
    RANDOMNESS_MAX,
    from_probability,
    from_text,
    randomness_from_text,
    to_text,
)
from pipeline.value import BYTES, DOUBLE, INT, STRING

RANDOMNESS = "sampling.randomness"
THRESHOLD = "sampling.threshold"


def sample(policy: Policy, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the log records that pass."""
    elements = Elements(rows["attributes"])
    carried, limited, bad_threshold = _carried(elements, THRESHOLD, from_text)
    explicit, given, bad_randomness = _carried(elements, RANDOMNESS, randomness_from_text)
    broken = bad_threshold | bad_randomness
    if policy.hashes:
        # Hashing has no say about records that carry what another method says of them.
        broken |= limited | given
        random, missing = _hashed(policy, rows["trace_id"], elements)
    else:
        random, missing = _identified(policy, rows["trace_id"])
        if not policy.never:
            random = np.where(given, explicit, random)
            missing &= ~given
        random[broken] = RANDOMNESS_MAX
    random[missing] = RANDOMNESS_MAX
    missing &= ~broken
    # A record that its own threshold should have taken out carries a lie (OTEP 235: erase it).
    lying = (carried > random) & limited & ~broken & ~missing
    failed = broken | missing | lying

    decided = policy.decisions(carried, limited)
    threshold = np.where(failed, np.uint64(policy.failed), decided)
    _prioritize(policy, elements, threshold)
    keep = threshold <= random
    kept = rows if keep.all() else rows.filter(to_arrow(keep))

    limit = np.where(limited & ~lying, carried, np.uint64(ALWAYS))
    touched = (~broken & (limit <= threshold))[keep]
    changed = Elements(kept["attributes"])
    if policy.hashes:
        own = np.flatnonzero((~broken & ~missing)[keep])
        _put(changed, RANDOMNESS, own, randomness.texts(random[keep][own]))
    changed.drop(_in_rows(changed, THRESHOLD, lying[keep]))
    at_rows = np.flatnonzero(touched)
    encoded = to_arrow(threshold[keep][at_rows]).dictionary_encode()
    names = pa.array([to_text(one) for one in encoded.dictionary.to_pylist()], pa.utf8())
    _put(changed, THRESHOLD, at_rows, names, from_arrow(encoded.indices))
    at = kept.schema.get_field_index("attributes")
    return kept.set_column(at, kept.schema.field(at), changed.close())


def _carried(
    elements: Elements, key: str, read: Callable[[str], int | None]
) -> tuple[Bits, Mask, Mask]:
    """Return the 56 bits in an attribute of each record, which have some, and which bad ones."""
    values = np.zeros(len(elements), dtype=np.uint64)
    has, bad = np.zeros((2, len(elements)), dtype=bool)
    last = elements.last(key)
    rows = np.flatnonzero(last >= 0)
    # Other types and empty strings say nothing, in the Collector too.
    distinct, which = elements.distinct(last[rows])
    says = np.array([kind == STRING and bool(text) for kind, text in distinct], dtype=bool)
    parsed = [read(text) for _, text in distinct]
    if distinct:
        good = np.array([one is not None for one in parsed], dtype=bool)
        values[rows] = np.where(says & good, bits([one or 0 for one in parsed]), np.uint64(0))[
            which
        ]
        has[rows] = (says & good)[which]
        bad[rows] = (says & ~good)[which]
    return values, has, bad


def _identified(policy: Policy, column: Arrow) -> tuple[Bits, Mask]:
    """Return each record's randomness from its trace ID, and which have none."""
    if policy.never:
        most = np.full(len(column), RANDOMNESS_MAX, dtype=np.uint64)
        return most, np.zeros(len(column), dtype=bool)
    ids = randomness.ids(column)
    return randomness.from_ids(ids), randomness.absent(ids)


def _hashed(policy: Policy, column: Arrow, elements: Elements) -> tuple[Bits, Mask]:
    """Return each record's randomness hashed from its trace ID or attribute, and who has none."""
    hashes = np.zeros(len(column), dtype=np.uint32)
    missing = np.ones(len(column), dtype=bool)
    if policy.from_trace_id:
        ids = randomness.ids(column)
        missing = randomness.absent(ids)
        hashes = randomness.hash_ids(ids, policy.seed)
    if policy.from_attribute:
        last = elements.last(policy.from_attribute)
        rows = np.flatnonzero(missing & (last >= 0))
        found, empty = _hash_values(elements, last[rows], policy.seed)
        hashes[rows] = found
        missing[rows] = empty
    return randomness.spread(hashes), missing


def _hash_values(elements: Elements, at: Numbers, seed: int) -> tuple[randomness.Hashes, Mask]:
    """Return the hash of each value's bytes, and which have no bytes."""
    texts = elements.texts(at)
    hashes = randomness.hash_texts(texts, seed)
    # The text of a double or of bytes is not what the Collector hashes.
    special = np.flatnonzero(np.isin(elements.kinds(at), (DOUBLE, BYTES)))
    distinct, which = elements.distinct(at[special])
    if distinct:
        raw = [as_bytes(kind, text) for kind, text in distinct]
        own = np.array([randomness.hash_bytes(one, seed) for one in raw], dtype=np.uint32)
        hashes[special] = own[which]
    lengths: Mask = from_arrow(pc.binary_length(texts)) == 0
    return hashes, lengths


def _prioritize(policy: Policy, elements: Elements, threshold: Bits) -> None:
    """Replace the thresholds of records whose priority is a percentage."""
    if not policy.priority:
        return
    last = elements.last(policy.priority)
    rows = np.flatnonzero(last >= 0)
    values, which = elements.distinct(last[rows])
    if values:
        own = [_of_priority(kind, text, policy.precision) for kind, text in values]
        has = np.array([one is not None for one in own], dtype=bool)[which]
        threshold[rows[has]] = bits([one or 0 for one in own])[which[has]]


def _of_priority(kind: int, text: str, precision: int) -> int | None:
    """Return the threshold of a priority: 0 never passes, 100 and more always, as documented."""
    if kind not in {INT, DOUBLE}:
        return None
    percentage = float(text)
    if percentage == 0:
        return NEVER
    return ALWAYS if percentage >= 100 else from_probability(percentage / 100, precision)


def _put(
    elements: Elements, key: str, rows: Numbers, texts: Arrow, which: Numbers | None = None
) -> None:
    """Set a key to a string in chosen rows; `which` says which text each of them gets."""
    added = elements.add(np.full(len(texts), STRING, dtype=np.uint8), texts)
    given = np.full(len(elements), -1, dtype=np.int32)
    given[rows] = added if which is None else added[which]
    elements.put(key, given)


def _in_rows(elements: Elements, key: str, rows: Mask) -> Numbers:
    found = elements.find(key)
    return found[rows[elements.rows(found)]]
