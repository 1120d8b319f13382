"""The processors of one signal, in their configured order."""

from collections.abc import Sequence

from pipeline.batch import Batch
from pipeline.ports import Counts, Processor


def run(processors: Sequence[Processor], batch: Batch, counts: Counts) -> Batch:
    """Run each processor in order and count what it took out; stop early when nothing is left."""
    for process in processors:
        before = len(batch)
        batch = process(batch)
        taken = before - len(batch)
        setattr(counts, process.drops, getattr(counts, process.drops) + taken)
        if not len(batch):
            break
    return batch
