"""How large a batch is and what becomes of graphs that do not fit."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphfeed import _arguments, errors, sizes
from graphfeed.info import DatasetInfo, EdgeType

if TYPE_CHECKING:
    from graphfeed.dataset import Dataset


class _ByName(enum.Enum):
    """Names are as good as members: FixedSizeStrategy("StreamPack")."""

    @classmethod
    def _missing_(cls, value: object) -> enum.Enum:
        name = getattr(value, "name", value)  # also of an enum of PopTorch Geometric
        if isinstance(name, str) and name in cls.__members__:
            return cls[name]
        raise errors.InvalidArgument(
            f"{value!r} is no {cls.__name__}; there are {list(cls.__members__)}"
        )


class FixedSizeStrategy(_ByName):
    """How graphs are chosen for a batch."""

    PadToMax = "pad_to_max"
    """The next num_graphs - 1 graphs, padded."""
    StreamPack = "stream_pack"
    """As many graphs as fit, in order, padded."""
    Pack = "pack"
    """In nearly as few batches as the sizes allow: looks 384 graphs ahead in the shuffled order for
    those that fill a batch; the finished batches come in a random order."""


class OverSizeStrategy(_ByName):
    """What becomes of graphs that do not fit the options."""

    Error = "error"
    """The iteration fails and says which graph, its size, and the limit."""
    Skip = "skip"
    """StreamPack and Pack leave out a graph that alone does not fit; PadToMax fails as with
    Error."""
    TrimNodes = "trim_nodes"
    """Nodes are removed at random; every graph keeps one. Sampled batches lose those that were
    found last, and never seeds."""
    TrimEdges = "trim_edges"
    """Edges are removed at random; every graph that has edges keeps one. Sampled batches lose the
    last ones."""
    TrimNodesAndEdges = "trim_nodes_and_edges"
    """Both. StreamPack never trims: it keeps to the size of every type, so that nothing has to go."""

    @property
    def trims(self) -> bool:
        """Whether it removes anything."""
        return self.value.startswith("trim")


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


@dataclass(frozen=True)
class ExpectedEpoch:
    """What an epoch with chosen sizes is expected to be. Of more than 100,000 graphs a sample was
    packed."""

    num_batches: int
    lower_bound_batches: int
    """No packing into these sizes needs fewer."""
    node_efficiency: float
    """Real / padded nodes of the epoch, all types together."""
    edge_efficiency: float
    padding_share: float
    """Of the bytes of the epoch's batches."""
    batch_bytes: int
    num_graphs: int
    """Graphs of the dataset, or of the part that was given."""
    sampled_graphs: int
    """Graphs that were packed to find this."""


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
        num_rows: rows of a batch, {column: rows}, of each column of which every graph has its own
            number of rows (and that exclude_keys does not leave out). Node ids of padding rows are
            those of padding nodes; others hold graph_pad_value.

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
    num_rows: dict[str, int] = field(default_factory=dict)
    report: TrimReport | None = field(default=None, compare=False)
    """What `estimate` found out about these sizes."""
    expected: ExpectedEpoch | None = field(default=None, compare=False)
    """What `best` expects of these sizes."""

    def __post_init__(self) -> None:
        _check_num_graphs(self.num_graphs)
        self.num_nodes = _checked_counts("num_nodes", self.num_nodes)
        if not self.num_edges:
            total = self.total_num_nodes
            self.num_edges = min(total * (total - 1), _arguments.INT64_MAX)
        self.num_edges = _checked_counts("num_edges", self.num_edges)
        self.node_pad_value = float(self.node_pad_value)
        self.edge_pad_value = float(self.edge_pad_value)
        self.graph_pad_value = float(self.graph_pad_value)
        self.pad_graph_defaults = dict(self.pad_graph_defaults or {})
        if not isinstance(self.num_rows, Mapping):
            raise errors.InvalidArgument(
                f"num_rows is {self.num_rows!r}; it gives rows by column, {{name: rows}}"
            )
        self.num_rows = _checked_counts("num_rows", self.num_rows)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dataclass_fields__:
            raise AttributeError(
                f"FixedSizeOptions has no {name!r}; it has {list(self.__dataclass_fields__)}"
            )
        super().__setattr__(name, value)

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

    def to_hetero(
        self, node_types: Iterable[str], edge_types: Iterable[EdgeType]
    ) -> FixedSizeOptions:
        """Gives every type a count of its own, in place. A single count is copied in full to each
        type, not divided. Returns the options themselves."""
        if not isinstance(self.num_nodes, Mapping):
            self.num_nodes = {node_type: self.num_nodes for node_type in node_types}
        if not isinstance(self.num_edges, Mapping):
            self.num_edges = {tuple(edge_type): self.num_edges for edge_type in edge_types}
        return self

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        batch_size: int,
        sample_limit: int | None = None,
        progress_bar: bool | None = None,
    ) -> FixedSizeOptions:
        """Sizes that every batch of `batch_size - 1` graphs of the dataset meets: for each type the
        largest graph's size * (batch_size - 1) + 1, and of rows that vary without the 1.

        Args:
            dataset: a dataset or a part of one.
            batch_size: graphs of a batch, one for padding among them.
            sample_limit: look at the first so many graphs only.
            progress_bar: has no effect: the server knows the sizes.

        Raises:
            ValueError: batch_size is less than 2, the dataset is empty.
        """
        _check_num_graphs(batch_size)
        return dataset.estimate_options(batch_size, sample_limit)

    @classmethod
    def best(
        cls,
        dataset: Dataset,
        *,
        num_nodes: int | None = None,
        num_bytes: int | None = None,
        num_graphs: int | None = None,
        strategy: FixedSizeStrategy | str = FixedSizeStrategy.Pack,
        shuffle: bool = True,
        exclude_keys: Iterable[str] = (),
    ) -> FixedSizeOptions:
        """The sizes near a target that waste least for this dataset and strategy: the ratios of
        padded to real nodes, edges and bytes of an epoch have the smallest sum. By type if the
        dataset is heterogeneous. Every graph fits.
        `expected` says what an epoch with them looks like. The server packs the dataset, or 100,000
        graphs of it, with a few tens of candidates; the answer is the same every time.

        Args:
            dataset: a dataset or a part of one.
            num_nodes, num_bytes, num_graphs: the target, one of them: at most so many nodes (of all
                types together), bytes or graphs in a batch, padding included.
            strategy: that of the loader that will use them.
            shuffle: whether that loader shuffles.
            exclude_keys: columns that its batches leave out, which count in num_bytes.

        Raises:
            ValueError: not exactly one target; it has no room for the largest graph.
        """
        target = sizes.target(num_nodes=num_nodes, num_bytes=num_bytes, num_graphs=num_graphs)
        spec = sizes.spec_of(dataset, FixedSizeStrategy(strategy).value, shuffle, exclude_keys)
        name = dataset.info.full_name
        found = dataset._connection.call(lambda client: client.choose_sizes(name, spec, *target))
        return cls._chosen(found, dataset.info)

    @classmethod
    def _chosen(cls, native: Any, info: DatasetInfo) -> FixedSizeOptions:
        """Those of a native SizeChoice, with what is expected of them."""
        result = cls._from_native(native.options, info)
        names = ExpectedEpoch.__dataclass_fields__
        result.expected = ExpectedEpoch(**{name: getattr(native, name) for name in names})
        return result

    @classmethod
    def from_loader(
        cls, loader: Iterable, sample_limit: int = 1000, progress_bar: bool | None = None
    ) -> FixedSizeOptions:
        """Sizes that fit the batches that an ordinary loader makes: for each type the largest count
        seen, plus one for padding; num_graphs likewise (2 for batches that do not count graphs).

        Takes `sample_limit` batches, in as many epochs as that needs; a loader that repeats the
        same batches is read once. The epochs of a graphfeed loader are not consumed; for one of
        sampled batches the server samples and nothing but the sizes travels. `progress_bar` has no
        effect.

        Raises:
            ValueError: the loader has no batches.
        """
        _check_sample_limit(sample_limit)
        if sizes.is_sampled(loader):
            return cls._of_sampled(loader, 1.0, loader.seed, sample_limit)
        return cls(**sizes.largest(loader, sample_limit))

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
        if not sizes.is_sampled(loader):
            raise TypeError(
                f"loader is a {type(loader).__name__}; quantiles are those of sampled batches. "
                "from_dataset and from_loader find sizes for others"
            )
        if not 0 < quantile <= 1:
            raise errors.InvalidArgument(f"quantile is {quantile}; it must be above 0, at most 1")
        if sample_limit is not None:
            _check_sample_limit(sample_limit)
        return cls._of_sampled(loader, float(quantile), loader.seed, sample_limit or 0)

    @classmethod
    def _of_sampled(
        cls, loader: Any, quantile: float, seed: int, sample_limit: int = 0
    ) -> FixedSizeOptions:
        """Sizes of a sampled loader's batches with that seed, with a report; see sizes.sampled."""
        info = loader.dataset.info
        found = sizes.sampled(loader, quantile, seed, sample_limit)
        result = cls._from_native(found.options, info)
        nodes, edges = list(found.trimmed_nodes), list(found.trimmed_edges)
        result.report = TrimReport(
            trimmed_nodes=dict(zip(info.node_types, nodes)) if info.heterogeneous else nodes[0],
            trimmed_edges=dict(zip(info.edge_types, edges)) if info.heterogeneous else edges[0],
            trimmed_batches=found.trimmed_batches,
            num_samples=found.num_samples,
        )
        return result

    @classmethod
    def _from_native(cls, native: Any, info: DatasetInfo) -> FixedSizeOptions:
        """What the server says; by type where the dataset is heterogeneous."""
        return cls(
            num_nodes=sizes.of_nodes(native, info),
            num_edges=sizes.of_edges(native, info),
            num_graphs=native.num_graphs,
            node_pad_value=native.node_pad_value,
            edge_pad_value=native.edge_pad_value,
            graph_pad_value=native.graph_pad_value,
            pad_graph_defaults=dict(native.pad_graph_defaults),
            num_rows=dict(native.num_rows),
        )

    def __repr__(self) -> str:
        return (
            f"FixedSizeOptions("
            f"num_nodes={self.num_nodes} (At least one node reserved for padding), "
            f"num_edges={self.num_edges} (At least one edge reserved for padding), "
            f"num_graphs={self.num_graphs} (At least one graph reserved for padding), "
            f"node_pad_value={self.node_pad_value}, edge_pad_value={self.edge_pad_value}, "
            f"graph_pad_value={self.graph_pad_value}, "
            f"pad_graph_defaults={self.pad_graph_defaults}"
            + (f", num_rows={self.num_rows})" if self.num_rows else ")")
        )

    def _key(self) -> str:
        """Equal for equal options; they are mutable, so they have no hash."""
        return repr(self)


def _total(counts: int | Mapping | None) -> int:
    return sum(counts.values()) if isinstance(counts, Mapping) else counts or 0


def _checked_counts(name: str, counts: Any) -> Any:
    if isinstance(counts, Mapping):
        return {key: _checked_counts(f"{name}[{key!r}]", count) for key, count in counts.items()}
    return _arguments.integer(name, counts, 0)


def _check_sample_limit(sample_limit: Any) -> None:
    _arguments.integer("sample_limit", sample_limit, 1)


def _check_num_graphs(num_graphs: Any) -> None:
    if not hasattr(num_graphs, "__index__") or isinstance(num_graphs, bool) or num_graphs < 2:
        raise errors.InvalidArgument(
            f"num_graphs is {num_graphs!r}; a batch holds at least 2 graphs: a real one and one "
            "that is kept for padding"
        )
    _arguments.integer("num_graphs", num_graphs, 2)
