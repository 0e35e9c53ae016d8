"""A stream of a loader, cut into epochs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from graphfeed import errors
from graphfeed._transport import ShardPosition
from graphfeed.batch import Batch
from graphfeed.layout import BatchLayout
from graphfeed.dataset import Dataset


class Iteration(Iterator):
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


def torch_worker() -> tuple[int, int]:
    """(number of this torch DataLoader worker, how many there are); (0, 1) elsewhere."""
    if "torch" not in sys.modules:
        return 0, 1
    info = sys.modules["torch"].utils.data.get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)


class EpochStream:
    """Reads the epochs of a stream one after the other; the server goes on with the next epoch
    while this one is read.

    In a torch worker process w of W the shard i of n is the part (i + w n) of (n W): the workers
    divide the shard's frames among them, and read in turns they make up its order.
    """

    def __init__(self, dataset: Dataset, options: Any) -> None:
        worker, num_workers = torch_worker()
        self._uneven_shards = options.uneven_shards
        self._num_shards = options.num_shards  # of the run, without workers
        self._worker, self._num_workers = worker, num_workers
        if num_workers > 1:
            options.shard_index += worker * options.num_shards
            options.num_shards *= num_workers
            if options.uneven_shards == "drop":
                options.uneven_shards = "null"  # the surplus is that of the run's shards
        self._start = (options.start_epoch, options.start_ordinal)
        self._stream, info = dataset._connection.open_stream(options)
        self._layout = BatchLayout(info, dataset.info)
        self.spec_digest: str = info.spec_digest.hex()
        self.algorithms: dict[str, int] = info.resolved_spec.algorithms
        self._ahead: Any = None  # the first batch of the epoch after the one just read
        self._first = True

    def read(self, epoch: int, begun: Any) -> Any:
        """The batches of an epoch, which must be the stream's next, each with whether it is the
        shard's last. Calls `begun(plan, start)` before the first."""
        start = self._start[1] if epoch == self._start[0] else 0
        wanted: int | None = None
        taken = 0
        if self._first:  # known before the first batch, also of an epoch without any
            self._first = False
            wanted = self._begin(start, begun)
        while wanted is None or taken < wanted:
            native = self._next()
            reached = None if native is None else native.epoch
            if reached is None or reached > epoch:
                if wanted is not None:
                    raise errors.DataLoss(
                        f"the server's stream left epoch {epoch} after {taken} of the {wanted} "
                        "batches that it announced"
                    )
                self._ahead = native
                return
            if reached < epoch:  # what the shard's other workers have left to fill up
                continue
            if wanted is None:
                wanted = self._begin(start, begun)
                if not wanted:
                    return
            taken += 1
            yield Batch(native, self._layout), taken == wanted

    def _begin(self, start: int, begun: Any) -> int:
        plan = self._stream.native.epoch()[1]
        begun(plan, start)
        shard = ShardPosition(start, self._num_shards, 0, self._uneven_shards)
        worker = ShardPosition(0, self._num_workers, self._worker, "null")
        return worker.num_own_frames(shard.num_frames(plan.num_frames))

    def _next(self) -> Any:
        native, self._ahead = self._ahead, None
        return self._stream.next() if native is None else native

    def close(self) -> None:
        """Ends the stream now."""
        self._stream.cancel()
