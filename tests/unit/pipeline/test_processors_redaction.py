"""The `redaction` processor: the Collector's answers, its laws, and what it refuses."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.envelope import Resource, Scope
from pipeline.processors import build, check
from pipeline.schema import EVENT, EXEMPLAR, LINK, SCHEMAS
from pipeline.signal import Signal
from pipeline.value import DOUBLE, STRING, Map, decode, dumps, encode
from tests.golden.processors.rows import RECORDS, attributes, batch, lists, resources

GOLDEN = Path(__file__).parents[2] / "golden" / "processors" / "redaction.json"
CASES = json.loads(GOLDEN.read_text())
JSON = 8
SECRET = "secret-4111"


def run(config, made):
    (process,) = build([{"redaction": config}], made.signal)
    return process(made)


def logs(records, bodies):
    types, texts = zip(*bodies, strict=True) if bodies else ((), ())
    return batch(
        Signal.LOGS, len(bodies), attributes=attributes(records),
        body_type=pa.array(types, pa.uint8()), body=pa.array(texts, pa.utf8()),
    )  # fmt: skip


def of(raw):
    """Return JSON as a value."""
    if isinstance(raw, dict):
        return Map((key, of(item)) for key, item in raw.items())
    return [of(item) for item in raw] if isinstance(raw, list) else raw


def plain(value):
    if isinstance(value, Map):
        return {key: plain(item) for key, item in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


def same(kind, text):
    return (kind, repr(float(text)) if kind == DOUBLE else text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case["config"])[:70])
def test_the_collector_gives_the_same(case):
    bodies = [
        encode(of(json.loads(one["body"][1]))) if one["body"][0] == JSON else one["body"]
        for one in case["records"]
    ]

    rows = run(case["config"], logs([one["attributes"] for one in case["records"]], bodies)).rows

    found = lists(rows["attributes"])
    for at, wanted in enumerate(case["expected"]):
        # The Collector moves the last attribute into a deleted one's place.
        assert sorted((k, *same(t, v)) for k, t, v in found[at]) == sorted(
            (k, *same(t, v)) for k, t, v in wanted["attributes"]
        )
        kind, text = rows["body_type"][at].as_py(), rows["body"][at].as_py()
        if wanted["body"][0] == JSON:
            assert plain(decode(kind, text)) == json.loads(wanted["body"][1])
        else:
            assert same(kind, text) == same(*wanted["body"])


def everywhere(value):
    """Return a batch of each signal that holds an attribute at every place there is."""
    pair = [("a", *value)]
    nested = [{"key": "a", "type": value[0], "value": value[1]}]
    shared = {
        "attributes": attributes([pair]),
        "resource": resources([pair]),
        "scope": pa.array([Scope("s", "1", tuple(pair)).text()]).dictionary_encode(),
    }

    def one(kind, **filled):
        blank = {field.name: None for field in kind} | filled
        return pa.array([[blank]], pa.list_(kind))

    yield batch(
        Signal.TRACES, 1, **shared, events=one(EVENT, name="e", attributes=nested),
        links=one(LINK, attributes=nested),
    )  # fmt: skip
    body = {"body_type": pa.array([value[0]], pa.uint8()), "body": pa.array([value[1]], pa.utf8())}
    yield batch(Signal.LOGS, 1, **shared, **body)
    metadata = pa.array([dumps(pair)]).dictionary_encode()
    yield batch(
        Signal.METRICS, 1, **shared, metric_metadata=metadata,
        exemplars=one(EXEMPLAR, filtered_attributes=nested),
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"before {SECRET}\n{SECRET} after",
        ["x", SECRET, [SECRET]],
        Map([("b", SECRET), ("c", Map([("d", [f"<{SECRET}>"])]))]),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "config",
    [
        {"allow_all_keys": True, "blocked_values": ["secret-[0-9]+"]},
        {"allow_all_keys": True, "blocked_values": ["secret-[0-9]+"], "hash_function": "sha3"},
        {"allow_all_keys": True, "blocked_values": ["secret"], "redact_all_types": True},
    ],
    ids=str,
)
def test_nothing_blocked_survives_anywhere(config, value):
    for made in everywhere(encode(value)):
        assert SECRET in str(made.rows.to_pylist())

        left = run(config, made).rows

        assert SECRET not in str(left.to_pylist())
        assert left.schema == SCHEMAS[made.signal]
        left.validate(full=True)
        dictionaries = [one.dictionary for one in left.columns if hasattr(one, "dictionary")]
        assert SECRET not in str([one.to_pylist() for one in dictionaries])


@pytest.mark.parametrize("config", [{}, {"allow_all_keys": True, "blocked_key_patterns": ["a"]}])
def test_no_value_of_a_key_that_is_not_allowed_or_blocked_survives_in_attributes(config):
    for made in everywhere(encode(["x", SECRET])):
        left = run(config, made).rows.to_pylist()[0]
        left.pop("body", None)
        assert SECRET not in str(left)


@given(RECORDS, st.booleans(), st.sampled_from([[], ["a"], ["a", "b", "c"]]))
@settings(max_examples=100, deadline=None)
def test_redacting_twice_is_redacting_once(records, every, allowed):
    config = {
        "allow_all_keys": not allowed, "allowed_keys": allowed, "redact_all_types": every,
        "blocked_values": ["[0-9]+", "x"], "blocked_key_patterns": ["^b"],
    }  # fmt: skip
    made = logs(records, [(STRING, f"x {at} y") for at in range(len(records))])

    once = run(config, made)

    assert run(config, once).rows.equals(once.rows)


@given(RECORDS)
@settings(max_examples=50, deadline=None)
def test_what_is_ignored_or_matched_by_nothing_stays_as_it_is(records):
    made = logs(records, [(STRING, "body") for _ in records])
    nothing = {"allow_all_keys": True, "blocked_values": ["never there"]}
    ignored = {"ignored_key_patterns": [".*"], "blocked_values": ["never there"]}

    assert run(nothing, made).rows.equals(made.rows)
    assert run(ignored, made).rows.equals(made.rows)


def test_a_null_body_stays_null_beside_one_that_is_masked():
    made = logs([[], []], [(STRING, "secret"), (0, None)])
    left = run({"blocked_values": ["secret"]}, made).rows
    assert left["body"].to_pylist() == ["****", None]
    assert left["body_type"].to_pylist() == [STRING, 0]


def test_a_mark_between_what_is_hashed_is_never_part_of_a_text():
    hashes = {"allow_all_keys": True, "blocked_values": ["s"], "hash_function": "md5"}
    made = logs([[("a", STRING, "\0\1s\1\1\0\1\1\1s\0")]], [(STRING, "")])
    (((_, _, text),),) = lists(run(hashes, made).rows["attributes"])
    digest = "03c7c0ace395d80182db07ae2c30f034"
    assert text == f"\0\1{digest}\1\1\0\1\1\1{digest}\0"


def test_resources_keep_what_is_no_attribute():
    column = pa.array([Resource((("a", STRING, "x"),), 3, "url").text()]).dictionary_encode()
    left = run({}, batch(Signal.LOGS, 1, resource=column)).rows["resource"][0].as_py()
    assert Resource.parse(left) == Resource((), 3, "url")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"summary": "debug"}, r"logs\[0\].redaction.summary: Input should be '' or 'silent'"),
        ({"url_sanitizer": {}}, "redaction.url_sanitizer: is not available"),
        ({"db_sanitizer": {}}, "redaction.db_sanitizer: is not available"),
        ({"blocked_values": ["a", "("]}, r"redaction.blocked_values\[1\]: is no regular"),
        ({"hash_function": "sha256"}, "redaction.hash_function: Input should be"),
        ({"hash_function": "hmac-sha256", "hmac_key": "short"}, "hmac_key must have at least 32"),
        ({"hmac_key": "short"}, "hmac_key has an effect with an hmac"),
        ({"hash_function": "md5", "masking_string": "x"}, "takes either masking_string or hash"),
        ({"blocked_keys": []}, "redaction.blocked_keys: Extra inputs"),
    ],
)
def test_a_fault_is_named_by_its_place(options, fault):
    with pytest.raises(ValueError, match=fault) as raised:
        check([{"redaction": options}], Signal.LOGS)
    assert "short" not in str(raised.value)
