"""Loaders of collections: batches of whole graphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import _arguments, _spec, errors
from graphfeed.dataset import Dataset
from graphfeed.loaders import torch_habits
from graphfeed.loaders.arguments import PaddingArguments, require_dataset
from graphfeed.loaders.base import Loader
from graphfeed.loaders.padding import FixedSizeLoader, Padding
from graphfeed.loaders.source import Shown, Source
from graphfeed.options import FixedSizeOptions, FixedSizeStrategy, OverSizeStrategy

if TYPE_CHECKING:
    from typing import Unpack

    from graphfeed.loaders.arguments import TorchArguments


class GraphSource(Source):
    """The next graphs of an order, or explicit lists of graphs.

    Args:
        dataset: whose graphs.
        batch_size: graphs of a batch, where there are no lists.
        batch_sampler: lists of indices into the dataset, read once; None: the dataset's order.
        shuffle: whether the loader shuffles, which lists exclude.
        graph_ids: whether batches say which graphs they hold.
    """

    strategy = "plain"
    plan_varies = True

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        batch_sampler: Iterable[Iterable[int]] | None,
        shuffle: bool,
        graph_ids: bool,
    ) -> None:
        self._dataset = dataset
        self.graph_ids = bool(graph_ids)
        self.batch_size = batch_size
        self.batches: list[np.ndarray] | None = None
        if batch_sampler is None:
            return
        if shuffle:
            raise errors.InvalidArgument("batch_sampler gives the order; it excludes shuffle")
        lists = [list(batch) for batch in batch_sampler]
        if not _reads_the_same(batch_sampler, lists):
            raise errors.InvalidArgument(
                "batch_sampler makes other batches each time that it is read, but is read once: "
                "give shuffle=True, or a loader for each epoch list(batch_sampler)"
            )
        for number, batch in enumerate(lists):
            if len(batch) == len(dataset) > 2:
                _arguments.refuse_masks(f"batch_sampler[{number}]", np.asarray(batch), None, "graphs")
        self.batches = [dataset._positions(batch) for batch in lists]
        if not self.batches:
            raise errors.InvalidArgument("batch_sampler has no batches")
        if not all(len(batch) for batch in self.batches):
            raise errors.InvalidArgument("batch_sampler has a batch without graphs")
        self.batch_size = max((len(batch) for batch in self.batches), default=1)

    def selection(self) -> Any:
        if self.batches is None:
            return self._dataset._selection()
        positions = np.concatenate([*self.batches, np.zeros(0, np.int64)])
        sizes = [len(batch) for batch in self.batches]
        ids = self._dataset.graph_ids[positions]
        return _spec.selection(ids, self._dataset.info.num_graphs, sizes)


def _reads_the_same(batch_sampler: Iterable[Iterable[int]], lists: list[list[int]]) -> bool:
    """Whether another reading would bring the same lists. What can be read once brings no others."""
    if isinstance(batch_sampler, Sequence) or hasattr(batch_sampler, "__next__"):
        return True
    again = [list(batch) for batch in batch_sampler]
    return len(again) == len(lists) and all(map(np.array_equal, again, lists))


class GraphPadding(Padding):
    """Whole graphs in batches of one shape, as many as are asked for or as fit.

    Args:
        strategy: how graphs are chosen for a batch.
        batch_size: graphs of a batch, padding included; None: those of the options, or 2.
        others: see Padding.
    """

    def __init__(
        self, strategy: FixedSizeStrategy, batch_size: int | None, *others: Any
    ) -> None:
        self.fixed_size_strategy = FixedSizeStrategy(strategy)
        self._batch_size = (
            None if batch_size is None else _arguments.integer("batch_size", batch_size, 2)
        )
        super().__init__(*others)
        if self.given is None and batch_size is None:
            self._batch_size = 2

    @property
    def packs(self) -> bool:
        """Whether a batch takes as many graphs as fit."""
        return self.fixed_size_strategy is not FixedSizeStrategy.PadToMax

    @property
    def plan_varies(self) -> bool:
        return self.packs  # PadToMax makes equally many batches whatever the order

    @property
    def batch_size(self) -> int:
        """Graphs of a batch, padding included."""
        return self._batch_size if self.given is None else self.given.num_graphs

    @property
    def draws(self) -> bool:
        return self.over_size_strategy.trims

    def derive(self, loader: Loader) -> FixedSizeOptions:
        return FixedSizeOptions.from_dataset(loader.dataset, self._batch_size)

    def check(self, options: FixedSizeOptions) -> None:
        super().check(options)
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

    def write(self, spec: Any, options: FixedSizeOptions) -> None:
        super().write(spec, options)
        spec.strategy = self.fixed_size_strategy.value
        spec.batch_size = options.num_graphs


class DataLoader(Loader):
    """Batches without padding: each has its own sizes. A single large graph is one batch.

    Args:
        dataset: a dataset or a part of one.
        batch_size: graphs of a batch.
        shuffle: a new order each epoch.
        follow_batch: columns k for which k_batch and k_ptr are added.
        exclude_keys: columns to leave out.
        seed: of the order; drawn from the operating system, and shown, when not given.
        drop_last: leave out a last batch with fewer graphs.
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
        fingerprint: of the content that is expected; see Loader.
        graph_ids: add `batch.graph_ids`, the numbers in the dataset version of the real graphs.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    @torch_habits.data_is_dataset
    @torch_habits.seed_was_fourth
    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        follow_batch: Iterable[str] | None = None,
        exclude_keys: Iterable[str] | None = None,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        num_shards: int = 1,
        shard_index: int = 0,
        uneven_shards: str = "null",
        index_dtype: Any = "int64",
        narrow_columns: Iterable[str] = (),
        float16_columns: Iterable[str] = (),
        batch_sampler: Iterable[Iterable[int]] | None = None,
        prefetch: int = 0,
        fingerprint: str | bytes | None = None,
        graph_ids: bool = False,
        **torch_arguments: Unpack[TorchArguments],
    ) -> None:
        require_dataset(dataset)
        batch_size = _arguments.integer("batch_size", batch_size, 1)
        if batch_sampler is not None and batch_size != 1:
            raise errors.InvalidArgument("batch_sampler gives the batches; it excludes batch_size")
        self._source = GraphSource(dataset, batch_size, batch_sampler, shuffle, graph_ids)
        super().__init__(
            dataset,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            follow_batch=follow_batch,
            exclude_keys=exclude_keys,
            num_shards=num_shards,
            shard_index=shard_index,
            uneven_shards=uneven_shards,
            index_dtype=index_dtype,
            narrow_columns=narrow_columns,
            float16_columns=float16_columns,
            prefetch=prefetch,
            fingerprint=fingerprint,
            **torch_arguments,
        )

    batch_size = Shown("_source")
    graph_ids = Shown("_source")


