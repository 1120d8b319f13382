"""Columns to requests, whatever a store made of the columns' types."""

from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otlp.codec import Decoder, encode, validate
from otlp.codec.request import parse
from pipeline import value as text_form
from pipeline.schema import ATTRIBUTES, LOGS, SCHEMAS, TEXT
from pipeline.signal import Signal
from pipeline.value import Map
from pipeline.window import TimeWindow
from tests.support.laws import examples
from tests.support.otlp_strategies import LAWS, VALID, records, valid
from tests.support.plain.encode import encode as plain_encode
from tests.support.plain.points import METRIC

NEVER_NULL = {*("resource", "scope", "body_type", "body", "status_code", "status_message"), *METRIC}
"""Columns of which the plain encoder cannot read a null, or takes it for a metric of its own."""


def decoded(signal, *requests):
    decoder = Decoder(signal, TimeWindow())
    for request in requests:
        payload = request.SerializeToString()
        decoder.append(payload, 1, 1, validate(signal, payload, 10**9).accepted)
    return decoder.finish()


def as_a_store_returns_it(rows):
    """Plain text for dictionaries, large offsets, no time, other columns, in chunks."""
    table = pa.Table.from_batches([rows]).drop_columns(["sequence", "time"])
    columns = {}
    for name in reversed(table.column_names):
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.large_utf8())
        elif pa.types.is_fixed_size_binary(column.type):
            column = column.cast(pa.binary())
        columns[name] = column
    table = pa.table(columns).append_column("tenant", pa.repeat("default", len(rows)))
    half = len(rows) // 2
    return pa.concat_tables([table.slice(0, half), table.slice(half)])


def with_nulls(rows, seed):
    """The rows with some cells of some columns left out."""
    random = Random(seed)
    table = pa.Table.from_batches([rows])
    for name in table.column_names:
        if name not in NEVER_NULL and random.randrange(3) == 0:
            kept = [row if random.randrange(2) else None for row in range(len(rows))]
            column = table[name].combine_chunks()
            if column.type == TEXT:
                column = column.cast(pa.utf8())
            column = column.take(pa.array(kept, pa.int32()))
            table = table.set_column(table.column_names.index(name), name, column)
    return table


@LAWS
@given(valid)
def test_bytes_are_those_that_protobuf_makes_of_the_plain_encoder(case):
    signal, request = case
    rows = decoded(signal, request)

    assert encode(signal, rows) == plain_encode(signal, rows).SerializeToString()


@LAWS
@given(valid)
def test_rows_of_a_store_encode_like_those_of_the_decoder(case):
    signal, request = case
    rows = decoded(signal, request)

    assert encode(signal, as_a_store_returns_it(rows)) == encode(signal, rows)


@LAWS
@given(valid, st.integers(0, 2**32))
def test_cells_that_are_null_are_left_out(case, seed):
    signal, request = case
    rows = with_nulls(decoded(signal, request), seed)

    assert encode(signal, rows) == plain_encode(signal, rows).SerializeToString()


@pytest.mark.parametrize("signal", list(Signal))
def test_batches_with_dictionaries_of_their_own_encode_as_one(signal):
    @LAWS
    @given(VALID[signal], VALID[signal])
    def law(one, two):
        table = pa.Table.from_batches([decoded(signal, one), decoded(signal, two)])

        assert encode(signal, table) == plain_encode(signal, table).SerializeToString()

    law()


@pytest.mark.parametrize("signal", list(Signal))
def test_slices_encode_to_their_own_records(signal):
    @LAWS
    @given(VALID[signal])
    def law(request):
        rows = decoded(signal, request)
        sent = records(signal, request)

        for start in range(len(sent)):
            message = parse(signal, encode(signal, rows.slice(start, 2)))
            assert records(signal, message) == sent[start : start + 2]

    law()


@pytest.mark.parametrize("signal", list(Signal))
def test_no_rows_encode_to_an_empty_request(signal):
    assert encode(signal, pa.table(SCHEMAS[signal].empty_table())) == b""
    assert encode(signal, SCHEMAS[signal].empty_table()) == b""


def test_consecutive_rows_share_an_envelope():
    requests = []
    for service in ("a", "a", "b", "a"):
        request = ExportLogsServiceRequest()
        around = request.resource_logs.add()
        around.resource.attributes.add(key="service.name").value.string_value = service
        around.scope_logs.add().log_records.add(severity_text=service)
        requests.append(request)

    message = parse(Signal.LOGS, encode(Signal.LOGS, decoded(Signal.LOGS, *requests)))

    assert isinstance(message, ExportLogsServiceRequest)
    grouped = [
        [record.severity_text for record in around.scope_logs[0].log_records]
        for around in message.resource_logs
    ]
    assert grouped == [["a", "a"], ["b"], ["a"]]


def log_rows(kind, text, key="key", resource='{"attributes":[]}'):
    """Return a log record whose attribute is this, in a batch that says nothing else."""
    row = {
        field.name: "" if field.type in {TEXT, pa.utf8()} else 0
        for field in LOGS
        if field.type != ATTRIBUTES
    }
    row |= {"trace_id": bytes(16), "span_id": bytes(8), "resource": resource}
    row |= {"scope": '{"attributes":[]}'}
    row["attributes"] = [{"key": key, "type": kind, "value": text}]
    return pa.RecordBatch.from_pylist([row], schema=LOGS)


TEXTS = st.text(max_size=20) | st.sampled_from(["$bytes", "$double", "$map", "$", "NaN", "AAE="])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(TEXTS, inner), max_size=3).map(Map)
    ),
    max_leaves=12,
)


@settings(LAWS, max_examples=examples(150))
@given(VALUES, TEXTS)
def test_any_value_is_written_as_the_plain_encoder_writes_it(value, key):
    rows = log_rows(*text_form.encode(value), key)

    assert encode(Signal.LOGS, rows) == plain_encode(Signal.LOGS, rows).SerializeToString()


BROKEN = st.text('[]{}",:0123456789.eE-+$\\ ntrue\u00e9', max_size=30) | st.text(max_size=10)


@settings(LAWS, max_examples=examples(150))
@given(st.integers(0, 255), BROKEN, st.sampled_from(["attribute", "resource"]))
def test_texts_that_nobody_wrote_are_refused_by_row_or_read(kind, text, place):
    odd = log_rows(kind, text) if place == "attribute" else log_rows(1, "", resource=text)
    table = pa.Table.from_batches([log_rows(1, "fine"), odd])

    refusal, payload = "row 1 holds a text that is none of ours", b""
    try:
        payload = encode(Signal.LOGS, table)
    except ValueError as error:
        refusal = str(error)
    assert refusal == "row 1 holds a text that is none of ours"
    assert len(parse(Signal.LOGS, payload).resource_logs) in ({1, 2} if payload else {0})


def test_nesting_is_bounded():
    with pytest.raises(ValueError, match="row 0"):
        encode(Signal.LOGS, log_rows(text_form.ARRAY, "[" * 10**6))


def test_a_column_that_is_missing_is_named():
    with pytest.raises(KeyError, match="severity_text"):
        encode(Signal.LOGS, log_rows(1, "").drop_columns(["severity_text"]))
