"""What single stages cost, alone and in this process: codec and compression, beside protobuf."""

from dataclasses import dataclass

from otlp.codec import Decoder, validate
from otlp.codec.request import REQUESTS
from pipeline.bus.wire import Codec
from pipeline.ports import Message
from pipeline.signal import Signal
from tests.bench import templates
from tests.bench.codec import decoded, least_us

SIZE, REQUESTS_MADE = 1000, 4


@dataclass(frozen=True)
class Stages:
    """CPU-seconds per million records, in requests of a thousand."""

    parse: float
    """By protobuf, of the same bytes."""
    validate: float
    decode: float
    pack: float
    unpack: float

    @property
    def ratio(self) -> float:
        """Return decoding to a RecordBatch by parsing."""
        return self.decode / self.parse


def stages(signal: Signal) -> Stages:
    """Measure a signal; the runs take turns, and the least of each is taken."""
    payloads = [templates.request(signal, number, SIZE) for number in range(REQUESTS_MADE)]
    codec, parse = Codec(), REQUESTS[signal].FromString
    messages = [Message("default", payload, SIZE, 0, 0) for payload in payloads]
    packed = [codec.pack(message) for message in messages]

    def parsed() -> None:
        for payload in payloads:
            parse(payload)

    def checked() -> None:
        for payload in payloads:
            validate(signal, payload, 2**30)

    def native() -> None:
        decoded(Decoder, signal, payloads, SIZE)

    def pack() -> None:
        for message in messages:
            codec.pack(message)

    def unpack() -> None:
        for headers, data in packed:
            codec.unpack(headers, data)

    runs = [parsed, checked, native, pack, unpack]
    return Stages(*least_us(runs, SIZE * REQUESTS_MADE))
