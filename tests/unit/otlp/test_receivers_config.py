"""The settings of the ingestor."""

import pytest
from pydantic import BaseModel, ValidationError

from otlp.config import IngestorConfig
from pipeline.address import host_and_port


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:4317", ("127.0.0.1", 4317)),
        (":0", ("", 0)),
        ("[::1]:4317", ("::1", 4317)),
        ("aura.example.org:65535", ("aura.example.org", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(address, parts):
    assert host_and_port(address) == parts


@pytest.mark.parametrize("address", ["", "4317", "localhost", "a:b", ":65536", "::1:4317", "a/b:1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValidationError, match="is not an address"):
        IngestorConfig(grpc=address)


def test_the_largest_request_must_fit_the_budget_twice():
    with pytest.raises(ValidationError, match="at least twice"):
        IngestorConfig(request_bytes_max="64MiB", in_flight_bytes_max="100MiB")


def test_unknown_settings_are_refused_and_known_ones_described():
    with pytest.raises(ValidationError):
        IngestorConfig.model_validate({"port": 1})
    for name, field in IngestorConfig.model_fields.items():
        group = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or group, name
