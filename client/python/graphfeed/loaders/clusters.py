"""Unions of clusters of a large graph."""

from __future__ import annotations

from typing import Any, Unpack

from graphfeed import _arguments, errors
from graphfeed._arguments import FixedSizeArguments, LoaderArguments
from graphfeed.dataset import Dataset
from graphfeed.options import FixedSizeOptions, OverSizeStrategy
from graphfeed.loaders.sampled import FixedSizeSampledLoader, SampledLoader


class ClusterLoader(SampledLoader):
    """Batches of the next `batch_size` clusters with all edges between them, after Chiang et al.,
    "Cluster-GCN" (2019); each batch has its own sizes.

    The clusters are a node column of the dataset. If there is none with `num_parts` clusters the
    server makes one (METIS) when the loader is made, and publishes it as a new version of the
    dataset, which the loader then reads (`loader.dataset`): later loaders of that version find it.

    Args:
        dataset: a single homogeneous graph.
        num_parts: how many clusters.
        batch_size: clusters of a batch.
        shuffle: a new order of the clusters each epoch.
        seed: of everything random; drawn from the operating system, and shown, when not given.
        partition: an integer node column that numbers the clusters, instead of num_parts.
        arguments: those of every loader, see Loader.

    Raises:
        ValueError: an argument is out of its range or contradicts another.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    strategy = "cluster"

    def __init__(
        self,
        dataset: Dataset,
        num_parts: int | None = None,
        *,
        partition: str | None = None,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        **arguments: Unpack[LoaderArguments],
    ) -> None:
        super().__init__(dataset, batch_size=batch_size, shuffle=shuffle, seed=seed, **arguments)
        if dataset.info.heterogeneous:
            raise errors.InvalidArgument(
                f"{dataset.info.full_name} is heterogeneous; clusters are of homogeneous graphs"
            )
        if (num_parts is None) == (partition is None):
            raise errors.InvalidArgument("give num_parts, or the column as partition")
        if partition is None:
            self.dataset, partition = partitioned(dataset, num_parts)
        elif partition not in _integer_columns(dataset):
            raise errors.InvalidArgument(
                f"partition: {partition!r} is no integer node column; there are "
                f"{_integer_columns(dataset)}"
            )
        self.partition = partition
        """The node column that numbers the clusters."""

    def _sampling(self) -> dict[str, Any]:
        return {"partition": self.partition}


class FixedSizeClusterLoader(FixedSizeSampledLoader, ClusterLoader):
    """Unions of clusters in batches of one fixed shape.

    As ClusterLoader, with padding and masks.

    Args:
        dataset, num_parts, partition, batch_size, shuffle, seed: see ClusterLoader.
        fixed_size_options, over_size_strategy: see FixedSizeNeighborLoader.
        arguments: those of every fixed-size loader, see FixedSizeLoader and Loader.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_parts: int | None = None,
        fixed_size_options: FixedSizeOptions | None = None,
        *,
        partition: str | None = None,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        over_size_strategy: OverSizeStrategy = OverSizeStrategy.TrimNodesAndEdges,
        **arguments: Unpack[FixedSizeArguments],
    ) -> None:
        super().__init__(**_arguments.handed_on(locals()), **arguments)


def partitioned(dataset: Dataset, num_parts: int) -> tuple[Dataset, str]:
    """A version with the graph cut into so many clusters, and the column that numbers them: the
    dataset itself if it has it."""
    num_parts = _arguments.integer("num_parts", num_parts, 1)
    column = f"partition_{num_parts}"
    if column in _integer_columns(dataset):
        return dataset, column
    info = dataset.client.partition(dataset.info.full_name, num_parts, column=column)
    return Dataset(dataset.client, info), column


def _integer_columns(dataset: Dataset) -> list[str]:
    return [
        column.name
        for column in dataset.info.columns
        if column.level == "node"
        and column.dtype.startswith(("int", "uint"))
        and column.row_elements == 1
    ]
