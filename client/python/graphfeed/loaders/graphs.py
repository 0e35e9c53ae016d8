"""Loaders of collections: batches of whole graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from graphfeed import _arguments, _spec, errors
from graphfeed.dataset import Dataset
from graphfeed.loaders.padding import FixedSizeLoader
from graphfeed.loaders.base import Loader
from graphfeed.options import FixedSizeOptions, FixedSizeStrategy, OverSizeStrategy


class _GraphLoader(Loader):
    """Batches of the next graphs of an order, or of explicit lists of graphs."""

    def __init__(
        self, dataset: Dataset, *, batch_sampler: Iterable[Iterable[int]] | None, **arguments: Any
    ) -> None:
        super().__init__(dataset, **arguments)
        self._batches = None
        if batch_sampler is not None:
            if self.shuffle:
                raise errors.InvalidArgument("batch_sampler gives the order; it excludes shuffle")
            self._batches = [dataset._positions(list(batch)) for batch in batch_sampler]
            if not all(len(batch) for batch in self._batches):
                raise errors.InvalidArgument("batch_sampler has a batch without graphs")

    def _selection(self) -> Any:
        if self._batches is None:
            return super()._selection()
        positions = np.concatenate([*self._batches, np.zeros(0, np.int64)])
        sizes = [len(batch) for batch in self._batches]
        ids = self.dataset.graph_ids[positions]
        return _spec.selection(ids, self.dataset.info.num_graphs, sizes)


class DataLoader(_GraphLoader):
    """Batches without padding: each has its own sizes. A single large graph is one batch.

    Args:
        dataset: a dataset or a part of one.
        batch_size: graphs of a batch.
        shuffle: a new order each epoch.
        seed: of the order; drawn from the operating system, and shown, when not given.
        drop_last: leave out a last batch with fewer graphs.
        follow_batch: columns k for which k_batch and k_ptr are added.
        exclude_keys: columns to leave out.
        num_shards, shard_index: this loader gets every num_shards-th batch, from shard_index on.
        uneven_shards: what becomes of the last batches when the shards would not get equally many:
            "null" (batches without graphs fill up), "repeat" (batches from the start fill up), or
            "drop" (the surplus is left out).
        index_dtype: "int64" or "int32", for edge_index, batch and ptr.
        narrow_columns: int64 columns to send as int32.
        float16_columns: float columns to send as float16.
        batch_sampler: explicit batches: lists of indices into the dataset; excludes batch_size and
            shuffle. Read once.
        prefetch: batches in work at the server; 0: the server decides.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        *,
        drop_last: bool = False,
        follow_batch: Iterable[str] | None = None,
        exclude_keys: Iterable[str] | None = None,
        num_shards: int = 1,
        shard_index: int = 0,
        uneven_shards: str = "null",
        index_dtype: Any = "int64",
        narrow_columns: Iterable[str] = (),
        float16_columns: Iterable[str] = (),
        batch_sampler: Iterable[Iterable[int]] | None = None,
        prefetch: int = 0,
        **torch_arguments: Any,
    ) -> None:
        super().__init__(**_arguments.handed_on(locals(), "batch_size"), **torch_arguments)
        self.batch_size = _arguments.integer("batch_size", batch_size, 1)
        if self._batches is not None:
            if self.batch_size != 1:
                raise errors.InvalidArgument(
                    "batch_sampler gives the batches; it excludes batch_size"
                )
            self.batch_size = max((len(batch) for batch in self._batches), default=1)

    def _batch_spec(self) -> Any:
        return self._common_spec(self.batch_size)