class FixedSizeDataLoader(FixedSizeLoader, Loader):
    """Batches of one fixed shape, padded or packed.

    Real graphs come first in a batch; the rest, at least one graph, is padding, told by
    graphs_mask, nodes_mask and edges_mask.

    Args:
        dataset: a dataset or a part of one.
        batch_size: graphs of a batch, at least one for padding among them: 10 means at most 9 real
            ones. Equal to the options' num_graphs; when left out those, or 2 without options.
        shuffle: a new order each epoch.
        fixed_size_options: sizes and pad values; derived from the dataset when not given
            (FixedSizeOptions.from_dataset).
        fixed_size_strategy: PadToMax, StreamPack (as many graphs as fit, in order) or Pack (nearly
            as few batches as the sizes allow; looks 384 graphs ahead); members or names.
        over_size_strategy: what becomes of graphs that do not fit. Options that no batch can meet
            are an error of the iteration, which says which graph and why.
        add_pad_masks: add the masks.
        follow_batch: columns k for which k_batch and k_ptr are added.
        exclude_keys: columns to leave out.
        options: an object or dict with PopTorch's device_iterations, replication_factor,
            gradient_accumulation and input_group_size; sets micro_batches.
        seed: of everything random; drawn from the operating system, and shown, when not given.
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
        fingerprint: of the content that is expected; see Loader.
        graph_ids: add `batch.graph_ids`, the numbers in the dataset version of the real graphs.

    Raises:
        ValueError: an argument is out of its range or contradicts another.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    @torch_habits.data_is_dataset
    @torch_habits.seed_was_fourth
    def __init__(
        self,
        dataset: Dataset,
        batch_size: int | None = None,
        shuffle: bool = False,
        fixed_size_options: FixedSizeOptions | None = None,
        fixed_size_strategy: FixedSizeStrategy | str = FixedSizeStrategy.PadToMax,
        over_size_strategy: OverSizeStrategy | str = OverSizeStrategy.Error,
        add_pad_masks: bool = True,
        follow_batch: Iterable[str] | None = None,
        exclude_keys: Iterable[str] | None = None,
        options: Any = None,
        *,
        seed: int | None = None,
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
        fingerprint: str | bytes | None = None,
        graph_ids: bool = False,
        **torch_arguments: Unpack[TorchArguments],
    ) -> None:
        require_dataset(dataset)
        self._padding = GraphPadding(
            fixed_size_strategy,
            batch_size,
            fixed_size_options,
            over_size_strategy,
            PaddingArguments(
                add_pad_masks=add_pad_masks,
                options=options,
                incomplete_step=incomplete_step,
                micro_batches=micro_batches,
            ),
        )
        if self._padding.packs:
            if batch_sampler is not None:
                raise errors.InvalidArgument(
                    f"{self.fixed_size_strategy.name} chooses the graphs of a batch itself; "
                    "batch_sampler is for PadToMax"
                )
            if not len(dataset):
                raise errors.InvalidArgument(
                    f"{self.fixed_size_strategy.name} needs at least one graph; there are none"
                )
        self._source = GraphSource(dataset, 1, batch_sampler, shuffle, graph_ids)
        super().__init__(
            dataset,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            follow_batch=follow_batch,
            exclude_keys=exclude_keys,
            num_shards=num_shards,
            shard_index=shard_index,
            uneven_shards=uneven_shards,
            index_dtype=index_dtype,
            narrow_columns=narrow_columns,
            float16_columns=float16_columns,
            prefetch=prefetch,
            fingerprint=fingerprint,
            **torch_arguments,
        )

    fixed_size_strategy = Shown("_padding")
    graph_ids = Shown("_source")

    @property
    def batch_size(self) -> int:
        """Graphs of a batch, padding included."""
        return self._padding.batch_size
