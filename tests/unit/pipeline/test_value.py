"""The text form of values: lossless, and nothing in it ambiguous."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.value import Map, decode, double_text, encode

_keys = st.one_of(st.text(max_size=4), st.sampled_from(["$bytes", "$double", "$map", "$"]))
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=4),
    st.binary(max_size=4),
)
values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(_keys, inner), max_size=3).map(Map),
    ),
    max_leaves=8,
)


def typed(value):
    """Return what tells 1 from 1.0 and True, a map from an array, 0.0 from -0.0; NaN is itself."""
    if isinstance(value, Map):
        return ("map", [(key, typed(item)) for key, item in value])
    if isinstance(value, list):
        return ("list", [typed(item) for item in value])
    return (type(value).__name__, repr(value))


@given(values)
def test_decode_gives_back_what_was_encoded(value):
    assert typed(decode(*encode(value))) == typed(value)


@given(values)
def test_nested_text_is_json(value):
    kind, text = encode([value])

    assert kind == 5
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (0, "")),
        ("", (1, "")),
        ("true", (1, "true")),
        (True, (2, "true")),
        (False, (2, "false")),
        (-5, (3, "-5")),
        (1.0, (4, "1.0")),
        (1e22, (4, "1e+22")),
        (0.1, (4, "0.1")),
        (math.nan, (4, "NaN")),
        (math.inf, (4, "Infinity")),
        (-math.inf, (4, "-Infinity")),
        ([], (5, "[]")),
        ([1, 1.0, "a", None, True], (5, '[1,1.0,"a",null,true]')),
        ([b"\xff", math.nan], (5, '[{"$bytes":"/w=="},{"$double":"NaN"}]')),
        (Map(), (6, "{}")),
        (Map([("b", 1), ("a", 2), ("b", 3)]), (6, '{"b":1,"a":2,"b":3}')),
        (Map([("$bytes", "x")]), (6, '{"$map":{"$bytes":"x"}}')),
        (Map([("$map", Map([("$x", 1)]))]), (6, '{"$map":{"$map":{"$map":{"$x":1}}}}')),
        (Map([("$bytes", "x"), ("b", 1)]), (6, '{"$bytes":"x","b":1}')),
        (Map([("é", "\n")]), (6, '{"é":"\\n"}')),
        (b"\xfb\xff", (7, "+/8=")),
    ],
)
def test_text_is_as_documented(value, expected):
    assert encode(value) == expected
    assert typed(decode(*expected)) == typed(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_double_text_reads_back_the_same(value):
    text = double_text(value)

    assert float(text).hex() == value.hex()
    assert set(text) & set(".en")
