"""Graphs that lie in whole arrays, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import errors
from graphfeed.info import DatasetInfo
from graphfeed.ingest import blocks
from graphfeed.ingest.blocks import Sender, block, declare
from graphfeed.ingest.columns import Form, Rows, as_array, concatenates_last
from graphfeed.ingest.graphs import ColumnKey, Types
from graphfeed.ingest.progress import Progress

if TYPE_CHECKING:
    from graphfeed._connection import Connection


@dataclass
class Collection:
    """Many graphs as whole arrays, concatenated over the graphs; the quickest way in.

    Node ids are local to each graph, as in PyG's in-memory datasets. Arrays may be memory-mapped:
    they are read block by block.

    Attributes:
        nodes: {name: [total nodes, ...]}; heterogeneous: {node type: {name: ...}}.
        edges: {name: [total edges, ...], "edge_index": [2, total edges]}; heterogeneous:
            {(source, relation, target): {name: ...}}.
        graphs: {name: [graphs, ...]}: row i belongs to graph i. A list of strings is kept as such.
        node_ptr: integers [graphs + 1]: graph i has nodes node_ptr[i] to node_ptr[i + 1].
            Heterogeneous: {node type: integers}.
        edge_ptr: likewise for edges.
        row_ptr: {name: integers [graphs + 1]}, likewise for graphs[name]: of arrays of which graphs
            have other numbers of rows than one, [total rows, ...].
    """

    nodes: Mapping = field(default_factory=dict)
    edges: Mapping = field(default_factory=dict)
    graphs: Mapping[str, Any] = field(default_factory=dict)
    node_ptr: Any = None
    edge_ptr: Any = None
    row_ptr: Mapping[str, Any] = field(default_factory=dict)


def send_arrays(
    connection: Connection, spec: Any, collection: Collection, progress: bool | None
) -> DatasetInfo:
    """Publishes a Collection as `spec` says. ValueError when its arrays contradict each other."""
    if spec.kinds:
        raise errors.InvalidArgument("kinds is not for a Collection, which tells the levels itself")
    types, node_ptrs, edge_ptrs, columns = _whole_columns(collection)
    declare(spec, types, collection=True)
    num_graphs = len(node_ptrs[0]) - 1
    # Bytes of the graphs before each one; cuts blocks.
    before = np.zeros(num_graphs + 1)
    for column in columns:
        rows = np.arange(num_graphs + 1) if column.ptr is None else column.ptr
        before += rows * float(column.row_bytes)
    with Progress(f"ingesting {spec.name}", num_graphs, progress) as bar, Sender(
        connection, spec
    ) as stream:
        start = 0
        while start < num_graphs:
            full = before[start] + blocks.BLOCK_BYTES
            stop = int(np.searchsorted(before, full, side="right")) - 1
            stop = min(max(stop, start + 1), start + blocks.BLOCK_GRAPHS, num_graphs)
            columns_sent = []
            for column in columns:
                sizes = np.ones(stop - start, np.int64)
                if column.ptr is not None:
                    sizes = np.diff(column.ptr[start : stop + 1])
                columns_sent.append(block(column.key, column.rows(start, stop), sizes))
            stream.append(
                stop - start,
                [np.diff(ptr[start : stop + 1]) for ptr in node_ptrs],
                [np.diff(ptr[start : stop + 1]) for ptr in edge_ptrs],
                columns_sent,
            )
            bar.add(stop - start)
            start = stop
        return DatasetInfo._from_native(stream.commit())


@dataclass
class _WholeColumn:
    """One array of a Collection."""

    key: ColumnKey
    array: Any  # numpy, or a list of strings
    ptr: np.ndarray | None  # rows of each graph; None: row i is graph i's
    concat_last: bool

    def rows(self, start: int, stop: int) -> Rows:
        """Of the graphs from start to stop."""
        first, last = (start, stop) if self.ptr is None else (self.ptr[start], self.ptr[stop])
        if isinstance(self.array, list):
            return Rows(Form("string"), self.array[first:last])
        if self.concat_last:
            piece = np.moveaxis(self.array[..., first:last], -1, 0)
        else:
            piece = self.array[first:last]
        return Rows(Form(piece.dtype.name, piece.shape[1:], self.concat_last), piece)

    @property
    def num_rows(self) -> int:
        if isinstance(self.array, list):
            return len(self.array)
        return self.array.shape[-1 if self.concat_last else 0]

    @property
    def row_bytes(self) -> int:
        return 16 if isinstance(self.array, list) else self.array.nbytes // max(self.num_rows, 1)


def _whole_columns(
    collection: Collection,
) -> tuple[Types, list[np.ndarray], list[np.ndarray], list[_WholeColumn]]:
    """Types, offsets by type, and the arrays, checked against each other."""
    heterogeneous = isinstance(collection.node_ptr, Mapping)
    if heterogeneous:
        types = Types(True, list(collection.node_ptr), list(collection.edge_ptr or {}))
        node_stores = [(t, collection.nodes.get(t, {})) for t in types.node_types]
        edge_stores = [(t, collection.edges.get(t, {})) for t in types.edge_types]
        strangers = [k for k in collection.nodes if k not in types.node_types]
        strangers += [k for k in collection.edges if k not in types.edge_types]
        if strangers:
            raise errors.InvalidArgument(f"{strangers[0]!r} has no entry in node_ptr or edge_ptr")
        node_ptrs = [_ptr(f"node_ptr[{t!r}]", collection.node_ptr[t]) for t in types.node_types]
        edge_ptrs = [_ptr(f"edge_ptr[{t!r}]", collection.edge_ptr[t]) for t in types.edge_types]
    else:
        types = Types(False)
        node_stores = [("nodes", collection.nodes)]
        edge_stores = [("edges", collection.edges)]
        node_ptrs = [_ptr("node_ptr", collection.node_ptr)]
        edge_ptr = collection.edge_ptr
        if edge_ptr is None and not collection.edges:
            edge_ptr = np.zeros(len(node_ptrs[0]), np.int64)
        edge_ptrs = [_ptr("edge_ptr", edge_ptr)]
    num_graphs = len(node_ptrs[0]) - 1
    for name, ptr in zip([*types.node_types, *types.edge_types] or ("node_ptr", "edge_ptr"),
                         [*node_ptrs, *edge_ptrs]):
        if len(ptr) != num_graphs + 1:
            raise errors.InvalidArgument(
                f"{name!r} has offsets of {len(ptr) - 1} graphs, another one has {num_graphs}"
            )
    columns = []
    for level, stores, ptrs in (("node", node_stores, node_ptrs), ("edge", edge_stores, edge_ptrs)):
        for index, ((store_name, store), ptr) in enumerate(zip(stores, ptrs)):
            for name, value in store.items():
                column = _column((level, index, name), value, ptr)
                _check_rows(f"{store_name!r} {name!r}", column, int(ptr[-1]))
                columns.append(column)
    for name, value in collection.graphs.items():
        ptr = None
        if name in collection.row_ptr:
            ptr = _ptr(f"row_ptr[{name!r}]", collection.row_ptr[name])
            if len(ptr) != num_graphs + 1:
                raise errors.InvalidArgument(
                    f"row_ptr[{name!r}] has offsets of {len(ptr) - 1} graphs; there are {num_graphs}"
                )
        column = _column(("graph", 0, name), value, ptr)
        _check_rows(f"graphs {name!r}", column, num_graphs if ptr is None else int(ptr[-1]))
        columns.append(column)
    strangers = [name for name in collection.row_ptr if name not in collection.graphs]
    if strangers:
        raise errors.InvalidArgument(f"row_ptr names {strangers[0]!r}, which is not among graphs")
    return types, node_ptrs, edge_ptrs, columns


def _column(key: ColumnKey, value: Any, ptr: np.ndarray | None) -> _WholeColumn:
    name = key[2]
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], str):
        return _WholeColumn(key, list(value), ptr, False)
    try:
        array = as_array(value)
        if array.ndim == 0:
            raise ValueError("it has no dimension")
    except (ValueError, TypeError) as error:
        raise errors.InvalidArgument(f"{name!r}: {error}") from None
    return _WholeColumn(key, array, ptr, concatenates_last(name, array.ndim))


def _check_rows(name: str, column: _WholeColumn, expected: int) -> None:
    if column.num_rows != expected:
        raise errors.InvalidArgument(
            f"{name} has {column.num_rows} rows; the offsets ask for {expected}"
        )


def _ptr(name: str, value: Any) -> np.ndarray:
    if value is None:
        raise errors.InvalidArgument(f"{name} is missing")
    ptr = np.asarray(value.cpu() if hasattr(value, "cpu") else value)
    if ptr.ndim != 1 or len(ptr) < 2 or ptr.dtype.kind not in "iu":
        raise errors.InvalidArgument(
            f"{name} is {ptr.dtype} of shape {list(ptr.shape)}; it must be integers of shape "
            "[graphs + 1], at least 2"
        )
    ptr = ptr.astype(np.int64)
    if ptr[0] != 0 or (np.diff(ptr) < 0).any():
        raise errors.InvalidArgument(f"{name} must begin with 0 and never descend")
    return ptr
