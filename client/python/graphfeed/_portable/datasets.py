"""What a dataset is, read from its message."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Tuple

from graphfeed import errors
from graphfeed._portable import fields
from graphfeed._portable.specs import DTYPES

LEVELS = {"node": 1, "edge": 2, "graph": 3}
_SUMMARY = ("mean", "std", "min", "quantile25", "median", "quantile75", "max")
_MAX_RANK = 16


class SizeSummary(NamedTuple):
    mean: float
    std: float
    min: int
    quantile25: float
    median: float
    quantile75: float
    max: int


class ColumnSchema(NamedTuple):
    name: str
    level: str
    type: int
    dtype: str
    row_shape: List[int]
    concat_last: bool
    rows_per_graph: int
    zero_dim: bool
    non_tensor: bool
    index_types: List[int]
    num_rows: int
    value_range: Optional[tuple]
    row_sizes: Optional[SizeSummary]


class Schema(NamedTuple):
    collection: bool
    heterogeneous: bool
    node_types: List[str]
    edge_types: List[Tuple[str, str, str]]
    columns: List[ColumnSchema]


class DatasetInfo(NamedTuple):
    name: str
    version: int
    fingerprint: bytes
    schema: Schema
    num_graphs: int
    num_nodes: List[int]
    num_edges: List[int]
    node_sizes: List[SizeSummary]
    edge_sizes: List[SizeSummary]
    total_node_sizes: SizeSummary
    total_edge_sizes: SizeSummary
    raw_bytes: int
    transforms: List[str]


def check_fingerprint(data: bytes, field: str) -> bytes:
    if len(data) != 16:
        raise errors.InvalidArgument(f"{field}: {len(data)} bytes; a fingerprint has 16")
    return data


def _summary(message: Any) -> SizeSummary:
    return SizeSummary(*(getattr(message, name) for name in _SUMMARY))


def _value_range(message: Any) -> Optional[tuple]:
    for kind in ("int", "float"):
        if message.HasField(f"min_{kind}") and message.HasField(f"max_{kind}"):
            return getattr(message, f"min_{kind}"), getattr(message, f"max_{kind}")
    return None


def _column(message: Any, schema: Any, path: str) -> ColumnSchema:
    level = fields.name_of(LEVELS, message.level, f"{path}.level")
    dtype = fields.name_of(DTYPES, message.dtype, f"{path}.dtype")
    types = {"node": len(schema.node_types), "edge": len(schema.edge_types), "graph": 1}[level]
    if message.type >= types:
        raise errors.InvalidArgument(
            f'column "{message.name}": type {message.type} of {types} at {level} level'
        )
    row_shape, index_types = list(message.row_shape), list(message.index_types)
    if len(row_shape) > _MAX_RANK or any(extent < 0 for extent in row_shape):
        raise errors.InvalidArgument(
            f'column "{message.name}": row_shape is {row_shape}; at most {_MAX_RANK} dimensions, '
            "each at least 0"
        )
    if any(node_type >= len(schema.node_types) for node_type in index_types):
        raise errors.InvalidArgument(
            f'column "{message.name}": index_types holds {max(index_types)}; there are '
            f"{len(schema.node_types)} node types"
        )
    if message.rows_per_graph < -1 or message.num_rows < 0:
        raise errors.InvalidArgument(
            f'column "{message.name}": {message.num_rows} rows, {message.rows_per_graph} of a '
            "graph"
        )
    return ColumnSchema(
        name=message.name,
        level=level,
        type=message.type,
        dtype=dtype,
        row_shape=row_shape,
        concat_last=message.concat_last,
        rows_per_graph=message.rows_per_graph,
        zero_dim=message.zero_dim,
        non_tensor=message.non_tensor,
        index_types=index_types,
        num_rows=message.num_rows,
        value_range=_value_range(message),
        row_sizes=_summary(message.row_sizes) if message.HasField("row_sizes") else None,
    )


def _schema(message: Any) -> Schema:
    node_types = list(message.node_types)
    if not node_types:
        raise errors.InvalidArgument("node_types is empty")
    for what, names in (
        ("node type", node_types),
        ("edge type", [(t.source, t.relation, t.target) for t in message.edge_types]),
    ):
        if len(set(names)) != len(names):
            raise errors.InvalidArgument(f"{what}s are declared twice: {names}")
    for i, edge_type in enumerate(message.edge_types):
        for end in ("source", "target"):
            if getattr(edge_type, end) not in node_types:
                raise errors.InvalidArgument(
                    f'schema.edge_types[{i}]: {end} "{getattr(edge_type, end)}" is not among the '
                    "node types"
                )
    columns = [
        _column(column, message, f"schema.columns[{i}]")
        for i, column in enumerate(message.columns)
    ]
    stores = set()
    for column in columns:
        store = (column.level, column.type) if message.heterogeneous else None
        if (store, column.name) in stores:
            raise errors.InvalidArgument(f'column "{column.name}" is declared twice')
        stores.add((store, column.name))
    return Schema(
        collection=message.collection,
        heterogeneous=message.heterogeneous,
        node_types=node_types,
        edge_types=[(t.source, t.relation, t.target) for t in message.edge_types],
        columns=columns,
    )


def dataset_from_message(message: Any) -> DatasetInfo:
    """InvalidArgument names the field that cannot be."""
    fingerprint = check_fingerprint(message.fingerprint, "fingerprint")
    schema = _schema(message.schema)
    for name, types in (
        ("num_nodes", schema.node_types),
        ("num_edges", schema.edge_types),
        ("node_sizes", schema.node_types),
        ("edge_sizes", schema.edge_types),
    ):
        entries = len(getattr(message, name))
        if entries != len(types):
            raise errors.InvalidArgument(
                f"{name}: {entries} entries; the schema has {len(types)} types"
            )
    num_nodes, num_edges = list(message.num_nodes), list(message.num_edges)
    if min((0, message.num_graphs, message.version, *num_nodes, *num_edges)) < 0:
        raise errors.InvalidArgument("dataset: a count or the version is negative")
    return DatasetInfo(
        name=message.name,
        version=message.version,
        fingerprint=fingerprint,
        schema=schema,
        num_graphs=message.num_graphs,
        num_nodes=num_nodes,
        num_edges=num_edges,
        node_sizes=[_summary(summary) for summary in message.node_sizes],
        edge_sizes=[_summary(summary) for summary in message.edge_sizes],
        total_node_sizes=_summary(message.total_node_sizes),
        total_edge_sizes=_summary(message.total_edge_sizes),
        raw_bytes=message.raw_bytes,
        transforms=list(message.transforms),
    )
