"""proto/jaeger against what Jaeger's clients send and read."""

import pytest
from google.protobuf import descriptor_pool

from query.jaeger.rpc import idl
from tests.support.jaeger_idl import ENUMS, MESSAGES, METHODS, described, fields

FULL = [(package, name) for package, messages in MESSAGES.items() for name in messages]


@pytest.mark.parametrize(("package", "name"), FULL, ids=[".".join(one) for one in FULL])
def test_case_1_each_message_has_the_fields_of_jaegers(package, name):
    found = idl.message(f"{package}.{name}").DESCRIPTOR
    assert {one.name: described(one) for one in found.fields} == fields(
        MESSAGES[package][name], package
    )


def test_case_1_there_are_no_other_messages_and_the_enums_are_jaegers():
    pool = descriptor_pool.Default()
    files = [pool.FindFileByName(name) for name in idl.load()]
    top = {one.full_name for file in files for one in file.message_types_by_name.values()}
    assert top == {f"{package}.{name}" for package, name in FULL if "." not in name}
    enums = {one.full_name: one for file in files for one in file.enum_types_by_name.values()}
    assert {
        name: " ".join(f"{value.name}={value.number}" for value in one.values)
        for name, one in enums.items()
    } == ENUMS


def test_case_1_one_value_of_a_union_is_set_at_a_time():
    for name in ("jaeger.expression.v1.Expression", "jaeger.storage.v2.AnyValue"):
        found = idl.message(name).DESCRIPTOR
        (union,) = found.oneofs
        assert len(union.fields) == len(found.fields)


@pytest.mark.parametrize("service", METHODS)
def test_case_1_each_service_has_the_methods_of_jaegers(service):
    package = service.rpartition(".")[0]
    found = {}
    for name, one in idl.methods(service).items():
        assert one.path == f"/{service}/{name}"
        response = one.response.DESCRIPTOR.full_name.removeprefix(f"{package}.")
        request = one.request.DESCRIPTOR.full_name.removeprefix(f"{package}.")
        found[name] = (request, f"stream {response}" if one.streams else response)
    assert found == METHODS[service]
