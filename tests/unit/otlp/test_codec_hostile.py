"""Whatever the bytes are: a verdict or an exact answer, never another error."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec import Decoder, encode, from_json, to_json, validate
from pipeline.errors import Rejected
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from tests.support.laws import examples
from tests.support.otlp_strategies import LAWS, mixed, valid

FUZZ = settings(LAWS, max_examples=examples(150))

cuts = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=3
)
"""Where to cut, how many bytes to take out, and what to put there."""


def mutated(payload, changes):
    for place, taken, put in changes:
        at = int(place * len(payload))
        payload = payload[:at] + put + payload[at + taken :]
    return payload


def walk(signal, payload, bytes_max=10**9):
    checked = validate(signal, payload, bytes_max)
    assert checked.refused == sum(checked.reasons.values())
    decoder = Decoder(signal, TimeWindow())
    for part in checked.parts:
        decoder.append(part.payload, 1, 1, part.records)
    rows = decoder.finish()
    rows.validate(full=True)
    assert rows.num_rows == checked.accepted
    encode(signal, rows)


@FUZZ
@given(mixed, cuts, st.integers(50, 2000))
def test_mutated_requests_are_stored_exactly_or_rejected(case, changes, bytes_max):
    signal, request = case

    with suppress(Rejected):
        walk(signal, mutated(request.SerializeToString(), changes), bytes_max)


@FUZZ
@given(st.sampled_from(list(Signal)), st.binary(max_size=60))
def test_random_bytes_are_stored_exactly_or_rejected(signal, payload):
    with suppress(Rejected):
        walk(signal, payload)


@FUZZ
@given(mixed, cuts)
def test_decoder_takes_unchecked_bytes_or_rejects_them(case, changes):
    signal, request = case
    payload = mutated(request.SerializeToString(), changes)
    decoder = Decoder(signal, TimeWindow())

    for expected in range(3):
        try:
            decoder.append(payload, 1, 1, expected)
        except Rejected:
            continue
        assert decoder.finish().num_rows == expected

    assert decoder.finish().num_rows == 0


@FUZZ
@given(valid, cuts)
def test_mutated_json_is_stored_exactly_or_rejected(case, changes):
    signal, request = case
    body = mutated(json.dumps(to_json(request)).encode(), changes)

    with suppress(Rejected):
        walk(signal, from_json(signal, body))
