"""Graphs into a server.

A homogeneous graph is a dict of arrays (numpy, torch, anything numpy can read):
`{"x": [n, f], "edge_index": [2, e], "edge_attr": [e, d], "y": [1], "pos": [n, 3], ...}`; plain
numbers and strings are kept as such. "num_nodes" may be given; otherwise PyTorch Geometric's rules
find it. A heterogeneous graph has a dict for each node type and edge type:
`{"movie": {"x": ...}, ("movie", "to", "actor"): {"edge_index": ...}, "y": ...}`.

What an attribute belongs to (nodes, edges, the graph) is decided once, by the server, from the
sizes and names in all graphs; `kinds` decides it where they leave it open.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphfeed import _graphfeed, errors
from graphfeed.ingest.columns import Rows, as_array, checked_kinds, concatenates_last, wire_array
from graphfeed.ingest.graphs import ColumnKey, Graph, Types, is_graph, known_length
from graphfeed.ingest.progress import Progress
from graphfeed.info import DatasetInfo

# Bytes of rows that are gathered before they are sent.
BLOCK_BYTES = 4 << 20
_BLOCK_GRAPHS = 1 << 16


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
    """

    nodes: Mapping = field(default_factory=dict)
    edges: Mapping = field(default_factory=dict)
    graphs: Mapping[str, Any] = field(default_factory=dict)
    node_ptr: Any = None
    edge_ptr: Any = None


def ingest(
    client: Any,
    name: str,
    graphs: Any,
    kinds: Mapping[str, str] | None,
    transforms: Iterable | None,
    progress: bool | None,
) -> DatasetInfo:
    """See Client.ingest."""
    spec = _graphfeed.IngestSpec()
    spec.name = name
    spec.kinds = checked_kinds(kinds)
    spec.transforms = [transform._native() for transform in transforms or ()]
    if isinstance(graphs, Collection):
        return _ingest_arrays(client, spec, graphs, progress)
    if is_graph(graphs):
        return _ingest_single(client, spec, graphs, progress)
    return _ingest_each(client, spec, graphs, progress)


class _Sender:
    """An ingest stream that is cancelled unless it comes to its end."""

    def __init__(self, client: Any, spec: Any) -> None:
        self._stream = client._open_ingest(spec)

    def __enter__(self) -> Any:
        return self._stream

    def __exit__(self, kind, value, traceback) -> None:
        if kind is not None:
            self._stream.cancel()


def _declare(spec: Any, types: Types, collection: bool) -> None:
    spec.collection = collection
    spec.heterogeneous = types.heterogeneous
    spec.node_types = types.node_types
    spec.edge_types = types.edge_types


def _ingest_each(
    client: Any, spec: Any, graphs: Iterable, progress: bool | None
) -> DatasetInfo:
    total = known_length(graphs)
    iterator = iter(graphs)
    first = next(iterator, None)
    if first is None:
        raise errors.InvalidArgument("graphs is empty; a dataset has at least one graph")
    types = Types.of(first, dict(spec.kinds))
    _declare(spec, types, collection=True)
    pending: list[Graph] = []
    pending_bytes = 0
    # The first graph is checked before the server hears of anything.
    checked = itertools.chain([types.take_apart(first, 0)], _take_apart(types, iterator))
    with Progress(f"ingesting {spec.name}", total, progress) as bar, _Sender(
        client, spec
    ) as stream:
        for graph in checked:
            pending.append(graph)
            pending_bytes += graph.nbytes
            if pending_bytes >= BLOCK_BYTES or len(pending) >= _BLOCK_GRAPHS:
                _append(stream, types, pending)
                bar.add(len(pending))
                pending, pending_bytes = [], 0
        if pending:
            _append(stream, types, pending)
            bar.add(len(pending))
        return DatasetInfo._from_native(stream.commit())


def _take_apart(types: Types, graphs: Iterator) -> Iterator[Graph]:
    for index, graph in enumerate(graphs, start=1):
        yield types.take_apart(graph, index)


def _append(stream: Any, types: Types, graphs: Sequence[Graph]) -> None:
    """Sends whole graphs as one block."""
    num_nodes = np.array([graph.num_nodes for graph in graphs], np.int64).T
    num_edges = np.array([graph.num_edges for graph in graphs], np.int64).T
    columns = []
    for key, form in types.forms.items():
        parts = [graph.columns.get(key) for graph in graphs]
        sizes = np.array([0 if part is None else len(part) for part in parts], np.int64)
        present = [part.values for part in parts if part is not None]
        if form.dtype == "string":
            values: Any = list(itertools.chain.from_iterable(present))
        elif present:
            values = np.concatenate(present)
        else:
            values = np.zeros((0, *form.row_shape), form.dtype)
        columns.append(_block(key, Rows(form, values), sizes))
    stream.append(
        len(graphs),
        [np.ascontiguousarray(sizes) for sizes in num_nodes],
        [np.ascontiguousarray(sizes) for sizes in num_edges],
        columns,
    )


