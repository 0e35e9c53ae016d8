"""Loaders: epochs of batches from a server."""

from __future__ import annotations

import abc
import os
import warnings
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from graphfeed import _random, _spec, _torch_habits, errors
from graphfeed.batch import Batch, BatchLayout
from graphfeed.dataset import Dataset
from graphfeed.info import PlanSummary, plan_from_native
from graphfeed.options import FixedSizeOptions, FixedSizeStrategy, OverSizeStrategy

_UNEVEN_SHARDS = ("null", "repeat", "drop")
_INCOMPLETE_STEPS = ("fill", "drop")
_INDEX_DTYPES = ("int64", "int32")


class _Epoch(Iterator):
    """One iteration of a loader. Dropping it ends its stream."""

    def __init__(self, epoch: int, batches: Iterator[Batch]) -> None:
        self.epoch = epoch
        self.done = False
        self._batches = batches

    def __next__(self) -> Batch:
        try:
            return next(self._batches)
        except BaseException:
            self.done = True
            raise

    def close(self) -> None:
        """Ends the stream now."""
        self.done = True
        self._batches.close()


class _Loader(abc.ABC):
    """What all loaders share: epochs, shards, and the stream behind an iteration.

    Each `iter(loader)` is the next epoch, the first one 0. The batches of an epoch depend on the
    dataset's content, the loader's arguments, the seed and the epoch's number, on nothing else.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        shuffle: bool,
        seed: int | None,
        draws: bool,
        drop_last: bool,
        follow_batch: Iterable[str] | None,
        exclude_keys: Iterable[str] | None,
        num_shards: int,
        shard_index: int,
        uneven_shards: str,
        index_dtype: Any,
        narrow_columns: Iterable[str],
        float16_columns: Iterable[str],
        batch_sampler: Iterable[Iterable[int]] | None,
        prefetch: int,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise TypeError(
                f"dataset is a {type(dataset).__name__}; loaders read a graphfeed Dataset "
                "(client.dataset(name)), into which client.ingest brings graphs"
            )
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.follow_batch = _names("follow_batch", follow_batch)
        self.exclude_keys = _names("exclude_keys", exclude_keys)
        self.narrow_columns = _names("narrow_columns", narrow_columns)
        self.float16_columns = _names("float16_columns", float16_columns)
        self.num_shards = _integer("num_shards", num_shards, 1)
        self.shard_index = _integer("shard_index", shard_index, 0)
        if self.shard_index >= self.num_shards:
            raise errors.InvalidArgument(
                f"shard_index is {shard_index}; with num_shards {num_shards} it must be less"
            )
        self.uneven_shards = _one_of("uneven_shards", uneven_shards, _UNEVEN_SHARDS)
        self.index_dtype = _one_of("index_dtype", _dtype_name(index_dtype), _INDEX_DTYPES)
        self.prefetch = _integer("prefetch", prefetch, 0)
        if seed is None and draws and self.num_shards > 1:
            raise errors.InvalidArgument(
                "seed is missing: the shards of a run see the same batches only with the same seed"
            )
        self.seed = _random.draw_seed() if seed is None else _integer("seed", seed, 0)
        """The seed of everything random; drawn when none was given."""
        if self.seed >= 2**64:
            raise errors.InvalidArgument(f"seed is {seed}; it must be less than 2**64")
        self._batches = None
        if batch_sampler is not None:
            if self.shuffle:
                raise errors.InvalidArgument("batch_sampler gives the order; it excludes shuffle")
            self._batches = [dataset._positions(list(batch)) for batch in batch_sampler]
            if not all(len(batch) for batch in self._batches):
                raise errors.InvalidArgument("batch_sampler has a batch without graphs")
        self._next_epoch = 0
        self._running: weakref.ref[_Epoch] | None = None  # the youngest iteration
        self._warned = False
        self._plans: dict[Any, PlanSummary] = {}

    # --- epochs ----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        running = _Epoch(self._next_epoch, self._stream_epoch(self._next_epoch))
        self._next_epoch += 1
        self._running = weakref.ref(running)
        return running

    def _stream_epoch(self, epoch: int, prefetch: int | None = None) -> Iterator[Batch]:
        """The batches of an epoch. The stream ends with the iterator."""
        options = self._stream_options(epoch)
        if prefetch is not None:
            options.prefetch = options.client_prefetch = prefetch
        stream, info = self.dataset.client._open_stream(options)
        pid = os.getpid()
        try:
            layout = BatchLayout(info.layout)
            if not self._warned:
                self._warn_of_null_batches(stream.epoch()[1])
            while (batch := stream.next()) is not None:
                yield Batch(batch, layout)
        finally:
            if os.getpid() == pid:  # a stream that a forked child inherited is its parent's
                stream.cancel()

    def set_epoch(self, epoch: int) -> None:
        """Fixes the number of the next epoch."""
        self._next_epoch = _integer("epoch", epoch, 0)

    @property
    def epoch(self) -> int:
        """The number of the running epoch, or of the next one when none is running."""
        running = None if self._running is None else self._running()
        return self._next_epoch if running is None or running.done else running.epoch

    def peek(self) -> Batch:
        """The first batch of the next epoch, without consuming the epoch.

        Raises:
            RuntimeError: the epoch has no batches.
        """
        batches = self._stream_epoch(self._next_epoch, prefetch=1)
        batch = next(batches, None)
        batches.close()
        if batch is None:
            raise errors.FailedPrecondition(f"epoch {self._next_epoch} has no batches")
        return batch

    def batch(self, ordinal: int, epoch: int | None = None) -> Batch:
        """One batch alone, by its ordinal (global over all shards); the same bytes as in an
        iteration. `epoch` defaults to the running or next one."""
        epoch = self.epoch if epoch is None else _integer("epoch", epoch, 0)
        ordinal = _integer("ordinal", ordinal, 0)
        options = self._stream_options(epoch)
        info, batch, _ = self.dataset.client._call(
            lambda client: client.get_batch(options, epoch, ordinal)
        )
        return Batch(batch, BatchLayout(info.layout))

    # --- how many --------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Batches of the running epoch, or of the next one when none is running."""
        return self.num_batches(self.epoch)

    def num_batches(self, epoch: int | None = None) -> int:
        """Batches that an iteration of this epoch yields: this shard's, micro-batches combined."""
        return self.plan(epoch).shard_frames

    def plan(self, epoch: int | None = None) -> PlanSummary:
        """An epoch in numbers: batches, efficiency, graphs per batch. One request; the answer is
        kept."""
        epoch = self.epoch if epoch is None else _integer("epoch", epoch, 0)
        key = self._plan_key(epoch)
        plan = self._plans.get(key)
        if plan is None:
            options = self._stream_options(epoch)
            found = self.dataset.client._call(lambda client: client.describe_plan(options, epoch))
            plan = plan_from_native(found.plan, self.dataset.info, found.graphs_per_batch)
            self._plans[key] = plan
        return plan

    def _plan_key(self, epoch: int) -> Any:
        return epoch if self.shuffle else 0

    # --- the request -----------------------------------------------------------------------------

    def _selection(self) -> Any:
        ids = self.dataset._ids
        num_graphs = self.dataset.info.num_graphs
        if self._batches is None:
            return _spec.selection(ids, num_graphs)
        positions = np.concatenate([*self._batches, np.zeros(0, np.int64)])
        sizes = [len(batch) for batch in self._batches]
        return _spec.selection(self.dataset.graph_ids[positions], num_graphs, sizes)

    @abc.abstractmethod
    def _batch_spec(self) -> Any:
        """The native BatchSpec of this loader."""

    def _spec_of(self, batch_size: int) -> Any:
        spec = _spec.plain_spec(
            self._selection(), batch_size, shuffle=self.shuffle, exclude_keys=self.exclude_keys
        )
        spec.drop_last = self.drop_last
        spec.follow_batch = self.follow_batch
        spec.index_dtype = self.index_dtype
        spec.narrow_columns = self.narrow_columns
        spec.float16_columns = self.float16_columns
        return spec

    def _stream_options(self, epoch: int) -> Any:
        options = _spec.stream_options(self.dataset.info, self._batch_spec(), self.seed)
        options.start_epoch = epoch
        options.num_shards = self.num_shards
        options.shard_index = self.shard_index
        options.uneven_shards = self.uneven_shards
        options.prefetch = self.prefetch
        return options

    def _warn_of_null_batches(self, plan: Any) -> None:
        missing = max(plan.shard_frames * self.num_shards - plan.num_frames, 0)
        shards = missing if self.uneven_shards == "null" else 0
        steps = plan.num_frames * self._micro_batches() - plan.num_batches
        if shards or steps > 0:
            self._warned = True
            reasons = []
            if shards:
                reasons.append(f"{shards} so that all shards get equally many")
            if steps > 0:
                reasons.append(f"{steps} to fill the last step")
            warnings.warn(
                f"epochs contain null batches ({', '.join(reasons)}): all padding, masks False. "
                "Divide losses by max(real count, 1), or see uneven_shards and incomplete_step",
                stacklevel=4,
            )

    def _micro_batches(self) -> int:
        return 1

    def __getstate__(self) -> dict:
        state = dict(self.__dict__)
        state["_running"] = None
        return state

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dataset!r}, seed={self.seed}, epoch={self.epoch})"


