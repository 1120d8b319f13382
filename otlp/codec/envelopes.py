"""Resource and scope: the texts of `pipeline/envelope.py` to OTLP's messages."""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import EntityRef as EntityRefMessage

from otlp.codec import attributes
from pipeline.envelope import Resource, Scope


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
