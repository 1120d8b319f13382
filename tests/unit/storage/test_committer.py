"""What a committer remembers, and what it leaves out."""

from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.summary import QuerySummary

from pipeline.ports import Recovery
from pipeline.signal import Signal
from pipeline.window import DAY_NS
from storage.committer import Committer, Known, absent
from storage.config import RetentionConfig, Rule
from storage.remembered import size
from tests.support.stores import group, messages


def test_known_rows_are_those_that_were_added():
    known = Known(10_000)
    rows = [("a", 1), ("b", 2), ("a", 1)]

    assert known.unknown(rows) == known.unknown(rows) == [("a", 1), ("b", 2)]
    known.add([("a", 1)])

    assert known.unknown(rows) == [("b", 2)]


def test_the_least_recently_used_is_forgotten():
    known = Known(2 * size(("a",)))
    known.add([("a",), ("b",)])
    known.unknown([("a",)])
    known.add([("c",)])

    assert known.unknown([("a",), ("b",), ("c",)]) == [("b",)]


def test_long_texts_are_known_in_the_room_of_as_many_short_ones():
    known = Known(10_000)
    rows = [(str(n), "x" * 900) for n in range(100)]
    known.add(rows)

    assert known.unknown(rows) == rows[: -(10_000 // size(rows[99]))]


def test_absent_rows_are_those_of_other_days_and_messages():
    rows = pa.table({"time": [0, DAY_NS, DAY_NS + 1], "sequence": [7, 7, 8]})

    assert absent(rows, frozenset()).num_rows == 3
    assert absent(rows, frozenset({(1, 7)}))["sequence"].to_pylist() == [7, 8]
    assert absent(rows, frozenset({(0, 7), (1, 7), (1, 8), (9, 9)})).num_rows == 0


class Client:
    def __init__(self):
        self.inserts: list[tuple[str, int]] = []

    def insert_arrow(self, table, rows, settings):
        assert settings["async_insert"] == "0"
        assert len(rows.to_batches()) == 1
        self.inserts.append((table, len(rows)))
        return QuerySummary({"written_rows": str(len(rows))})


def test_lists_come_before_records_and_the_commit_record_last():
    committer = Committer(RetentionConfig().keep_s)
    client: Any = Client()
    for first, expected in ((1, "lists too"), (5, "records only")):
        posts = messages(Signal.METRICS, range(first, first + 4), ("a",))
        client.inserts.clear()
        committer.commit(client, group(Signal.METRICS, posts), Recovery())
        tables = [name for name, _ in client.inserts]
        points = [name for name in tables if name.endswith("_points")]

        assert tables[-5:] == [*points, "commits"]
        lists = {"series", "services", "resources", "scopes", "attribute_keys"}
        assert set(tables[:-5]) == (lists if expected == "lists too" else set())


class Refusing(Client):
    """Fails the first insert into one table."""

    def __init__(self, table):
        super().__init__()
        self._table = table

    def insert_arrow(self, table, rows, settings):
        if table == self._table:
            self._table = ""
            raise OSError("no room")
        return super().insert_arrow(table, rows, settings)


@pytest.mark.parametrize("table", ["series", "services", "attribute_keys"])
def test_what_series_refer_to_is_written_again_after_a_commit_that_failed(table):
    committer = Committer(RetentionConfig().keep_s)
    client: Any = Refusing(table)
    posts = group(Signal.METRICS, messages(Signal.METRICS, range(1, 5), ("a",)))
    with pytest.raises(OSError, match="no room"):
        committer.commit(client, posts, Recovery())
    assert "commits" not in dict(client.inserts)

    committer.commit(client, posts, Recovery())

    assert {"series", "services", "resources", "scopes", "attribute_keys"} <= dict(
        client.inserts
    ).keys()


def test_the_first_rule_that_matches_says_how_long_a_record_is_kept():
    config = RetentionConfig(
        traces=1.0,
        logs=2.0,
        rules=[
            Rule(tenant="t", service="s", keep=3.0),
            Rule(tenant="t", keep=4.0),
            Rule(signal=Signal.LOGS, service="s", keep=5.0),
        ],
    )

    assert config.keep_s(Signal.TRACES, "t", "s") == 3
    assert config.keep_s(Signal.TRACES, "t", "x") == 4
    assert config.keep_s(Signal.TRACES, "x", "s") == 1
    assert config.keep_s(Signal.LOGS, "x", "s") == 5
    assert config.keep_s(Signal.LOGS, "x", "x") == 2
