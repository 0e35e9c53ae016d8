"""What the loaders of batches sampled from one large graph share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphfeed import _arguments, _seeds, _spec, errors
from graphfeed.batch import Batch
from graphfeed.dataset import Dataset
from graphfeed.info import EdgeType, edge_type_name
from graphfeed.layout import BatchLayout
from graphfeed.loaders.base import Loader
from graphfeed.loaders.padding import Padding
from graphfeed.loaders.source import Shown, Source
from graphfeed.options import FixedSizeOptions


class SampledSource(Source):
    """Batches that are taken out of a single graph.

    Args:
        dataset: the graph.
        batch_size: seeds (seed edges, clusters) of a batch.
        loader: the loader's name, for messages.
    """

    samples = True  # as many batches whatever the order

    def __init__(self, dataset: Dataset, batch_size: int, loader: str) -> None:
        _seeds.require_single(dataset, loader)
        self.batch_size = _arguments.integer("batch_size", batch_size, 1)

    def sampling(self) -> dict[str, Any]:
        """What the native BatchSpec holds as `sampling`."""
        raise NotImplementedError

    def chosen(self, places: np.ndarray) -> SampledSource:
        """One batch of the seeds at these places, int64 [n]."""
        raise NotImplementedError

    def write(self, spec: Any) -> None:
        super().write(spec)
        spec.sampling = self.sampling()
        spec.ragged = True


class SampledPadding(Padding):
    """Sampled batches in one shape: a batch is one graph and a padding graph. Seeds come first and
    are never trimmed; what is trimmed is not drawn."""

    def derive(self, loader: Loader) -> FixedSizeOptions:
        # Not of the loader's seed: shapes that every run shares need compiling but once.
        return FixedSizeOptions._of_sampled(loader, 1.0, seed=0)

    def check(self, options: FixedSizeOptions) -> None:
        super().check(options)
        if options.num_graphs != 2:
            raise errors.InvalidArgument(
                f"fixed_size_options.num_graphs is {options.num_graphs}; it must be 2: a sampled "
                "batch is one graph, and one is padding"
            )


class Hops:
    """How neighbourhoods are sampled, whatever they are those of; NeighborhoodLoader has what the
    arguments mean."""

    def __init__(
        self,
        dataset: Dataset,
        num_neighbors: Any,
        *,
        replace: bool,
        subgraph_type: Any,
        disjoint: bool,
        temporal_strategy: str,
        time_attr: str | None,
        weight_attr: str | None,
        directed: bool,
    ) -> None:
        info = dataset.info
        self.num_neighbors = _fanouts(num_neighbors, info.edge_types, info.heterogeneous)
        self.replace = bool(replace)
        # PyG's enums have the names as values.
        subgraph_type = getattr(subgraph_type, "value", subgraph_type)
        if not directed and subgraph_type == "directional":
            subgraph_type = "induced"
        self.subgraph_type = _spec.known_name("subgraph_type", subgraph_type)
        self.disjoint = bool(disjoint)
        self.temporal_strategy = _spec.known_name("temporal_strategy", temporal_strategy)
        self.time_attr = _column_name("time_attr", time_attr)
        self.weight_attr = _column_name("weight_attr", weight_attr)

    @property
    def draws(self) -> bool:
        """Whether any hop takes some of the neighbours only."""
        return any(count > 0 for hops in self.num_neighbors.values() for count in hops)

    def times(self, field: str, times: Any, count: int | None) -> Any:
        """int64 [count]: a time for each seed. None where there are none."""
        if times is None:
            return None
        if not self.time_attr:
            raise errors.InvalidArgument(f"{field} is given without time_attr")
        times = _arguments.integers(field, times)
        if count is not None and len(times) != count:
            raise errors.InvalidArgument(f"{field} has {len(times)} entries for {count} seeds")
        return times

    def sampling(self) -> dict[str, Any]:
        """Their part of the native BatchSpec's `sampling`."""
        return {
            "num_neighbors": self.num_neighbors,
            "replace": self.replace,
            "subgraph_type": self.subgraph_type,
            "disjoint": self.disjoint,
            "temporal_strategy": self.temporal_strategy,
            "time_attr": self.time_attr,
            "weight_attr": self.weight_attr,
        }


class SampledLoader(Loader):
    """Batches that are taken out of a single graph; without padding each has its own sizes.

    Args:
        batch_size: seeds (seed edges, clusters) of a batch.
    """

    _source: SampledSource

    batch_size = Shown("_source")


@dataclass(frozen=True)
class NumNeighbors:
    """PyG's form of num_neighbors: a list for all edge types, or a dict by type with a default for
    the types that it does not name."""

    values: Any
    default: Any = None


