"""Neighbourhoods of seed edges, with negative examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Unpack

import numpy as np

from graphfeed import _arguments, _spec, errors
from graphfeed._arguments import FixedSizeArguments, LoaderArguments
from graphfeed.dataset import Dataset
from graphfeed.info import DatasetInfo
from graphfeed.options import FixedSizeOptions, OverSizeStrategy, edge_type_name
from graphfeed.loaders.sampled import FixedSizeSampledLoader, NeighborhoodLoader, find_edge_type

_NEGATIVE_MODES = ("binary", "triplet")


@dataclass(frozen=True)
class NegativeSampling:
    """Pairs of nodes that are no edges of the graph, drawn uniformly from all such pairs.

    Attributes:
        mode: "binary" (pairs of their own, labelled 0) or "triplet" (further targets for the
            sources of the seed edges).
        amount: negatives for each seed edge; rounded up for a batch ("binary") or for each seed
            edge ("triplet").
    """

    mode: str = "binary"
    amount: float = 1.0

    def __post_init__(self) -> None:
        mode = getattr(self.mode, "value", self.mode)
        _arguments.one_of("neg_sampling.mode", mode, _NEGATIVE_MODES)
        object.__setattr__(self, "mode", mode)
        amount = float(self.amount)
        if not (amount > 0 and math.isfinite(amount)):
            raise errors.InvalidArgument(
                f"neg_sampling.amount is {self.amount}; it must be more than 0"
            )
        object.__setattr__(self, "amount", amount)


class SeedEdges(NamedTuple):
    """Which edges of a type, or pairs of its end types, in order."""

    edge_type: str
    ids: np.ndarray | None  # edge ids; None: all edges, or the pairs
    pairs: np.ndarray | None  # [2, n]
    count: int


class LinkNeighborLoader(NeighborhoodLoader):
    """Sampled neighbourhoods of the ends of the next `batch_size` seed edges, for link prediction;
    each batch has its own sizes.

    Beside what NeighborLoader's batches hold there is `edge_label_index` [2, L]: the seed edges and
    then the negatives, as places in the batch's nodes of the edge type's ends; and `edge_label` [L]
    where labels are given or negatives drawn. Triplets have `src_index`, `dst_pos_index` and
    `dst_neg_index` instead. `input_id` (places in edge_label_index as given) and `batch_size` are
    with the edge type. Negatives are drawn anew each epoch and are never edges of the graph.

    Args:
        dataset: a single graph.
        num_neighbors: see NeighborhoodLoader, which also has replace, subgraph_type, disjoint,
            temporal_strategy, time_attr, weight_attr and directed.
        edge_label_index: the seed edges. Heterogeneous: an edge type, or (edge type, what) with
            `what` [2, n] pairs of node ids, or [n] edge ids. Homogeneous: `what` alone, or None
            for all edges.
        edge_label: integer label of each seed edge. With binary negatives 0 stands for those, and
            the given labels come out one higher.
        edge_label_time: the time of each seed edge, which time_attr needs and comes with.
        neg_sampling: "binary", "triplet", NegativeSampling(mode, amount), a dict of these or any
            object with them, or None.
        neg_sampling_ratio: PyG's former name of NegativeSampling("binary", ratio).
        exclude_seed_edges: keep the seed edges of a batch out of its subgraph, so that no
            neighbourhood gives away what is to be predicted.
        batch_size, shuffle, seed, arguments: see NeighborLoader.

    Raises:
        ValueError: an argument is out of its range or contradicts another.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_neighbors: Any,
        edge_label_index: Any = None,
        edge_label: Any = None,
        edge_label_time: Any = None,
        *,
        neg_sampling: Any = None,
        neg_sampling_ratio: float | None = None,
        exclude_seed_edges: bool = False,
        replace: bool = False,
        subgraph_type: str = "directional",
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        time_attr: str | None = None,
        weight_attr: str | None = None,
        directed: bool = True,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        **arguments: Unpack[LoaderArguments],
    ) -> None:
        self.neg_sampling = _negative_sampling(neg_sampling, neg_sampling_ratio)
        super().__init__(
            **_arguments.handed_on(
                locals(),
                "edge_label_index",
                "edge_label",
                "edge_label_time",
                "neg_sampling",
                "neg_sampling_ratio",
                "exclude_seed_edges",
            ),
            **arguments,
        )
        self.exclude_seed_edges = bool(exclude_seed_edges)
        self._seeds = seed_edges(edge_label_index, dataset.info)
        self._labels = None
        if edge_label is not None:
            self._labels = _arguments.integers("edge_label", edge_label)
            if len(self._labels) != self._seeds.count:
                raise errors.InvalidArgument(
                    f"edge_label has {len(self._labels)} entries for {self._seeds.count} seed edges"
                )
            if self.neg_sampling is not None and self.neg_sampling.mode == "triplet":
                raise errors.InvalidArgument("edge_label goes with pairs; triplets have none")
        if self.time_attr and edge_label_time is None:
            raise errors.InvalidArgument(
                "time_attr is given without edge_label_time; seed edges have no times of their own"
            )
        self._input_time = self._check_times(
            "edge_label_time", edge_label_time, self._seeds.count
        )

    @property
    def draws(self) -> bool:
        return super().draws or self.neg_sampling is not None

    @property
    def input_type(self) -> tuple[str, str, str] | None:
        """The seed edges' type; None in a homogeneous graph."""
        return tuple(self._seeds.edge_type.split("|")) if self._seeds.edge_type else None

    def _selection(self) -> Any:
        return _spec.selection_of_seeds(self._seeds.ids)

    def _sampling(self) -> dict[str, Any]:
        links: dict[str, Any] = {
            "edge_type": self._seeds.edge_type,
            "exclude_seed_edges": self.exclude_seed_edges,
            "negative_mode": "none",
        }
        if self.neg_sampling is not None:
            links["negative_mode"] = self.neg_sampling.mode
            links["negative_amount"] = self.neg_sampling.amount
        if self._seeds.pairs is not None:
            links["sources"], links["targets"] = self._seeds.pairs
        if self._labels is not None:
            links["labels"] = self._labels
        sampling = super()._sampling()
        sampling["links"] = links
        if self._input_time is not None:
            sampling["input_time"] = self._input_time
        return sampling


