"""The settings of the ingestor."""

import pytest
from pydantic import BaseModel, ValidationError

from otlp.config import IngestorConfig, LimitsConfig
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


def test_a_tenant_has_the_limits_of_all_but_where_its_own_are_given():
    config = LimitsConfig(
        records_per_s=100,
        bytes_per_s="1MB",
        tenants={"big": {"bytes_per_s": "20MB"}, "free": {"records_per_s": 0, "bytes_per_s": 0}},
    )
    found = {name: config.of(name) for name in ("any", "big", "free")}
    assert {name: (one.records_per_s, one.bytes_per_s) for name, one in found.items()} == {
        "any": (100, 10**6),
        "big": (100, 20 * 10**6),
        "free": (0, 0),
    }


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"burst": "31s"}, "less than or equal to 30"),
        ({"burst": 0}, "greater than 0"),
        ({"records_per_s": -1}, "greater than or equal to 0"),
        ({"records_per_s": 0.1}, "records_per_s .0.1. and burst .5 s. let nothing in"),
        ({"tenants": {"a": {"bytes_per_s": 1}}, "burst": 0.5}, "tenants.a.bytes_per_s"),
        ({"tenants": {"a b": {}}}, "a tenant has 1 to 150"),
        ({"tenants": {"a": {"records": 1}}}, "Extra inputs"),
    ],
)
def test_limits_that_cannot_be_are_refused(limits, says):
    with pytest.raises(ValidationError, match=says):
        LimitsConfig.model_validate(limits)


def test_unknown_settings_are_refused_and_known_ones_described():
    with pytest.raises(ValidationError):
        IngestorConfig.model_validate({"port": 1})
    for name, field in IngestorConfig.model_fields.items():
        group = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or group, name
