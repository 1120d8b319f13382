"""The text of a resource and of a scope."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.envelope import EntityRef, Resource, Scope, find

_texts = st.text(max_size=5)
_attributes = st.lists(st.tuples(_texts, st.integers(0, 7), _texts), max_size=3).map(tuple)
_u32 = st.integers(0, 2**32 - 1)
_keys = st.lists(_texts, max_size=2).map(tuple)
_refs = st.lists(st.builds(EntityRef, _texts, _texts, _keys, _keys), max_size=2).map(tuple)
resources = st.builds(Resource, _attributes, _u32, _texts, _refs)
scopes = st.builds(Scope, _texts, _texts, _attributes, _u32, _texts)


@given(resources)
def test_resource_reads_back_the_same(resource):
    assert Resource.parse(resource.text()) == resource


@given(scopes)
def test_scope_reads_back_the_same(scope):
    assert Scope.parse(scope.text()) == scope


@given(resources, resources)
def test_resources_are_equal_when_their_texts_are(one, other):
    assert (one == other) == (one.text() == other.text())


@given(scopes, scopes)
def test_scopes_are_equal_when_their_texts_are(one, other):
    assert (one == other) == (one.text() == other.text())


@pytest.mark.parametrize(
    ("envelope", "text"),
    [
        (Resource(), '{"attributes":[]}'),
        (
            Resource((("service.name", 1, "api"), ("n", 3, "1")), 2, "https://s"),
            (
                '{"attributes":[["service.name",1,"api"],["n",3,"1"]],'
                '"dropped_attributes_count":2,"schema_url":"https://s"}'
            ),
        ),
        (
            Resource(entity_refs=(EntityRef("u", "host", ("host.id",), ()),)),
            (
                '{"attributes":[],"entity_refs":[{"schema_url":"u","type":"host",'
                '"id_keys":["host.id"],"description_keys":[]}]}'
            ),
        ),
        (Scope(), '{"attributes":[]}'),
        (
            Scope("lib", "1.2", (("k", 2, "true"),), 1, "https://s"),
            (
                '{"name":"lib","version":"1.2","attributes":[["k",2,"true"]],'
                '"dropped_attributes_count":1,"schema_url":"https://s"}'
            ),
        ),
    ],
)
def test_text_is_as_documented(envelope, text):
    assert envelope.text() == text


def test_last_of_repeated_keys_is_found():
    attributes = [("a", 1, "first"), ("b", 1, ""), ("a", 3, "2")]

    assert find(attributes, "a") == "2"
    assert find(attributes, "b") == ""
    assert find(attributes, "c") is None
