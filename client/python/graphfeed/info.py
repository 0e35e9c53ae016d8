"""What is known of a dataset and of an epoch: plain values, independent of any connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Tuple

import numpy as np

from graphfeed import _html, _repr, errors, plots

EdgeType = Tuple[str, str, str]


def edge_type_name(edge_type: EdgeType) -> str:
    """("movie", "to", "actor") as the wire writes it: "movie|to|actor"."""
    return "|".join(edge_type)


@dataclass(frozen=True)
class Column:
    """A named tensor of a dataset; see Schema in the storage documentation."""

    name: str
    level: str
    """"node", "edge" or "graph"."""
    type: int
    """Index into node_types or edge_types; 0 at graph level."""
    dtype: str
    """numpy's name, or "string"."""
    row_shape: tuple[int, ...]
    """Shape of one row, without the axis along which graphs are concatenated."""
    concat_last: bool
    rows_per_graph: int
    """At graph level: rows of every graph; -1: every graph has its own number."""
    zero_dim: bool
    non_tensor: bool
    index_types: tuple[int, ...]
    """Not empty: the values are node ids; the node type that each element of a row points into."""
    num_rows: int
    value_range: tuple | None
    """(min, max) of the values; None when it has none."""
    row_sizes: Stats | None = None
    """Rows of each graph, where their number varies."""

    @property
    def varying(self) -> bool:
        """Whether every graph has its own number of rows, which are neither nodes nor edges."""
        return self.level == "graph" and self.rows_per_graph < 0

    @property
    def row_elements(self) -> int:
        product = 1
        for extent in self.row_shape:
            product *= extent
        return product


@dataclass(frozen=True)
class Stats:
    """Distribution of a size over graphs, as PyG's Summary has it.

    std is the sample's (n - 1); quantiles interpolate; the median is a size that occurs: of two
    middle ones the smaller.
    """

    mean: float
    std: float
    min: int
    quantile25: float
    median: float
    quantile75: float
    max: int

    @classmethod
    def of(cls, sizes: np.ndarray) -> Stats:
        """Of at least one size."""
        quantiles = np.quantile(sizes, [0.25, 0.75])
        middle = (len(sizes) - 1) // 2
        return cls(
            mean=float(sizes.mean()),
            std=float(sizes.std(ddof=1)) if len(sizes) > 1 else 0.0,
            min=int(sizes.min()),
            quantile25=float(quantiles[0]),
            median=float(np.partition(sizes, middle)[middle]),
            quantile75=float(quantiles[1]),
            max=int(sizes.max()),
        )


@dataclass(frozen=True)
class Summary:
    """Sizes of a dataset's graphs, all types together; prints the table that PyG prints, and of one
    graph its sizes."""

    name: str
    num_graphs: int
    num_nodes: Stats
    num_edges: Stats

    def __str__(self) -> str:
        if self.num_graphs == 1:  # whose sizes do not deviate
            nodes, edges = self.num_nodes.max, self.num_edges.max
            return f"{self.name} (#graphs=1): #nodes={nodes}, #edges={edges}"
        rows = [
            (name, (getattr(self.num_nodes, name), getattr(self.num_edges, name)))
            for name in Stats.__dataclass_fields__
        ]
        body = _repr.table(("", "#nodes", "#edges"), rows)
        return f"{self.name} (#graphs={self.num_graphs}):\n{body}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            (name, *(_html.number(getattr(sizes, name)) for sizes in (self.num_nodes, self.num_edges)))
            for name in Stats.__dataclass_fields__
        ]
        facts = [("graphs", _html.number(self.num_graphs))]
        return _html.document(self.name, facts, ("of a graph", "nodes", "edges"), rows)

    def plot(self, ax: Any = None) -> Any:
        """Draws the sizes as a box for nodes and one for edges, from quartile to quartile, with
        whiskers from the smallest to the largest graph; into `ax`, or a new figure. Returns the
        matplotlib axes. ImportError where matplotlib is not installed."""
        return plots.summary(self, ax)


class Fingerprint(bytes):
    """16 bytes that name a content; they print as the command line does, in hexadecimal."""

    def __repr__(self) -> str:
        return self.hex()

    __str__ = __repr__


