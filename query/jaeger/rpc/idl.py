"""The messages of proto/jaeger, and the methods that take and give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,  # noqa: F401 - loaded, as ours import it
    message_factory,
    timestamp_pb2,  # noqa: F401 - likewise
)
from google.protobuf.message import Message
from opentelemetry.proto.trace.v1 import trace_pb2  # noqa: F401 - likewise

_SET: Final = Path(__file__).with_name("jaeger.binpb")
"""The descriptors that the build makes of the .proto files."""

API_V2: Final = "jaeger.api_v2"
API_V3: Final = "jaeger.api_v3"
STORAGE_V2: Final = "jaeger.storage.v2"


@dataclass(frozen=True, slots=True)
class Method:
    """A method as it is described: its path on the wire, its messages, whether many are given."""

    path: str
    request: type[Message]
    response: type[Message]
    streams: bool


@cache
def load() -> tuple[str, ...]:
    """Put the descriptors where gRPC's reflection looks; return the names of the files."""
    files = descriptor_pb2.FileDescriptorSet.FromString(_SET.read_bytes()).file
    pool = descriptor_pool.Default()
    waiting = {file.name: file for file in files}
    while waiting:  # what is imported first
        ready = [one for one in waiting.values() if not waiting.keys() & set(one.dependency)]
        for file in ready:
            pool.AddSerializedFile(waiting.pop(file.name).SerializeToString())
    return tuple(file.name for file in files)


@cache
def message(name: str) -> Any:
    """Return the class of a message by its full name."""
    load()
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


@cache
def methods(service: str) -> Mapping[str, Method]:
    """Return the methods of a service by their names."""
    load()
    described = descriptor_pool.Default().FindServiceByName(service)
    return {
        one.name: Method(
            f"/{service}/{one.name}",
            message_factory.GetMessageClass(one.input_type),
            message_factory.GetMessageClass(one.output_type),
            one.server_streaming,
        )
        for one in described.methods
    }
