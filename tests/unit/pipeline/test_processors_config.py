"""What a chain's configuration may say, and where a fault is said to be."""

import datetime as dt

import pytest

from pipeline.processors import PROCESSORS, build, check
from pipeline.signal import Signal

DELETE = {"key": "a", "action": "delete"}


def attributes(*actions, **more):
    return [{"attributes": {"actions": list(actions), **more}}]


def sampler(**options):
    return [{"probabilistic_sampler": {"sampling_percentage": 10, **options}}]


def test_processors_are_built_in_their_order_and_may_have_an_alias():
    configs = [
        {"probabilistic_sampler/rest": {"sampling_percentage": 15}},
        {"attributes/mask": {"actions": [DELETE]}},
        *attributes(DELETE),
    ]

    built = build(configs, Signal.TRACES)

    assert [process.drops for process in built] == ["sampled", "filtered", "filtered"]
    assert build([], Signal.METRICS) == ()


def test_options_say_their_signals():
    assert PROCESSORS["attributes"].signals == frozenset(Signal)
    assert Signal.METRICS not in PROCESSORS["probabilistic_sampler"].signals


@pytest.mark.parametrize(
    ("configs", "fault"),
    [
        ("attributes", "traces: must be a list"),
        ({"attributes": {}}, "traces: must be a list"),
        (["attributes"], "traces[0]: must be one processor's name"),
        ([{"a": {}, "b": {}}], "traces[0]: must be one processor's name"),
        ([{"other": {}}], "traces[0].other: is no processor; there are attributes, res"),
        ([{"attributes/": {}}], "traces[0].attributes/: is no processor"),
        ([{"attributes": None}], "traces[0].attributes.actions: Field required"),
        ([{"attributes/x": {"actions": []}}], "traces[0].attributes/x.actions: "),
        (attributes(DELETE, include={}), "traces[0].attributes.include: is not available"),
        (attributes(DELETE, exclude=None), "traces[0].attributes.exclude: is not available"),
        (attributes(DELETE, other=1), "traces[0].attributes.other: Extra inputs"),
        (attributes(DELETE, {"action": "delete"}), "traces[0].attributes.actions[1]: needs a key"),
        (attributes(DELETE, {"key": "a"}), "traces[0].attributes.actions[1]: "),
        (attributes({"key": "a", "action": "drop"}), "attributes.actions[0]: Input tag 'drop'"),
        (attributes("delete"), "traces[0].attributes.actions[0]: "),
        (attributes(DELETE, {"action": "hash", "pattern": "("}), "actions[1].pattern: is no reg"),
        (attributes({**DELETE, "key": ""}), "traces[0].attributes.actions[0].key: "),
        (attributes({**DELETE, "value": 1}), "traces[0].attributes.actions[0].value: Extra"),
        (attributes({"key": "a", "action": "insert"}), "actions[0]: needs a value"),
        (attributes({"key": "a", "action": "insert", "value": None}), "actions[0]: needs a value"),
        (attributes({"key": "a", "action": "update", "value": 1, "from_attribute": "b"}),
         "actions[0]: takes either"),
        (attributes({"key": "a", "action": "upsert", "from_context": "metadata.x"}),
         "traces[0].attributes.actions[0].from_context: is not available"),
        (attributes({"key": "a", "action": "insert", "value": 2**63}), "value: must fit"),
        (attributes({"key": "a", "action": "insert", "value": {1: 2}}), "[0].value: the keys"),
        (attributes({"key": "a", "action": "insert", "value": dt.date(2026, 1, 1)}),
         "actions[0].value: must be a string"),
        (attributes({"key": "a", "action": "extract"}), "actions[0].pattern: Field required"),
        (attributes({"key": "a", "action": "extract", "pattern": "(a)"}), "[0].pattern: must "),
        (attributes({"key": "a", "action": "extract", "pattern": "a"}), "[0].pattern: must "),
        (attributes({"key": "a", "action": "convert"}), "actions[0].converted_type: Field req"),
        (attributes({"key": "a", "action": "convert", "converted_type": "bool"}),
         "actions[0].converted_type: Input should be 'int'"),
        ([{"probabilistic_sampler": {}}], "sampling_percentage: Field required"),
        (sampler(sampling_percentage=-1), "sampling_percentage: "),
        (sampler(sampling_percentage=float("nan")), "sampling_percentage: "),
        (sampler(sampling_percentage=1e-20), "sampling_percentage: is too small"),
        (sampler(sampling_percentage=0.006), "sampling_percentage: is below 0.0061"),
        (sampler(mode="other"), "traces[0].probabilistic_sampler.mode: "),
        (sampler(hash_seed=2**32), "hash_seed: "),
        (sampler(hash_seed=1, mode="equalizing"), "hash_seed: has no effect in mode equalizing"),
        (sampler(sampling_precision=0, mode="equalizing"), "sampling_precision: "),
        (sampler(sampling_precision=15, mode="equalizing"), "sampling_precision: "),
        (sampler(sampling_precision=4), "sampling_precision: has no effect in mode hash_seed"),
        (sampler(sampling_priority="p"), "sampling_priority: is for logs only"),
        (sampler(from_attribute="id"), "from_attribute: is for logs only"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_place(configs, fault):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        check(configs, Signal.TRACES)
    assert fault in str(raised.value)
    assert str(raised.value).startswith("traces")
    assert len(str(raised.value).splitlines()) == 1


def test_all_faults_are_told_at_once():
    with pytest.raises(ValueError, match=r"logs\[0\].other.*\nlogs\[1\].attributes"):
        check([{"other": {}}, {"attributes": {}}], Signal.LOGS)


def test_metrics_cannot_be_sampled():
    with pytest.raises(ValueError, match=r"metrics\[0\].probabilistic_sampler: is not for metrics"):
        check(sampler(), Signal.METRICS)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"attribute_source": "record"}, "from_attribute: is needed"),
        ({"attribute_source": "span"}, "attribute_source: "),
        ({"from_attribute": "id", "mode": "proportional"}, "from_attribute: has no effect"),
    ],
)
def test_a_source_that_would_be_ignored_is_refused(options, fault):
    with pytest.raises(ValueError, match=fault):
        check(sampler(**options), Signal.LOGS)


def test_options_that_are_unset_say_nothing():
    (options,) = check(sampler(mode="equalizing", sampling_precision=14), Signal.TRACES)
    assert options.model_dump()["hash_seed"] == 0
