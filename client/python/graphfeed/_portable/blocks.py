"""Rows on their way in, cut into messages as docs/wire_format.md bounds them: collections between
graphs, a single graph between rows, one column to a message, and so also a graph of a collection
that is too large for one."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence

import numpy as np

from graphfeed import errors
from graphfeed._portable import fields
from graphfeed._portable.datasets import LEVELS
from graphfeed._portable.descriptors import messages
from graphfeed._portable.specs import DTYPES

TARGET_BYTES = 4 << 20  # of a message, if it has more than one graph or row
MAX_BYTES = 60 << 20  # of one graph or row, which is sent alone
_OVERHEAD_BYTES = 8  # on the wire, of a row's or a graph's bookkeeping: sizes, lengths

Send = Callable[[Any], None]


def _int64s(values: Any) -> np.ndarray:
    return np.ascontiguousarray(values, np.int64).reshape(-1)


class ColumnBlock:
    """Rows of one column; see _graphfeed.pyi."""

    def __init__(
        self,
        name: str,
        rows: Any,
        row_shape: Optional[Sequence[int]] = None,
        level: Optional[str] = None,
        type: int = 0,
        sizes: Any = None,
        concat_last: bool = False,
        zero_dim: bool = False,
        non_tensor: bool = False,
    ) -> None:
        if level is not None:
            fields.check_name(LEVELS, "level", level)
        self.name = name
        self.level = level
        self.type = type
        self.sizes = None if sizes is None else _int64s(sizes)
        self.concat_last = bool(concat_last)
        self.zero_dim = bool(zero_dim)
        self.non_tensor = bool(non_tensor)
        self.strings: Optional[List[bytes]] = None  # UTF-8
        if isinstance(rows, np.ndarray):
            self._take_array(rows, row_shape)
        else:
            self.dtype, self.row_shape = "string", []
            self.strings = [fields.check_text(name, value).encode() for value in rows]

    def _take_array(self, rows: np.ndarray, row_shape: Optional[Sequence[int]]) -> None:
        if not rows.dtype.isnative:
            rows = rows.astype(rows.dtype.newbyteorder("="))
        self.dtype = rows.dtype.name
        if self.dtype not in DTYPES:
            raise errors.InvalidArgument(
                f"column {self.name} has dtype {self.dtype}, which cannot be stored"
            )
        shape = rows.shape[1:] if row_shape is None else row_shape
        self.row_shape = [int(extent) for extent in shape]
        self.rows = np.ascontiguousarray(rows)


class Cursor:
    """The rows of a column from the next one on, with what is needed to cut them."""

    def __init__(self, column: ColumnBlock, num_rows: Optional[int]) -> None:
        """`num_rows`: how many rows the sizes announce; None: the rows themselves say it."""
        self.column = column
        self.next_row = 0
        self._data: Any = None
        self._string_ends: Any = None
        if column.strings is not None:
            self.row_bytes = 0
            self.num_rows = len(column.strings)
            if num_rows not in (None, self.num_rows):
                raise self.error(f"{self.num_rows} strings for {num_rows} rows")
            lengths = [len(text) + _OVERHEAD_BYTES for text in column.strings]
            self._string_ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
            return
        row_bytes = column.rows.dtype.itemsize
        for extent in column.row_shape:
            if extent < 0:
                raise self.error(f"row_shape has dimension {extent}")
            row_bytes *= extent
        self.row_bytes = row_bytes
        self._data = memoryview(column.rows.reshape(-1).view(np.uint8))
        size = len(self._data)
        if num_rows is None:
            self.num_rows = size // row_bytes if row_bytes else 0
            if size != self.num_rows * row_bytes:
                raise self.error(f"{size} bytes in rows of {row_bytes}")
        else:
            self.num_rows = num_rows
            if size != num_rows * row_bytes:
                raise self.error(f"{size} bytes for {num_rows} rows of {row_bytes} bytes")

    @property
    def has_bytes(self) -> bool:
        return self._string_ends is not None or self.row_bytes > 0

    def error(self, what: str) -> errors.Error:
        return errors.InvalidArgument(f"column {self.column.name}: {what}")

    def bytes_of(self, first_row: Any, rows: Any) -> Any:
        """Of so many rows; of several stretches at once where arrays are given."""
        if self._string_ends is None:
            return rows * self.row_bytes
        return self._string_ends[first_row + rows] - self._string_ends[first_row]

    def cut(self, rows: int, sizes: Any, message: Any) -> None:
        """Adds a column with the next `rows` rows to an IngestBlock."""
        column, first = self.column, self.next_row
        out = message.columns.add(
            name=column.name,
            level=LEVELS[column.level] if column.level is not None else 0,
            type=column.type,
            dtype=DTYPES[column.dtype],
            row_shape=column.row_shape,
            concat_last=column.concat_last,
            zero_dim=column.zero_dim,
            non_tensor=column.non_tensor,
        )
        if sizes is not None:
            out.sizes.extend(np.asarray(sizes).tolist())
        if column.strings is not None:
            out.strings.extend(column.strings[first : first + rows])
        elif self.row_bytes:
            begin = first * self.row_bytes
            out.rows = bytes(self._data[begin : begin + rows * self.row_bytes])
        self.next_row += rows

    def rows_of_part(self, left: int) -> int:
        """How many of `left` rows from the next one on fill a message: about TARGET_BYTES, but at
        least one."""
        if not self.has_bytes:
            return left
        if left == 0:
            return 0
        if self._string_ends is None:
            rows = min(max(TARGET_BYTES // self.row_bytes, 1), left)
        else:
            end = self._string_ends[self.next_row] + TARGET_BYTES
            reached = int(np.searchsorted(self._string_ends, end, side="right")) - 1
            rows = min(max(reached - self.next_row, 1), left)
        if rows == 1:
            size = int(self.bytes_of(self.next_row, 1))
            if size > MAX_BYTES:
                raise self.error(
                    f"row {self.next_row} has {size} bytes; a message holds {MAX_BYTES}"
                )
        return rows


def _total_rows(column: ColumnBlock, num_graphs: int) -> int:
    if column.sizes is None or not len(column.sizes):
        return num_graphs
    if len(column.sizes) != num_graphs:
        raise errors.InvalidArgument(
            f"column {column.name}: {len(column.sizes)} sizes for {num_graphs} graphs"
        )
    if column.sizes.min() < 0:
        raise errors.InvalidArgument(
            f"column {column.name}: a graph of {column.sizes.min()} rows"
        )
    return int(column.sizes.sum())


class GraphBlock:
    """Whole graphs of a collection: how many, the size of each by type, and their rows."""

    def __init__(
        self, num_graphs: int, num_nodes: Any, num_edges: Any, columns: List[ColumnBlock]
    ) -> None:
        if num_graphs < 0:
            raise errors.InvalidArgument(f"num_graphs is {num_graphs}")
        self.num_graphs = num_graphs
        self.sizes = {
            "num_nodes": [_int64s(sizes) for sizes in num_nodes],
            "num_edges": [_int64s(sizes) for sizes in num_edges],
        }
        for field, lists in self.sizes.items():
            for sizes in lists:
                if len(sizes) != num_graphs:
                    raise errors.InvalidArgument(
                        f"{field} has {len(sizes)} entries for {num_graphs} graphs"
                    )
        self.cursors = [Cursor(column, _total_rows(column, num_graphs)) for column in columns]
        # Rows of each graph, by column.
        self.rows = [
            np.ones(num_graphs, np.int64)
            if column.sizes is None or not len(column.sizes)
            else column.sizes
            for column in columns
        ]

    def graph_bytes(self) -> np.ndarray:
        """Of each graph in a message."""
        lists = sum(len(sizes) for sizes in self.sizes.values())
        total = np.full(self.num_graphs, _OVERHEAD_BYTES * (len(self.cursors) + lists), np.int64)
        for cursor, rows in zip(self.cursors, self.rows):
            total += cursor.bytes_of(np.cumsum(rows) - rows, rows)
        return total

    def add_sizes(self, first: int, last: int, message: Any) -> None:
        message.num_graphs = last - first
        for field, lists in self.sizes.items():
            for sizes in lists:
                getattr(message, field).add(sizes=sizes[first:last].tolist())


def split_graphs(block: GraphBlock, first_graph: int, send: Send) -> None:
    """`first_graph` is the number of the block's first one, for errors."""
    size_of = block.graph_bytes()
    ends = np.cumsum(size_of)
    first = 0
    while True:
        # As many as the target has room for, but at least one.
        reach = (ends[first - 1] if first else 0) + TARGET_BYTES
        last = int(np.searchsorted(ends, reach, side="right"))
        last = min(max(last, first + 1), block.num_graphs)
        if first < block.num_graphs and size_of[first] > MAX_BYTES:
            try:
                _split_graph(block, first, send)
            except errors.InvalidArgument as error:
                raise errors.InvalidArgument(
                    f"graph {first_graph + first}, {error.message}"
                ) from None
        else:
            message = messages.IngestBlock()
            block.add_sizes(first, last, message)
            for cursor, rows in zip(block.cursors, block.rows):
                sizes = cursor.column.sizes
                own = sizes[first:last] if sizes is not None else None
                cursor.cut(int(rows[first:last].sum()), own, message)
            send(message)
        first = last
        if first >= block.num_graphs:
            return


