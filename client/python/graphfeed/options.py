"""How large a batch is and what becomes of graphs that do not fit."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphfeed import errors

if TYPE_CHECKING:
    from graphfeed.dataset import Dataset

EdgeType = tuple[str, str, str]


class FixedSizeStrategy(enum.Enum):
    """How graphs are chosen for a batch."""

    PadToMax = "pad_to_max"
    """The next num_graphs - 1 graphs, padded."""
    StreamPack = "stream_pack"
    """As many graphs as fit, in order, padded."""


class OverSizeStrategy(enum.Enum):
    """What becomes of graphs that do not fit the options."""

    Error = "error"
    """The iteration fails and says which graph, its size, and the limit."""
    Skip = "skip"
    """StreamPack leaves out a graph that alone does not fit; PadToMax fails as with Error."""
    TrimNodes = "trim_nodes"
    """Nodes are removed at random; every graph keeps one. Sampled batches lose those that were
    found last, and never seeds."""
    TrimEdges = "trim_edges"
    """Edges are removed at random; every graph that has edges keeps one. Sampled batches lose the
    last ones."""
    TrimNodesAndEdges = "trim_nodes_and_edges"
    """Both."""

    @property
    def trims(self) -> bool:
        """Whether it removes anything."""
        return self.value.startswith("trim")


def edge_type_name(edge_type: EdgeType) -> str:
    """("movie", "to", "actor") as the wire writes it: "movie|to|actor"."""
    return "|".join(edge_type)


@dataclass(frozen=True)
class TrimReport:
    """What sizes would cost the sampled batches that they were taken from. Shares are numbers for a
    homogeneous graph and dicts by type for a heterogeneous one."""

    trimmed_nodes: float | dict[str, float]
    """Which share of the sampled nodes would be trimmed."""
    trimmed_edges: float | dict[EdgeType, float]
    """Likewise of edges."""
    trimmed_batches: float
    """The share of batches that would be trimmed."""
    num_samples: int
    """Batches that were sampled."""


@dataclass(eq=True)
class FixedSizeOptions:
    """Padded totals of one batch. The padding counts in them: at least one graph of every batch is
    padding, and so is a node of every type where anything needs padding.

    Options are plain values: they may be changed until the loader that uses them iterates.

    Attributes:
        num_nodes: nodes of a batch, for all types alike or {node type: nodes}.
        num_edges: edges of a batch, likewise by edge type (source, relation, target). Nothing
            (None or 0): T * (T - 1), T being the total of num_nodes.
        num_graphs: real graphs and at least one padding graph; at least 2.
        node_pad_value, edge_pad_value, graph_pad_value: what padding rows hold, converted to the
            column's dtype as C does (7.9 is 7 in an integer column).
        pad_graph_defaults: values of non-tensor attributes in padding graphs, where they shall not
            repeat the first real graph's.

    Raises:
        ValueError: num_graphs is less than 2 or no integer; a count is negative.
    """

    num_nodes: int | dict[str, int]
    num_edges: int | dict[EdgeType, int] | None = None
    num_graphs: int = 2
    node_pad_value: float = 0.0
    edge_pad_value: float = 0.0
    graph_pad_value: float = 0.0
    pad_graph_defaults: dict[str, Any] = field(default_factory=dict)
    report: TrimReport | None = field(default=None, compare=False)
    """What `estimate` found out about these sizes."""

    def __post_init__(self) -> None:
        _check_num_graphs(self.num_graphs)
        self.num_nodes = _checked_counts("num_nodes", self.num_nodes)
        if not self.num_edges:
            total = self.total_num_nodes
            self.num_edges = total * (total - 1)
        self.num_edges = _checked_counts("num_edges", self.num_edges)
        self.node_pad_value = float(self.node_pad_value)
        self.edge_pad_value = float(self.edge_pad_value)
        self.graph_pad_value = float(self.graph_pad_value)
        self.pad_graph_defaults = dict(self.pad_graph_defaults or {})

    @property
    def total_num_nodes(self) -> int:
        """Nodes of a batch, all types together."""
        return _total(self.num_nodes)

    @property
    def total_num_edges(self) -> int:
        """Edges of a batch, all types together."""
        return _total(self.num_edges)

    def is_hetero(self) -> bool:
        """Whether both counts are given by type."""
        return isinstance(self.num_nodes, Mapping) and isinstance(self.num_edges, Mapping)

    def to_hetero(self, node_types: Iterable[str], edge_types: Iterable[EdgeType]) -> None:
        """Gives every type a count of its own, in place. A single count is copied in full to each
        type, not divided."""
        if not isinstance(self.num_nodes, Mapping):
            self.num_nodes = {node_type: self.num_nodes for node_type in node_types}
        if not isinstance(self.num_edges, Mapping):
            self.num_edges = {tuple(edge_type): self.num_edges for edge_type in edge_types}

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, batch_size: int, sample_limit: int | None = None
    ) -> FixedSizeOptions:
        """Sizes that every batch of `batch_size - 1` graphs of the dataset meets: for each type the
        largest graph's size * (batch_size - 1) + 1.

        Args:
            dataset: a dataset or a part of one.
            batch_size: graphs of a batch, one for padding among them.
            sample_limit: look at the first so many graphs only.

        Raises:
            ValueError: batch_size is less than 2, the dataset is empty.
        """
        _check_num_graphs(batch_size)
        return dataset.estimate_options(batch_size, sample_limit)

    @classmethod
    def from_loader(cls, loader: Iterable, sample_limit: int = 1000) -> FixedSizeOptions:
        """Sizes that fit the batches that an ordinary loader makes: for each type the largest count
        seen, plus one for padding; num_graphs likewise (2 for batches that do not count graphs).

        Takes `sample_limit` batches, in as many epochs as that needs; a loader that repeats the
        same batches is read once. The epochs of a graphfeed loader are not consumed; for one of
        sampled batches the server samples and nothing but the sizes travels.

        Raises:
            ValueError: the loader has no batches.
        """
        _check_sample_limit(sample_limit)
        if hasattr(loader, "_sampled_spec"):
            return sampled_options(loader, 1.0, loader.seed, sample_limit)
        sizes = _LargestSizes()
        while sizes.num_batches < sample_limit:
            before = sizes.num_batches
            for batch in _measured_epoch(loader, epoch=sizes.num_epochs):
                sizes.add(batch)
                if sizes.num_batches == sample_limit:
                    break
            sizes.num_epochs += 1
            if sizes.num_batches == before:
                break
            if _repeats_itself(loader):
                break
        if not sizes.num_batches:
            raise errors.InvalidArgument("the loader has no batches to take sizes from")
        return cls(
            num_nodes=_plus_one(sizes.nodes),
            num_edges=_plus_one(sizes.edges),
            num_graphs=sizes.graphs + 1,
        )

    @classmethod
    def estimate(
        cls, loader: Any, quantile: float = 0.999, sample_limit: int | None = None
    ) -> FixedSizeOptions:
        """Sizes that fit nearly all batches of a loader of sampled ones: for each type the least
        that the share `quantile` of the batches does not exceed, plus one for padding. One hub
        in thousands of batches does not make all of them larger, as `from_loader` does; the
        batches that it is in are trimmed, seeds excepted. `report` says what that costs.

        Args:
            loader: of sampled batches. Those of its seed are looked at, from epoch 0 on.
            quantile: in (0, 1]; 1 is the maximum.
            sample_limit: batches to sample, in as many epochs as that needs; by default 1000.

        Raises:
            ValueError: quantile is out of its range; the loader has no batches.
            TypeError: the loader is not one of sampled batches.
        """
        if not hasattr(loader, "_sampled_spec"):
            raise TypeError(
                f"loader is a {type(loader).__name__}; quantiles are those of sampled batches. "
                "from_dataset and from_loader find sizes for others"
            )
        if not 0 < quantile <= 1:
            raise errors.InvalidArgument(f"quantile is {quantile}; it must be above 0, at most 1")
        if sample_limit is not None:
            _check_sample_limit(sample_limit)
        return sampled_options(loader, float(quantile), loader.seed, sample_limit or 0)

    def __repr__(self) -> str:
        return (
            f"FixedSizeOptions("
            f"num_nodes={self.num_nodes} (At least one node reserved for padding), "
            f"num_edges={self.num_edges} (At least one edge reserved for padding), "
            f"num_graphs={self.num_graphs} (At least one graph reserved for padding), "
            f"node_pad_value={self.node_pad_value}, edge_pad_value={self.edge_pad_value}, "
            f"graph_pad_value={self.graph_pad_value}, "
            f"pad_graph_defaults={self.pad_graph_defaults})"
        )

    def _key(self) -> str:
        """Equal for equal options; they are mutable, so they have no hash."""
        return repr(self)


def sampled_options(loader: Any, quantile: float, seed: int, limit: int = 0) -> FixedSizeOptions:
    """What the server says of the sizes of a sampled loader's batches, epoch 0 first: of as many as
    it takes for specs without options where no limit is given."""
    from graphfeed import _spec

    info, spec = loader.dataset.info, loader._sampled_spec()
    found = loader.dataset.client._call(
        lambda client: client.estimate(
            info.full_name, spec, seed, quantile=quantile, sample_limit=limit
        )
    )
    options = _spec.python_options(found.options, info)
    nodes, edges = list(found.trimmed_nodes), list(found.trimmed_edges)
    options.report = TrimReport(
        trimmed_nodes=dict(zip(info.node_types, nodes)) if info.heterogeneous else nodes[0],
        trimmed_edges=dict(zip(info.edge_types, edges)) if info.heterogeneous else edges[0],
        trimmed_batches=found.trimmed_batches,
        num_samples=found.num_samples,
    )
    return options


class _LargestSizes:
    """The largest batch seen, by type."""

    def __init__(self) -> None:
        self.num_batches = 0
        self.num_epochs = 0
        self.graphs = 1
        self.nodes: int | dict = 0
        self.edges: int | dict = 0

    def add(self, batch: Any) -> None:
        self.num_batches += 1
        self.graphs = max(self.graphs, int(getattr(batch, "num_graphs", None) or 1))
        if isinstance(getattr(batch, "node_types", None), (list, tuple)) and batch.node_types:
            nodes = {t: int(batch[t].num_nodes) for t in batch.node_types}
            edges = {tuple(t): int(batch[t].num_edges) for t in batch.edge_types}
            self.nodes = _merge_max(self.nodes or {}, nodes)
            self.edges = _merge_max(self.edges or {}, edges)
        else:
            self.nodes = max(self.nodes, int(batch.num_nodes))
            self.edges = max(self.edges, int(batch.num_edges))


def _merge_max(a: dict, b: dict) -> dict:
    return {**a, **{key: max(a.get(key, 0), count) for key, count in b.items()}}


def _plus_one(counts: int | dict) -> int | dict:
    if isinstance(counts, dict):
        return {key: count + 1 for key, count in counts.items()}
    return counts + 1


def _measured_epoch(loader: Iterable, epoch: int) -> Iterable:
    """One pass over a loader; graphfeed's own ones keep their place."""
    pass_over = getattr(loader, "_stream_epoch", None)
    return pass_over(epoch) if pass_over is not None else loader


