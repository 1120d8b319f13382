"""What is put right before a trace is shown, and how Go's durations are written."""

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.codec import Decoder, validate
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from query.jaeger import arrays
from query.jaeger.adjust import adjust
from query.jaeger.archived import together
from query.jaeger.config import JaegerConfig
from query.jaeger.model import model
from query.jaeger.remarks import written
from query.jaeger.texts import duration, nanoseconds
from tests.support.jaegers import MS, Sent
from tests.support.otlp_strategies import LAWS
from tests.support.stores import NOW

H1, H2 = {"ip": "1.1.1.1"}, {"ip": "2.2.2.2"}


def stored(sent):
    """Return spans as a store has them, those of each trace together."""
    decoder = Decoder(Signal.TRACES, TimeWindow())
    for part in validate(Signal.TRACES, sent.request.SerializeToString(), 1 << 26).parts:
        decoder.append(part.payload, 1, NOW, part.records)
    return pa.Table.from_batches([decoder.finish()])


def shown(sent, **settings):
    """Return adjusted spans as Jaeger has them, by ID."""
    done = adjust(stored(sent), JaegerConfig(**settings))
    found = model(done.rows, done.warnings)
    return {int.from_bytes(one["span_id"], "big"): one for one in found.spans.to_pylist()}


def test_a_server_that_shares_its_clients_id_gets_one_of_its_own():
    sent = Sent()
    sent.span("web", trace=1, span=1, kind=3)
    sent.span("api", trace=1, span=1, kind=2)
    sent.span("api", trace=1, span=2, parent=1)
    sent.span("api", trace=2, span=1, kind=2)
    rows = adjust(stored(sent), JaegerConfig()).rows
    ids, parents = (
        [int.from_bytes(one, "big") for one in rows[name].to_pylist()]
        for name in ("span_id", "parent_span_id")
    )
    assert ids == [1, 3, 2, 1]
    assert parents == [0, 1, 3, 0]


def test_addresses_that_are_numbers_are_written_with_dots():
    sent = Sent()
    tags = {"ip": 0x01020304, "peer.ipv4": float(0x7F000001), "other.ip": 5, "n": 1}
    sent.span("api", trace=1, span=1, tags=tags)
    sent.span("api", trace=1, span=2, tags={"ip": -1, "peer.ipv4": float("nan")})
    found = shown(sent)
    told = {one["key"]: one["value"] for one in found[1]["tags"]}
    assert told == {"ip": "1.2.3.4", "peer.ipv4": "127.0.0.1", "other.ip": "5", "n": "1"}
    assert [one["value"] for one in found[2]["tags"]] == ["-1", "NaN"]


def test_what_a_span_says_of_its_library_is_told_of_its_process():
    sent = Sent()
    sent.span("api", trace=1, tags={"telemetry.sdk.name": "otel", "k": 1})
    sent.span(
        "api",
        trace=1,
        resource={"telemetry.sdk.name": "else", "telemetry.sdk.language": "go"},
        tags={"telemetry.sdk.name": "otel", "telemetry.sdk.language": "go"},
    )
    done = adjust(stored(sent), JaegerConfig())
    found = model(done.rows)
    assert [[one["key"] for one in span["tags"]] for span in found.spans.to_pylist()] == [
        ["k"],
        ["telemetry.sdk.name"],
    ]
    assert found.processes[0].tags == (("telemetry.sdk.name", 1, "otel"),)
    assert {key: text for key, _, text in found.processes[1].tags} == {
        "telemetry.sdk.name": "else",
        "telemetry.sdk.language": "go",
    }


def test_duplicates_are_told_by_everything_that_was_sent():
    rich = {
        "tags": {"a": "1,2", "b": b"\x00"},
        "events": (("e", {"k": "v"}), ("f", {})),
        "links": ((1, 2, {"k": "v"}),),
    }
    sent = Sent()
    for changes in (
        {},
        {},
        {"status": 2},
        {"tags": {"a": "1", "b": b"\x00"}},
        {"tags": {"b": b"\x00", "a": "1,2"}},  # sorted by key: the same
        {"events": (("f", {}), ("e", {"k": "v"}))},  # sorted by name: the same
        {"events": (("e", {"k": "w"}), ("f", {}))},
        {"resource": {"host": "h"}},
        {"scope": ("lib", "")},
        {"links": ((1, 2, {"k": "w"}),)},
        {"trace": 2},
    ):
        sent.span("api", **({"trace": 1, "span": 1} | rich | changes))
    done = adjust(stored(sent), JaegerConfig())
    assert [size for _, size in arrays.runs(done.rows)] == [7, 1]


