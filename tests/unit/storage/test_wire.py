"""Plans and the messages of proto/aura/v1/storage.proto say the same."""

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import plan
from pipeline.errors import Rejected
from pipeline.plan import AttributeField, Column, Compare, Exists, Not, OneOf, Operator, Records
from pipeline.signal import Signal
from storage import wire
from tests.support.otlp_strategies import LAWS

PROTO = "proto/aura/v1/storage.proto (then `make proto`)"
NAMES = {bool: "bool", int: "uint64", float: "double", str: "string", bytes: "bytes"}
DESCRIBED = {
    FieldDescriptor.TYPE_BOOL: bool,
    FieldDescriptor.TYPE_INT64: int,
    FieldDescriptor.TYPE_UINT64: int,
    FieldDescriptor.TYPE_DOUBLE: float,
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_BYTES: bytes,
}


def is_union(hint: Any) -> bool:
    return isinstance(hint, type(int | str)) or get_origin(hint) is Union


def members(hint: Any) -> list[Any]:
    """The members of a union but None; of anything else itself."""
    return [one for one in get_args(hint) if one is not type(None)] if is_union(hint) else [hint]


class Comparison:
    """Collects what a message lacks of what its class has, and the other way round."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._seen: set[str] = set()

    def union(self, described: Descriptor, hint: Any, place: str) -> None:
        if not wire.is_union(described):
            self.faults.append(f"{place}: {described.name} is to be a message of one oneof")
            return
        expected = {one.__name__ for one in members(hint)}
        found = {_name(one) for one in described.fields}
        if expected != found:
            self.faults.append(
                f"message {described.name} has {sorted(found)}, and {place} is {sorted(expected)}"
            )
        for field in described.fields:
            for one in members(hint):
                if field.message_type and one.__name__ == field.message_type.name:
                    self.message(field.message_type, one)

    def message(self, described: Descriptor, cls: Any) -> None:
        if cls.__name__ in self._seen:
            return
        self._seen.add(cls.__name__)
        found = {field.name: field for field in described.fields}
        names = [one.name for one in fields(cls)]
        self.faults += [
            f"message {cls.__name__} lacks {_line(cls, n)}" for n in names if n not in found
        ]
        extra = sorted(found.keys() - set(names))
        self.faults += [f"message {cls.__name__} has {n}, which the class has not" for n in extra]
        for name in found.keys() & set(names):
            self.field(found[name], wire.hints(cls)[name], f"{cls.__name__}.{name}")

    def field(self, field: FieldDescriptor, hint: Any, place: str) -> None:
        repeated = get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis
        if field.is_repeated != repeated:
            self.faults.append(
                f"{place}: repeated is for tuples of any length, and for all of them"
            )
        if repeated:
            hint = get_args(hint)[0]
        elif is_union(hint) and type(None) in get_args(hint) and not field.has_presence:
            self.faults.append(f"{place}: it may be None, so it is `optional`")
        kinds = members(hint)
        if len(kinds) > 1 and field.message_type:
            self.union(field.message_type, hint, place)
        elif get_origin(kinds[0]) is tuple and field.message_type:
            for one, of in zip(field.message_type.fields, get_args(kinds[0]), strict=True):
                self.field(one, of, f"{place}.{one.name}")
        elif len(kinds) > 1 or _name(field) != getattr(kinds[0], "__name__", ""):
            self.faults.append(f"{place}: {_name(field)} is not {kinds}")
        elif field.message_type:
            self.message(field.message_type, kinds[0])
        elif field.enum_type:
            self.enum(field, kinds[0])

    def enum(self, field: FieldDescriptor, cls: type[Enum]) -> None:
        expected = {wire.enum_name(one) for one in cls}
        found = {name for name, one in field.enum_type.values_by_name.items() if one.number}
        if expected != found:
            self.faults.append(f"enum {cls.__name__} differs by {sorted(expected ^ found)}")


def _name(field: FieldDescriptor) -> str:
    described = field.message_type or field.enum_type
    return described.name if described else DESCRIBED[field.type].__name__


def _line(cls: Any, name: str) -> str:
    """The line that a message lacks, as far as a machine can tell."""
    hint = wire.hints(cls)[name]
    label = "repeated " if get_origin(hint) is tuple else ""
    if is_union(hint) and type(None) in get_args(hint):
        label = "optional "
    inner = members(get_args(hint)[0] if label == "repeated " else hint)
    kind = NAMES.get(inner[0], getattr(inner[0], "__name__", "…")) if len(inner) == 1 else "…"
    return f"`{label}{kind} {name} = …;`"


def test_every_plan_and_every_field_has_its_message():
    comparison = Comparison()
    described = wire.messages()["Plan"].DESCRIPTOR
    lacking = [one for one in get_args(plan.Plan) if one.__name__ not in wire.messages()]
    for one in lacking:
        lines = "\n".join(f"  {_line(one, name.name)[1:-1]}" for name in fields(one))
        comparison.faults.append(f"there is no\nmessage {one.__name__} {{\n{lines}\n}}")
    comparison.union(described, plan.Plan, "Plan")

    assert comparison.faults == [], f"a new plan needs this in {PROTO}, and nothing else:\n" + (
        "\n".join(comparison.faults)
    )


@cache
def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type that plans are made of."""
    if is_union(hint):
        return st.one_of([of(one) for one in get_args(hint)])
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if inner[-1] is Ellipsis:
            return st.lists(of(inner[0]), max_size=2).map(tuple)
        return st.tuples(*map(of, inner))
    if is_dataclass(hint):
        hints = wire.hints(hint)  # type: ignore[arg-type] # a class, not one of its objects
        return st.deferred(
            lambda: st.builds(hint, **{name: of(one) for name, one in hints.items()})
        )
    plain = {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(0, 2**63 - 1),
        float: st.floats(allow_nan=False),
        str: st.text(max_size=5),
        bytes: st.binary(max_size=16),
    }
    return plain[hint] if hint in plain else st.sampled_from(hint)


