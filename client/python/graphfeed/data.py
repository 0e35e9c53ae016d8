"""Single graphs, as `dataset[0]` and iteration return them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphfeed import _repr
from graphfeed.batch import Batch
from graphfeed.info import Column, DatasetInfo, EdgeType


class Data:
    """One graph of numpy arrays, named as in PyTorch Geometric: `graph.x`, `graph["edge_index"]`.

    Plain numbers and strings come back as such.
    """

    def __init__(self, attributes: Mapping[str, Any], num_nodes: int, num_edges: int) -> None:
        self._attributes = dict(attributes)
        self._num_nodes = num_nodes
        self._num_edges = num_edges

    @property
    def num_nodes(self) -> int:
        return self._num_nodes

    @property
    def num_edges(self) -> int:
        """Directed edges."""
        return self._num_edges

    @property
    def node_types(self) -> list[str]:
        """Empty: a homogeneous graph has no named types."""
        return []

    @property
    def edge_types(self) -> list[EdgeType]:
        return []

    def keys(self) -> list[str]:
        return list(self._attributes)

    def items(self) -> list[tuple[str, Any]]:
        return list(self._attributes.items())

    def to_dict(self) -> dict[str, Any]:
        """What `client.ingest` takes."""
        return dict(self._attributes)

    def __getitem__(self, name: str) -> Any:
        return self._attributes[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._attributes:
            raise AttributeError(f"the graph has no {name!r}")
        return self._attributes[name]

    def __setattr__(self, name: str, value: Any) -> None:
        _set(self, name, value)

    def __contains__(self, name: str) -> bool:
        return name in self._attributes

    def torch(self) -> Data:
        """The same graph of torch tensors, which share the arrays' memory."""
        return self._map(_to_torch)

    def to_pyg(self) -> Any:
        """A torch_geometric Data. ImportError where PyTorch Geometric is not installed."""
        from graphfeed import pyg

        return pyg.data(self.torch())

    def _map(self, convert: Callable[[Any], Any]) -> Data:
        attributes = {name: convert(value) for name, value in self._attributes.items()}
        return Data(attributes, self._num_nodes, self._num_edges)

    def __repr__(self) -> str:
        return _repr.homogeneous_repr("Data", self._attributes)


class DataStore(Data):
    """The attributes of one node or edge type of a HeteroData."""

    def _map(self, convert: Callable[[Any], Any]) -> DataStore:
        attributes = {name: convert(value) for name, value in self._attributes.items()}
        return DataStore(attributes, self._num_nodes, self._num_edges)

    def __repr__(self) -> str:
        return _repr.homogeneous_repr("Store", self._attributes)


