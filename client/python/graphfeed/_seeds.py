"""The nodes and edges of a single graph that users name, as the server takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from graphfeed import _arguments, _transport, errors
from graphfeed.info import DatasetInfo, EdgeType, edge_type_name


class SeedNodes(NamedTuple):
    """Which nodes of a type, in order."""

    node_type: str
    ids: np.ndarray | None  # None: all, or those of the mask
    mask: str  # boolean column of the type; "": none
    count: int | None  # None: the server counts

    @property
    def selection(self) -> Any:
        """As a native Selection."""
        return _selection(self.ids)


class SeedEdges(NamedTuple):
    """Which edges of a type, or pairs of its end types, in order."""

    edge_type: str
    ids: np.ndarray | None  # edge ids; None: all edges, or the pairs
    pairs: np.ndarray | None  # [2, n]
    count: int

    @property
    def selection(self) -> Any:
        """As a native Selection."""
        return _selection(self.ids)


def require_single(dataset: Any, what: str) -> None:
    """Raises InvalidArgument unless `dataset` is a single graph, of which `what` takes parts."""
    if dataset.info.collection or len(dataset) != 1:
        raise errors.InvalidArgument(
            f"{dataset.info.full_name} is a collection of graphs; {what} takes batches out of a "
            "single graph, which client.ingest(name, dataset[0]) stores"
        )


def seed_nodes(given: Any, info: DatasetInfo, field: str = "input_nodes") -> SeedNodes:
    """What `field` means for a dataset."""
    node_type, what = "", given
    if isinstance(given, Mapping):
        raise errors.InvalidArgument(
            f"{field} is a dict; it takes nodes of one type (transforms.Subgraph cuts several types "
            "when a graph is ingested)"
        )
    if info.heterogeneous:
        if isinstance(given, str):
            node_type, what = given, None
        elif isinstance(given, tuple) and len(given) == 2:
            node_type, what = given
        else:
            raise errors.InvalidArgument(
                f"{field} of a heterogeneous graph is a node type, or (type, mask column, mask "
                f"or ids); the types are {list(info.node_types)}"
            )
        if node_type not in info.node_types:
            raise errors.InvalidArgument(
                f"{field}: there is no node type {node_type!r}; there are "
                f"{list(info.node_types)}"
            )
    elif isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        raise errors.InvalidArgument(
            f"{field} names the node type {given[0]!r}, but the graph is homogeneous; give what "
            "comes after it alone"
        )
    number = info.node_types.index(node_type) if node_type else 0
    total = info.num_nodes[number]
    if what is None:
        return SeedNodes(node_type, None, "", total)
    if isinstance(what, str):
        columns = [c for c in info.columns if c.level == "node" and c.type == number]
        if what not in [c.name for c in columns if c.dtype == "bool"]:
            kinds = {c.name: c.dtype for c in columns}
            raise errors.InvalidArgument(
                f"{field}: {what!r} is no boolean column of the nodes; their columns: {kinds}"
            )
        return SeedNodes(node_type, None, what, None)
    array = _arguments.array(field, what)
    if array.dtype == bool:
        if array.shape != (total,):
            raise errors.InvalidArgument(
                f"{field}: the mask has shape {list(array.shape)} for {total} nodes"
            )
        array = np.flatnonzero(array)
    ids = _ids(field, array, total, "nodes")
    return SeedNodes(node_type, ids, "", len(ids))


def seed_edges(edge_label_index: Any, info: DatasetInfo) -> SeedEdges:
    """What `edge_label_index` means for a dataset."""
    field = "edge_label_index"
    edge_type, what = None, edge_label_index
    if info.heterogeneous:
        if edge_label_index is None:
            raise errors.InvalidArgument(
                f"{field} of a heterogeneous graph is an edge type, or (edge type, pairs or edge "
                f"ids); the types are {list(info.edge_types)}"
            )
        if isinstance(edge_label_index, str) or (
            isinstance(edge_label_index, tuple)
            and all(isinstance(part, str) for part in edge_label_index)
        ):
            edge_type, what = edge_label_index, None
        elif isinstance(edge_label_index, tuple) and len(edge_label_index) == 2:
            edge_type, what = edge_label_index
        else:
            raise errors.InvalidArgument(f"{field} names no edge type; see its documentation")
        edge_type = find_edge_type(field, edge_type, info.edge_types)
    number = 0 if edge_type is None else info.edge_types.index(edge_type)
    name = "" if edge_type is None else edge_type_name(edge_type)
    total = info.num_edges[number]
    if what is None:
        return SeedEdges(name, None, None, total)
    array = _arguments.array(field, what)
    if array.ndim == 1:
        if array.dtype == bool:
            if array.shape != (total,):
                raise errors.InvalidArgument(
                    f"{field}: the mask has shape {list(array.shape)} for {total} edges"
                )
            array = np.flatnonzero(array)
        ids = _ids(field, array, total, "edges")
        return SeedEdges(name, ids, None, len(ids))
    pairs = _arguments.integers(field, array, dims=2)
    if pairs.shape[0] != 2 or not pairs.shape[1]:
        raise errors.InvalidArgument(
            f"{field} has shape {list(pairs.shape)}; it takes [2, n] pairs or [n] edge ids"
        )
    ends = (0, 0)
    if edge_type is not None:
        ends = (info.node_types.index(edge_type[0]), info.node_types.index(edge_type[2]))
    for row, end in enumerate(ends):
        _arguments.ids(f"{field}[{row}]", pairs[row], info.num_nodes[end])
    return SeedEdges(name, None, pairs, pairs.shape[1])


def places(field: str, array: np.ndarray, total: int) -> np.ndarray:
    """int64 [n]: places in `total` seeds. OutOfRange for others."""
    bad = (array < -total) | (array >= total)
    if bad.any():
        raise errors.OutOfRange(f"{field} has {array[bad][0]}; there are {total} seeds")
    return np.where(array < 0, array + total, array)


def _ids(field: str, array: np.ndarray, total: int, things: str) -> np.ndarray:
    ids = _arguments.ids(field, array, total)
    if not len(ids):
        raise errors.InvalidArgument(f"{field} is empty")
    _arguments.refuse_masks(field, ids, total, things)
    return ids


def find_edge_type(field: str, key: Any, types: tuple[EdgeType, ...]) -> EdgeType:
    """The edge type that (source, relation, target), (source, target) where that is unique,
    "source|relation|target", or PyG's "source__relation__target" names."""
    if isinstance(key, str):
        found = [t for t in types if key in (edge_type_name(t), "__".join(t))]
    else:
        parts = tuple(key) if isinstance(key, (tuple, list)) else ()
        found = [t for t in types if parts in (t, (t[0], t[2]))]
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.InvalidArgument(f"{field}: {key!r} may be any of {found}")
    raise errors.InvalidArgument(
        f"{field}: there is no edge type {key!r}; there are {list(types)} (a type without edges must "
        "be in the graph that is ingested: graph[source, relation, target] = {})"
    )


def _selection(ids: np.ndarray | None) -> Any:
    """A native Selection of nodes or edges; None: all."""
    if ids is None:
        return _transport.Selection.all()
    if len(ids) and (np.diff(ids) == 1).all():
        return _transport.Selection.range(int(ids[0]), int(ids[-1]) + 1)
    return _transport.Selection.ids(ids)