@pytest.mark.parametrize("kind", get_args(plan.Plan))
def test_what_is_sent_is_what_arrives(kind):
    @settings(LAWS, max_examples=25)
    @given(of(kind))
    def law(asked):
        assert wire.decode(wire.encode(asked)) == asked

    law()


def asked(where: Any = None, **changes: Any) -> Records:
    return Records(
        **{
            "signal": Signal.LOGS,
            "tenant": "a",
            "start_ns": 0,
            "end_ns": 9,
            "where": where,
            "limit": 1,
        }
        | changes
    )


@pytest.mark.parametrize("value", [0, False, 0.0, "", b"", -(2**63), 2**63 - 1, -0.0, "\x00é😀"])
def test_values_keep_their_type(value):
    sent = asked(Compare(AttributeField("k"), Operator.EQUAL, value), end_ns=2**64 - 1)

    arrived = wire.decode(wire.encode(sent))

    assert repr(arrived) == repr(sent)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (asked(tenant="\udcff"), "tenant"),
        (asked(OneOf(AttributeField("k"), (2**63,))), "integer"),
    ],
)
def test_what_no_message_holds_is_refused_by_name(sent, message):
    with pytest.raises(Rejected, match=message):
        wire.encode(sent)


def test_a_time_beyond_64_bits_is_cut_as_every_backend_cuts_it():
    sent = asked(start_ns=-5, end_ns=2**80)

    assert wire.decode(wire.encode(sent)) == asked(start_ns=0, end_ns=2**64 - 1)


def message(**changes: Any) -> Any:
    request = wire.messages()["RunRequest"]()
    request.ParseFromString(wire.encode(asked(Exists(AttributeField("k")))))
    for name, value in changes.items():
        setattr(request.plan.records, name, value)
    return request


def test_what_is_left_out_is_refused_by_its_place_or_has_its_default():
    request = message()
    request.plan.records.where.exists.field.attribute_field.level = 0
    assert wire.decode(request.SerializeToString()) == asked(Exists(AttributeField("k")))

    for clear, place in [
        (
            lambda one: one.plan.records.ClearField("signal"),
            r"plan\.records\.signal: it is missing",
        ),
        (lambda one: one.plan.Clear(), "plan: one of records, "),
        (lambda one: one.Clear(), "plan: one of records, "),
        (lambda one: one.plan.records.where.exists.Clear(), r"where\.exists\.field: it is missing"),
    ]:
        request = message()
        clear(request)
        with pytest.raises(Rejected, match=place):
            wire.decode(request.SerializeToString())


def test_what_is_not_known_is_refused_rather_than_left_out():
    whole = wire.encode(asked())
    with pytest.raises(Rejected, match="field 15 is not known"):
        wire.decode(whole + b"\x78\x01")
    request = message()
    request.plan.records.where.exists.field.attribute_field.MergeFromString(b"\x78\x01")
    with pytest.raises(Rejected, match=r"attribute_field: field 15 is not known"):
        wire.decode(request.SerializeToString())
    with pytest.raises(Rejected, match=r"9 is no value of aura\.v1\.Signal"):
        wire.decode(message(signal=9).SerializeToString())


def test_nesting_and_size_are_bounded():
    where: plan.Condition = Compare(Column("body"), Operator.EQUAL, "x")
    for _ in range(40):
        where = Not(where)
    assert wire.decode(wire.encode(asked(where))) == asked(where)
    for _ in range(10):
        where = Not(where)
    with pytest.raises(Rejected, match="nested too deep"):
        wire.decode(wire.encode(asked(where)))
    many = OneOf(AttributeField("k"), tuple(range(wire.NODES_MAX)))
    with pytest.raises(Rejected, match="at most 20000 parts"):
        wire.decode(wire.encode(asked(many)))


@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05ab", b"\x0a\x7f"])
def test_what_is_no_message_is_refused(payload):
    with pytest.raises(Rejected, match=r"no message aura\.v1\.RunRequest"):
        wire.decode(payload)
