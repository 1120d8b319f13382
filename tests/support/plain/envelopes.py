"""Resource and scope: OTLP's messages to the texts of `pipeline/envelope.py`, and back."""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import EntityRef as EntityRefMessage
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


def write_resource(around: Any, text: str) -> None:
    """Fill the resource and the schema URL of a ResourceSpans, ResourceLogs or ResourceMetrics."""
    resource = Resource.parse(text)
    around.schema_url = resource.schema_url
    around.resource.dropped_attributes_count = resource.dropped_attributes_count
    attributes.write(around.resource.attributes, resource.attributes)
    around.resource.entity_refs.extend(
        EntityRefMessage(
            schema_url=ref.schema_url,
            type=ref.type,
            id_keys=ref.id_keys,
            description_keys=ref.description_keys,
        )
        for ref in resource.entity_refs
    )


def write_scope(around: Any, text: str) -> None:
    """Fill the scope and the schema URL of a ScopeSpans, ScopeLogs or ScopeMetrics."""
    scope = Scope.parse(text)
    around.schema_url = scope.schema_url
    around.scope.name = scope.name
    around.scope.version = scope.version
    around.scope.dropped_attributes_count = scope.dropped_attributes_count
    attributes.write(around.scope.attributes, scope.attributes)