def _block(key: ColumnKey, rows: Rows, sizes: np.ndarray | None) -> Any:
    level, type_index, name = key
    form = rows.form
    one_each = form.zero_dim or form.non_tensor
    return _graphfeed.ColumnBlock(
        name=name,
        rows=rows.values if isinstance(rows.values, list) else wire_array(rows.values),
        row_shape=list(form.row_shape),
        level=level,
        type=type_index,
        sizes=None if one_each else sizes,
        concat_last=form.concat_last,
        zero_dim=form.zero_dim,
        non_tensor=form.non_tensor,
    )


def _ingest_single(client: Any, spec: Any, graph: Any, progress: bool | None) -> DatasetInfo:
    types = Types.of(graph, dict(spec.kinds))
    parts = types.take_apart(graph, None)
    _declare(spec, types, collection=False)
    spec.num_nodes = parts.num_nodes
    spec.num_edges = parts.num_edges
    total = sum(len(rows) for rows in parts.columns.values())
    with Progress(f"ingesting {spec.name} (rows)", total, progress) as bar, _Sender(
        client, spec
    ) as stream:
        for key, rows in parts.columns.items():
            step = max(1, BLOCK_BYTES * max(len(rows), 1) // max(rows.nbytes, 1))
            for start in range(0, max(len(rows), 1), step):
                piece = Rows(rows.form, rows.values[start : start + step])
                # Rows without bytes do not tell how many they are.
                empty_rows = 0 in rows.form.row_shape
                sizes = np.array([len(piece)], np.int64) if empty_rows else None
                stream.append(0, [], [], [_block(key, piece, sizes)])
                bar.add(len(piece))
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
        from graphfeed.ingest.columns import Form

        first, last = (start, stop) if self.ptr is None else (self.ptr[start], self.ptr[stop])
        if isinstance(self.array, list):
            return Rows(Form("string"), self.array[first:last])
        if self.concat_last and self.array.ndim > 1:
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


def _ingest_arrays(
    client: Any, spec: Any, collection: Collection, progress: bool | None
) -> DatasetInfo:
    if spec.kinds:
        raise errors.InvalidArgument("kinds is not for a Collection, which tells the levels itself")
    types, node_ptrs, edge_ptrs, columns = _whole_columns(collection)
    _declare(spec, types, collection=True)
    num_graphs = len(node_ptrs[0]) - 1
    # Bytes of the graphs before each one; cuts blocks.
    before = np.zeros(num_graphs + 1)
    for column in columns:
        rows = np.arange(num_graphs + 1) if column.ptr is None else column.ptr
        before += rows * float(column.row_bytes)
    with Progress(f"ingesting {spec.name}", num_graphs, progress) as bar, _Sender(
        client, spec
    ) as stream:
        start = 0
        while start < num_graphs:
            stop = int(np.searchsorted(before, before[start] + BLOCK_BYTES, side="right")) - 1
            stop = min(max(stop, start + 1), start + _BLOCK_GRAPHS, num_graphs)
            blocks = []
            for column in columns:
                sizes = np.ones(stop - start, np.int64)
                if column.ptr is not None:
                    sizes = np.diff(column.ptr[start : stop + 1])
                blocks.append(_block(column.key, column.rows(start, stop), sizes))
            stream.append(
                stop - start,
                [np.diff(ptr[start : stop + 1]) for ptr in node_ptrs],
                [np.diff(ptr[start : stop + 1]) for ptr in edge_ptrs],
                blocks,
            )
            bar.add(stop - start)
            start = stop
        return DatasetInfo._from_native(stream.commit())


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
                column = _whole_column((level, index, name), value, ptr)
                _check_rows(f"{store_name!r} {name!r}", column, int(ptr[-1]))
                columns.append(column)
    for name, value in collection.graphs.items():
        column = _whole_column(("graph", 0, name), value, None)
        _check_rows(f"graphs {name!r}", column, num_graphs)
        columns.append(column)
    return types, node_ptrs, edge_ptrs, columns


def _whole_column(key: ColumnKey, value: Any, ptr: np.ndarray | None) -> _WholeColumn:
    name = key[2]
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], str):
        return _WholeColumn(key, list(value), ptr, False)
    try:
        array = as_array(value)
        if array.ndim == 0:
            raise ValueError("it has no dimension")
    except (ValueError, TypeError) as error:
        raise errors.InvalidArgument(f"{name!r}: {error}") from None
    return _WholeColumn(key, array, ptr, concatenates_last(name))


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
        raise errors.InvalidArgument(f"{name} must be integers of shape [graphs + 1], at least 2")
    ptr = ptr.astype(np.int64)
    if ptr[0] != 0 or (np.diff(ptr) < 0).any():
        raise errors.InvalidArgument(f"{name} must begin with 0 and never descend")
    return ptr
