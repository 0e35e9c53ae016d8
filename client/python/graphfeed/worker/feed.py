"""Where a worker's batches come from, and the position behind each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from graphfeed.layout import Position
from graphfeed.loaders.base import Loader
from graphfeed.loaders.epochs import EpochStream, Iteration


class Fed(NamedTuple):
    batch: Any
    after: Position
    """All below it is consumed when the batch is."""
    state: Any
    """For `Feed.state`."""


class Feed:
    """Batches of any iterable that can be read again for each epoch. Where it can say where it
    stands (state_dict), it is asked after each batch."""

    def __init__(self, loader: Iterable) -> None:
        self.loader: Any = loader
        self.position = Position(0, 0)
        """Of the batches that were given out and used; `at` moves it."""
        self.first_epoch = self.position.epoch
        """The one in which the run began."""

    @property
    def has_state(self) -> bool:
        return hasattr(self.loader, "state_dict") and hasattr(self.loader, "load_state_dict")

    def begin(self) -> None:
        """The run begins where the loader stands."""

    def batches(self, end: int | None, stopped: Callable[[], bool]) -> Iterator[Fed]:
        """From the position on to the beginning of the epoch `end` (None: without end). Once
        `stopped()` is true nothing begins any more."""
        epoch, ordinal = self.position
        while not stopped() and (end is None or epoch < end):
            begun, items = ordinal, self._fed(epoch, ordinal)
            for fed in items:
                ordinal += 1
                yield fed
            if ordinal == begun == 0:
                raise ValueError(f"the loader has no batches in epoch {epoch}")
            epoch, ordinal = epoch + 1, 0

    def _fed(self, epoch: int, ordinal: int) -> Iterator[Fed]:
        """The rest of an epoch. Which batch is its last, and so what position follows it, the
        loader's len() says; without one the next batch, so that one is held back."""
        size = len(self.loader) if hasattr(self.loader, "__len__") else None
        held: Fed | None = None
        for batch in iter(self.loader):
            ordinal += 1
            state = self.loader.state_dict() if self.has_state else None
            last = ordinal == size
            fed = Fed(batch, Position(epoch + 1, 0) if last else Position(epoch, ordinal), state)
            if size is not None:
                yield fed
                continue
            if held is not None:
                yield held
            held = fed
        if held is not None:
            yield held._replace(after=Position(epoch + 1, 0))

    def stop(self) -> None:
        """Ends the batches from another thread."""

    def at(self, position: Position) -> None:
        """Everything below it has been used; what was read ahead has not."""
        self.position = position

    def state(self, fed: Fed | None) -> Any:
        """From which a loader goes on behind a batch that was given out; None: here."""
        return self.loader.state_dict() if fed is None else fed.state

    def resume(self, position: Position, state: Any, first_epoch: int) -> None:
        self.loader.load_state_dict(state)
        self.position = position
        self.first_epoch = first_epoch


class LoaderFeed(Feed):
    """Batches of one of our loaders: all epochs over one stream."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        self._stream: EpochStream | None = None
        self.begin()

    @property
    def has_state(self) -> bool:
        return True

    def begin(self) -> None:
        self.position = self._after = self.loader._place.next
        self.first_epoch = self.position.epoch

    def batches(self, end: int | None, stopped: Callable[[], bool]) -> Iterator[Fed]:
        loader = self.loader
        first = loader._place.next
        count = 0 if end is None else end - first.epoch
        if stopped() or (end is not None and count <= 0):
            return
        self._stream = loader._open(*first, count)
        try:
            # A server that is away is waited for in _open, perhaps longer than by who wants to stop.
            while not stopped() and (end is None or loader._place.next.epoch < end):
                start = loader._place.next
                running = Iteration(start.epoch, loader._read(self._stream, *start, self._receive))
                loader._place.begin(running)
                for batch in running:
                    yield Fed(batch, self._after, None)
        finally:
            self._stream.close()

    def _receive(self, position: Position, spec_digest: str) -> None:
        self._after = position
        self.loader._place.receive(position, spec_digest)

    def stop(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def at(self, position: Position) -> None:
        self.position = position
        self.loader._place.resume(position)

    def state(self, fed: Fed | None) -> Any:
        return self.loader._state_at(self.position if fed is None else fed.after)

    def resume(self, position: Position, state: Any, first_epoch: int) -> None:
        super().resume(position, state, first_epoch)
        self._after = position


def feed_of(loader: Any) -> Feed:
    return LoaderFeed(loader) if isinstance(loader, Loader) else Feed(loader)
