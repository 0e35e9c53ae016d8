"""Workers, as servers know them by what they report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerStatus:
    """The last report of a worker. Counters run from its start."""

    worker: str
    job: str
    dataset: str
    """"name@version"."""
    model: str
    runtime: str
    """"torchscript", "poplar", "fake-poplar", "python" or another word."""
    runtime_version: str
    trains: bool
    num_shards: int
    shard_index: int
    start_ms: int
    """When the process started, Unix time in milliseconds, as all that ends in _ms."""
    sequence: int
    """Number of the report, from 1."""
    interval_ms: int
    """Until the next report was due."""
    finished: bool
    """Whether it was the last one."""
    epoch: int
    ordinal: int
    """The position after the last step: all below it is consumed."""
    last_step_ms: int
    """0: none yet."""
    steps: int
    batches: Mapping[str, int]
    """By result: "ok", "failed", "null"."""
    samples: int
    """Real graphs or seeds."""
    real_nodes: int
    padding_nodes: int
    real_edges: int
    padding_edges: int
    data_stall_seconds: float
    """For which it waited for a batch."""
    device_stall_seconds: float
    """For which a batch waited for it."""
    stage_seconds: Mapping[str, float]
    """By stage: "receive", "stage", "execute", "report"."""
    step_seconds: tuple[int, ...]
    """Steps by duration: see graphfeed.STEP_SECONDS_BOUNDS. Empty where they are not told."""
    step_seconds_sum: float
    loss: float | None
    """The last one."""
    nonfinite_losses: int
    device_errors: Mapping[str, int]
    """By class."""
    age_ms: int
    """Since the report came."""
    gone: bool
    """Whether the next report is overdue, or this was the last one."""
    steps_per_second: float
    """Between the last two reports."""
    data_stall_share: float
    """Of that time, 0 to 1."""

    @classmethod
    def _from_native(cls, native: Mapping[str, Any]) -> WorkerStatus:
        fields = dict(native)
        if not fields.pop("has_loss"):
            fields["loss"] = None
        fields["step_seconds"] = tuple(int(count) for count in fields["step_seconds"])
        return cls(**fields)