class HeteroData:
    """One heterogeneous graph: `graph["movie"].x`, `graph["movie", "to", "actor"].edge_index`,
    graph-level attributes by name."""

    def __init__(
        self,
        attributes: Mapping[str, Any],
        node_stores: Mapping[str, DataStore],
        edge_stores: Mapping[EdgeType, DataStore],
    ) -> None:
        self._attributes = dict(attributes)
        self._node_stores = dict(node_stores)
        self._edge_stores = dict(edge_stores)

    @property
    def num_nodes(self) -> int:
        """All types together."""
        return sum(store.num_nodes for store in self._node_stores.values())

    @property
    def num_edges(self) -> int:
        """All types together."""
        return sum(store.num_edges for store in self._edge_stores.values())

    @property
    def node_types(self) -> list[str]:
        return list(self._node_stores)

    @property
    def edge_types(self) -> list[EdgeType]:
        return list(self._edge_stores)

    def metadata(self) -> tuple[list[str], list[EdgeType]]:
        """(node types, edge types)."""
        return self.node_types, self.edge_types

    def to_dict(self) -> dict:
        """What `client.ingest` takes."""
        result: dict = dict(self._attributes)
        for node_type, store in self._node_stores.items():
            result[node_type] = store.to_dict() | {"num_nodes": store.num_nodes}
        for edge_type, store in self._edge_stores.items():
            result[edge_type] = store.to_dict()
        return result

    def __getitem__(self, key: Any) -> Any:
        for stores in (self._attributes, self._node_stores, self._edge_stores):
            if key in stores:
                return stores[key]
        raise KeyError(key)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            if name in self._attributes:
                return self._attributes[name]
            if name.endswith("_dict"):
                return self._collect(name.removesuffix("_dict"))
        raise AttributeError(f"the graph has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        _set(self, name, value)

    def _collect(self, name: str) -> dict:
        stores = {**self._node_stores, **self._edge_stores}
        return {key: store[name] for key, store in stores.items() if name in store}

    def torch(self) -> HeteroData:
        """The same graph of torch tensors, which share the arrays' memory."""
        return HeteroData(
            {name: _to_torch(value) for name, value in self._attributes.items()},
            {key: store._map(_to_torch) for key, store in self._node_stores.items()},
            {key: store._map(_to_torch) for key, store in self._edge_stores.items()},
        )

    def to_pyg(self) -> Any:
        """A torch_geometric HeteroData. ImportError where PyTorch Geometric is not installed."""
        from graphfeed import pyg

        return pyg.data(self.torch())

    def __repr__(self) -> str:
        shown: dict = dict(self._attributes)
        for key, store in {**self._node_stores, **self._edge_stores}.items():
            shown[key] = dict(store.items())
        return _repr.heterogeneous_repr("HeteroData", shown)


def _set(graph: Any, name: str, value: Any) -> None:
    """Sets an attribute of a graph, where all that reads the graph finds it."""
    if name.startswith("_") or hasattr(type(graph), name):
        object.__setattr__(graph, name, value)  # AttributeError for num_nodes and the like
    else:
        graph._attributes[name] = value


def _to_torch(value: Any) -> Any:
    import torch

    # from_numpy takes no numpy scalars, as which 0-dim arrays come out of some operations.
    return torch.from_numpy(np.asarray(value)) if isinstance(value, np.ndarray) else value


def can_split(info: DatasetInfo) -> bool:
    """Whether plain batches of several graphs can be taken apart: the edges of a graph are found
    by their endpoints, so every type of edges that has columns needs an edge_index."""
    edge_columns = [c for c in info.columns if c.level == "edge"]
    with_index = {c.type for c in edge_columns if c.name == "edge_index"}
    return all(c.type in with_index for c in edge_columns)


def offsets(batch: Batch, info: DatasetInfo) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Where each graph of a plain batch begins, graphs + 1 entries: by node type, by edge type."""
    node_ptr = [_store(batch, info.heterogeneous, t)["ptr"] for t in info.node_types]
    edge_ptr = [_edge_ptr(batch, info, t, node_ptr) for t in range(len(info.edge_types))]
    return node_ptr, edge_ptr


def split(
    batch: Batch, info: DatasetInfo, strings: Mapping[str, list[str]]
) -> Iterator[Data | HeteroData]:
    """The graphs of a plain batch, in order, with node ids local again. Arrays are views where no
    ids had to be shifted back.

    Args:
        batch: from a plain loader without exclusions; of one graph unless `can_split(info)`.
        info: of the batch's dataset.
        strings: graph-level string columns, one value for each graph.
    """
    node_ptr, edge_ptr = offsets(batch, info)
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
                attributes[column.name] = _graph_value(batch, column, graph, nodes, strings)
                continue
            node_level = column.level == "node"
            type_name = (info.node_types if node_level else info.edge_types)[column.type]
            store = _store(batch, info.heterogeneous, type_name)
            if column.name not in store:
                continue  # strings of nodes and edges are kept with the dataset only
            rows = (nodes if node_level else edges)[column.type]
            array = store[column.name]
            array = array[..., rows] if column.concat_last else array[rows]
            stores = node_stores if node_level else edge_stores
            stores[column.type][column.name] = _unshift(array, column, nodes)
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


def _store(batch: Batch, heterogeneous: bool, key: Any) -> Any:
    return batch[key] if heterogeneous else batch


def _edge_ptr(batch: Batch, info: DatasetInfo, edge_type: int, node_ptr: list) -> np.ndarray:
    """Where each graph's edges of a type begin in the batch: graphs + 1 entries."""
    name = info.edge_types[edge_type]
    store = _store(batch, info.heterogeneous, name)
    num_graphs = batch.num_graphs
    if num_graphs == 1:
        total = batch.counts[0].edges
        return np.array([0, total[name] if isinstance(total, dict) else total])
    if "edge_index" not in store:
        return np.zeros(num_graphs + 1, np.int64)
    source = info.node_types.index(name[0])
    # Sources ascend from graph to graph: those below the graph's first node are other graphs'.
    graph_of_edge = np.searchsorted(node_ptr[source], store["edge_index"][0], side="right") - 1
    counts = np.bincount(graph_of_edge, minlength=num_graphs)
    return np.concatenate([[0], np.cumsum(counts)])


def _unshift(array: np.ndarray, column: Column, nodes: list[slice]) -> np.ndarray:
    """Node ids local to the graph again."""
    if not column.index_types:
        return array
    offsets = [nodes[t].start for t in column.index_types]
    if not any(offsets):
        return array
    if len(set(offsets)) == 1:
        return array - array.dtype.type(offsets[0])
    # One offset for each element of a row; the elements precede the concatenation axis or follow.
    shape = column.row_shape + (1,) if column.concat_last else (1,) + column.row_shape
    return array - np.array(offsets, array.dtype).reshape(shape)


def _graph_value(
    batch: Batch, column: Column, graph: int, nodes: list[slice], strings: Mapping
) -> Any:
    if column.dtype == "string":
        return strings[column.name][graph]
    array = batch[column.name]
    if column.non_tensor or column.zero_dim:
        value = _unshift(array[graph : graph + 1], column, nodes).reshape(())
        return value.item() if column.non_tensor else value
    rows = slice(graph * column.rows_per_graph, (graph + 1) * column.rows_per_graph)
    array = array[..., rows] if column.concat_last else array[rows]
    return _unshift(array, column, nodes)