def _split_graph(block: GraphBlock, graph: int, send: Send) -> None:
    """One graph, column after column."""
    for index, (cursor, rows) in enumerate(zip(block.cursors, block.rows)):
        left = int(rows[graph])
        while True:
            part = cursor.rows_of_part(left)
            left -= part
            message = messages.IngestBlock()
            cursor.cut(part, [part], message)
            message.continues = index + 1 < len(block.cursors) or left > 0
            if not message.continues:
                block.add_sizes(graph, graph + 1, message)
            send(message)
            if left == 0:
                break


def split_rows(columns: List[ColumnBlock], send: Send) -> None:
    """The next rows of a single graph."""
    cursors = [Cursor(column, None) for column in columns]
    total = sum(int(c.bytes_of(0, c.num_rows)) + _OVERHEAD_BYTES for c in cursors)
    if total <= TARGET_BYTES:
        message = messages.IngestBlock()
        for cursor in cursors:
            cursor.cut(cursor.num_rows, cursor.column.sizes, message)
        return send(message)
    for cursor in cursors:
        while True:
            part = cursor.rows_of_part(cursor.num_rows - cursor.next_row)
            message = messages.IngestBlock()
            # Rows without bytes: their number is in sizes alone.
            cursor.cut(part, None if cursor.has_bytes else cursor.column.sizes, message)
            send(message)
            if cursor.next_row >= cursor.num_rows:
                break
