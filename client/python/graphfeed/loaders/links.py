"""Neighbourhoods of seed edges, with negative examples."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import _arguments, _seeds, errors
from graphfeed.dataset import Dataset
from graphfeed.loaders import arguments as loader_arguments
from graphfeed.loaders import torch_habits
from graphfeed.loaders.padding import FixedSizeLoader
from graphfeed.loaders.sampled import Hops, NeighborhoodLoader, SampledPadding, SampledSource
from graphfeed.loaders.source import Shown
from graphfeed.options import FixedSizeOptions, OverSizeStrategy

if TYPE_CHECKING:
    from typing import Unpack

    from graphfeed.loaders.arguments import FixedSizeArguments, LoaderArguments

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


class EdgeSource(SampledSource):
    """Sampled neighbourhoods of the ends of seed edges; LinkNeighborLoader has what the arguments
    mean."""

    strategy = "neighbor"

    def __init__(
        self,
        dataset: Dataset,
        hops: Hops,
        edge_label_index: Any,
        edge_label: Any,
        edge_label_time: Any,
        neg_sampling: NegativeSampling | None,
        exclude_seed_edges: bool,
        batch_size: int,
        loader: str,
    ) -> None:
        super().__init__(dataset, batch_size, loader)
        self.hops = hops
        self.neg_sampling = neg_sampling
        self.exclude_seed_edges = bool(exclude_seed_edges)
        self.seeds = _seeds.seed_edges(edge_label_index, dataset.info)
        self._labels = None
        if edge_label is not None:
            self._labels = _arguments.labels("edge_label", edge_label)
            if len(self._labels) != self.seeds.count:
                raise errors.InvalidArgument(
                    f"edge_label has {len(self._labels)} entries for {self.seeds.count} seed edges"
                )
            if neg_sampling is not None and neg_sampling.mode == "triplet":
                raise errors.InvalidArgument("edge_label goes with pairs; triplets have none")
        if hops.time_attr and edge_label_time is None:
            raise errors.InvalidArgument(
                "time_attr is given without edge_label_time; seed edges have no times of their own"
            )
        self._times = hops.times("edge_label_time", edge_label_time, self.seeds.count)

    @property
    def draws(self) -> bool:
        return self.hops.draws or self.neg_sampling is not None

    def chosen(self, places: np.ndarray) -> EdgeSource:
        seeds = self.seeds
        places = _seeds.places("index", places, seeds.count)
        result = copy.copy(self)
        if seeds.pairs is None:
            ids = places if seeds.ids is None else seeds.ids[places]
            result.seeds = seeds._replace(ids=ids, count=len(places))
        else:
            result.seeds = seeds._replace(pairs=seeds.pairs[:, places], count=len(places))
        if self._labels is not None:
            result._labels = self._labels[places]
            # The server raises labels whose smallest is 0, and sees these only.
            binary = self.neg_sampling is not None and self.neg_sampling.mode == "binary"
            if binary and self._labels.min() == 0 and result._labels.min() > 0:
                result._labels = result._labels + result._labels.dtype.type(1)
        result._times = None if self._times is None else self._times[places]
        return result

    def selection(self) -> Any:
        return self.seeds.selection

    def sampling(self) -> dict[str, Any]:
        links: dict[str, Any] = {
            "edge_type": self.seeds.edge_type,
            "exclude_seed_edges": self.exclude_seed_edges,
            "negative_mode": "none",
        }
        if self.neg_sampling is not None:
            links["negative_mode"] = self.neg_sampling.mode
            links["negative_amount"] = self.neg_sampling.amount
        if self.seeds.pairs is not None:
            links["sources"], links["targets"] = self.seeds.pairs
        if self._labels is not None:
            floats = self._labels.dtype == np.float32
            links["float_labels" if floats else "labels"] = self._labels
        sampling = self.hops.sampling()
        sampling["links"] = links
        if self._times is not None:
            sampling["input_time"] = self._times
        return sampling


class LinkNeighborLoader(NeighborhoodLoader):
    """Sampled neighbourhoods of the ends of the next `batch_size` seed edges, for link prediction;
    each batch has its own sizes.

    Beside what NeighborLoader's batches hold there is `edge_label_index` [2, L]: the seed edges and
    then the negatives, as places in the batch's nodes of the edge type's ends; and `edge_label` [L]
    where labels are given or negatives drawn. Triplets have `src_index`, `dst_pos_index` and
    `dst_neg_index` instead. Columns of these names, as RandomLinkSplit leaves them in the graph, are
    left out. `input_id` (places in edge_label_index as given) and `batch_size` are
    with the edge type. Negatives are drawn anew each epoch and are never edges of the graph.

    Args:
        dataset: a single graph.
        num_neighbors: see NeighborhoodLoader, which also has replace, subgraph_type, disjoint,
            temporal_strategy, time_attr, weight_attr and directed.
        edge_label_index: the seed edges. Heterogeneous: an edge type, or (edge type, what) with
            `what` [2, n] pairs of node ids, or [n] edge ids. Homogeneous: `what` alone, or None
            for all edges.
        edge_label: label of each seed edge: integers, which stay int64, or floats (ratings), which
            come as float32. Binary negatives are labelled 0; given labels come out one higher if
            the smallest of them is 0, as in PyG.
        edge_label_time: the time of each seed edge, which time_attr needs and comes with. Batches
            hold it as `edge_label_time` [L], triplets as `seed_time` [batch_size]. Negatives have
            those of the seed edges in turn.
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

    @torch_habits.data_is_dataset
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
        loader_arguments.require_dataset(dataset)
        hops = Hops(
            dataset,
            num_neighbors,
            replace=replace,
            subgraph_type=subgraph_type,
            disjoint=disjoint,
            temporal_strategy=temporal_strategy,
            time_attr=time_attr,
            weight_attr=weight_attr,
            directed=directed,
        )
        self._source = EdgeSource(
            dataset,
            hops,
            edge_label_index,
            edge_label,
            edge_label_time,
            _negative_sampling(neg_sampling, neg_sampling_ratio),
            exclude_seed_edges,
            batch_size,
            type(self).__name__,
        )
        super().__init__(dataset, shuffle=shuffle, seed=seed, **arguments)

    neg_sampling = Shown("_source")
    exclude_seed_edges = Shown("_source")

    @property
    def input_type(self) -> tuple[str, str, str] | None:
        """The seed edges' type; None in a homogeneous graph."""
        name = self._source.seeds.edge_type
        return tuple(name.split("|")) if name else None