class DataLoader(_Loader):
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
        _torch_habits.check("DataLoader", torch_arguments)
        super().__init__(
            dataset,
            shuffle=shuffle,
            seed=seed,
            draws=shuffle,
            drop_last=drop_last,
            follow_batch=follow_batch,
            exclude_keys=exclude_keys,
            num_shards=num_shards,
            shard_index=shard_index,
            uneven_shards=uneven_shards,
            index_dtype=index_dtype,
            narrow_columns=narrow_columns,
            float16_columns=float16_columns,
            batch_sampler=batch_sampler,
            prefetch=prefetch,
        )
        self.batch_size = _integer("batch_size", batch_size, 1)
        if self._batches is not None:
            if self.batch_size != 1:
                raise errors.InvalidArgument(
                    "batch_sampler gives the batches; it excludes batch_size"
                )
            self.batch_size = max((len(batch) for batch in self._batches), default=1)

    def _batch_spec(self) -> Any:
        return self._spec_of(self.batch_size)


class FixedSizeDataLoader(_Loader):
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
        _torch_habits.check("FixedSizeDataLoader", torch_arguments)
        self.fixed_size_strategy = FixedSizeStrategy(fixed_size_strategy)
        self.over_size_strategy = OverSizeStrategy(over_size_strategy)
        super().__init__(
            dataset,
            shuffle=shuffle,
            seed=seed,
            draws=shuffle or self.over_size_strategy.value.startswith("trim"),
            drop_last=drop_last,
            follow_batch=follow_batch,
            exclude_keys=exclude_keys,
            num_shards=num_shards,
            shard_index=shard_index,
            uneven_shards=uneven_shards,
            index_dtype=index_dtype,
            narrow_columns=narrow_columns,
            float16_columns=float16_columns,
            batch_sampler=batch_sampler,
            prefetch=prefetch,
        )
        self.add_pad_masks = bool(add_pad_masks)
        self.incomplete_step = _one_of("incomplete_step", incomplete_step, _INCOMPLETE_STEPS)
        self.micro_batches = _torch_habits.micro_batches(
            options, _integer("micro_batches", micro_batches, 1)
        )
        self._batch_size = None if batch_size is None else _integer("batch_size", batch_size, 2)
        self._options = fixed_size_options
        if fixed_size_options is None and batch_size is None:
            raise errors.InvalidArgument("give batch_size, or fixed_size_options")
        if self.fixed_size_strategy is FixedSizeStrategy.StreamPack:
            if batch_sampler is not None:
                raise errors.InvalidArgument(
                    "StreamPack chooses the graphs of a batch itself; batch_sampler is for PadToMax"
                )
            if not len(dataset):
                raise errors.InvalidArgument("StreamPack needs at least one graph; there are none")
        if fixed_size_options is not None:
            self._check_options(fixed_size_options)

    @property
    def batch_size(self) -> int:
        """Graphs of a batch, padding included."""
        return self._batch_size if self._options is None else self._options.num_graphs

    @property
    def fixed_size_options(self) -> FixedSizeOptions:
        """The sizes of a batch; derived from the dataset at first use when none were given."""
        if self._options is None:
            self._options = FixedSizeOptions.from_dataset(self.dataset, self._batch_size)
        return self._options

    def _check_options(self, options: FixedSizeOptions) -> None:
        if not isinstance(options, FixedSizeOptions):
            raise TypeError(
                f"fixed_size_options is a {type(options).__name__}, not a FixedSizeOptions"
            )
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
        options = self.fixed_size_options
        self._check_options(options)
        spec = self._spec_of(options.num_graphs)
        spec.strategy = self.fixed_size_strategy.value
        spec.over_size = self.over_size_strategy.value
        spec.options = _spec.native_options(options)
        spec.masks = self.add_pad_masks
        spec.incomplete_step = self.incomplete_step
        spec.micro_batches = self.micro_batches
        return spec

    def _plan_key(self, epoch: int) -> Any:
        # Options are mutable; PadToMax makes equally many batches whatever the order.
        fresh = self.shuffle and self.fixed_size_strategy is FixedSizeStrategy.StreamPack
        return (epoch if fresh else 0), self.fixed_size_options._key()

    def _micro_batches(self) -> int:
        return self.micro_batches


def _names(field: str, names: Iterable[str] | None) -> list[str]:
    names = [names] if isinstance(names, str) else list(names or ())
    for name in names:
        if not isinstance(name, str):
            raise errors.InvalidArgument(f"{field} has {name!r}; it takes names of columns")
    return names


def _integer(field: str, value: Any, least: int) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < least:
        raise errors.InvalidArgument(f"{field} is {value!r}; it must be an integer >= {least}")
    return int(value)


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise errors.InvalidArgument(f"{field} is {value!r}; it must be one of {list(allowed)}")
    return value


def _dtype_name(dtype: Any) -> Any:
    """"int32" from that string, numpy's or torch's dtype."""
    text = str(dtype).removeprefix("torch.")
    try:
        return np.dtype(text if dtype.__class__.__module__ == "torch" else dtype).name
    except TypeError:
        return text
