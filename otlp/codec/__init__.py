"""OTLP: bytes ↔ batches, nothing else.

- `from_json` makes protobuf of OTLP/JSON, `validate` checks a request record by record: the door;
- `Decoder` makes Arrow of what `validate` let through: the router;
- `encode` makes a request of Arrow again, and `to_json` JSON of a parsed one: the query API.

It knows neither transport nor store. What `validate` lets through, `Decoder` takes.
"""

from otlp.codec.decode import Decoder
from otlp.codec.encode import encode
from otlp.codec.json import from_json, to_json
from otlp.codec.validate import Checked, Part, validate

__all__ = ["Checked", "Decoder", "Part", "encode", "from_json", "to_json", "validate"]
