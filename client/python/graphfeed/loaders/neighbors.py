"""Neighbourhoods of seed nodes, sampled hop by hop."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import _seeds
from graphfeed.dataset import Dataset
from graphfeed.loaders import arguments as loader_arguments
from graphfeed.loaders import torch_habits
from graphfeed.loaders.padding import FixedSizeLoader
from graphfeed.loaders.sampled import Hops, NeighborhoodLoader, SampledPadding, SampledSource
from graphfeed.options import FixedSizeOptions, OverSizeStrategy

if TYPE_CHECKING:
    from typing import Unpack

    from graphfeed.loaders.arguments import FixedSizeArguments, LoaderArguments


class NodeSource(SampledSource):
    """Sampled neighbourhoods of seed nodes; NeighborLoader has what the arguments mean."""

    strategy = "neighbor"

    def __init__(
        self,
        dataset: Dataset,
        hops: Hops,
        input_nodes: Any,
        input_time: Any,
        batch_size: int,
        loader: str,
    ) -> None:
        super().__init__(dataset, batch_size, loader)
        self._dataset = dataset
        self.hops = hops
        self.seeds = _seeds.seed_nodes(input_nodes, dataset.info)
        self._times = hops.times("input_time", input_time, self.seeds.count)

    @property
    def draws(self) -> bool:
        return self.hops.draws

    def chosen(self, places: np.ndarray) -> NodeSource:
        ids = self.seeds.ids
        if self.seeds.mask:
            ids = self._dataset._masked_nodes(self.seeds)
        places = _seeds.places("index", places, self.seeds.count if ids is None else len(ids))
        result = copy.copy(self)
        ids = places if ids is None else ids[places]
        result.seeds = _seeds.SeedNodes(self.seeds.node_type, ids, "", len(ids))
        result._times = None if self._times is None else self._times[places]
        return result

    def selection(self) -> Any:
        return self.seeds.selection

    def sampling(self) -> dict[str, Any]:
        sampling = self.hops.sampling()
        sampling["input_type"] = self.seeds.node_type
        sampling["input_mask"] = self.seeds.mask
        if self._times is not None:
            sampling["input_time"] = self._times
        return sampling


class NeighborLoader(NeighborhoodLoader):
    """Sampled neighbourhoods of the next `batch_size` seed nodes; each batch has its own sizes.

    A batch holds, beside the columns, `n_id` (original node ids, the seeds first) for every node
    type, `e_id` (original edge ids) for every edge type, and with the seeds' type `input_id`
    (places in input_nodes) and `batch_size` (the number of seeds). Sampling follows Hamilton et
    al., "Inductive representation learning on large graphs" (2017).

    Args:
        dataset: a single graph.
        num_neighbors: see NeighborhoodLoader, which also has replace, subgraph_type, disjoint,
            temporal_strategy, time_attr, weight_attr and directed.
        input_nodes: the seeds. Heterogeneous: a node type, or (type, what) with `what` the name of
            a boolean column, a boolean array, or an array of ids in any order. Homogeneous: `what`
            alone, or None for all nodes.
        input_time: the time of each seed instead of its own; needs time_attr. Batches hold it as
            `seed_time` [batch_size], with the seeds' type.
        batch_size: seeds of a batch.
        shuffle: a new order of the seeds each epoch.
        seed: of everything random; drawn from the operating system, and shown, when not given.
        arguments: those of every loader, see Loader.

    Raises:
        ValueError: an argument is out of its range or contradicts another.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    @torch_habits.data_is_dataset
    def __init__(
        self,
        dataset: Dataset,
        num_neighbors: Any,
        input_nodes: Any = None,
        input_time: Any = None,
        *,
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
        self._source = NodeSource(
            dataset, hops, input_nodes, input_time, batch_size, type(self).__name__
        )
        super().__init__(dataset, shuffle=shuffle, seed=seed, **arguments)

    @property
    def input_type(self) -> str | None:
        """The seeds' node type; None in a homogeneous graph."""
        return self._source.seeds.node_type or None


class FixedSizeNeighborLoader(FixedSizeLoader, NeighborLoader):
    """Sampled neighbourhoods of seed nodes in batches of one fixed shape.

    As NeighborLoader, with padding and masks. Seeds come first and are never trimmed; input_id is
    -1 beyond the real seeds of a short batch, whose `batch_size` is their number (a list of
    numbers with micro_batches).

    Args:
        dataset, num_neighbors, input_nodes, input_time, batch_size, shuffle, seed, and those of
            the sampling: see NeighborLoader.
        fixed_size_options: sizes, by type or for all types alike; when not given the largest of
            1000 sampled batches, the same for every seed. FixedSizeOptions.estimate finds smaller
            ones that few batches exceed.
        over_size_strategy: what becomes of a batch that does not fit; trimmed by default.
        arguments: those of every fixed-size loader, see FixedSizeLoader and Loader.
    """

    @torch_habits.data_is_dataset
    def __init__(
        self,
        dataset: Dataset,
        num_neighbors: Any,
        input_nodes: Any = None,
        input_time: Any = None,
        *,
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
            input_nodes,
            input_time,
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
