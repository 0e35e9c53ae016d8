"""What a batch adds to a worker's counters."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class Sizes:
    """Batches (micro-batches, each by itself) and what is in them; sums of several add up."""

    steps: int = 0
    batches_ok: int = 0
    batches_null: int = 0
    batches_failed: int = 0
    samples: int = 0
    """Real graphs; of sampled batches real seeds."""
    real_nodes: int = 0
    padding_nodes: int = 0
    real_edges: int = 0
    padding_edges: int = 0

    @classmethod
    def of(cls, batch: Any) -> Sizes:
        """Of one step's batch. What is no graphfeed Batch counts as one batch, without sizes."""
        counts = getattr(batch, "counts", None)
        if not isinstance(counts, tuple):
            return cls(steps=1, batches_ok=1)
        null = sum(1 for part in counts if not part.graphs)
        nodes = sum(part.total_nodes for part in counts)
        edges = sum(part.total_edges for part in counts)
        padded = batch._layout.padded
        return cls(
            steps=1,
            batches_ok=len(counts) - null,
            batches_null=null,
            samples=sum(part.seeds or part.graphs for part in counts),
            real_nodes=nodes,
            padding_nodes=0 if padded is None else len(counts) * padded.total_nodes - nodes,
            real_edges=edges,
            padding_edges=0 if padded is None else len(counts) * padded.total_edges - edges,
        )

    def add(self, other: Sizes) -> None:
        for field in dataclasses.fields(self):
            name = field.name
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def failed(self) -> Sizes:
        """Of a step that did not succeed: only that it was tried."""
        return Sizes(batches_failed=self.batches_ok + self.batches_null)
