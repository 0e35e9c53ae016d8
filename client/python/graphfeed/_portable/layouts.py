"""How the tensors of batches lie in memory: layouts, the rule of places, and counts."""

from __future__ import annotations

import struct
from typing import Any, List, NamedTuple, Optional, Tuple

from graphfeed import errors
from graphfeed._portable import digests, fields
from graphfeed._portable.specs import DTYPES

AXES = {"nodes": 1, "edges": 2, "graphs": 3, "ptr": 4, "seeds": 5, "labels": 6, "rows": 7}
ITEM_SIZES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2,
    "float32": 4, "float64": 8,
}  # fmt: skip
ALIGNMENT = 64
_MAX_ROW_RANK = 16


class Counts(NamedTuple):
    graphs: int = 0
    nodes: Tuple[int, ...] = ()
    edges: Tuple[int, ...] = ()
    seeds: int = 0
    labels: int = 0
    rows: Tuple[int, ...] = ()


def counts_from_message(message: Any) -> Counts:
    return Counts(
        message.graphs,
        tuple(message.nodes),
        tuple(message.edges),
        message.seeds,
        message.labels,
        tuple(message.rows),
    )


class TensorSpec(NamedTuple):
    store: str
    name: str
    dtype: str
    axis: str
    type: int
    axis_scale: int
    concat_last: bool
    row_shape: Tuple[int, ...]

    def count(self, counts: Counts) -> int:
        """How many of what the axis counts there are."""
        if self.axis == "ptr":
            return counts.graphs + 1
        found = getattr(counts, self.axis)
        return found[self.type] if isinstance(found, tuple) else found

    @property
    def display_name(self) -> str:
        return f"{self.store}.{self.name}" if self.store else self.name


class Place(NamedTuple):
    shape: Tuple[int, ...]
    offset: int
    size_bytes: int


class Placement(NamedTuple):
    places: List[Place]
    slab_bytes: int


class Layout:
    """Shared by all batches of a stream; nobody changes it."""

    def __init__(self) -> None:
        self.tensors: List[TensorSpec] = []
        self.micro_batches = 1
        self.ragged = False
        self.heterogeneous = False
        self.node_types: List[str] = []
        self.edge_types: List[str] = []
        self.row_columns: List[str] = []
        self.padded = Counts()
        self.slab_bytes = 0
        self.digest = 0
        self.places: List[Place] = []

    def num_types(self) -> Tuple[int, int, int]:
        return len(self.node_types), len(self.edge_types), len(self.row_columns)

    def encoded(self) -> bytes:
        """All of it in the canonical encoding that its digest is of (docs/determinism.md)."""
        return _encoded(self)


