"""What the loaders of batches sampled from one large graph share."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

from graphfeed import _arguments, errors
from graphfeed.dataset import Dataset
from graphfeed.loaders.padding import FixedSizeLoader
from graphfeed.info import EdgeType
from graphfeed.loaders.base import Loader
from graphfeed.options import (
    FixedSizeOptions,
    OverSizeStrategy,
    edge_type_name,
    sampled_options,
)

SUBGRAPH_TYPES = ("directional", "bidirectional", "induced")
TEMPORAL_STRATEGIES = ("uniform", "last")


class SampledLoader(Loader):
    """Batches that are taken out of a single graph; without padding each has its own sizes.

    Args:
        batch_size: seeds (seed edges, clusters) of a batch.
    """

    strategy: str
    """Of the wire: "neighbor" or "cluster"."""

    def __init__(self, dataset: Dataset, *, batch_size: int, **arguments: Any) -> None:
        super().__init__(dataset, **arguments)
        if dataset.info.collection or len(dataset) != 1:
            raise errors.InvalidArgument(
                f"{dataset.info.full_name} is a collection of graphs; {type(self).__name__} takes "
                "batches out of a single graph (client.ingest of one graph)"
            )
        self.batch_size = _arguments.integer("batch_size", batch_size, 1)

    @abc.abstractmethod
    def _sampling(self) -> dict[str, Any]:
        """What the native BatchSpec holds as `sampling`."""

    def _batch_spec(self) -> Any:
        spec = self._common_spec(self.batch_size)
        spec.strategy = self.strategy
        spec.sampling = self._sampling()
        spec.ragged = True
        return spec

    def _plan_key(self, epoch: int) -> Any:
        return 0  # as many batches whatever the order

    def _sampled_spec(self) -> Any:
        """The spec of the batches before any padding."""
        return SampledLoader._batch_spec(self)


class FixedSizeSampledLoader(FixedSizeLoader):
    """Pads the batches of the sampled loader that follows it among the bases.

    A batch is one graph and a padding graph. Seeds come first and are never trimmed.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        over_size_strategy: OverSizeStrategy = OverSizeStrategy.TrimNodesAndEdges,
        **arguments: Any,
    ) -> None:
        super().__init__(dataset, over_size_strategy=over_size_strategy, **arguments)

    def _derived_options(self) -> FixedSizeOptions:
        # Not of the loader's seed: shapes that every run shares need compiling but once.
        return sampled_options(self, 1.0, seed=0)

    def _check_options(self, options: FixedSizeOptions) -> None:
        super()._check_options(options)
        if options.num_graphs != 2:
            raise errors.InvalidArgument(
                f"fixed_size_options.num_graphs is {options.num_graphs}; it must be 2: a sampled "
                "batch is one graph, and one is padding"
            )

    def _batch_spec(self) -> Any:
        spec = self._pad(super()._batch_spec())
        spec.ragged = False
        return spec

    def _plan_key(self, epoch: int) -> Any:
        return self.fixed_size_options._key()


class NeighborhoodLoader(SampledLoader):
    """How neighbourhoods are sampled, whatever they are those of.

    Hops go against the edges: a node's neighbours are the sources of the edges that point to it.

    Args:
        num_neighbors: neighbours taken in each hop, one number a hop: a list for all edge types, or
            a dict with a list of the same length for every edge type, by (source, relation,
            target) or "source|relation|target". -1 takes all, 0 none; an empty list makes no hop.
        replace: draw with replacement.
        subgraph_type: "directional" (the sampled edges), "bidirectional" (and their reverses), or
            "induced" (all edges between the sampled nodes).
        disjoint: a tree of its own for each seed; nodes that several trees share are repeated.
        temporal_strategy: "uniform" or "last", where times are given.
        time_attr: integer node column: neighbours are never later than their seed. Implies
            disjoint.
        weight_attr: float edge column: neighbours are drawn in proportion.
        directed: False is PyG's former name of subgraph_type="induced".
    """

    strategy = "neighbor"

    def __init__(
        self,
        dataset: Dataset,
        num_neighbors: Any,
        *,
        replace: bool = False,
        subgraph_type: str = "directional",
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        time_attr: str | None = None,
        weight_attr: str | None = None,
        directed: bool = True,
        **arguments: Any,
    ) -> None:
        types = dataset.info.edge_types if isinstance(dataset, Dataset) else ()
        hetero = isinstance(dataset, Dataset) and dataset.info.heterogeneous
        self.num_neighbors = _fanouts(num_neighbors, types, hetero)
        super().__init__(dataset, **arguments)
        self.replace = bool(replace)
        # PyG's enums have the names as values.
        subgraph_type = getattr(subgraph_type, "value", subgraph_type)
        if not directed and subgraph_type == "directional":
            subgraph_type = "induced"
        self.subgraph_type = _arguments.one_of("subgraph_type", subgraph_type, SUBGRAPH_TYPES)
        self.disjoint = bool(disjoint)
        self.temporal_strategy = _arguments.one_of(
            "temporal_strategy", temporal_strategy, TEMPORAL_STRATEGIES
        )
        self.time_attr = _column_name("time_attr", time_attr)
        self.weight_attr = _column_name("weight_attr", weight_attr)

    @property
    def draws(self) -> bool:
        fanouts = [count for hops in self.num_neighbors.values() for count in hops]
        return super().draws or any(count > 0 for count in fanouts)

    def _check_times(self, field: str, times: Any, count: int | None) -> Any:
        """int64 [count]: a time for each seed. None where there are none."""
        if times is None:
            return None
        if not self.time_attr:
            raise errors.InvalidArgument(f"{field} is given without time_attr")
        times = _arguments.integers(field, times)
        if count is not None and len(times) != count:
            raise errors.InvalidArgument(f"{field} has {len(times)} entries for {count} seeds")
        return times

    def _sampling(self) -> dict[str, Any]:
        return {
            "num_neighbors": self.num_neighbors,
            "replace": self.replace,
            "subgraph_type": self.subgraph_type,
            "disjoint": self.disjoint,
            "temporal_strategy": self.temporal_strategy,
            "time_attr": self.time_attr,
            "weight_attr": self.weight_attr,
        }


def find_edge_type(field: str, key: Any, types: tuple[EdgeType, ...]) -> EdgeType:
    """The edge type that (source, relation, target), (source, target) where that is unique,
    "source|relation|target", or PyG's "source__relation__target" names."""
    if isinstance(key, str):
        found = [t for t in types if key in (edge_type_name(t), "__".join(t))]
    else:
        parts = tuple(key) if isinstance(key, (tuple, list)) else ()
        found = [t for t in types if parts in (t, (t[0], t[2]))]
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.InvalidArgument(f"{field}: {key!r} may be any of {found}")
    raise errors.InvalidArgument(f"{field}: there is no edge type {key!r}; there are {list(types)}")


def _fanouts(
    num_neighbors: Any, types: tuple[EdgeType, ...], heterogeneous: bool
) -> dict[str, list[int]]:
    """By the wire's edge type, "" for all: neighbours by hop."""
    if not isinstance(num_neighbors, Mapping):
        return {"": _hops("num_neighbors", num_neighbors)}
    if not heterogeneous:
        raise errors.InvalidArgument(
            "num_neighbors is a dict, but the graph is homogeneous; give a list"
        )
    result = {}
    for key, hops in num_neighbors.items():
        edge_type = find_edge_type("num_neighbors", key, types)
        result[edge_type_name(edge_type)] = _hops(f"num_neighbors[{key!r}]", hops)
    for edge_type in types:
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
