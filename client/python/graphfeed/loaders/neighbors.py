"""Neighbourhoods of seed nodes, sampled hop by hop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from graphfeed import _arguments, _spec, errors
from graphfeed._arguments import FixedSizeArguments, LoaderArguments
from graphfeed.dataset import Dataset
from graphfeed.info import DatasetInfo
from graphfeed.options import FixedSizeOptions, OverSizeStrategy
from graphfeed.loaders.sampled import FixedSizeSampledLoader, NeighborhoodLoader


class SeedNodes(NamedTuple):
    """Which nodes of a type, in order."""

    node_type: str
    ids: np.ndarray | None  # None: all, or those of the mask
    mask: str  # boolean column of the type; "": none
    count: int | None  # None: the server counts


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
        input_time: the time of each seed instead of its own; needs time_attr.
        batch_size: seeds of a batch.
        shuffle: a new order of the seeds each epoch.
        seed: of everything random; drawn from the operating system, and shown, when not given.
        arguments: those of every loader, see Loader.

    Raises:
        ValueError: an argument is out of its range or contradicts another.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

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
        super().__init__(**_arguments.handed_on(locals(), "input_nodes", "input_time"), **arguments)
        self._seeds = seed_nodes(input_nodes, dataset.info)
        self._input_time = self._check_times("input_time", input_time, self._seeds.count)

    @property
    def input_type(self) -> str | None:
        """The seeds' node type; None in a homogeneous graph."""
        return self._seeds.node_type or None

    def _selection(self) -> Any:
        return _spec.selection_of_seeds(self._seeds.ids)

    def _sampling(self) -> dict[str, Any]:
        sampling = super()._sampling()
        sampling["input_type"] = self._seeds.node_type
        sampling["input_mask"] = self._seeds.mask
        if self._input_time is not None:
            sampling["input_time"] = self._input_time
        return sampling


class FixedSizeNeighborLoader(FixedSizeSampledLoader, NeighborLoader):
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
        over_size_strategy: OverSizeStrategy = OverSizeStrategy.TrimNodesAndEdges,
        **arguments: Unpack[FixedSizeArguments],
    ) -> None:
        super().__init__(**_arguments.handed_on(locals()), **arguments)


def seed_nodes(given: Any, info: DatasetInfo, field: str = "input_nodes") -> SeedNodes:
    """What `field` means for a dataset."""
    node_type, what = "", given
    if isinstance(given, Mapping):
        raise errors.InvalidArgument(
            f"{field} is a dict; it takes nodes of one type (transforms.Subgraph cuts several types "
            "when a graph is ingested)"
        )
    if info.heterogeneous:
        if isinstance(given, str):
            node_type, what = given, None
        elif isinstance(given, tuple) and len(given) == 2:
            node_type, what = given
        else:
            raise errors.InvalidArgument(
                f"{field} of a heterogeneous graph is a node type, or (type, mask column, mask "
                f"or ids); the types are {list(info.node_types)}"
            )
        if node_type not in info.node_types:
            raise errors.InvalidArgument(
                f"{field}: there is no node type {node_type!r}; there are "
                f"{list(info.node_types)}"
            )
    elif isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        raise errors.InvalidArgument(
            f"{field} names the node type {given[0]!r}, but the graph is homogeneous; give what "
            "comes after it alone"
        )
    number = info.node_types.index(node_type) if node_type else 0
    total = info.num_nodes[number]
    if what is None:
        return SeedNodes(node_type, None, "", total)
    if isinstance(what, str):
        columns = [c for c in info.columns if c.level == "node" and c.type == number]
        if what not in [c.name for c in columns if c.dtype == "bool"]:
            kinds = {c.name: c.dtype for c in columns}
            raise errors.InvalidArgument(
                f"{field}: {what!r} is no boolean column of the nodes; their columns: {kinds}"
            )
        return SeedNodes(node_type, None, what, None)
    array = _arguments.array(field, what)
    if array.dtype == bool:
        if array.shape != (total,):
            raise errors.InvalidArgument(
                f"{field}: the mask has shape {list(array.shape)} for {total} nodes"
            )
        array = np.flatnonzero(array)
    ids = _arguments.ids(field, array, total)
    if not len(ids):
        raise errors.InvalidArgument(f"{field} is empty")
    return SeedNodes(node_type, ids, "", len(ids))