class FixedSizeDataLoader(FixedSizeLoader, _GraphLoader):
    """Batches of one fixed shape, padded or packed.

    Real graphs come first in a batch; the rest, at least one graph, is padding, told by
    graphs_mask, nodes_mask and edges_mask.

    Args:
        dataset: a dataset or a part of one.
        batch_size: graphs of a batch, at least one for padding among them: 10 means at most 9 real
            ones. Equal to the options' num_graphs; may be left out when options are given.
        shuffle: a new order each epoch.
        seed: of everything random; drawn from the operating system, and shown, when not given.
        fixed_size_options: sizes and pad values; derived from the dataset when not given
            (FixedSizeOptions.from_dataset).
        fixed_size_strategy: PadToMax or StreamPack.
        over_size_strategy: what becomes of graphs that do not fit. Options that no batch can meet
            are an error of the iteration, which says which graph and why.
        add_pad_masks: add the masks.
        follow_batch: columns k for which k_batch and k_ptr are added.
        exclude_keys: columns to leave out.
        options: an object or dict with PopTorch's device_iterations, replication_factor,
            gradient_accumulation and input_group_size; sets micro_batches.
        num_shards, shard_index: this loader gets every num_shards-th frame, from shard_index on.
        uneven_shards: what becomes of the last frames when the shards would not get equally many:
            "null" (frames of padding fill up), "repeat" (frames from the start fill up), or "drop"
            (the surplus is left out).
        drop_last: leave out a last batch with fewer graphs instead of padding it.
        incomplete_step: what becomes of a last frame with fewer than micro_batches batches: "fill"
            (with null batches) or "drop".
        index_dtype: "int64" or "int32", for edge_index, batch and ptr.
        micro_batches: batches combined in one step.
        batch_sampler: explicit batches for PadToMax: lists of indices into the dataset; excludes
            shuffle. Read once.
        narrow_columns: int64 columns to send as int32.
        float16_columns: float columns to send as float16.
        prefetch: frames in work at the server; 0: the server decides.

    Raises:
        ValueError: an argument is out of its range or contradicts another.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int | None = None,
        shuffle: bool = False,
        seed: int | None = None,
        fixed_size_options: FixedSizeOptions | None = None,
        fixed_size_strategy: FixedSizeStrategy = FixedSizeStrategy.PadToMax,
        over_size_strategy: OverSizeStrategy = OverSizeStrategy.Error,
        add_pad_masks: bool = True,
        follow_batch: Iterable[str] | None = None,
        exclude_keys: Iterable[str] | None = None,
        options: Any = None,
        *,
        num_shards: int = 1,
        shard_index: int = 0,
        uneven_shards: str = "null",
        drop_last: bool = False,
        incomplete_step: str = "fill",
        index_dtype: Any = "int64",
        micro_batches: int = 1,
        batch_sampler: Iterable[Iterable[int]] | None = None,
        narrow_columns: Iterable[str] = (),
        float16_columns: Iterable[str] = (),
        prefetch: int = 0,
        **torch_arguments: Any,
    ) -> None:
        self.fixed_size_strategy = FixedSizeStrategy(fixed_size_strategy)
        self._batch_size = (
            None if batch_size is None else _arguments.integer("batch_size", batch_size, 2)
        )
        super().__init__(
            **_arguments.handed_on(locals(), "batch_size", "fixed_size_strategy"),
            **torch_arguments,
        )
        if fixed_size_options is None and batch_size is None:
            raise errors.InvalidArgument("give batch_size, or fixed_size_options")
        if self.fixed_size_strategy is FixedSizeStrategy.StreamPack:
            if batch_sampler is not None:
                raise errors.InvalidArgument(
                    "StreamPack chooses the graphs of a batch itself; batch_sampler is for PadToMax"
                )
            if not len(dataset):
                raise errors.InvalidArgument("StreamPack needs at least one graph; there are none")

    @property
    def batch_size(self) -> int:
        """Graphs of a batch, padding included."""
        return self._batch_size if self._options is None else self._options.num_graphs

    @property
    def draws(self) -> bool:
        return super().draws or self.over_size_strategy.trims

    def _derived_options(self) -> FixedSizeOptions:
        return FixedSizeOptions.from_dataset(self.dataset, self._batch_size)

    def _check_options(self, options: FixedSizeOptions) -> None:
        super()._check_options(options)
        if self._batch_size not in (None, options.num_graphs):
            raise errors.InvalidArgument(
                f"batch_size is {self._batch_size}, but fixed_size_options.num_graphs is "
                f"{options.num_graphs}; both count the padding graph and must be equal"
            )
        if self.fixed_size_strategy is FixedSizeStrategy.StreamPack:
            for name in ("num_nodes", "num_edges"):
                total = getattr(options, f"total_{name}")
                if total < options.num_graphs:
                    raise errors.InvalidArgument(
                        f"{name} is {total}; StreamPack keeps room for one in each of num_graphs "
                        f"{options.num_graphs} graphs"
                    )

    def _batch_spec(self) -> Any:
        spec = self._pad(self._common_spec(self.fixed_size_options.num_graphs))
        spec.strategy = self.fixed_size_strategy.value
        return spec

    def _plan_key(self, epoch: int) -> Any:
        # Options are mutable; PadToMax makes equally many batches whatever the order.
        fresh = self.shuffle and self.fixed_size_strategy is FixedSizeStrategy.StreamPack
        return (epoch if fresh else 0), self.fixed_size_options._key()