def _repeats_itself(loader: Iterable) -> bool:
    """Whether another pass would bring nothing new (or nothing at all)."""
    if isinstance(loader, Sequence) or iter_is_self(loader):
        return True
    if hasattr(loader, "_stream_epoch"):
        return not loader.draws
    # A plain torch or PyG DataLoader; sampling loaders draw anew even in order.
    sampler = type(getattr(loader, "sampler", None)).__name__
    return type(loader).__name__ == "DataLoader" and sampler == "SequentialSampler"


def iter_is_self(iterable: Iterable) -> bool:
    """Whether an iterable can be read only once."""
    return hasattr(iterable, "__next__")


def _total(counts: int | Mapping | None) -> int:
    return sum(counts.values()) if isinstance(counts, Mapping) else counts or 0


def _checked_counts(name: str, counts: Any) -> Any:
    if isinstance(counts, Mapping):
        return {key: _checked_counts(f"{name}[{key!r}]", count) for key, count in counts.items()}
    if not _is_int(counts) or counts < 0:
        raise errors.InvalidArgument(f"{name} is {counts!r}; it must be an integer >= 0")
    return int(counts)


def _check_sample_limit(sample_limit: Any) -> None:
    if not _is_int(sample_limit) or sample_limit < 1:
        raise errors.InvalidArgument(f"sample_limit is {sample_limit!r}; it must be at least 1")


def _is_int(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _check_num_graphs(num_graphs: Any) -> None:
    if not _is_int(num_graphs) or num_graphs < 2:
        raise errors.InvalidArgument(
            f"num_graphs is {num_graphs!r}; a batch holds at least 2 graphs: a real one and one "
            "that is kept for padding"
        )
