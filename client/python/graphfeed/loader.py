"""What all loaders share: epochs of batches from a server."""

from __future__ import annotations

import abc
import os
import warnings
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from graphfeed import _arguments, _random, _spec, _torch_habits, errors
from graphfeed.batch import Batch, BatchLayout
from graphfeed.dataset import Dataset
from graphfeed.info import PlanSummary, plan_from_native

_UNEVEN_SHARDS = ("null", "repeat", "drop")
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


class Loader(abc.ABC):
    """Epochs, shards, and the stream behind an iteration; what batches hold is the subclass's.

    Each `iter(loader)` is the next epoch, the first one 0. The batches of an epoch depend on the
    dataset's content, the loader's arguments, the seed and the epoch's number, on nothing else.

    Subclasses say in `_batch_spec` what is asked for. Arguments that all loaders take:

    Args:
        dataset: a dataset or a part of one.
        shuffle: a new order each epoch.
        seed: of everything random; drawn from the operating system, and shown, when not given.
        drop_last: leave out a last batch that is not full.
        follow_batch: columns k for which k_batch and k_ptr are added.
        exclude_keys: columns to leave out.
        num_shards, shard_index: this loader gets every num_shards-th frame, from shard_index on.
        uneven_shards: what becomes of the last frames when the shards would not get equally many:
            "null" (frames without anything real fill up), "repeat" (frames from the start fill
            up), or "drop" (the surplus is left out).
        index_dtype: "int64" or "int32", for the indices that the server makes.
        narrow_columns: int64 columns to send as int32.
        float16_columns: float columns to send as float16.
        prefetch: frames in work at the server; 0: the server decides.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        shuffle: bool = False,
        seed: int | None = None,
        drop_last: bool = False,
        follow_batch: Iterable[str] | None = None,
        exclude_keys: Iterable[str] | None = None,
        num_shards: int = 1,
        shard_index: int = 0,
        uneven_shards: str = "null",
        index_dtype: Any = "int64",
        narrow_columns: Iterable[str] = (),
        float16_columns: Iterable[str] = (),
        prefetch: int = 0,
        **torch_arguments: Any,
    ) -> None:
        _torch_habits.check(type(self).__name__, torch_arguments)
        if not isinstance(dataset, Dataset):
            raise TypeError(
                f"dataset is a {type(dataset).__name__}; loaders read a graphfeed Dataset "
                "(client.dataset(name)), into which client.ingest brings graphs"
            )
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.follow_batch = _arguments.names("follow_batch", follow_batch)
        self.exclude_keys = _arguments.names("exclude_keys", exclude_keys)
        self.narrow_columns = _arguments.names("narrow_columns", narrow_columns)
        self.float16_columns = _arguments.names("float16_columns", float16_columns)
        self.num_shards = _arguments.integer("num_shards", num_shards, 1)
        self.shard_index = _arguments.integer("shard_index", shard_index, 0)
        if self.shard_index >= self.num_shards:
            raise errors.InvalidArgument(
                f"shard_index is {shard_index}; with num_shards {num_shards} it must be less"
            )
        self.uneven_shards = _arguments.one_of("uneven_shards", uneven_shards, _UNEVEN_SHARDS)
        self.index_dtype = _arguments.one_of(
            "index_dtype", _arguments.dtype_name(index_dtype), _INDEX_DTYPES
        )
        self.prefetch = _arguments.integer("prefetch", prefetch, 0)
        if seed is None and self.draws and self.num_shards > 1:
            raise errors.InvalidArgument(
                "seed is missing: the shards of a run see the same batches only with the same seed"
            )
        self.seed = _random.draw_seed() if seed is None else _arguments.integer("seed", seed, 0)
        """The seed of everything random; drawn when none was given."""
        if self.seed >= 2**64:
            raise errors.InvalidArgument(f"seed is {seed}; it must be less than 2**64")
        self._next_epoch = 0
        self._running: weakref.ref[_Epoch] | None = None  # the youngest iteration
        self._warned = False
        self._plans: dict[Any, PlanSummary] = {}

    @property
    def draws(self) -> bool:
        """Whether anything depends on the seed."""
        return self.shuffle

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
                self.dataset.client._log_notices()
                yield Batch(batch, layout)
        finally:
            if os.getpid() == pid:  # a stream that a forked child inherited is its parent's
                stream.cancel()

    def set_epoch(self, epoch: int) -> None:
        """Fixes the number of the next epoch."""
        self._next_epoch = _arguments.integer("epoch", epoch, 0)

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
        epoch = self.epoch if epoch is None else _arguments.integer("epoch", epoch, 0)
        ordinal = _arguments.integer("ordinal", ordinal, 0)
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
        epoch = self.epoch if epoch is None else _arguments.integer("epoch", epoch, 0)
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
        """The native Selection: which graphs, or seeds."""
        return self.dataset._selection()

    @abc.abstractmethod
    def _batch_spec(self) -> Any:
        """The native BatchSpec of this loader."""

    def _common_spec(self, batch_size: int) -> Any:
        """What all loaders ask for, as a plain BatchSpec."""
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
