"""CPU time of the codec a record, beside protobuf's own work on the same bytes in the same run.

`python -m tests.bench.codec` prints a table: for each signal and size of a request, microseconds a
record of protobuf's `FromString`, of `validate` and of decoding to a RecordBatch (a batch of at
least a thousand records; `plain` is the decoder of the tests), of protobuf's `SerializeToString`
and of encoding that batch, the ratios to parsing and to serializing, and the bytes a record of the
batch. The runs take turns, and the least of each is taken.
"""

import time

from otlp.codec import Decoder, encode, validate
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from tests.bench import templates
from tests.support.plain.decode import Decoder as PlainDecoder

SIZES = (1, 10, 512, 1000, 8192)
BATCH = 1000
RUNS_S = 2.0


def least_us(runs, records):
    """Return the microseconds a record of the fastest run of each."""
    best, end = [float("inf")] * len(runs), time.monotonic() + RUNS_S
    while time.monotonic() < end:
        for index, run in enumerate(runs):
            before = time.process_time()
            run()
            best[index] = min(best[index], time.process_time() - before)
    return [least / records * 1e6 for least in best]


def decoded(decoder, signal, payloads, size):
    """Return one batch of all payloads."""
    made = decoder(signal, TimeWindow())
    for sequence, payload in enumerate(payloads):
        made.append(payload, sequence, templates.STARTED_NS, size)
    return made.finish()


def row(signal, size):
    """Return a line of the table."""
    count = -(-BATCH // size)
    payloads = [templates.request(signal, number, size) for number in range(min(count, 100))]
    payloads = (payloads * count)[:count]
    records = count * size
    parse = REQUESTS[signal].FromString

    def parsed():
        for payload in payloads:
            parse(payload)

    def checked():
        for payload in payloads:
            validate(signal, payload, 2**30)

    def native():
        decoded(Decoder, signal, payloads, size)

    messages = [parse(payload) for payload in payloads]
    batch = decoded(Decoder, signal, payloads, size)

    def serialized():
        for message in messages:
            message.SerializeToString()

    def encoded():
        encode(signal, batch)

    runs = [parsed, checked, native, serialized, encoded]
    parse_us, check_us, decode_us, serialize_us, encode_us = least_us(runs, records)
    (plain_us,) = least_us([lambda: decoded(PlainDecoder, signal, payloads, size)], records)
    sent = sum(map(len, payloads)) / records
    return (
        f"{signal:8}{size:6}{sent:8.0f}{parse_us:8.3f}{check_us:10.3f}{decode_us:8.3f}"
        f"{plain_us:8.2f}{serialize_us:11.3f}{encode_us:8.3f}{decode_us / parse_us:8.2f}"
        f"{check_us / parse_us:8.2f}{encode_us / serialize_us:11.2f}{batch.nbytes / records:8.0f}"
    )


def main() -> None:
    print(
        "                bytes   parse  validate  decode   plain  serialize  encode"
        "  decode validate     encode   bytes\n"
        "signal    size   sent      us        us      us      us         us      us"
        "  /parse  /parse /serialize    held"
    )
    for signal in Signal:
        for size in SIZES:
            print(row(signal, size), flush=True)


if __name__ == "__main__":
    main()
