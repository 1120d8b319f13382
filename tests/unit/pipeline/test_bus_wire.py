"""What is packed is unpacked; anything else stays as it is."""

import os
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as some

from pipeline.bus.wire import FOREIGN, RAW_BYTES_MAX, Codec, head
from pipeline.ports import Message
from pipeline.reason import Reason

counts = some.integers(0, 2**63 - 1)
# Without surrogates, which no text from the network holds.
tenants = some.text(some.characters(exclude_categories=["Cs"]), min_size=1)


@given(some.builds(Message, tenants, some.binary(), counts, counts, counts))
def test_a_message_comes_back(message):
    headers, data = Codec().pack(message)
    assert Codec().unpack(headers, data) == message


reasons = some.dictionaries(some.sampled_from(Reason), some.integers(0, 2**40))


@given(tenants, counts, reasons)
def test_the_reasons_come_back_and_the_headers_alone_tell_all_but_the_payload(tenant, many, why):
    sent = Message(tenant, b"payload", many, sum(why.values()), many, why)
    headers, data = Codec().pack(sent)
    assert Codec().unpack(headers, data) == sent
    assert head(headers) == replace(sent, payload=b"")


def test_a_message_of_an_older_version_names_no_reason():
    headers, data = Codec().pack(Message("default", b"payload", 1, 5, 0))
    assert "Aura-Reasons" not in headers
    assert Codec().unpack(headers, data).reasons == {}


def test_a_reason_of_a_newer_version_is_none():
    headers, data = Codec().pack(Message("default", b"payload", 1, 5, 0))
    headers["Aura-Reasons"] = "shape=2 time=3"
    assert Codec().unpack(headers, data).reasons == {Reason.TIME: 3}


@pytest.mark.parametrize("text", ["time=6", "time=-1", "time", "time=1.5", "time=3 value=3"])
def test_reasons_that_cannot_be_are_foreign(text):
    headers, data = Codec().pack(Message("default", b"payload", 1, 5, 0))
    headers["Aura-Reasons"] = text
    assert Codec().unpack(headers, data).accepted == FOREIGN
    assert head(headers) == Message("default", b"", FOREIGN, 0, 0)


@given(tenants)
def test_headers_are_plain_ascii_on_one_line(tenant):
    headers, _ = Codec().pack(Message(tenant, b"", 1, 0, 0))
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert all(value == value.strip() for value in headers.values())


@given(some.dictionaries(some.text(), some.text()), some.binary())
def test_anything_else_stays_as_it_is(headers, data):
    found = Codec().unpack(headers, data)
    assert (found.payload, found.accepted, found.tenant) == (data, FOREIGN, "default")


def test_no_headers_at_all():
    assert Codec().unpack(None, b"x").payload == b"x"


@pytest.mark.parametrize("claimed", [10, 11 * 2**20, RAW_BYTES_MAX + 1, 2**62])
def test_a_frame_is_not_unpacked_to_more_than_the_header_says(claimed):
    headers, _ = Codec().pack(Message("default", b"x" * claimed if claimed < 100 else b"", 1, 0, 0))
    headers["Aura-Raw-Bytes"] = str(claimed)
    bomb = zstandard.compress(bytes(10 * 2**20))

    assert Codec().unpack(headers, bomb).payload == bomb


def test_a_frame_that_does_not_tell_its_size_is_foreign():
    headers, _ = Codec().pack(Message("default", b"payload", 1, 0, 0))
    data = zstandard.ZstdCompressor(write_content_size=False).compress(b"payload")
    assert Codec().unpack(headers, data).payload == data


def test_what_does_not_compress_hardly_grows():
    payload = os.urandom(8 * 2**20)
    _, data = Codec().pack(Message("default", payload, 1, 0, 0))
    assert len(data) < len(payload) + 1024