class FixedSizeLinkNeighborLoader(FixedSizeSampledLoader, LinkNeighborLoader):
    """Sampled neighbourhoods of seed edges in batches of one fixed shape.

    As LinkNeighborLoader, with padding and masks. `edge_label_mask` tells the real labels of a
    short batch; nodes of seed edges and negatives come first and are never trimmed.

    Args:
        dataset, num_neighbors, edge_label_index and so on: see LinkNeighborLoader.
        fixed_size_options, over_size_strategy: see FixedSizeNeighborLoader.
        arguments: those of every fixed-size loader, see FixedSizeLoader and Loader.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_neighbors: Any,
        edge_label_index: Any = None,
        edge_label: Any = None,
        edge_label_time: Any = None,
        *,
        neg_sampling: Any = None,
        neg_sampling_ratio: float | None = None,
        exclude_seed_edges: bool = False,
        replace: bool = False,
        subgraph_type: str = "directional",
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        time_attr: str | None = None,
        weight_attr: str | None = None,
        directed: bool = True,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        fixed_size_options: FixedSizeOptions | None = None,
        over_size_strategy: OverSizeStrategy = OverSizeStrategy.TrimNodesAndEdges,
        **arguments: Unpack[FixedSizeArguments],
    ) -> None:
        super().__init__(**_arguments.handed_on(locals()), **arguments)


def seed_edges(edge_label_index: Any, info: DatasetInfo) -> SeedEdges:
    """What `edge_label_index` means for a dataset."""
    field = "edge_label_index"
    edge_type, what = None, edge_label_index
    if info.heterogeneous:
        if edge_label_index is None:
            raise errors.InvalidArgument(
                f"{field} of a heterogeneous graph is an edge type, or (edge type, pairs or edge "
                f"ids); the types are {list(info.edge_types)}"
            )
        if isinstance(edge_label_index, str) or (
            isinstance(edge_label_index, tuple)
            and all(isinstance(part, str) for part in edge_label_index)
        ):
            edge_type, what = edge_label_index, None
        elif isinstance(edge_label_index, tuple) and len(edge_label_index) == 2:
            edge_type, what = edge_label_index
        else:
            raise errors.InvalidArgument(f"{field} names no edge type; see its documentation")
        edge_type = find_edge_type(field, edge_type, info.edge_types)
    number = 0 if edge_type is None else info.edge_types.index(edge_type)
    name = "" if edge_type is None else edge_type_name(edge_type)
    total = info.num_edges[number]
    if what is None:
        return SeedEdges(name, None, None, total)
    array = _arguments.array(field, what)
    if array.ndim == 1:
        ids = _arguments.ids(field, array, total)
        if not len(ids):
            raise errors.InvalidArgument(f"{field} is empty")
        return SeedEdges(name, ids, None, len(ids))
    pairs = _arguments.integers(field, array, dims=2)
    if pairs.shape[0] != 2 or not pairs.shape[1]:
        raise errors.InvalidArgument(
            f"{field} has shape {list(pairs.shape)}; it takes [2, n] pairs or [n] edge ids"
        )
    ends = (0, 0)
    if edge_type is not None:
        ends = (info.node_types.index(edge_type[0]), info.node_types.index(edge_type[2]))
    for row, end in enumerate(ends):
        _arguments.ids(f"{field}[{row}]", pairs[row], info.num_nodes[end])
    return SeedEdges(name, None, pairs, pairs.shape[1])


def _negative_sampling(given: Any, ratio: float | None) -> NegativeSampling | None:
    if ratio:
        if given is not None:
            raise errors.InvalidArgument("neg_sampling and neg_sampling_ratio exclude each other")
        return NegativeSampling("binary", ratio)
    if given is None or isinstance(given, NegativeSampling):
        return given
    if isinstance(given, str):
        return NegativeSampling(given)
    fields = given if isinstance(given, Mapping) else getattr(given, "__dict__", None)
    if fields is None:
        raise errors.InvalidArgument(
            f"neg_sampling is {given!r}; it takes one of {list(_NEGATIVE_MODES)}, "
            "NegativeSampling(mode, amount), or None (neg_sampling_ratio takes a number)"
        )
    for name in ("weight", "src_weight", "dst_weight"):
        if fields.get(name) is not None:
            raise errors.InvalidArgument(
                f"neg_sampling.{name} is given; negatives are uniform over the pairs without edge"
            )
    return NegativeSampling(fields.get("mode", "binary"), fields.get("amount", 1.0))
