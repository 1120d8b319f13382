"""Messages in, a group out: decode, then the chain. Pure: no I/O, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline import chain
from pipeline.batch import Batch
from pipeline.errors import Rejected
from pipeline.ports import Commit, Counts, Decoder, Delivery, Group, Processor
from pipeline.signal import Signal


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that cannot be stored, and why."""

    delivery: Delivery
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A group that is ready to be committed once its poison is buried."""

    group: Group
    poison: Sequence[Poison] = field(default=())


@dataclass(frozen=True, slots=True)
class Preparation:
    """How messages of one signal and partition become groups."""

    signal: Signal
    partition: int
    decoder: Callable[[], Decoder]
    processors: Sequence[Processor]

    def __call__(self, deliveries: Sequence[Delivery], epoch: int, log: str) -> Prepared:
        """
        Decode and process consecutive messages, at least one.

        Messages that cannot be decoded, or hold another number of records than the door counted,
        become poison. Raises whatever a processor raises: the caller bisects.
        """
        decoders: dict[str, Decoder] = {}
        counts: dict[str, Counts] = {}
        poison: list[Poison] = []
        for delivery in deliveries:
            message = delivery.message
            count = counts.setdefault(message.tenant, Counts())
            count.refused += message.refused
            count.reasons.update(message.reasons)
            if message.accepted < 0:
                poison.append(Poison(delivery, "not a message of Aura"))
                continue
            count.received += message.accepted
            if not message.accepted:
                continue
            if message.tenant not in decoders:
                decoders[message.tenant] = self.decoder()
            try:
                decoders[message.tenant].append(
                    message.payload, delivery.sequence, message.arrived_ns, message.accepted
                )
            except Rejected as error:
                poison.append(Poison(delivery, str(error)))
                count.buried += message.accepted
        batches = []
        for tenant, decoder in decoders.items():
            batch = Batch(self.signal, tenant, decoder.finish())
            if len(batch):
                batch = chain.run(self.processors, batch, counts[tenant])
            counts[tenant].stored = len(batch)
            if len(batch):
                batches.append(batch)
        return Prepared(
            Group(self.signal, self.partition, _commit(deliveries, epoch, log), batches, counts),
            poison,
        )

    def beginning(self, epoch: int, after: int, log: str) -> Prepared:
        """Return the group that begins an epoch after a sequence: a commit record, no messages."""
        commit = Commit(epoch, after + 1, after, 0, 0, 0, log)
        return Prepared(Group(self.signal, self.partition, commit, (), {}))

    def passing(self, deliveries: Sequence[Delivery], epoch: int, log: str) -> Prepared:
        """Return the group that moves the position past messages that were stored before."""
        commit = _commit(deliveries, epoch, log)
        return Prepared(Group(self.signal, self.partition, commit, (), {}))

    def without(self, delivery: Delivery, reason: str, epoch: int, log: str) -> Prepared:
        """Return the group that moves the position past one message and buries it."""
        message = delivery.message
        accepted = max(0, message.accepted)
        count = Counts(received=accepted, refused=message.refused, buried=accepted)
        count.reasons.update(message.reasons)
        commit = _commit([delivery], epoch, log)
        group = Group(self.signal, self.partition, commit, (), {message.tenant: count})
        return Prepared(group, [Poison(delivery, reason)])


def _commit(deliveries: Sequence[Delivery], epoch: int, log: str) -> Commit:
    times = [delivery.stored_ns for delivery in deliveries]
    return Commit(
        epoch=epoch,
        first=deliveries[0].sequence,
        last=deliveries[-1].sequence,
        first_stored_ns=min(times),
        last_stored_ns=max(times),
        committed_ns=times[-1],
        log=log,
    )
