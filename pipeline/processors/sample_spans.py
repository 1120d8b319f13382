"""Sample spans: by trace ID, with what the trace state says, and write there what was done."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.processors import randomness
from pipeline.processors.arrays import Arrow, Bits, Mask, Numbers, from_arrow, to_arrow
from pipeline.processors.conversion import parse_double
from pipeline.processors.elements import Elements
from pipeline.processors.policy import Policy, bits, which
from pipeline.processors.threshold import ALWAYS, DIGITS, NEVER, RANDOMNESS_MAX
from pipeline.processors.tracestate import TraceState
from pipeline.value import DOUBLE, INT, STRING

PRIORITY = "sampling.priority"
"""The attribute (OpenTracing's) that overrides the decision: 0 takes a span out, more keeps it."""

# What happened to a kept span, and so to its trace state.
_FATES = 4
_DECIDED, _FORCED, _FORCED_ANEW, _UNTOUCHED = range(_FATES)

# Where a span's own randomness will stand in a text that is made for many spans.
_HEAD = "ot=rv:"
_BLANK = "0" * DIGITS


def sample(policy: Policy, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the spans that pass."""
    texts, states, codes = _states(rows["trace_state"])
    random, missing = _randomness(policy, rows["trace_id"], states, codes)

    carried = bits([state.limit() or ALWAYS if state else ALWAYS for state in states])
    limited = np.array([bool(state and state.threshold) for state in states], dtype=bool)
    decided = policy.decisions(carried, limited)
    broken = np.array([_is_broken(policy, state) for state in states], dtype=bool)[codes]
    missing = missing & ~broken
    # A span that its own threshold should have taken out carries a lie (OTEP 235: erase it).
    lying = (carried[codes] > random) & limited[codes] & ~broken & ~missing
    failed = broken | missing | lying

    threshold = np.where(failed, np.uint64(policy.failed), decided[codes])
    forced, refused = _priorities(rows["attributes"])
    threshold[forced] = ALWAYS
    threshold[refused] = NEVER
    keep = threshold <= random

    failed[forced] = True
    fates = np.where(failed, _FORCED, _DECIDED)
    fates[lying] = _FORCED_ANEW
    fates[broken] = _UNTOUCHED
    kept = rows if keep.all() else rows.filter(to_arrow(keep))
    written = _written(policy, texts, states, decided, (codes[keep], fates[keep], random[keep]))
    at = kept.schema.get_field_index("trace_state")
    return kept.set_column(at, kept.schema.field(at), written)


def _states(column: Arrow) -> tuple[list[str], list[TraceState | None], Numbers]:
    """Return the distinct trace states as text and as read, and which one each row has."""
    dictionary = column.dictionary
    codes = from_arrow(column.indices.fill_null(len(dictionary)))
    used, codes = which(codes, len(dictionary) + 1)
    texts = [dictionary[at].as_py() or "" if at < len(dictionary) else "" for at in used.tolist()]
    return texts, [TraceState.parse(text) for text in texts], codes


def _is_broken(policy: Policy, state: TraceState | None) -> bool:
    # Hashing has no say about spans that carry the randomness or threshold of another method.
    return state is None or (policy.hashes and bool(state.randomness or state.threshold))


def _randomness(
    policy: Policy, column: Arrow, states: list[TraceState | None], codes: Numbers
) -> tuple[Bits, Mask]:
    """Return every span's randomness, and which have none (they get the most there is)."""
    if policy.never:
        most = np.full(len(codes), RANDOMNESS_MAX, dtype=np.uint64)
        return most, np.zeros(len(codes), dtype=bool)
    ids = randomness.ids(column)
    missing = randomness.absent(ids)
    if policy.hashes:
        random = randomness.spread(randomness.hash_ids(ids, policy.seed))
    else:
        random = randomness.from_ids(ids)
        explicit = [state.random() if state else None for state in states]
        given = np.array([one is not None for one in explicit], dtype=bool)
        if given.any():
            has = given[codes]
            random = np.where(has, bits([one or 0 for one in explicit])[codes], random)
            missing = missing & ~has
    random[missing] = RANDOMNESS_MAX
    return random, missing


def _priorities(column: Arrow) -> tuple[Numbers, Numbers]:
    """Return the rows whose priority keeps them, and those whose priority takes them out."""
    elements = Elements(column)
    last = elements.last(PRIORITY)
    rows = np.flatnonzero(last >= 0)
    values, which_value = elements.distinct(last[rows])
    numbers = [
        parse_double(text) if kind in {INT, DOUBLE, STRING} else None for kind, text in values
    ]
    keeps = np.array([number is not None and number > 0 for number in numbers], dtype=bool)
    takes = np.array([number == 0 for number in numbers], dtype=bool)
    if not values:
        return rows, rows
    return rows[keeps[which_value]], rows[takes[which_value]]


def _written(
    policy: Policy,
    texts: list[str],
    states: list[TraceState | None],
    decided: Bits,
    kept: tuple[Numbers, Numbers, Bits],
) -> Arrow:
    """Return the trace states of the kept spans: a text per distinct state and fate."""
    codes, fates, random = kept
    pairs, which_pair = which(codes * _FATES + fates, _FATES * len(states))
    new: list[str] = []
    for code, fate in (divmod(pair, _FATES) for pair in pairs.tolist()):
        state = states[code]
        if state is None or fate == _UNTOUCHED:
            new.append(texts[code])
            continue
        if fate == _FORCED_ANEW:
            state = replace(state, threshold="")
        if policy.hashes:
            state = replace(state, randomness=_BLANK)
        new.append(state.raised(int(decided[code]) if fate == _DECIDED else ALWAYS).text())
    if policy.hashes:
        untouched = (fates == _UNTOUCHED) if (fates == _UNTOUCHED).any() else None
        return _filled(new, which_pair, random, untouched)
    distinct = list(dict.fromkeys(new))
    place = np.array([distinct.index(text) for text in new], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(
        to_arrow(place[which_pair]), pa.array(distinct, pa.utf8())
    )


def _filled(new: list[str], which_text: Numbers, random: Bits, untouched: Mask | None) -> Arrow:
    """Return texts with each span's own randomness in the blank."""
    tails = pa.array([text[len(_HEAD) + len(_BLANK) :] for text in new], pa.utf8())
    chosen = to_arrow(which_text)
    filled: Arrow = pc.binary_join_element_wise(
        pa.scalar(_HEAD), randomness.texts(random), tails.take(chosen), pa.scalar("")
    )
    if untouched is not None:
        filled = pc.if_else(to_arrow(untouched), pa.array(new, pa.utf8()).take(chosen), filled)
    return filled.dictionary_encode()
