"""What a worker counts, and the report that it makes of it."""

from __future__ import annotations

import bisect
import dataclasses
import math
import time
from typing import Any

from graphfeed._transport import STEP_SECONDS_BOUNDS
from graphfeed.layout import Position
from graphfeed.worker.sizes import Sizes

STAGES = ("receive", "stage", "execute", "report")
CAUSES = ("data", "device")


class Histogram:
    """Durations by bucket, one more than there are bounds."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(STEP_SECONDS_BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect.bisect_left(STEP_SECONDS_BOUNDS, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, int]]:
        """(upper bound, how many are at most that long), as Prometheus has them."""
        result, total = [], 0
        for bound, count in zip((*STEP_SECONDS_BOUNDS, math.inf), self.buckets):
            total += count
            result.append(("+Inf" if bound == math.inf else repr(bound), total))
        return result


@dataclasses.dataclass
class Identity:
    """What of a worker does not change. `worker` is unique among the living."""

    worker: str
    job: str = ""
    dataset: str = ""
    model: str = ""
    runtime: str = "python"
    runtime_version: str = ""
    trains: bool = True
    num_shards: int = 1
    shard_index: int = 0
    start_ms: int = dataclasses.field(default_factory=lambda: int(time.time() * 1000))


class Counters:
    """Everything that a worker counts since its process started. Not thread-safe."""

    def __init__(self) -> None:
        self.sizes = Sizes()
        self.step_seconds = Histogram()
        self.stage_seconds = {stage: Histogram() for stage in STAGES}
        self.stall_seconds = dict.fromkeys(CAUSES, 0.0)
        self.loss: float | None = None
        self.nonfinite_losses = 0
        self.device_errors: dict[str, int] = {}
        self.last_step: float | None = None  # Unix time
        self.last_checkpoint: float | None = None  # likewise
        self.position = Position(0, 0)

    def step(
        self, sizes: Sizes, losses: list[float], seconds: float, position: Position | None
    ) -> None:
        """A step succeeded, in so many seconds; before `position` all is consumed."""
        self.sizes.add(sizes)
        self.step_seconds.observe(seconds)
        finite = [loss for loss in losses if math.isfinite(loss)]
        self.nonfinite_losses += len(losses) - len(finite)
        if losses:
            self.loss = sum(finite) / len(finite) if finite else math.nan
        self.last_step = time.time()
        if position is not None:
            self.position = position

    @property
    def data_wait_share(self) -> float:
        """Of the time that steps took with the waits for their batches, the part that was waited;
        0 to 1."""
        waited = self.stall_seconds["data"]
        whole = waited + self.step_seconds.sum
        return waited / whole if whole else 0.0

    def report(
        self, identity: Identity, sequence: int, interval: float, finished: bool
    ) -> dict[str, Any]:
        """A WorkerReport of proto/frame/worker_report.h as a dict."""
        sizes = self.sizes
        finite = self.loss is not None and math.isfinite(self.loss)
        return {
            **dataclasses.asdict(identity),
            "sequence": sequence,
            "interval_ms": int(interval * 1000),
            "finished": finished,
            "epoch": self.position.epoch,
            "ordinal": self.position.ordinal,
            "last_step_ms": int((self.last_step or 0) * 1000),
            "steps": sizes.steps,
            "batches": {
                "ok": sizes.batches_ok,
                "failed": sizes.batches_failed,
                "null": sizes.batches_null,
            },
            "samples": sizes.samples,
            "real_nodes": sizes.real_nodes,
            "padding_nodes": sizes.padding_nodes,
            "real_edges": sizes.real_edges,
            "padding_edges": sizes.padding_edges,
            "data_stall_seconds": self.stall_seconds["data"],
            "device_stall_seconds": self.stall_seconds["device"],
            "stage_seconds": {name: stage.sum for name, stage in self.stage_seconds.items()},
            "step_seconds": list(self.step_seconds.buckets),
            "step_seconds_sum": self.step_seconds.sum,
            "loss": self.loss if finite else 0.0,
            "has_loss": finite,
            "nonfinite_losses": self.nonfinite_losses,
            "device_errors": dict(self.device_errors),
        }
