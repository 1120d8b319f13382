"""The `resource` processor: change the attributes of the resources that records come from.

====================  =============================================================================
option                meaning
====================  =============================================================================
`attributes`          a list of actions, applied in order to every resource; required, not empty.
                      The actions and their options are those of the processor `attributes`
====================  =============================================================================

Each distinct resource of a batch is changed once. Resources that become equal are one from then on,
and so are the series of their metrics.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from pipeline.batch import Batch
from pipeline.ports import Processor
from pipeline.processors import envelopes
from pipeline.processors.arrays import Arrow
from pipeline.processors.attributes import Action, Step, some
from pipeline.processors.elements import Elements
from pipeline.processors.options import Options
from pipeline.signal import Signal


@dataclass(slots=True)  # not frozen: the port's `drops` is a plain attribute
class ChangeResources:
    """Apply actions to the attributes of every resource; takes no record out."""

    steps: tuple[Step, ...]
    drops: Literal["filtered", "sampled"] = "filtered"

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch with the column `resource` changed, and no other."""
        column = batch.rows["resource"]
        changed = envelopes.change(column, envelopes.RESOURCE, self._change)
        return batch if changed is column else batch.with_column("resource", changed)

    def _change(self, attributes: Arrow) -> Arrow:
        elements = Elements(attributes)
        for step in self.steps:
            step(elements)
        return elements.close()


class Resources(Options):
    """The options of `resource`; the module's table says what they mean."""

    signals: ClassVar[frozenset[Signal]] = frozenset(Signal)

    attributes: Annotated[tuple[Action, ...], AfterValidator(some)]

    def build(self) -> Processor:
        """Return the processor."""
        return ChangeResources(tuple(action.step() for action in self.attributes))