def test_clocks_are_only_told_of_unless_they_may_be_put_right():
    sent = Sent()
    sent.span("web", trace=1, span=1, at=NOW, lasts=10 * MS, resource=H1)
    sent.span(
        "api", trace=1, span=2, parent=1, at=NOW + 100 * MS, lasts=6 * MS, resource=H2,
        events=(("e", {}),),
    )  # fmt: skip
    sent.span("api", trace=1, span=3, parent=2, at=NOW + 101 * MS, lasts=MS, resource=H2)
    sent.span("web", trace=1, span=4, parent=1, at=NOW + 50 * MS, resource=H1)
    sent.span("web", trace=1, span=5, parent=99, at=NOW, resource=H1)
    off = shown(sent)
    said = "clock skew adjustment disabled; not applying calculated delta of -98ms"
    assert [off[one]["warnings"] for one in range(1, 6)] == [
        [],
        [said],
        [said],
        [],
        ["invalid parent span IDs=0000000000000063; skipping clock skew adjustment"],
    ]
    assert off[2]["start_ns"] == NOW + 100 * MS
    on = shown(sent, clock_skew_max="98ms")
    assert (
        on[2]["warnings"] == on[3]["warnings"] == ["This span's timestamps were adjusted by -98ms"]
    )
    assert (on[2]["start_ns"], on[2]["duration_ns"]) == (NOW + 2 * MS, 6 * MS)
    assert on[2]["logs"][0]["time_ns"] == NOW + 3 * MS
    assert on[3]["start_ns"] == NOW + 3 * MS
    assert on[4]["start_ns"] == NOW + 50 * MS
    bounded = shown(sent, clock_skew_max="97ms")
    assert bounded[2]["warnings"] == [
        "max clock skew adjustment delta of 97ms exceeded; not applying calculated delta of -98ms"
    ]


def test_a_span_that_outlives_its_parent_only_cannot_begin_before_it():
    sent = Sent()
    sent.span("web", trace=1, span=1, lasts=MS)
    sent.span("api", trace=1, span=2, parent=1, at=NOW - 5, lasts=9 * MS)
    sent.span("api", trace=1, span=3, parent=1, at=NOW + 5, lasts=9 * MS)
    found = shown(sent, clock_skew_max="1s")
    assert [found[one]["start_ns"] for one in (1, 2, 3)] == [NOW, NOW, NOW + 5]


def test_circles_and_repeated_ids_end():
    sent = Sent()
    sent.span("a", trace=1, span=1, parent=2, at=NOW)
    sent.span("b", trace=1, span=2, parent=1, at=NOW + 900 * MS)
    sent.span("c", trace=1, span=3, parent=3, at=NOW)
    sent.span("d", trace=1, span=4, at=NOW)
    sent.span("e", trace=1, span=4, at=NOW)
    done = adjust(stored(sent), JaegerConfig(clock_skew_max=9))
    assert done.rows.num_rows == 5
    assert done.warnings == {4: ["duplicate span IDs; skipping clock skew adjustment"]}


def test_adjusting_twice_changes_nothing_more():
    chance = random.Random(7)
    sent = Sent()
    for trace in range(1, 20):
        for _ in range(chance.randrange(1, 9)):
            sent.span(
                chance.choice(("a", "b")),
                trace=trace,
                span=chance.randrange(1, 6),
                parent=chance.randrange(6),
                at=NOW + chance.randrange(9) * MS,
                kind=chance.randrange(4),
                tags={chance.choice("xyz"): chance.randrange(3), "ip": 7},
                resource=chance.choice((H1, H2, {})),
            )
    once = adjust(stored(sent), JaegerConfig()).rows
    assert adjust(once, JaegerConfig()).rows.to_pylist() == once.to_pylist()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1ns", 1),
        ("4500us", 4_500_000),
        ("1.5µs", 1500),
        ("2μs", 2000),
        ("1m30s", 90 * 10**9),
        ("1.5h", 5400 * 10**9),
        (".5s", 5 * 10**8),
        ("-2ms", -2 * MS),
        ("+1s", 10**9),
    ],
)
def test_durations_are_read_as_go_does(text, value):
    assert nanoseconds(text) == value


@pytest.mark.parametrize("text", ["", "1", "1d", "s", "1 s", "1s ", "--1s", "9999999999h", "٣s"])
def test_what_is_no_duration_is_said(text):
    with pytest.raises(ValueError, match="time: invalid duration"):
        nanoseconds(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (7, "7ns"),
        (1500, "1.5µs"),
        (-98 * MS, "-98ms"),
        (-4_625_890_669, "-4.625890669s"),
        (3723 * 10**9, "1h2m3s"),
        (60 * 10**9, "1m0s"),
    ],
)
def test_durations_are_written_as_go_does(value, text):
    assert duration(value) == text
    if value:
        assert nanoseconds(text) == value


@given(st.lists(st.sampled_from(["here", "archived", "both"]), min_size=1, max_size=12))
@LAWS
def test_what_is_here_and_what_is_archived_are_together_each_span_once(places):
    sent = Sent()
    for number in range(len(places)):
        sent.span("api", trace=1 + number % 2, span=number + 1, at=NOW + number // 3)
    rows = stored(sent)
    ordinals = pa.array(range(len(places)), pa.uint32())
    zeros = pa.array([0] * len(places), pa.uint32())
    for name, column in (("epoch", zeros), ("partition", zeros), ("ordinal", ordinals)):
        rows = rows.append_column(name, column)
    keys = [(name, "ascending") for name in ("trace_id", "time", "span_id")]
    whole = rows.take(pc.sort_indices(rows, sort_keys=keys))
    parts = [
        whole.filter(
            pa.array([places[at] in (name, "both") for at in whole["ordinal"].to_pylist()])
        )
        for name in ("here", "archived")
    ]
    assert together(*parts) == whole


@given(st.lists(st.tuples(st.booleans(), st.lists(st.text(), max_size=2)), max_size=6))
@LAWS
def test_what_is_written_among_attributes_is_what_is_said(said):
    sent = Sent()
    for own, _ in said:
        sent.span("api", trace=1, tags={"a": 1, "@jaeger@warnings": ["own"]} if own else {})
    rows = stored(sent)
    warnings = {row: texts for row, (_, texts) in enumerate(said) if texts}
    assert model(written(rows, warnings)) == model(rows, warnings)
