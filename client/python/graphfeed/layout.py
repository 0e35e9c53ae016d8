"""How the tensors of a stream's batches are arranged, and what is known of a batch besides them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from graphfeed import errors
from graphfeed.info import Column, Counts, DatasetInfo, EdgeType, counts_from_native


class Position(NamedTuple):
    """Where a batch stands: the ordinal is global over all shards of an epoch."""

    epoch: int
    ordinal: int


class BatchLayout:
    """The fixed arrangement of a stream's tensors; shared by all its batches."""

    def __init__(self, stream: Any, info: DatasetInfo) -> None:
        """Of a native StreamInfo for that dataset."""
        native = stream.layout
        self.info = info
        self.micro_batches: int = native.micro_batches
        self.ragged: bool = native.ragged
        self.heterogeneous: bool = native.heterogeneous
        self.node_types: tuple[str, ...] = tuple(native.node_types)
        self.edge_types: tuple[EdgeType, ...] = tuple(
            tuple(name.split("|")) for name in native.edge_types
        )
        # Columns of which every graph has its own number of rows.
        self.row_columns: tuple[str, ...] = tuple(native.row_columns)
        self.digest: int = native.digest
        self.padded = None if self.ragged else self.counts(native.padded)
        # Index of each tensor by store and name. The store None is the graph itself.
        self.stores: dict[Any, dict[str, int]] = {None: {}}
        if self.heterogeneous:
            self.stores.update({key: {} for key in (*self.node_types, *self.edge_types)})
        for index, tensor in enumerate(native.tensors):
            store = self.stores.get(self._key(tensor.store))
            if store is None or tensor.name in store:
                what = "of a store that there is not" if store is None else "twice"
                raise errors.DataLoss(
                    f"the server's layout has the tensor {tensor.store!r} {tensor.name!r} {what}"
                )
            store[tensor.name] = index
        self.num_tensors = len(native.tensors)
        self.axes = [Axis(t.axis, t.type, t.concat_last) for t in native.tensors]
        # Taken out of a single graph without padding: not several graphs with a ptr.
        self.one_graph = self.ragged and all("ptr" not in names for names in self.stores.values())
        # The store of a sampled batch's seeds; a batch that is not sampled has none.
        seeds = [tensor.store for tensor in native.tensors if tensor.axis == "seeds"]
        self.is_sampled = bool(seeds)
        self.seed_store = self._key(seeds[0]) if seeds else None
        # Hops of sampled neighbourhoods whose edges come hop by hop; None for other batches.
        self.num_hops = _num_hops(stream.resolved_spec.sampling)

    def require(self, columns: Iterable[Column]) -> None:
        """Raises DataLoss unless batches have these columns, and what takes them apart."""
        for column in columns:
            store = self.info.store_of(column)
            if column.name not in self.stores.get(store, {}):
                raise errors.DataLoss(
                    f"the server's batches of {self.info.full_name} lack the column "
                    f"{column.name!r} of {store or 'the graph'!r}"
                )
        for node_type in self.info.node_types:
            if "ptr" not in self.stores.get(node_type if self.heterogeneous else None, {}):
                raise errors.DataLoss(
                    f"the server's batches of {self.info.full_name} lack the ptr of {node_type!r}"
                )

    def unpadded(self) -> BatchLayout:
        """Of the same tensors without padding, each batch with its own sizes."""
        result = copy.copy(self)
        result.ragged, result.padded = True, None
        return result

    def of_micro_batch(self) -> BatchLayout:
        """Of one of the batches that are combined."""
        result = copy.copy(self)
        result.micro_batches = 1
        return result

    def counts(self, native: Any) -> Counts:
        return counts_from_native(
            native, self.heterogeneous, self.node_types, self.edge_types, self.row_columns
        )

    def _key(self, store: str) -> Any:
        if not store:
            return None
        return tuple(store.split("|")) if store not in self.node_types else store


class Axis(NamedTuple):
    """What the variable dimension of a tensor counts."""

    name: str
    """"nodes", "edges", "graphs", "ptr" (graphs + 1), "seeds", "labels" or "rows"."""
    type: int
    """Which type of nodes or edges, or which of the layout's row_columns."""
    last: bool
    """Whether it is the last dimension and not the first."""

    def count(self, counts: Counts, layout: BatchLayout) -> int:
        """How many of them `counts` has."""
        if self.name in ("nodes", "edges"):
            numbers = getattr(counts, self.name)
            types = getattr(layout, f"{self.name[:-1]}_types")
            return numbers[types[self.type]] if isinstance(numbers, dict) else numbers
        if self.name == "rows":
            return counts.rows[layout.row_columns[self.type]]
        if self.name == "ptr":
            return counts.graphs + 1
        return getattr(counts, self.name)


class Frame(NamedTuple):
    """What is known of a batch besides its tensors."""

    position: Position
    counts: tuple[Counts, ...]
    trimmed: Counts
    is_null: bool
    is_repeat: bool
    digest: int
    graph_ids: tuple[np.ndarray, ...] | None = None
    """By micro-batch; None where they were not asked for."""


def _num_hops(sampling: Any) -> int | None:
    if not sampling or sampling["partition"] or sampling["subgraph_type"] != "directional":
        return None
    return max((len(hops) for hops in sampling["num_neighbors"].values()), default=0)