class FixedSizeLinkNeighborLoader(FixedSizeLoader, LinkNeighborLoader):
    """Sampled neighbourhoods of seed edges in batches of one fixed shape.

    As LinkNeighborLoader, with padding and masks. `edge_label_mask` tells the real labels of a
    short batch; nodes of seed edges and negatives come first and are never trimmed.

    Args:
        dataset, num_neighbors, edge_label_index and so on: see LinkNeighborLoader.
        fixed_size_options, over_size_strategy: see FixedSizeNeighborLoader.
        arguments: those of every fixed-size loader, see FixedSizeLoader and Loader.
    """

    @torch_habits.data_is_dataset
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
        over_size_strategy: OverSizeStrategy | str = OverSizeStrategy.TrimNodesAndEdges,
        **arguments: Unpack[FixedSizeArguments],
    ) -> None:
        padding, others = loader_arguments.split(arguments)
        self._padding = SampledPadding(fixed_size_options, over_size_strategy, padding)
        super().__init__(
            dataset,
            num_neighbors,
            edge_label_index,
            edge_label,
            edge_label_time,
            neg_sampling=neg_sampling,
            neg_sampling_ratio=neg_sampling_ratio,
            exclude_seed_edges=exclude_seed_edges,
            replace=replace,
            subgraph_type=subgraph_type,
            disjoint=disjoint,
            temporal_strategy=temporal_strategy,
            time_attr=time_attr,
            weight_attr=weight_attr,
            directed=directed,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            **others,
        )


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
