"""The ways of graphs that come one by one: a collection of them, or a single large one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import errors
from graphfeed.info import DatasetInfo
from graphfeed.ingest import blocks
from graphfeed.ingest.blocks import Sender, block, declare
from graphfeed.ingest.columns import Rows
from graphfeed.ingest.graphs import Graph, Types, known_length
from graphfeed.ingest.progress import Progress

if TYPE_CHECKING:
    from graphfeed._connection import Connection


def send_graphs(
    connection: Connection, spec: Any, graphs: Iterable, progress: bool | None
) -> DatasetInfo:
    """Publishes a collection as `spec` says. ValueError names the graph and attribute at fault."""
    total = known_length(graphs)
    iterator = iter(graphs)
    try:
        first = next(iterator)
    except StopIteration:
        raise errors.InvalidArgument("graphs is empty; a dataset has at least one graph") from None
    types = Types.of(first, dict(spec.kinds), "graph 0: ")
    declare(spec, types, collection=True)
    pending: list[Graph] = []
    pending_bytes = 0
    # The first graph is checked before the server hears of anything.
    checked = itertools.chain([types.take_apart(first, 0)], _take_apart(types, iterator))
    with Progress(f"ingesting {spec.name}", total, progress) as bar, Sender(
        connection, spec
    ) as stream:
        # Whoever makes graphs one by one may use their arrays again.
        keeps = isinstance(graphs, (list, tuple))
        for graph in checked:
            pending.append(graph if keeps else graph.copied())
            pending_bytes += graph.nbytes
            if pending_bytes >= blocks.BLOCK_BYTES or len(pending) >= blocks.BLOCK_GRAPHS:
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
        present = [part.values for part in parts if part is not None and part.says_form]
        if form.dtype == "string":
            values: Any = list(itertools.chain.from_iterable(present))
        elif present:
            values = np.concatenate(present)
        else:
            values = np.zeros((0, *form.row_shape), form.dtype)
        columns.append(block(key, Rows(form, values), sizes))
    stream.append(
        len(graphs),
        [np.ascontiguousarray(sizes) for sizes in num_nodes],
        [np.ascontiguousarray(sizes) for sizes in num_edges],
        columns,
    )


def send_single(
    connection: Connection, spec: Any, graph: Any, progress: bool | None
) -> DatasetInfo:
    """Publishes one large graph as `spec` says. ValueError names the attribute at fault."""
    types = Types.of(graph, dict(spec.kinds))
    parts = types.take_apart(graph, None)
    declare(spec, types, collection=False)
    spec.num_nodes = parts.num_nodes
    spec.num_edges = parts.num_edges
    total = sum(len(rows) for rows in parts.columns.values())
    with Progress(f"ingesting {spec.name} (rows)", total, progress) as bar, Sender(
        connection, spec
    ) as stream:
        for key, rows in parts.columns.items():
            step = max(1, blocks.BLOCK_BYTES * max(len(rows), 1) // max(rows.nbytes, 1))
            for start in range(0, max(len(rows), 1), step):
                piece = Rows(rows.form, rows.values[start : start + step])
                # Rows without bytes do not tell how many they are.
                empty_rows = 0 in rows.form.row_shape
                sizes = np.array([len(piece)], np.int64) if empty_rows else None
                stream.append(0, [], [], [block(key, piece, sizes)])
                bar.add(len(piece))
        return DatasetInfo._from_native(stream.commit())
