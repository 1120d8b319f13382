"""Messages in, a group out."""

import pytest

from pipeline.ports import Commit, Counts, Delivery
from pipeline.reason import Reason
from tests.support.worker_parts import JUNK, STRANGER, message, preparation


def deliveries(*messages, after=0):
    return [
        Delivery(sequence, 100 + sequence, one)
        for sequence, one in enumerate(messages, start=after + 1)
    ]


def words(prepared):
    return {
        batch.tenant: list(
            zip(
                batch.rows["sequence"].to_pylist(),
                batch.rows["body"].to_pylist(),
                strict=True,
            )
        )
        for batch in prepared.group.batches
    }


def group(*messages, **options):
    return preparation(**options)(deliveries(*messages), 1, "log")


def test_every_tenant_has_one_batch_with_its_records_in_order():
    prepared = group(message("a", "b"), message("c", tenant="x"), message("d"))

    assert words(prepared) == {"default": [(1, "a"), (1, "b"), (3, "d")], "x": [(2, "c")]}
    assert prepared.poison == []


def test_the_commit_record_names_the_messages_and_their_times():
    late = Delivery(7, 900, message("a"))
    prepared = preparation()([late, Delivery(9, 300, message("b"))], 4, "log")

    # The bus's clock may go back: smallest and largest are not first and last.
    assert prepared.group.commit == Commit(4, 7, 9, 300, 900, 300, "log")


def test_the_ledger_says_what_became_of_every_record():
    prepared = group(
        message("a", "filter1", "sample1", "b", refused=3),
        message("filter2", "sample2", tenant="x"),
    )

    assert prepared.group.counts == {
        "default": Counts(received=4, refused=3, filtered=1, sampled=1, stored=2),
        "x": Counts(received=2, filtered=1, sampled=1),
    }
    assert words(prepared) == {"default": [(1, "a"), (1, "b")]}


def test_a_message_of_refusals_alone_has_counts_and_no_batch():
    prepared = group(message(refused=5))

    assert prepared.group.counts == {"default": Counts(refused=5)}
    assert prepared.group.batches == []
    assert prepared.poison == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(JUNK, "no words"), (message("a", accepted=2), "1 words, not 2")],
)
def test_what_cannot_be_decoded_is_poison_and_counted_as_buried(bad, reason):
    prepared = group(message("a"), bad, message("b"))

    assert words(prepared) == {"default": [(1, "a"), (3, "b")]}
    assert [(one.delivery.sequence, one.reason) for one in prepared.poison] == [(2, reason)]
    assert prepared.group.counts == {"default": Counts(received=4, buried=2, stored=2)}


def test_a_strangers_message_is_poison_that_no_door_has_counted():
    prepared = group(STRANGER)

    assert [one.reason for one in prepared.poison] == ["not a message of Aura"]
    assert prepared.group.counts == {"default": Counts()}
    assert prepared.group.commit.last == 1


def test_a_tenant_whose_messages_are_all_poison_has_counts_and_no_batch():
    prepared = group(JUNK)

    assert prepared.group.batches == []
    assert prepared.group.counts == {"default": Counts(received=2, buried=2)}


def test_what_a_processor_raises_is_the_callers():
    with pytest.raises(ValueError, match="it went off"):
        group(message("a"), message("bomb"))


def test_the_reasons_of_refusals_are_counted_by_tenant():
    sent = [
        message("a", refused=3, reasons={Reason.TIME: 2}),
        message(refused=2, reasons={Reason.TIME: 1, Reason.SIZE: 1}),
        message("b", tenant="x", refused=1, reasons={Reason.VALUE: 1}),
    ]

    counts = group(*sent).group.counts

    assert counts["default"].reasons == {Reason.TIME: 3, Reason.SIZE: 1}
    assert counts["x"].reasons == {Reason.VALUE: 1}
    assert preparation().without(deliveries(sent[0])[0], "", 1, "log").group.counts[
        "default"
    ].reasons == {Reason.TIME: 2}


def test_a_message_left_out_moves_the_position_and_is_counted_as_buried():
    (delivery,) = deliveries(message("a", "bomb", refused=1, tenant="x"), after=6)

    prepared = preparation().without(delivery, "why", 2, "log")

    assert prepared.group.commit == Commit(2, 7, 7, 107, 107, 107, "log")
    assert prepared.group.counts == {"x": Counts(received=2, refused=1, buried=2)}
    assert [(one.delivery, one.reason) for one in prepared.poison] == [(delivery, "why")]


def test_a_strangers_message_left_out_counts_nothing():
    (delivery,) = deliveries(STRANGER)

    assert preparation().without(delivery, "why", 1, "log").group.counts == {"default": Counts()}


def test_an_epoch_begins_with_a_record_of_no_messages():
    prepared = preparation(partition=3).beginning(2, 5, "log")

    assert prepared.group.commit == Commit(2, 6, 5, 0, 0, 0, "log")
    assert (prepared.group.partition, prepared.group.batches, prepared.group.counts) == (3, (), {})
    assert not prepared.poison


def test_preparing_again_gives_the_same():
    messages = [message("a", "sample", refused=1), JUNK, message("b", tenant="x")]

    assert group(*messages) == group(*messages)
