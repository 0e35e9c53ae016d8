"""Rows on their way to the server, in blocks of a bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import _transport
from graphfeed.ingest.columns import Rows, wire_array
from graphfeed.ingest.graphs import ColumnKey, Types

if TYPE_CHECKING:
    from graphfeed._connection import Connection

# Bytes of rows that are gathered before they are sent, and graphs.
BLOCK_BYTES = 4 << 20
BLOCK_GRAPHS = 1 << 16


class Sender:
    """An ingest stream that is cancelled unless it comes to its end."""

    def __init__(self, connection: Connection, spec: Any) -> None:
        self._stream = connection.open_ingest(spec)

    def __enter__(self) -> Any:
        return self._stream

    def __exit__(self, kind, value, traceback) -> None:
        if kind is not None:
            self._stream.cancel()


def declare(spec: Any, types: Types, collection: bool) -> None:
    """Tells the native IngestSpec the types of nodes and edges."""
    spec.collection = collection
    spec.heterogeneous = types.heterogeneous
    spec.node_types = types.node_types
    spec.edge_types = types.edge_types


def block(key: ColumnKey, rows: Rows, sizes: np.ndarray | None) -> Any:
    """The native block of a column's rows.

    Args:
        key: which column.
        rows: of the graphs of a block, one after the other.
        sizes: int64 [graphs]: rows of each graph; None: the server counts them.
    """
    level, type_index, name = key
    form = rows.form
    one_each = form.zero_dim or form.non_tensor
    return _transport.ColumnBlock(
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