def place(layout: Layout, counts: Counts, max_bytes: int) -> Placement:
    """Where tensors of batches of these counts lie.

    Raises:
        ResourceExhausted: they take more than max_bytes; names the tensor.
    """
    micro_batches = layout.micro_batches
    places, end = [], 0
    for tensor in layout.tensors:
        length = tensor.count(counts) * tensor.axis_scale
        row = tensor.row_shape
        shape = [*row, length] if tensor.concat_last else [length, *row]
        shape[0] *= micro_batches
        size = ITEM_SIZES[tensor.dtype]
        for extent in shape:
            size *= extent
        # A dimension beside a zero one costs no bytes but is no less absurd.
        largest = max(size, *shape)
        if largest > max_bytes:
            raise errors.ResourceExhausted(
                f"tensor {tensor.display_name} takes {largest} bytes; max_frame_bytes, the limit "
                f"for a batch, is {max_bytes}"
            )
        if size > max_bytes - end:
            raise errors.ResourceExhausted(
                f"the batch takes more than {max_bytes} bytes, the limit: {end} before tensor "
                f"{tensor.display_name} of {size}"
            )
        places.append(Place(tuple(shape), end, size))
        end += (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    if end > max_bytes:
        raise errors.ResourceExhausted(f"the batch takes {end} bytes; the limit is {max_bytes}")
    return Placement(places, end)


def check_counts(
    what: str, counts: Counts, layout: Layout, limit: Optional[Counts] = None
) -> None:
    """DataLoss unless there is one count for each type, none negative or over `limit`'s."""
    node_types, edge_types, rows = layout.num_types()
    if (len(counts.nodes), len(counts.edges), len(counts.rows)) != (node_types, edge_types, rows):
        raise errors.DataLoss(
            f"{what} counts {len(counts.nodes)} node and {len(counts.edges)} edge types and "
            f"{len(counts.rows)} columns of rows; the layout has {node_types}, {edge_types} and "
            f"{rows}"
        )
    for kind in Counts._fields:
        numbers = getattr(counts, kind)
        most = getattr(limit, kind) if limit is not None else None
        if not isinstance(numbers, tuple):
            numbers, most = (numbers,), None if most is None else (most,)
        for i, number in enumerate(numbers):
            if number < 0 or (most is not None and number > most[i]):
                holds = "" if most is None else f"; the layout holds {most[i]}"
                raise errors.DataLoss(f"{what} has {number} {kind}{holds}")


# --- messages ------------------------------------------------------------------------------------


def layout_from_message(message: Any) -> Layout:
    """InvalidArgument names the field that contradicts another."""
    layout = Layout()
    layout.micro_batches = message.micro_batches
    layout.ragged = message.ragged
    layout.heterogeneous = message.heterogeneous
    if layout.micro_batches < 1 or (layout.ragged and layout.micro_batches != 1):
        raise errors.InvalidArgument(
            f"layout.micro_batches: {layout.micro_batches}; at least 1, and 1 when ragged"
        )
    layout.node_types = list(message.node_types)
    layout.edge_types = [f"{t.source}|{t.relation}|{t.target}" for t in message.edge_types]
    layout.row_columns = list(message.row_columns)
    seen = set()
    for i, tensor in enumerate(message.tensors):
        path = f"layout.tensors[{i}]"
        layout.tensors.append(_tensor_from_message(tensor, layout, path))
        if (tensor.store, tensor.name) in seen:
            raise errors.InvalidArgument(
                f'{path}.name: "{tensor.name}" of store "{tensor.store}", which an earlier tensor '
                "has"
            )
        seen.add((tensor.store, tensor.name))
    if not layout.ragged:
        layout.padded = counts_from_message(message.padded)
        layout.places = _checked_places(message, layout)
        layout.slab_bytes = message.slab_bytes
    layout.digest = message.digest
    digest = digests.xxh3(layout.encoded())
    if digest not in (None, message.digest):
        raise errors.InvalidArgument(
            f"layout.digest: 0x{message.digest:x}; the layout's is 0x{digest:x}"
        )
    return layout


def _tensor_from_message(message: Any, layout: Layout, path: str) -> TensorSpec:
    dtype = fields.name_of(DTYPES, message.dtype, f"{path}.dtype")
    if dtype == "string":
        raise errors.InvalidArgument(f"{path}.dtype: STRING")
    axis = fields.name_of(AXES, message.axis, f"{path}.axis")
    # Only these count by type; a ptr may still say which ones it cuts.
    types = {"nodes": layout.node_types, "edges": layout.edge_types, "rows": layout.row_columns}
    if axis in types and message.type >= len(types[axis]):
        raise errors.InvalidArgument(
            f"{path}.type: {message.type}; the layout has {len(types[axis])} types"
        )
    if message.axis_scale < 0:
        raise errors.InvalidArgument(f"{path}.axis_scale: {message.axis_scale}; at least 0")
    stores = layout.node_types + layout.edge_types if layout.heterogeneous else []
    if message.store and message.store not in stores:
        raise errors.InvalidArgument(
            f'{path}.store: "{message.store}", which the layout does not have'
        )
    row_shape = tuple(message.row_shape)
    if len(row_shape) > _MAX_ROW_RANK:
        raise errors.InvalidArgument(
            f"{path}.row_shape: {len(row_shape)} dimensions; at most {_MAX_ROW_RANK}"
        )
    if any(extent < 0 for extent in row_shape):
        raise errors.InvalidArgument(f"{path}.row_shape: {min(row_shape)}; at least 0")
    return TensorSpec(
        store=message.store,
        name=message.name,
        dtype=dtype,
        axis=axis,
        type=message.type,
        axis_scale=message.axis_scale,
        concat_last=message.concat_last,
        row_shape=row_shape,
    )


def _checked_places(message: Any, layout: Layout) -> List[Place]:
    """A fixed-size layout says where its tensors lie, and the rule says so, too: both must agree."""
    padded, slab_bytes = layout.padded, message.slab_bytes
    if (len(padded.nodes), len(padded.edges), len(padded.rows)) != layout.num_types():
        raise errors.InvalidArgument("layout.padded: not one count for each type")
    if min((0, padded.graphs, padded.seeds, padded.labels, *padded.nodes, *padded.edges,
            *padded.rows)) < 0:  # fmt: skip
        raise errors.InvalidArgument("layout.padded: counts are negative")
    if slab_bytes < 0:
        raise errors.InvalidArgument(f"layout.slab_bytes: {slab_bytes}; at least 0")
    try:
        expected = place(layout, padded, slab_bytes)
    except errors.ResourceExhausted as error:
        raise errors.InvalidArgument(f"layout.slab_bytes: {slab_bytes}; {error.message}") from None
    if expected.slab_bytes != slab_bytes:
        raise errors.InvalidArgument(
            f"layout.slab_bytes: {slab_bytes}; its tensors take {expected.slab_bytes}"
        )
    for i, (tensor, due) in enumerate(zip(message.tensors, expected.places)):
        says = Place(tuple(tensor.shape), tensor.offset, tensor.size_bytes)
        if says != due:
            raise errors.InvalidArgument(
                f"layout.tensors[{i}]: shape {list(says.shape)} at {says.offset}, "
                f"{says.size_bytes} bytes; its counts make {list(due.shape)} at {due.offset}, "
                f"{due.size_bytes} bytes"
            )
    return expected.places


def _encoded(layout: Layout) -> bytes:
    parts: List[bytes] = []

    def put(form: str, *numbers: Any) -> None:
        parts.append(struct.pack("<" + form, *numbers))

    def put_text(value: str) -> None:
        data = value.encode()
        put("I", len(data))
        parts.append(data)

    def put_texts(values: Any) -> None:
        put("I", len(values))
        for value in values:
            put_text(value)

    def put_numbers(values: Any) -> None:
        put(f"I{len(values)}q", len(values), *values)

    padded = layout.padded
    put("B??q", 2, layout.ragged, layout.heterogeneous, layout.micro_batches)
    put_texts(layout.node_types)
    put_texts(layout.edge_types)
    put("q", padded.graphs)
    put_numbers(padded.nodes)
    put_numbers(padded.edges)
    put("qq", padded.seeds, padded.labels)
    put("I", len(layout.tensors))
    for tensor in layout.tensors:
        put_text(tensor.store)
        put_text(tensor.name)
        put("BBI", DTYPES[tensor.dtype], AXES[tensor.axis], tensor.type)
        put("q?", tensor.axis_scale, tensor.concat_last)
        put_numbers(tensor.row_shape)
    put("I", len(layout.places))
    for where in layout.places:
        put_numbers(where.shape)
        put("qq", where.offset, where.size_bytes)
    put("q", layout.slab_bytes)
    if layout.row_columns:
        put_texts(layout.row_columns)
        put_numbers(padded.rows)
    return b"".join(parts)
