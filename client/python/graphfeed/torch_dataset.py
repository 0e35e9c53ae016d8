"""A loader as torch's DataLoader takes one. Needs torch, and is imported where it is asked for."""

from __future__ import annotations

import atexit
import functools
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch.utils.data import IterableDataset, get_worker_info

from graphfeed import errors
from graphfeed.batch import Batch
from graphfeed.layout import Position

if TYPE_CHECKING:
    from graphfeed.loaders.base import Loader

# One that waits longer than this waits for its pipe, and not in torch.
_FEEDER_SECONDS = 2


@functools.lru_cache(maxsize=None)
def _end_after_feeders() -> None:
    """In a worker process: the interpreter ends only when the threads that send batches have. Torch
    leaves them, and one that comes back to Python from torch's C++ meanwhile aborts the process."""

    def wait() -> None:
        deadline = time.monotonic() + _FEEDER_SECONDS
        for thread in threading.enumerate():
            if thread.name.startswith("QueueFeederThread"):  # of multiprocessing.queues
                thread.join(max(0, deadline - time.monotonic()))

    atexit.register(wait)


class TorchDataset(IterableDataset):
    """The batches of a loader, of torch tensors; made by `Loader.as_torch_dataset`.

    Its state is that of this process: a worker's is how far it has read its part, as torchdata's
    StatefulDataLoader saves and restores it worker by worker, with the same number of workers.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self._start: Position | None = None  # of the iteration that runs; None: none has begun
        self._taken = 0
        self._loaded: dict[str, Any] | None = None  # the state that was loaded, until it is used

    def __iter__(self) -> Iterator[Batch]:
        loaded, self._loaded = self._loaded, None
        if loaded is not None and loaded["done"]:  # of an epoch that has nothing left
            self._start = Position(loaded["epoch"], loaded["ordinal"])
            return iter(())
        self._start, self._taken = self.loader._place.next, 0
        batches = iter(self.loader)
        if get_worker_info() is not None:
            self.loader._place.read_elsewhere = True  # tells the process that was forked
            _end_after_feeders()
        return self._converted(batches)

    def _converted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._taken += 1
            yield batch.torch()

    def state_dict(self) -> dict[str, Any]:
        """Where this process stands in its iteration: after the last batch that it has yielded. In
        a torch worker process it is that worker's part. Goes through JSON.

        Raises:
            RuntimeError: in the main process while worker processes read the loader.
        """
        if self._loaded is not None:
            return dict(self._loaded)
        worker, num_workers = self._worker()
        place = self.loader._place
        if num_workers == 1 and worker is None and place.read_elsewhere:
            self.loader.state_dict()  # says why not
        start = place.next if self._start is None else self._start
        done = self._start is not None and place.received.epoch > start.epoch
        ordinal = start.ordinal + self._taken * self.loader.num_shards * num_workers
        state = self.loader._state_at(Position(start.epoch, ordinal))
        return {**state, "done": done, "worker": worker or 0, "num_workers": num_workers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Makes the next iteration begin where `state` stands.

        Raises:
            ValueError: the state is another worker's or of another number of workers; it is another
                content's, spec's or seed's; or it is none of `state_dict`.
        """
        own = {name: state.get(name) for name in ("done", "worker", "num_workers")}
        if None in own.values():
            raise errors.InvalidArgument(
                "a state of as_torch_dataset() has done, worker and num_workers; that of a loader "
                "is for loader.load_state_dict"
            )
        worker, num_workers = self._worker()
        if (own["worker"], own["num_workers"]) != (worker or 0, num_workers):
            raise errors.InvalidArgument(
                f"the state is worker {own['worker']}'s of {own['num_workers']}, this is worker "
                f"{worker or 0} of {num_workers}: go on with the same num_workers"
            )
        rest = {name: value for name, value in state.items() if name not in own}
        if own["done"]:
            rest = {**rest, "epoch": state["epoch"] + 1, "ordinal": 0}
        self.loader.load_state_dict(rest)
        self._start, self._taken, self._loaded = None, 0, dict(state)

    @staticmethod
    def _worker() -> tuple[int | None, int]:
        """(number of this torch worker process, None in the main one; how many there are)."""
        info = get_worker_info()
        return (None, 1) if info is None else (info.id, info.num_workers)

    def __getstate__(self) -> dict:
        self.loader._place.read_elsewhere = True  # by a spawned process, where this goes
        return self.__dict__

    def __len__(self) -> int:
        return len(self.loader)
