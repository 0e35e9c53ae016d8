"""Batches taken apart into the graphs that they were put together of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import offsets
from graphfeed.data import Data, DataStore, HeteroData
from graphfeed.info import Column, DatasetInfo

if TYPE_CHECKING:
    from graphfeed.batch import Batch


def split(
    batch: Batch, info: DatasetInfo, strings: Mapping[str, list[str]] | None = None
) -> Iterator[Data | HeteroData]:
    """The graphs of a batch of one micro-batch, in order, with node ids local again: the columns
    that are in the batch, and the n_id and e_id of sampled ones. Arrays are views where no ids had
    to be shifted back.

    Args:
        batch: of one graph unless its edges have an edge_index.
        info: of the batch's dataset.
        strings: graph-level string columns, one value for each graph; None: they are left out.
    """
    node_ptr, edge_ptr = offsets.offsets(batch, info)
    row_ptr = {
        c.name: offsets.row_ptr(batch, c) for c in info.columns if c.varying and c.name in batch
    }
    for graph in range(batch.num_graphs):
        nodes = [slice(int(ptr[graph]), int(ptr[graph + 1])) for ptr in node_ptr]
        edges = [slice(int(ptr[graph]), int(ptr[graph + 1])) for ptr in edge_ptr]
        attributes: dict[str, Any] = {}
        node_stores: list[dict] = [{} for _ in info.node_types]
        edge_stores: list[dict] = [{} for _ in info.edge_types]
        if not info.heterogeneous:
            node_stores = edge_stores = [attributes]
        for column in info.columns:
            if column.level == "graph":
                if column.name not in (strings or {} if column.dtype == "string" else batch):
                    continue
                attributes[column.name] = _graph_value(
                    batch, column, graph, nodes, strings, row_ptr.get(column.name)
                )
                continue
            node_level = column.level == "node"
            store = offsets.store(batch, info.heterogeneous, info.store_of(column))
            if column.name not in store:
                continue  # strings of nodes and edges are kept with the dataset only
            rows = (nodes if node_level else edges)[column.type]
            array = offsets.as_numpy(store[column.name])
            array = array[..., rows] if column.concat_last else array[rows]
            stores = node_stores if node_level else edge_stores
            stores[column.type][column.name] = _unshift(array, column, nodes)
        if batch._layout.is_sampled:
            for name, types, rows, stores in (
                ("n_id", info.node_types, nodes, node_stores),
                ("e_id", info.edge_types, edges, edge_stores),
            ):
                for t, type_name in enumerate(types):
                    ids = offsets.store(batch, info.heterogeneous, type_name)[name]
                    stores[t][name] = offsets.as_numpy(ids)[rows[t]]
        if info.heterogeneous:
            yield HeteroData(
                attributes,
                {
                    t: DataStore(store, rows.stop - rows.start, 0)
                    for t, store, rows in zip(info.node_types, node_stores, nodes)
                },
                {
                    t: DataStore(store, 0, rows.stop - rows.start)
                    for t, store, rows in zip(info.edge_types, edge_stores, edges)
                },
            )
        else:
            yield Data(attributes, nodes[0].stop - nodes[0].start, edges[0].stop - edges[0].start)


def column_of(
    batches: Iterable[Batch], info: DatasetInfo, column: Column
) -> Iterator[np.ndarray]:
    """The rows of a graph-level column, graph by graph; node ids are local to their graph."""
    for batch in batches:
        for graph in split(batch, info):
            value = np.asarray(graph[column.name], column.dtype)
            yield value.reshape(1) if value.ndim == 0 else value


def _unshift(array: np.ndarray, column: Column, nodes: list[slice]) -> np.ndarray:
    """Node ids local to the graph again."""
    if not column.index_types:
        return array
    starts = [nodes[t].start for t in column.index_types]
    if not any(starts):
        return array
    if len(set(starts)) == 1:
        return array - array.dtype.type(starts[0])
    # One offset for each element of a row; the elements precede the concatenation axis or follow.
    shape = column.row_shape + (1,) if column.concat_last else (1,) + column.row_shape
    return array - np.array(starts, array.dtype).reshape(shape)


def _graph_value(
    batch: Batch,
    column: Column,
    graph: int,
    nodes: list[slice],
    strings: Mapping,
    row_ptr: np.ndarray | None,
) -> Any:
    if column.dtype == "string":
        return strings[column.name][graph]
    array = offsets.as_numpy(batch[column.name])
    if column.non_tensor or column.zero_dim:
        value = _unshift(array[graph : graph + 1], column, nodes).reshape(())
        return value.item() if column.non_tensor else value
    if row_ptr is None:
        rows = slice(graph * column.rows_per_graph, (graph + 1) * column.rows_per_graph)
    else:
        rows = slice(int(row_ptr[graph]), int(row_ptr[graph + 1]))
    array = array[..., rows] if column.concat_last else array[rows]
    return _unshift(array, column, nodes)
