"""What a model says of graphs or nodes, in the order of their ids."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np

from graphfeed import errors
from graphfeed._text import without_suffix
from graphfeed.batch import Batch
from graphfeed.loaders.base import Loader
from graphfeed.loaders.clusters import ClusterLoader
from graphfeed.loaders.links import LinkNeighborLoader
from graphfeed.options import FixedSizeStrategy, OverSizeStrategy


class Predictions:
    """ids int64 [n], ascending, and values [n, ...]: row i is of graph or node ids[i]."""

    def __init__(self, ids: np.ndarray, values: np.ndarray) -> None:
        self.ids = ids
        self.values = values

    def __len__(self) -> int:
        return len(self.ids)

    def save(
        self, path: str | os.PathLike, num_shards: int = 1, shard_index: int = 0
    ) -> None:
        """Writes the values as .npy, and the ids beside them: `out.npy` and `out.ids.npy`; of shards
        `out.0-of-2.npy` and `out.ids.0-of-2.npy`. A path without .npy gets it. What is not on disk
        whole is not there."""
        path = pathlib.Path(path)
        name = without_suffix(path.name, ".npy")
        shard = "" if num_shards == 1 else f".{shard_index}-of-{num_shards}"
        for suffix, array in ((".ids", self.ids), ("", self.values)):
            target = path.with_name(f"{name}{suffix}{shard}.npy")
            temporary = target.with_name(target.name + ".tmp")
            with open(temporary, "wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)


class Collector:
    """Puts rows of an epoch's batches in the order of ids. A node or graph that comes twice must
    not: its later row is refused.

    Graphs have the numbers that they have in the stored dataset; nodes theirs.

    Raises:
        RuntimeError: the loader's batches are of seed edges.
    """

    def __init__(self, loader: Loader) -> None:
        if isinstance(loader, LinkNeighborLoader):
            raise errors.FailedPrecondition(
                "predictions of seed edges have no id of a node: take them from the model's outputs"
            )
        self._loader = loader
        self._ids: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._taken = 0  # graphs so far, where they come in the dataset's order

    def add(self, batch: Batch, outputs: list[Any]) -> None:
        """The rows that came out for a batch: one array over all micro-batches, or one for each
        (None: it was not asked).

        Raises:
            ValueError, RuntimeError: see `_add_part`.
        """
        parts = batch.micro_batches()
        if len(outputs) == 1 and len(parts) > 1:
            rows = len(outputs[0])
            if rows % len(parts):
                raise errors.InvalidArgument(
                    f"the model gave {rows} rows for {len(parts)} micro-batches of one size"
                )
            size = rows // len(parts)
            outputs = [outputs[0][i * size : (i + 1) * size] for i in range(len(parts))]
        if len(outputs) != len(parts):
            raise errors.InvalidArgument(
                f"the model gave {len(outputs)} outputs for {len(parts)} micro-batches"
            )
        for part, rows in zip(parts, outputs):
            if rows is not None:
                self._add_part(part, rows)

    def _add_part(self, batch: Batch, rows: Any) -> None:
        """The rows that came out for one micro-batch, padding included.

        Raises:
            ValueError: they are not as many as its graphs, or nodes.
            RuntimeError: which graphs they are of cannot be known.
        """
        rows = np.asarray(rows.detach().cpu() if hasattr(rows, "detach") else rows)
        layout = batch._layout
        if layout.is_sampled:
            self._add(rows, *self._seeds(batch), "nodes of the seeds' type")
        elif self._loader.dataset.info.collection:
            self._add(rows, self._graphs(batch), batch.num_graphs, "graphs")
        else:
            self._add(rows, *self._nodes(batch, rows), "nodes")

    def _add(self, rows: np.ndarray, ids: np.ndarray, size: int, what: str) -> None:
        if rows.ndim == 0 or len(rows) != size:
            raise errors.InvalidArgument(
                f"the model gave {list(rows.shape)}, but the batch has {size} {what}, padding included"
            )
        self._ids.append(np.asarray(ids, np.int64))
        self._values.append(rows[: len(ids)].copy())

    def _seeds(self, batch: Batch) -> tuple[np.ndarray, int]:
        store = batch if batch._layout.seed_store is None else batch[batch._layout.seed_store]
        nodes = np.asarray(store["n_id"])
        return nodes[: batch.counts[0].seeds], len(nodes)

    def _graphs(self, batch: Batch) -> np.ndarray:
        real = batch.counts[0].graphs
        ids = getattr(batch, "graph_ids", None)
        if ids is not None:
            return np.asarray(ids)[:real]
        loader = self._loader
        if (
            loader.shuffle
            or loader.num_shards > 1
            or getattr(loader, "fixed_size_strategy", None) is FixedSizeStrategy.Pack
            or getattr(loader, "over_size_strategy", None) is OverSizeStrategy.Skip
            or getattr(loader._source, "batches", None) is not None
        ):
            raise errors.FailedPrecondition(
                "the batches do not say which graphs they hold, and the loader does not deliver them "
                "in the dataset's order: make it with graph_ids=True, or unshuffled, unsharded, and "
                "without Pack and Skip"
            )
        ids = loader.dataset.graph_ids[self._taken : self._taken + real]
        self._taken += real
        return ids

    def _nodes(self, batch: Batch, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """Of a graph, or of the part of it that a batch of clusters holds: the ids of the real
        nodes, which come first, and how many rows there are with padding."""
        real, size = batch.counts[0].nodes, batch._sizes.nodes
        if isinstance(real, dict):
            real, size = self._of_one_type(real, size, rows)
        if isinstance(self._loader, ClusterLoader):
            return np.asarray(batch["n_id"])[:real], size
        if batch.trimmed.total_nodes:
            raise errors.FailedPrecondition(
                f"{batch.trimmed.total_nodes} nodes did not fit and were cut off, and the batch does "
                "not say which: give fixed_size_options with room for all of the graph's nodes"
            )
        return np.arange(real), size

    def _of_one_type(self, real: dict, sizes: dict, rows: np.ndarray) -> tuple[int, int]:
        """Real nodes and rows of the type that the model speaks of, which its rows' number tells."""
        types = [name for name, size in sizes.items() if rows.ndim and size == len(rows)]
        if len({real[name] for name in types}) != 1:
            what = f"which {types} all have" if types else f"the batch's types have {sizes}"
            raise errors.InvalidArgument(f"the model gave {list(rows.shape)}; {what}, padding included")
        return real[types[0]], len(rows)

    def result(self) -> Predictions:
        """Everything in order.

        Raises:
            ValueError: there is nothing, or an id came twice.
        """
        if not self._ids:
            raise errors.InvalidArgument("the loader has no batches: there is nothing to predict")
        ids = np.concatenate(self._ids)
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        twice = ids[1:][ids[1:] == ids[:-1]]
        if len(twice):
            raise errors.InvalidArgument(
                f"id {twice[0]} comes twice: predictions are of an epoch that has each graph or seed once"
            )
        return Predictions(ids, np.concatenate(self._values)[order])
