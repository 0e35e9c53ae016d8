"""Single graphs, as `dataset[0]` and iteration return them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphfeed import _repr
from graphfeed._text import without_suffix
from graphfeed.info import EdgeType


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

    def keys(self) -> list[str]:
        """Names of the graph-level attributes."""
        return list(self._attributes)

    def metadata(self) -> tuple[list[str], list[EdgeType]]:
        """(node types, edge types)."""
        return self.node_types, self.edge_types

    def to_dict(self) -> dict:
        """What `client.ingest` takes."""
        result: dict = dict(self._attributes)
        for node_type, store in self._node_stores.items():
            result[node_type] = {**store.to_dict(), "num_nodes": store.num_nodes}
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
                return self._collect(without_suffix(name, "_dict"))
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
    from graphfeed.pyg import import_torch

    torch = import_torch("torch() or to_pyg()")
    # from_numpy takes no numpy scalars, as which 0-dim arrays come out of some operations.
    return torch.from_numpy(np.asarray(value)) if isinstance(value, np.ndarray) else value