@dataclass(frozen=True)
class DatasetInfo:
    """A published version of a dataset."""

    name: str
    version: int
    fingerprint: Fingerprint
    """128-bit hash of schema and content."""
    collection: bool
    heterogeneous: bool
    node_types: tuple[str, ...]
    edge_types: tuple[EdgeType, ...]
    columns: tuple[Column, ...]
    num_graphs: int
    num_nodes: tuple[int, ...]
    """Totals by node type."""
    num_edges: tuple[int, ...]
    node_sizes: tuple[Stats, ...] = field(repr=False)
    edge_sizes: tuple[Stats, ...] = field(repr=False)
    total_node_sizes: Stats = field(repr=False)
    total_edge_sizes: Stats = field(repr=False)
    raw_bytes: int = 0
    transforms: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """"mutag@3": exactly this version."""
        return f"{self.name}@{self.version}"

    def find(self, name: str, level: str | None = None) -> list[Column]:
        """The columns of that name, of all types."""
        return [c for c in self.columns if c.name == name and level in (None, c.level)]

    def find_all(self, level: str, dtype: str) -> list[Column]:
        """The columns of a level and dtype."""
        return [c for c in self.columns if c.level == level and c.dtype == dtype]

    def store_of(self, column: Column) -> Any:
        """The key of the store of a batch that the column is in; None: the batch itself."""
        if column.level == "graph" or not self.heterogeneous:
            return None
        return (self.node_types if column.level == "node" else self.edge_types)[column.type]

    @classmethod
    def _from_native(cls, info: Any) -> DatasetInfo:
        schema = info.schema
        for column in schema.columns:
            types = {"node": schema.node_types, "edge": schema.edge_types}.get(column.level, [0])
            strangers = [t for t in column.index_types if not 0 <= t < len(schema.node_types)]
            if not 0 <= column.type < len(types) or strangers:
                raise errors.DataLoss(
                    f"the server says that column {column.name!r} of {info.name}@{info.version} is "
                    f"of {column.level} type {column.type}; there are {len(types)}"
                )
        return cls(
            name=info.name,
            version=info.version,
            fingerprint=Fingerprint(info.fingerprint),
            collection=schema.collection,
            heterogeneous=schema.heterogeneous,
            node_types=tuple(schema.node_types),
            edge_types=tuple(tuple(edge_type) for edge_type in schema.edge_types),
            columns=tuple(_column(column) for column in schema.columns),
            num_graphs=info.num_graphs,
            num_nodes=tuple(info.num_nodes),
            num_edges=tuple(info.num_edges),
            node_sizes=tuple(_stats(sizes) for sizes in info.node_sizes),
            edge_sizes=tuple(_stats(sizes) for sizes in info.edge_sizes),
            total_node_sizes=_stats(info.total_node_sizes),
            total_edge_sizes=_stats(info.total_edge_sizes),
            raw_bytes=info.raw_bytes,
            transforms=tuple(info.transforms),
        )


@dataclass(frozen=True)
class ServerInfo:
    """What a server is, whatever it stores."""

    version: str
    """Of graphfeed."""
    algorithm_versions: Mapping[str, int]
    """What decides a batch's bytes, by purpose: "batches", which all have in common, "shuffle",
    "packing" ... Servers with the same versions make the same batches."""
    store: str
    """The engine that keeps the data: "rocksdb"."""
    storage_format: int
    """Of its data."""
    features: tuple[str, ...]
    """What not every server can: "shared_memory", "snapshots", "read_only"."""

    @classmethod
    def _from_native(cls, fields: Mapping[str, Any]) -> ServerInfo:
        return cls(**{**fields, "features": tuple(fields["features"])})


@dataclass(frozen=True)
class Counts:
    """Graphs, nodes and edges. Numbers in homogeneous batches, dicts by type in heterogeneous."""

    graphs: int
    nodes: int | dict[str, int]
    edges: int | dict[EdgeType, int]
    seeds: int = 0
    """Seed nodes, seed edges or clusters of a sampled batch."""
    labels: int = 0
    """Seed edges and negatives of a sampled batch."""
    rows: dict[str, int] = field(default_factory=dict, hash=False)
    """Rows of the batch's columns of which every graph has its own number, by name."""

    @property
    def total_nodes(self) -> int:
        return sum(self.nodes.values()) if isinstance(self.nodes, dict) else self.nodes

    @property
    def total_edges(self) -> int:
        return sum(self.edges.values()) if isinstance(self.edges, dict) else self.edges


