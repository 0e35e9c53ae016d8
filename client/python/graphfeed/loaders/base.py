"""What all loaders share: epochs of batches from a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from graphfeed import _arguments, _random, _spec, _warn, errors
from graphfeed.batch import Batch
from graphfeed.layout import BatchLayout, Position
from graphfeed.dataset import Dataset
from graphfeed.info import Fingerprint, PlanSummary, plan_from_native
from graphfeed.loaders import arguments, position, torch_habits
from graphfeed.loaders.epochs import EpochStream, Iteration, torch_worker
from graphfeed.loaders.padding import Padding
from graphfeed.loaders.source import Source
from graphfeed.loaders.state import Stateful

if TYPE_CHECKING:
    from typing import Unpack

_INDEX_DTYPES = ("int64", "int32")


class Loader(Stateful):
    """Epochs, shards, and the stream behind an iteration; what batches hold is the subclass's.

    Each `iter(loader)` is the next epoch, the first one 0. The batches of an epoch depend on the
    dataset's content, the loader's arguments, the seed and the epoch's number, on nothing else.

    A loader has a source, which says what is asked for, and where batches have one fixed shape a
    padding. Arguments that all loaders take:

    Args:
        dataset: a dataset or a part of one.
        shuffle: a new order each epoch.
        seed: of everything random; drawn from the operating system, and shown, when not given.
        drop_last: leave out a last batch that is not full.
        follow_batch: columns k for which k_batch and k_ptr are added; those excluded are ignored.
        exclude_keys: columns to leave out; names of none are ignored with a warning.
        num_shards, shard_index: this loader gets every num_shards-th frame, from shard_index on.
        uneven_shards: what becomes of the last frames when the shards would not get equally many:
            "null" (frames without anything real fill up), "repeat" (frames from the start fill
            up), or "drop" (the surplus is left out).
        index_dtype: "int64" or "int32", for the indices that the server makes.
        narrow_columns: int64 columns to send as int32.
        float16_columns: float columns to send as float16.
        prefetch: frames in work at the server; 0: the server decides.
        fingerprint: of the content that is expected, as `loader.fingerprint` shows it (bytes or
            hexadecimal text): another one is an error. For the shards of a run, which must read the
            same.

    Raises:
        ValueError: an argument is out of its range.
        RuntimeError: the dataset has another fingerprint.
        TypeError: collate_fn, sampler and the like, which have replacements, or unknown arguments.
    """

    # Set by a subclass's constructor before it calls this one's.
    _source: Source
    _padding: Padding | None = None

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
        fingerprint: str | bytes | None = None,
        **torch_arguments: Unpack[arguments.TorchArguments],
    ) -> None:
        if type(self) is Loader:
            raise TypeError("Loader is what all loaders share; make one of a kind, as DataLoader")
        torch_habits.check(type(self).__name__, torch_arguments)
        self.dataset = arguments.require_dataset(dataset)
        self._require_fingerprint(fingerprint)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.exclude_keys = _arguments.columns("exclude_keys", exclude_keys, dataset.info)
        self.follow_batch = [
            name
            for name in _arguments.names("follow_batch", follow_batch)
            if name not in self.exclude_keys
        ]
        self.narrow_columns = _arguments.names("narrow_columns", narrow_columns)
        self.float16_columns = _arguments.names("float16_columns", float16_columns)
        self.num_shards = _arguments.integer("num_shards", num_shards, 1)
        self.shard_index = _arguments.integer("shard_index", shard_index, 0)
        if self.shard_index >= self.num_shards:
            raise errors.InvalidArgument(
                f"shard_index is {shard_index}; with num_shards {num_shards} it must be less"
            )
        self.uneven_shards = _spec.known_name("uneven_shards", uneven_shards)
        self.index_dtype = _arguments.one_of(
            "index_dtype", _arguments.dtype_name(index_dtype), _INDEX_DTYPES
        )
        self.prefetch = _arguments.integer("prefetch", prefetch, 0, 2**32 - 1)
        if seed is None and self.draws and self.num_shards > 1:
            raise errors.InvalidArgument(
                "seed is missing: the shards of a run see the same batches only with the same seed"
            )
        self.seed = _random.draw_seed() if seed is None else _arguments.integer(
            "seed", seed, 0, _arguments.UINT64_MAX
        )
        """The seed of everything random; drawn when none was given."""
        self._seed_drawn = seed is None
        self._place = position.Place()
        self._warned = False
        if self.num_shards > 1 and torch_worker()[1] > 1:
            _warn_of_shards_in_a_worker(self.num_shards)
        self._plans: dict[Any, PlanSummary] = {}
        self._spec_digests: dict[Any, str] = {}
        self._used_algorithms: dict[Any, Any] = {}
        self._algorithms: dict[str, int] = {}

    @property
    def fingerprint(self) -> Fingerprint:
        """Names the content that is read; prints as hexadecimal text. All shards of a run have the
        same."""
        return self.dataset.info.fingerprint

    def _require_fingerprint(self, expected: str | bytes | None) -> None:
        if expected is None:
            return
        text = expected.hex() if isinstance(expected, bytes) else str(expected).lower()
        if text != self.fingerprint.hex():
            raise errors.FailedPrecondition(
                f"{self.dataset.info.full_name} has the fingerprint {self.fingerprint}, not the "
                f"{text} that is expected: it is another version or content"
            )

    @property
    def draws(self) -> bool:
        """Whether anything depends on the seed."""
        padding_draws = self._padding is not None and self._padding.draws
        return self.shuffle or self._source.draws or padding_draws

    # --- epochs ----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        start = self._place.next
        running = Iteration(start.epoch, self._stream_epoch(*start, self._place.receive))
        self._place.begin(running)
        return running

    def epochs(self, count: int | None = None) -> Iterator[Iterator[Batch]]:
        """The iterations of `count` epochs (None: without end) over one stream, so that the server
        makes the first batches of an epoch while the last ones of that before it are used.

        Each iteration must be read to its end before the next one is taken; one that is left early
        is read to its end then. The stream ends with the iterator.
        """
        num_epochs = 0 if count is None else _arguments.integer("count", count, 1)
        stream = self._open(*self._place.next, num_epochs)
        try:
            for _ in itertools.count() if count is None else range(count):
                start = self._place.next
                running = Iteration(start.epoch, self._read(stream, *start, self._place.receive))
                self._place.begin(running)
                yield running
                if not running.done:
                    for _batch in running:
                        pass
        finally:
            stream.close()

    def _open(
        self, epoch: int, ordinal: int, num_epochs: int, prefetch: int | None = None
    ) -> EpochStream:
        options = self._stream_options(epoch)
        options.start_ordinal = ordinal
        options.num_epochs = num_epochs
        if prefetch is not None:
            options.prefetch = options.client_prefetch = prefetch
        stream = EpochStream(self.dataset, options)
        self._learn_spec_digest(options.spec, stream.spec_digest, stream.algorithms)
        return stream

    def _stream_epoch(
        self, epoch: int, ordinal: int = 0, receive: Any = None, prefetch: int | None = None
    ) -> Iterator[Batch]:
        """The batches of an epoch. The stream ends with the iterator. The loader's position moves
        if `receive` sees to it."""
        stream = self._open(epoch, ordinal, 1, prefetch)
        try:
            yield from self._read(stream, epoch, ordinal, receive)
        finally:
            stream.close()

    def _read(
        self, stream: EpochStream, epoch: int, ordinal: int, receive: Any
    ) -> Iterator[Batch]:
        """`receive(position, spec_digest)` is called as the program gets each batch."""
        for taken, (batch, last) in enumerate(stream.read(epoch, self._warn_of_null_batches), 1):
            after = ordinal + taken * self.num_shards
            if receive is not None:
                receive(Position(epoch + 1, 0) if last else Position(epoch, after),
                        stream.spec_digest)
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Fixes the number of the next epoch, which starts at its first batch."""
        self._place.move(Position(_arguments.integer("epoch", epoch, 0), 0))

    @property
    def epoch(self) -> int:
        """The number of the running epoch, or of the next one when none is running."""
        return self._place.epoch

    def peek(self) -> Batch:
        """The first batch of the next epoch, without consuming the epoch.

        Raises:
            RuntimeError: the epoch has no batches.
        """
        batches = self._stream_epoch(*self._place.next, prefetch=1)
        batch = next(batches, None)
        batches.close()
        if batch is None:
            raise errors.FailedPrecondition(f"epoch {self._place.next.epoch} has no batches")
        return batch

    def batch(self, ordinal: int, epoch: int | None = None) -> Batch:
        """One batch alone, by its ordinal (global over all shards); the same bytes as in an
        iteration. `epoch` defaults to the running or next one."""
        epoch = self.epoch if epoch is None else _arguments.integer("epoch", epoch, 0)
        ordinal = _arguments.integer("ordinal", ordinal, 0)
        options = self._stream_options(epoch)
        info, batch, _ = self.dataset._connection.get_batch(options, epoch, ordinal)
        return Batch(batch, BatchLayout(info, self.dataset.info))

    def as_torch_dataset(self) -> Any:
        """An IterableDataset of this loader's batches, for `torch.utils.data.DataLoader(...,
        batch_size=None, num_workers=w)`: its worker processes, forked or spawned, divide the
        loader's shard among them and together keep its order.

        Each worker process connects on its own and starts at the epoch and position where the
        loader stands when the processes start: call `set_epoch` or `load_state_dict` before each
        epoch, unless the workers are persistent, which go on to the next epoch by themselves.

        torchdata's StatefulDataLoader takes it too, and saves and restores where each worker stands.
        """
        from graphfeed.torch_dataset import TorchDataset  # needs torch

        self._place.share()
        return TorchDataset(self)

    # --- how many --------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Batches of the running epoch, or of the next one when none is running."""
        return self.num_batches(self.epoch)

    def num_batches(self, epoch: int | None = None) -> int:
        """Batches that an iteration of this epoch yields: this shard's, micro-batches combined."""
        return self.plan(epoch).shard_frames

    def total_steps(self, epochs: int) -> int:
        """Batches that `epochs` iterations yield, from the next epoch's first batch on."""
        first = self._place.next.epoch
        return sum(
            self.num_batches(epoch)
            for epoch in range(first, first + _arguments.integer("epochs", epochs, 0))
        )

    def plan(self, epoch: int | None = None) -> PlanSummary:
        """An epoch in numbers: batches, efficiency, graphs per batch. One request; the answer is
        kept."""
        epoch = self.epoch if epoch is None else _arguments.integer("epoch", epoch, 0)
        key = self._plan_key(epoch)
        plan = self._plans.get(key)
        if plan is None:
            found = self._describe(epoch)
            plan = plan_from_native(
                found.plan, self.dataset.info, found.graphs_per_batch, self._source.samples
            )
            self._plans[key] = plan
        return plan

    def _plan_key(self, epoch: int) -> Any:
        """Equal for epochs whose plans are, of what the loader is now: nearly all of it can be set,
        and a state that is loaded sets the seed."""
        padding = self._padding
        varies = self._source.plan_varies if padding is None else padding.plan_varies
        return (
            epoch if self.shuffle and varies else 0, self.seed, self.shuffle, self.drop_last,
            self._source.batch_size, self.num_shards, self.shard_index, self.uneven_shards,
            tuple(sorted(self._algorithms.items())),
            None if padding is None else padding.options(self)._key(),
        )  # fmt: skip

    # --- the request -----------------------------------------------------------------------------

    def _batch_spec(self) -> Any:
        """The native BatchSpec of this loader."""
        spec = self._unpadded_spec()
        spec.algorithms = self._algorithms
        if self._padding is not None:
            self._padding.write(spec, self._padding.options(self))
        return spec

    def _unpadded_spec(self) -> Any:
        """The native BatchSpec of the source's batches, each of its own size."""
        return self._spec_of(self._source)

    def _spec_of(self, source: Source) -> Any:
        spec = _spec.plain_spec(
            source.selection(), source.batch_size, shuffle=self.shuffle,
            exclude_keys=self.exclude_keys,
        )
        spec.drop_last = self.drop_last
        spec.follow_batch = self.follow_batch
        spec.index_dtype = self.index_dtype
        spec.narrow_columns = self.narrow_columns
        spec.float16_columns = self.float16_columns
        source.write(spec)
        return spec

    def _stream_options(self, epoch: int) -> Any:
        options = _spec.stream_options(self.dataset.info, self._batch_spec(), self.seed)
        options.start_epoch = epoch
        options.num_shards = self.num_shards
        options.shard_index = self.shard_index
        options.uneven_shards = self.uneven_shards
        options.prefetch = self.prefetch
        options.graph_ids = self._source.graph_ids
        return options

    def _warn_of_null_batches(self, plan: Any, start: int) -> None:
        if self._warned:
            return
        shards = 0
        if self.uneven_shards == "null":
            shards = self._shard_from(start).num_filled_up(plan.num_frames)
        micro_batches = 1 if self._padding is None else self._padding.micro_batches
        steps = plan.num_frames * micro_batches - plan.num_batches
        if shards or steps > 0:
            self._warned = True
            reasons = []
            if shards:
                reasons.append(f"{shards} so that all shards get equally many")
            if steps > 0:
                reasons.append(f"{steps} to fill the last step")
            _warn.warn(
                f"epochs contain null batches ({', '.join(reasons)}): all padding, masks False. "
                "Divide losses by max(real count, 1), or see uneven_shards and incomplete_step"
            )

    def __getitem__(self, index: Any) -> Any:
        raise TypeError(
            f"{type(self).__name__} makes batches itself and is iterated: for batch in loader. "
            "torch.utils.data.DataLoader(loader.as_torch_dataset(), batch_size=None) reads it in "
            "worker processes; loader.batch(ordinal) is one batch"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        torch_habits.check_assignment(type(self).__name__, name)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dataset!r}, seed={self.seed}, epoch={self.epoch})"


def _warn_of_shards_in_a_worker(num_shards: int) -> None:
    worker, num_workers = torch_worker()
    _warn.warn(
        f"a loader of a shard of {num_shards} is made in torch worker {worker} of {num_workers}, which "
        f"reads one of {num_workers} parts of that shard: workers divide what a loader reads among "
        "them. Leave num_shards out to divide by workers alone, or make the loader outside of them "
        "and give torch's DataLoader its as_torch_dataset()"
    )
