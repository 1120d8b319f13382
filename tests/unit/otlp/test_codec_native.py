"""The native codec beside the plain one: equal batches, equal verdicts, equal errors."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from otlp.codec import Decoder, validate
from pipeline.errors import Rejected
from pipeline.schema import TEXT
from pipeline.window import TimeWindow
from tests.support import wire_mutations
from tests.support.laws import examples
from tests.support.otlp_strategies import LAWS, NOW, mixed, valid
from tests.support.plain.decode import Decoder as PlainDecoder
from tests.support.plain.validate import refused as plain_refused

ROOMY = 10**9
MUTANTS = settings(LAWS, max_examples=examples(150))


def shown(rows):
    """Return everything that a batch says, as text, so that NaN equals itself."""
    distinct = {
        field.name: rows[field.name].dictionary.to_pylist()
        for field in rows.schema
        if field.type == TEXT
    }
    return str((rows.schema, distinct, rows.to_pylist()))


def outcome(decoder, payloads, expected):
    """Return what a decoder makes of payloads: its errors and its rows."""
    errors = []
    for sequence, payload in enumerate(payloads, 1):
        try:
            decoder.append(payload, sequence, NOW, expected)
        except Rejected as error:
            errors.append(str(error))
    rows = decoder.finish()
    rows.validate(full=True)
    return errors, shown(rows)


def counted(signal, payload):
    """Return how many records the plain rules find and refuse, and by which; or the error."""
    try:
        records, refused = plain_refused(signal, payload)
    except Rejected as error:
        return str(error)
    return records, len(refused), Counter(refused.values())


def checked(signal, payload):
    """Return the same of `validate`."""
    try:
        found = validate(signal, payload, ROOMY)
    except Rejected as error:
        return str(error)
    return found.accepted + found.refused, found.refused, found.reasons


def assert_alike(signal, *payloads):
    verdicts = [counted(signal, payload) for payload in payloads]
    assert [checked(signal, payload) for payload in payloads] == verdicts
    for expected in {0, *(verdict[0] for verdict in verdicts if isinstance(verdict, tuple))}:
        ours = outcome(Decoder(signal, TimeWindow()), payloads, expected)
        assert ours == outcome(PlainDecoder(signal, TimeWindow()), payloads, expected)


@LAWS
@given(valid)
def test_batches_are_those_of_the_plain_decoder(case):
    signal, request = case
    assert_alike(signal, request.SerializeToString())


@LAWS
@given(mixed, st.integers(0, 2**32))
def test_faults_are_those_that_the_plain_rules_find(case, seed):
    signal, request = case
    random, whole = Random(seed), request.SerializeToString()
    assert_alike(signal, whole, whole[: random.randrange(len(whole) + 1)])


@MUTANTS
@given(mixed, st.integers(0, 2**32), st.integers(1, 4))
def test_mutants_with_sound_framing_are_alike(case, seed, times):
    signal, request = case
    random, payload = Random(seed), request.SerializeToString()
    for _ in range(times):
        payload = wire_mutations.mutated(payload, random)
    assert_alike(signal, request.SerializeToString(), payload, payload)


@MUTANTS
@given(mixed, st.integers(0, 2**32), st.integers(1, 3))
def test_mutants_of_single_bytes_are_alike(case, seed, times):
    signal, request = case
    random, payload = Random(seed), bytearray(request.SerializeToString())
    for _ in range(times):
        if payload:
            payload[random.randrange(len(payload))] = random.randrange(256)
    assert_alike(signal, bytes(payload))
