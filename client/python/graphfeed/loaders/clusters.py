"""Unions of clusters of a large graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphfeed import _arguments, _transport, errors
from graphfeed.dataset import Dataset
from graphfeed.loaders import arguments as loader_arguments
from graphfeed.loaders import torch_habits
from graphfeed.loaders.padding import FixedSizeLoader
from graphfeed.loaders.sampled import SampledLoader, SampledPadding, SampledSource
from graphfeed.loaders.source import Shown
from graphfeed.options import FixedSizeOptions, OverSizeStrategy

if TYPE_CHECKING:
    from typing import Unpack

    from graphfeed.loaders.arguments import FixedSizeArguments, LoaderArguments


class ClusterSource(SampledSource):
    """Clusters of a homogeneous graph; ClusterLoader has what the arguments mean."""

    strategy = "cluster"

    def __init__(
        self,
        dataset: Dataset,
        num_parts: int | None,
        partition: str | None,
        batch_size: int,
        loader: str,
    ) -> None:
        super().__init__(dataset, batch_size, loader)
        if dataset.info.heterogeneous:
            raise errors.InvalidArgument(
                f"{dataset.info.full_name} is heterogeneous; clusters are of homogeneous graphs"
            )
        if (num_parts is None) == (partition is None):
            raise errors.InvalidArgument("give num_parts, or the column as partition")
        self._num_parts = None
        if partition is None:
            self._num_parts = _arguments.integer("num_parts", num_parts, 1)
            partition = f"partition_{self._num_parts}"
        elif partition not in _integer_columns(dataset):
            raise errors.InvalidArgument(
                f"partition: {partition!r} is no integer node column; there are "
                f"{_integer_columns(dataset)}"
            )
        self.partition = partition

    def find_or_make(self, dataset: Dataset) -> Dataset:
        """The version of the dataset that has the clusters: itself, or one that the server makes
        and publishes."""
        if self._num_parts is None or self.partition in _integer_columns(dataset):
            return dataset
        client = dataset.client
        return client.partition(dataset.info.full_name, self._num_parts, column=self.partition)

    def selection(self) -> Any:
        return _transport.Selection.all()

    def sampling(self) -> dict[str, Any]:
        return {"partition": self.partition}


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

    @torch_habits.data_is_dataset
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
        loader_arguments.require_dataset(dataset)
        self._source = ClusterSource(
            dataset, num_parts, partition, batch_size, type(self).__name__
        )
        fingerprint = arguments.pop("fingerprint", None)
        super().__init__(dataset, shuffle=shuffle, seed=seed, **arguments)
        # Last: nothing is published for a loader that is refused.
        self.dataset = self._source.find_or_make(dataset)
        self._require_fingerprint(fingerprint)

    partition = Shown("_source")


class FixedSizeClusterLoader(FixedSizeLoader, ClusterLoader):
    """Unions of clusters in batches of one fixed shape.

    As ClusterLoader, with padding and masks.

    Args:
        dataset, num_parts, partition, batch_size, shuffle, seed: see ClusterLoader.
        fixed_size_options, over_size_strategy: see FixedSizeNeighborLoader.
        arguments: those of every fixed-size loader, see FixedSizeLoader and Loader.
    """

    @torch_habits.data_is_dataset
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
        over_size_strategy: OverSizeStrategy | str = OverSizeStrategy.TrimNodesAndEdges,
        **arguments: Unpack[FixedSizeArguments],
    ) -> None:
        padding, others = loader_arguments.split(arguments)
        self._padding = SampledPadding(fixed_size_options, over_size_strategy, padding)
        super().__init__(
            dataset,
            num_parts,
            partition=partition,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            **others,
        )


def _integer_columns(dataset: Dataset) -> list[str]:
    return [
        column.name
        for column in dataset.info.columns
        if column.level == "node"
        and column.dtype.startswith(("int", "uint"))
        and column.row_elements == 1
    ]