class NeighborhoodLoader(SampledLoader):
    """How neighbourhoods are sampled, whatever they are those of.

    Hops go against the edges: a node's neighbours are the sources of the edges that point to it.

    Args:
        num_neighbors: neighbours taken in each hop, one number a hop: a list for all edge types, or
            a dict with a list of the same length for every edge type, by (source, relation,
            target) or "source|relation|target"; or NumNeighbors. -1 takes all, 0 none; an empty
            list makes no hop.
        replace: draw with replacement.
        subgraph_type: "directional" (the sampled edges), "bidirectional" (and their reverses), or
            "induced" (all edges between the sampled nodes).
        disjoint: a tree of its own for each seed; nodes that several trees share are repeated.
        temporal_strategy: "uniform" or "last", where times are given.
        time_attr: integer node column: neighbours are never later than their seed. Or an edge
            column, if there is no such node column: edges are never later. Implies disjoint.
        weight_attr: float edge column: neighbours are drawn in proportion.
        directed: False is PyG's former name of subgraph_type="induced".
    """

    strategy = "neighbor"

    def __call__(self, index: Any) -> Batch:
        """One batch of chosen seeds, as PyG's loaders make it: of those at the places `index` (an
        array or a list of integers) in input_nodes or edge_label_index. Draws as batch 0 of the
        running or next epoch.

        Raises:
            IndexError: a place is out of range.
            ValueError: there are none, or a fixed-size loader's batch has room for fewer.
        """
        places = _arguments.integers("index", index)
        _arguments.refuse_masks("index", places, None, "seeds")
        if not len(places) or (self._padding is not None and len(places) > self.batch_size):
            most = f"1 to {self.batch_size}" if self._padding is not None else "at least 1"
            raise errors.InvalidArgument(f"index has {len(places)} places; it takes {most}")
        source = self._source.chosen(places)
        if self._padding is None:
            source.batch_size = len(places)
        options = self._stream_options(self.epoch)
        spec = self._spec_of(source)
        if self._padding is not None:
            self._padding.write(spec, self._padding.options(self))
        spec.shuffle = spec.drop_last = False
        spec.micro_batches = 1
        options.spec = spec
        info, native, _ = self.dataset._connection.get_batch(options, self.epoch, 0)
        batch = Batch(native, BatchLayout(info, self.dataset.info))
        store = batch if batch._layout.seed_store is None else batch[batch._layout.seed_store]
        store.input_id[: len(places)] = places
        return batch

    num_neighbors = Shown("_source", "hops")
    replace = Shown("_source", "hops")
    subgraph_type = Shown("_source", "hops")
    disjoint = Shown("_source", "hops")
    temporal_strategy = Shown("_source", "hops")
    time_attr = Shown("_source", "hops")
    weight_attr = Shown("_source", "hops")


def _fanouts(
    num_neighbors: Any, types: tuple[EdgeType, ...], heterogeneous: bool
) -> dict[str, list[int]]:
    """By the wire's edge type, "" for all: neighbours by hop."""
    default = None
    if not isinstance(num_neighbors, Mapping) and hasattr(num_neighbors, "values"):
        num_neighbors, default = num_neighbors.values, getattr(num_neighbors, "default", None)
    if not isinstance(num_neighbors, Mapping):
        return {"": _hops("num_neighbors", num_neighbors)}
    if not heterogeneous:
        raise errors.InvalidArgument(
            "num_neighbors is a dict, but the graph is homogeneous; give a list"
        )
    result = {}
    for key, hops in num_neighbors.items():
        edge_type = _seeds.find_edge_type("num_neighbors", key, types)
        result[edge_type_name(edge_type)] = _hops(f"num_neighbors[{key!r}]", hops)
    for edge_type in types:
        if edge_type_name(edge_type) not in result and default is not None:
            result[edge_type_name(edge_type)] = _hops("num_neighbors.default", default)
        if edge_type_name(edge_type) not in result:
            raise errors.InvalidArgument(
                f"num_neighbors has no entry for edge type {edge_type}; 0 takes no neighbours"
            )
    lengths = {name: len(hops) for name, hops in result.items()}
    if len(set(lengths.values())) > 1:
        raise errors.InvalidArgument(
            "num_neighbors: the number of hops must be the same across all edge types; it is "
            + ", ".join(f"{count} for {name!r}" for name, count in lengths.items())
        )
    return result


def _hops(field: str, hops: Any) -> list[int]:
    if isinstance(hops, (str, bytes, Mapping)) or not hasattr(hops, "__iter__"):
        raise errors.InvalidArgument(f"{field} is {hops!r}; it takes a list of one number a hop")
    return [_arguments.integer(f"{field}[{hop}]", k, -1) for hop, k in enumerate(hops)]


def _column_name(field: str, name: Any) -> str:
    if name is not None and not isinstance(name, str):
        raise errors.InvalidArgument(f"{field} is {name!r}; it takes the name of a column")
    return name or ""
