"""CPU time of reading JSON, beside what the same records cost as protobuf in the same run.

`python -m tests.bench.json_codec` prints a table: for each signal, form and size of a body, bytes a
record; microseconds a record of reading it to protobuf, natively and in Python; those of protobuf's
own way from bytes to columns (`validate`, and decoding a batch of at least a thousand records); and
the ratio of the two ways from bytes to columns: reading and then protobuf's own, to protobuf's own.
"""

import json
from datetime import UTC, datetime

from otlp.codec import Decoder, from_json, plain, to_json, validate
from otlp.codec import json as otlp_json
from otlp.codec.plain import from_plain
from otlp.codec.request import REQUESTS, parse
from pipeline.signal import Signal
from tests.bench import templates
from tests.bench.codec import BATCH, decoded, least_us
from tests.support.otlp_strategies import FIELDS

SIZES = (1, 10, 1000)


def otlp(signal, size):
    """Return OTLP/JSON as a Collector writes it."""
    request = parse(signal, templates.request(signal, 1, size))
    return json.dumps(to_json(request), separators=(",", ":")).encode()


def lines(signal, size):
    """Return one object a line, as an application writes them."""
    outer, middle, inner = FIELDS[signal]
    request = REQUESTS[signal].FromString(templates.request(signal, 1, size))
    records = [
        record | _attributes(around.resource)
        for around in getattr(request, outer)
        for group in getattr(around, middle)
        for item in getattr(group, inner)
        for record in _RECORDS[signal](item)
    ]
    return "\n".join(map(json.dumps, records)).encode()


def _attributes(around):
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in around.attributes
    }


def _time(nanoseconds):
    return datetime.fromtimestamp(nanoseconds % 2**60 / 1e9, UTC).isoformat()


def _ids(item):
    return {"trace_id": item.trace_id.hex(), "span_id": item.span_id.hex()}


def _spans(span):
    yield {
        "name": span.name,
        "kind": "server",
        "start_time": _time(span.start_time_unix_nano),
        "duration_ms": 12.5,
        "parent_span_id": span.parent_span_id.hex(),
        **_ids(span),
        **_attributes(span),
    }


def _logs(log):
    yield {
        "timestamp": _time(log.time_unix_nano),
        "level": log.severity_text,
        "message": log.body.string_value,
        **_ids(log),
        **_attributes(log),
    }


def _points(metric):
    kind = metric.WhichOneof("data")
    if kind == "histogram":  # plain JSON has none
        return
    for number, point in enumerate(getattr(metric, kind).data_points):
        yield {
            "name": metric.name,
            "unit": metric.unit,
            "type": kind,
            "value": number * 0.37 if kind == "gauge" else number,
            "timestamp": point.time_unix_nano % 2**60,
            **_attributes(point),
        }


_RECORDS = {Signal.TRACES: _spans, Signal.LOGS: _logs, Signal.METRICS: _points}
NOW_NS = templates.STARTED_NS

FORMS = {
    "OTLP/JSON": (otlp, from_json, otlp_json.from_text),
    "plain": (
        lines,
        lambda signal, body: from_plain(signal, body, NOW_NS).payload,
        lambda signal, body: plain.from_text(signal, body, NOW_NS).payload,
    ),
}


def row(signal, form, size):
    """Return a line of the table."""
    make, read, read_in_python = FORMS[form]
    body = make(signal, size)
    payload = read(signal, body)
    records = validate(signal, payload, 2**30).accepted
    payloads = [payload] * -(-BATCH // records)

    def native():
        for _ in payloads:
            read(signal, body)

    def checked():
        for payload in payloads:
            validate(signal, payload, 2**30)

    def columns():
        decoded(Decoder, signal, payloads, records)

    count = records * len(payloads)
    read_us, check_us, decode_us = least_us([native, checked, columns], count)
    (python_us,) = least_us([lambda: read_in_python(signal, body)], records)
    protobuf_us = check_us + decode_us
    return (
        f"{signal:8} {form:10}{records:5}{len(body) / records:7.0f}{read_us:8.2f}{python_us:8.1f}"
        f"{protobuf_us:10.2f}{(read_us + protobuf_us) / protobuf_us:8.1f}"
    )


def main() -> None:
    print("                         bytes    read  Python  protobuf   ratio")
    print("signal   form       size  sent      us      us        us")
    for signal in Signal:
        for form in FORMS:
            for size in SIZES:
                print(row(signal, form, size), flush=True)


if __name__ == "__main__":
    main()
