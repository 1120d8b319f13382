"""Our IDL beside Jaeger's own, where `make peers` has brought it."""

import re

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    timestamp_pb2,
)
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc_tools import protoc
from opentelemetry.proto.trace.v1 import trace_pb2

from query.jaeger.rpc import idl
from tests.support import peers
from tests.support.jaeger_idl import MESSAGES, METHODS, described
from tests.support.jaeger_rpc import ALWAYS, TRACES, V2, V3, id_of, jaeger
from tests.support.jaegers import Sent

FULL = [f"{package}.{name}" for package, messages in MESSAGES.items() for name in messages]
COMMENT = re.compile(r"//[^\n]*")
TEXT = re.compile(r'((?:import|syntax ?=) ?"[^"]*")|"[^"]*"')
IMPORT = re.compile(r'import "(?!google/protobuf|opentelemetry|model|expression)[^"]*";')
INNERMOST = re.compile(r"\[[^\[\]]*\]")
OPTION = re.compile(r"option\s*\([^)]*\)\s*=")


def plain(text):
    """Return a file without what is not on the wire: comments, options, and what these import."""
    text = IMPORT.sub("", TEXT.sub(lambda found: found[1] or '""', COMMENT.sub("", text)))
    while INNERMOST.search(text):
        text = INNERMOST.sub("", text)
    while found := OPTION.search(text):
        depth, end = 0, found.end()
        while depth or text[end] != ";":
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: found.start()] + text[end + 1 :]
    return text


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The descriptors of Jaeger's own files."""
    source, work = peers.built("jaeger-idl"), tmp_path_factory.mktemp("idl")
    for path in source.rglob("*.proto"):
        target = work / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(plain(path.read_text()))
    known, every = work / "known.binpb", work / "every.binpb"
    files = descriptor_pb2.FileDescriptorSet()
    for one in (duration_pb2, timestamp_pb2, trace_pb2):
        add(files, one.DESCRIPTOR)
    known.write_bytes(files.SerializeToString())
    names = ["query.proto", "api_v3/query_service.proto"]
    names += [str(path.relative_to(work)) for path in work.glob("storage/v2/*.proto")]
    arguments = [f"-I{work}/api_v2", f"-I{work}", f"--descriptor_set_in={known}"]
    arguments += ["--include_imports", f"--descriptor_set_out={every}", *names]
    assert protoc.main(["protoc", *arguments]) == 0
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(every.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def add(files, file):
    for one in file.dependencies:
        add(files, one)
    if file.name not in {one.name for one in files.file}:
        file.CopyToProto(files.file.add())


@pytest.mark.parametrize("name", FULL)
def test_case_20_each_field_is_that_of_jaegers_own_message(originals, name):
    theirs = originals.FindMessageTypeByName(name)
    ours = idl.message(name).DESCRIPTOR
    fields = {one.name: described(one) for one in theirs.fields}
    assert {one.name: described(one) for one in ours.fields} == fields


@pytest.mark.parametrize("service", METHODS)
def test_case_20_each_method_is_that_of_jaegers_own_service(originals, service):
    theirs = {
        one.name: (one.input_type.full_name, one.output_type.full_name, one.server_streaming)
        for one in originals.FindServiceByName(service).methods
    }
    ours = {
        name: (one.request.DESCRIPTOR.full_name, one.response.DESCRIPTOR.full_name, one.streams)
        for name, one in idl.methods(service).items()
    }
    assert ours == theirs


async def test_case_20_clients_made_of_jaegers_own_files_read_every_answer(originals):
    sent = Sent()
    sent.span("shop", "buy", trace=1, tags={"k": 1}, events=(("e", {"f": True}),), kind=2)
    async with jaeger() as asking:
        await asking.send(sent)
        for service, name, request in (
            (V2, "GetTrace", {"trace_id": id_of(1)}),
            (V2, "GetOperations", {"service": "shop"}),
            (V3, "FindTraces", {"query": ALWAYS}),
            (V3, "FindTraceSummaries", {"query": ALWAYS}),
            (TRACES, "FindTraceIDs", {"query": ALWAYS}),
        ):
            method = idl.methods(service)[name]
            theirs = originals.FindMessageTypeByName(method.response.DESCRIPTOR.full_name)
            read = message_factory.GetMessageClass(theirs)
            calling = asking.call(service, name, request)
            ours = [one async for one in calling] if method.streams else [await calling]
            for one in ours:
                again = read.FromString(one.SerializeToString())
                assert len(UnknownFieldSet(again)) == 0
                assert str(again) == str(one)
