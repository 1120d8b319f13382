"""The `probabilistic_sampler` processor: keep a share of the spans or of the log records.

=====================  ============================================================================
option                 meaning
=====================  ============================================================================
`sampling_percentage`  how many pass, in percent; required. 0 lets none pass, 100 and more all
`mode`                 `hash_seed` (the default): compare a hash of the trace ID, in 1/16384 steps;
                       `equalizing`: sample down to the percentage, counting what samplers before
                       did; `proportional`: let the percentage of what comes pass
`hash_seed`            number that the hash starts with (default 0); the same in all Collectors and
                       Auras of one tier. Mode `hash_seed` only
`fail_closed`          drop records whose sampling information is broken, contradictory or missing
                       (default true); otherwise keep them
`sampling_precision`   hexadecimal digits of thresholds, 1 to 14 (default 4)
`attribute_source`     logs: `traceID` (the default), or `record`: not the trace ID but the value
                       of `from_attribute` is hashed. Mode `hash_seed` only
`from_attribute`       logs: attribute to hash where there is no trace ID. Mode `hash_seed` only
`sampling_priority`    logs: attribute with a percentage of the record's own; 0 is never, 100 and
                       more is always
=====================  ============================================================================

The randomness of `equalizing` and `proportional` is that of OTEP 235: `rv` of the trace state (in
logs the attribute `sampling.randomness`), else the last 56 bits of the trace ID. The threshold that
was applied is written to `th` of the trace state (`sampling.threshold`), from which counts can be
estimated; `hash_seed` writes `rv` (`sampling.randomness`) too, and counts records that carry either
as broken. A span's attribute `sampling.priority` overrides: 0 drops it, more keeps it.

Metrics are refused, as in the Collector: a sample of points is no metric. So are options that the
chosen mode or signal has no use for, which the Collector ignores, and percentages too small for
`hash_seed`, with which the Collector drops everything.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, field_validator

from pipeline.batch import Batch
from pipeline.ports import Processor
from pipeline.processors import policy, sample_logs, sample_spans
from pipeline.processors.options import Options
from pipeline.processors.policy import Policy
from pipeline.processors.threshold import ALWAYS, DIGITS, NEVER, PROBABILITY_MIN
from pipeline.signal import Signal

_LOGS_ONLY: Final = ("attribute_source", "from_attribute", "sampling_priority")


@dataclass(slots=True)  # not frozen: the port's `drops` is a plain attribute
class Sample:
    """
    Keep records whose randomness reaches a threshold.

    The choice depends on the trace ID alone (and on what the record says of sampling before), so
    the records of a trace share one fate in every batch, process and signal.
    """

    policy: Policy
    drops: Literal["filtered", "sampled"] = "sampled"

    def __call__(self, batch: Batch) -> Batch:
        """Return the records that pass."""
        if not len(batch):
            return batch
        sample = sample_spans.sample if batch.signal is Signal.TRACES else sample_logs.sample
        return batch.with_rows(sample(self.policy, batch.rows))


class ProbabilisticSampler(Options):
    """The options of `probabilistic_sampler`; the module's table says what they mean."""

    signals: ClassVar[frozenset[Signal]] = frozenset({Signal.TRACES, Signal.LOGS})

    sampling_percentage: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    mode: Literal["hash_seed", "equalizing", "proportional"] = "hash_seed"
    hash_seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    fail_closed: bool = True
    sampling_precision: Annotated[int, Field(ge=1, le=DIGITS)] = 4
    attribute_source: Literal["traceID", "record"] = "traceID"
    from_attribute: str = ""
    sampling_priority: str = ""

    @field_validator("sampling_percentage")
    @classmethod
    def _not_too_small(cls, percentage: float) -> float:
        if 0 < percentage < 100 * PROBABILITY_MIN:
            raise ValueError(f"is too small: the least is {100 * PROBABILITY_MIN:.2g}, or 0")
        return percentage

    def refused(self, signal: Signal) -> tuple[str, str] | None:
        """Return an option that the signal or the mode has no use for."""
        if signal is not Signal.LOGS:
            for name in _LOGS_ONLY:
                if name in self.model_fields_set:
                    return name, "is for logs only"
        if self.mode != "hash_seed":
            for name in ("hash_seed", "attribute_source", "from_attribute"):
                if name in self.model_fields_set:
                    return name, f"has no effect in mode {self.mode}; leave it out"
            return None
        if self.sampling_percentage and not policy.buckets(self.sampling_percentage):
            return "sampling_percentage", (
                f"is below {100 / policy.BUCKETS:.4f}, the least that mode hash_seed can tell from"
                " 0; choose equalizing or proportional"
            )
        if "sampling_precision" in self.model_fields_set and not self.sampling_priority:
            return "sampling_precision", "has no effect in mode hash_seed; leave it out"
        if self.attribute_source == "record" and not self.from_attribute:
            return "from_attribute", "is needed when attribute_source is record"
        return None

    def build(self) -> Processor:
        """Return the processor."""
        percentage, precision = self.sampling_percentage, self.sampling_precision
        if not percentage:
            decide = policy.never()
        elif self.mode == "hash_seed":
            decide = policy.hashed(percentage)
        elif self.mode == "equalizing":
            decide = policy.equalizing(percentage, precision)
        else:
            decide = policy.proportional(percentage, precision)
        return Sample(
            Policy(
                decide=decide,
                never=not percentage,
                hashes=self.mode == "hash_seed" and bool(percentage),
                seed=self.hash_seed,
                precision=precision,
                failed=NEVER if self.fail_closed else ALWAYS,
                from_trace_id=self.attribute_source == "traceID",
                from_attribute=self.from_attribute,
                priority=self.sampling_priority,
            )
        )
