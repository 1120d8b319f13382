"""Columns to requests, whatever a store made of the columns' types."""

import pyarrow as pa
import pytest
from hypothesis import given
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otlp.codec import Decoder, encode, validate
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from tests.support.otlp_strategies import LAWS, VALID, records, valid


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


@LAWS
@given(valid)
def test_rows_of_a_store_encode_like_those_of_the_decoder(case):
    signal, request = case
    rows = decoded(signal, request)

    stored = encode(signal, as_a_store_returns_it(rows))
    assert stored.SerializeToString() == encode(signal, rows).SerializeToString()


@pytest.mark.parametrize("signal", list(Signal))
def test_slices_encode_to_their_own_records(signal):
    @LAWS
    @given(VALID[signal])
    def law(request):
        rows = decoded(signal, request)
        sent = records(signal, request)

        for start in range(len(sent)):
            assert records(signal, encode(signal, rows.slice(start, 2))) == sent[start : start + 2]

    law()


@pytest.mark.parametrize("signal", list(Signal))
def test_no_rows_encode_to_an_empty_request(signal):
    assert encode(signal, pa.table(SCHEMAS[signal].empty_table())).ByteSize() == 0


def test_consecutive_rows_share_an_envelope():
    requests = []
    for service in ("a", "a", "b", "a"):
        request = ExportLogsServiceRequest()
        around = request.resource_logs.add()
        around.resource.attributes.add(key="service.name").value.string_value = service
        around.scope_logs.add().log_records.add(severity_text=service)
        requests.append(request)

    message = encode(Signal.LOGS, decoded(Signal.LOGS, *requests))

    assert isinstance(message, ExportLogsServiceRequest)
    grouped = [
        [record.severity_text for record in around.scope_logs[0].log_records]
        for around in message.resource_logs
    ]
    assert grouped == [["a", "a"], ["b"], ["a"]]
