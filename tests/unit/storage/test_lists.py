"""Lists hold each value once, with the day on which its last record has expired."""

import pyarrow as pa

from pipeline import schema
from storage.lists import attribute_keys, distinct


def test_a_value_is_kept_until_its_last_record_expires():
    rows = pa.table({"name": ["a", "b", "a"], "expires_day": pa.array([5, 6, 7], pa.uint16())})

    found = distinct(rows, ["name"]).sort_by("name")

    assert found.to_pylist() == [{"name": "a", "expires_day": 7}, {"name": "b", "expires_day": 6}]


def test_keys_of_records_are_told_by_type_and_tenant():
    texts = [{"key": "k", "type": 1, "value": "1"}, {"key": "z", "type": 1, "value": ""}]
    number = [{"key": "k", "type": 3, "value": "1"}]
    rows = pa.table(
        {
            "tenant": pa.array(["a", "a", "b", "b"]).dictionary_encode(),
            "resource": pa.array(['{"attributes":[]}'] * 4).dictionary_encode(),
            "scope": pa.array(['{"attributes":[["s",1,"x"]]}'] * 4).dictionary_encode(),
            "attributes": pa.array([texts, number, texts, []], schema.ATTRIBUTES),
            "expires_day": pa.array([1, 2, 3, 4], pa.uint16()),
        }
    )

    found = {
        (one["tenant"], one["level"], one["key"], one["type"]): one["expires_day"]
        for one in attribute_keys(rows).to_pylist()
    }

    assert found == {
        ("a", "record", "k", 1): 1,
        ("a", "record", "z", 1): 1,
        ("a", "record", "k", 3): 2,
        ("b", "record", "k", 1): 3,
        ("b", "record", "z", 1): 3,
        ("a", "scope", "s", 1): 2,
        ("b", "scope", "s", 1): 4,
    }
