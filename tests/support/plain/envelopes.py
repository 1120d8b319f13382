"""Resource and scope: OTLP's messages to the texts of `pipeline/envelope.py`."""

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from pipeline.envelope import EntityRef, Resource, Scope
from tests.support.plain import attributes


def resource_text(resource: ResourceMessage, schema_url: str) -> str:
    """Return the text of a resource; the schema URL stands in the message around it."""
    return Resource(
        tuple(attributes.read(resource.attributes)),
        resource.dropped_attributes_count,
        schema_url,
        tuple(
            EntityRef(ref.schema_url, ref.type, tuple(ref.id_keys), tuple(ref.description_keys))
            for ref in resource.entity_refs
        ),
    ).text()


def scope_text(scope: InstrumentationScope, schema_url: str) -> str:
    """Return the text of a scope; the schema URL stands in the message around it."""
    return Scope(
        scope.name,
        scope.version,
        tuple(attributes.read(scope.attributes)),
        scope.dropped_attributes_count,
        schema_url,
    ).text()