@dataclass(frozen=True)
class PlanSummary:
    """An epoch in numbers, known before its first batch."""

    num_batches: int
    num_frames: int
    """Steps of micro_batches batches each, over all shards."""
    shard_frames: int
    """Steps of this loader's shard."""
    num_graphs: int
    """Graphs delivered in the epoch; of sampled batches the seeds, seed edges or clusters."""
    skipped_graphs: int
    real: Counts
    """Totals of the epoch, before trimming; of sampled batches only the seeds."""
    node_efficiency: float | None
    """Mean over batches of real nodes / padded nodes; 1 when nothing is padded. None for sampled
    batches: not known before they are made."""
    edge_efficiency: float | None
    lower_bound_batches: int
    """No packing can need fewer batches than this."""
    graphs_per_batch: tuple[int, ...] = ()
    """Entry i: batches that hold i real graphs; of sampled batches i seeds."""

    def _repr_html_(self) -> str:
        facts = [
            ("batches", f"{self.num_batches:,}; no packing needs fewer than {self.lower_bound_batches:,}"),
            ("steps of all shards, of this one", f"{self.num_frames:,}, {self.shard_frames:,}"),
            ("graphs or seeds", _html.number(self.num_graphs)),
            ("skipped graphs", _html.number(self.skipped_graphs)),
            ("real nodes, real edges", f"{self.real.total_nodes:,}, {self.real.total_edges:,}"),
            ("share of nodes, of edges that is real",
             f"{_html.share(self.node_efficiency)}, {_html.share(self.edge_efficiency)}"),
        ]
        rows = [(_html.number(i), _html.number(n)) for i, n in enumerate(self.graphs_per_batch) if n]
        return _html.document("Plan of an epoch", facts, ("real graphs in a batch", "batches"), rows)

    def plot(self, ax: Any = None) -> Any:
        """Draws how many batches hold how many real graphs (of sampled batches: seeds); into `ax`,
        or a new figure. Returns the matplotlib axes. ImportError where matplotlib is not
        installed."""
        return plots.plan(self, ax)


def counts_from_native(
    counts: Any, heterogeneous: bool, node_types, edge_types, row_columns=()
) -> Counts:
    """Counts by type as users see them."""
    rows = dict(zip(row_columns, counts.rows))
    nodes, edges = list(counts.nodes), list(counts.edges)
    if heterogeneous:
        nodes, edges = dict(zip(node_types, nodes)), dict(zip(edge_types, edges))
    else:
        nodes, edges = sum(nodes), sum(edges)
    return Counts(counts.graphs, nodes, edges, counts.seeds, counts.labels, rows)


def plan_from_native(
    plan: Any, info: DatasetInfo, graphs_per_batch=(), sampled: bool = False
) -> PlanSummary:
    return PlanSummary(
        num_batches=plan.num_batches,
        num_frames=plan.num_frames,
        shard_frames=plan.shard_frames,
        num_graphs=plan.num_graphs,
        skipped_graphs=plan.skipped_graphs,
        real=counts_from_native(plan.real, info.heterogeneous, info.node_types, info.edge_types),
        node_efficiency=None if sampled else plan.node_efficiency,
        edge_efficiency=None if sampled else plan.edge_efficiency,
        lower_bound_batches=plan.lower_bound_batches,
        graphs_per_batch=tuple(graphs_per_batch),
    )


def _column(column: Any) -> Column:
    value_range = column.value_range
    return Column(
        name=column.name,
        level=column.level,
        type=column.type,
        dtype=column.dtype,
        row_shape=tuple(column.row_shape),
        concat_last=column.concat_last,
        rows_per_graph=column.rows_per_graph,
        zero_dim=column.zero_dim,
        non_tensor=column.non_tensor,
        index_types=tuple(column.index_types),
        num_rows=column.num_rows,
        value_range=None if value_range is None else tuple(value_range),
        row_sizes=None if column.row_sizes is None else _stats(column.row_sizes),
    )


def _stats(sizes: Any) -> Stats:
    return Stats(**{name: getattr(sizes, name) for name in Stats.__dataclass_fields__})
