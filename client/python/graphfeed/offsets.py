"""Where the graphs of a batch begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import errors
from graphfeed.info import Column, DatasetInfo

if TYPE_CHECKING:
    from graphfeed.batch import Batch


def can_split(info: DatasetInfo) -> bool:
    """Whether plain batches of several graphs can be taken apart: the edges of a graph are found
    by their endpoints, so every type of edges that has columns needs an edge_index; the rows of a
    column of which every graph has its own number by what follow_batch adds."""
    edge_columns = [c for c in info.columns if c.level == "edge"]
    with_index = {c.type for c in edge_columns if c.name == "edge_index"}
    others = {c.name for c in info.columns if c.level == "graph" or not info.heterogeneous}
    added = {f"{c.name}_{part}" for c in info.columns if c.varying for part in ("batch", "ptr")}
    return all(c.type in with_index for c in edge_columns) and not added & others


def row_ptr(batch: Batch, column: Column) -> np.ndarray:
    """Where each graph's rows begin in a column of which every graph has its own number: graphs + 1
    entries. ValueError where the batch does not say it."""
    name = f"{column.name}_ptr"
    if batch.num_graphs == 1:
        return np.array([0, batch.counts[0].rows[column.name]])
    if name in batch:
        return as_numpy(batch[name])
    raise errors.InvalidArgument(
        f"which rows of {column.name!r} belong to which graph is told by {name}, which the batch of "
        f"{batch.num_graphs} graphs lacks: give the loader follow_batch=[{column.name!r}], or "
        f"exclude_keys=[{column.name!r}]"
    )


def offsets(batch: Batch, info: DatasetInfo) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Where each graph of a batch of one micro-batch begins, graphs + 1 entries: by node type, by
    edge type. ValueError where edge_index, which tells the edges of a graph, is excluded."""
    if batch._layout.one_graph:
        (real,) = batch.counts
        by_type = [c.values() if isinstance(c, dict) else [c] for c in (real.nodes, real.edges)]
        nodes, edges = ([np.array([0, count]) for count in counts] for counts in by_type)
        return nodes, edges
    node_ptr = [
        as_numpy(store(batch, info.heterogeneous, t)["ptr"]) for t in info.node_types
    ]
    edge_ptr = [_edge_ptr(batch, info, t, node_ptr) for t in range(len(info.edge_types))]
    return node_ptr, edge_ptr


def as_numpy(tensor: Any) -> np.ndarray:
    """A tensor of a batch, wherever it lies."""
    return np.asarray(tensor.cpu() if hasattr(tensor, "cpu") else tensor)


def store(batch: Batch, heterogeneous: bool, key: Any) -> Any:
    return batch[key] if heterogeneous else batch


def _edge_ptr(batch: Batch, info: DatasetInfo, edge_type: int, node_ptr: list) -> np.ndarray:
    """Where each graph's edges of a type begin in the batch: graphs + 1 entries."""
    name = info.edge_types[edge_type]
    own = store(batch, info.heterogeneous, name)
    num_graphs = batch.num_graphs
    if num_graphs == 1:
        total = batch.counts[0].edges
        return np.array([0, total[name] if isinstance(total, dict) else total])
    if "edge_index" not in own:
        columns = [c.name for c in info.columns if c.level == "edge" and c.type == edge_type]
        if any(column in own for column in columns):
            raise errors.InvalidArgument(
                f"the edges of a graph are told by edge_index, which the batch of {num_graphs} "
                "graphs lacks"
            )
        return np.zeros(num_graphs + 1, np.int64)
    source = info.node_types.index(name[0])
    # Sources ascend from graph to graph: those below the graph's first node are other graphs'.
    graph_of_edge = np.searchsorted(
        node_ptr[source], as_numpy(own["edge_index"])[0], side="right"
    ) - 1
    counts = np.bincount(graph_of_edge, minlength=num_graphs)
    return np.concatenate([[0], np.cumsum(counts)])
