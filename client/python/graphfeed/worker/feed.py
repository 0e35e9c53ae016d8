"""Where a worker's batches come from, and the position behind each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

    @property
    def has_state(self) -> bool:
        return hasattr(self.loader, "state_dict") and hasattr(self.loader, "load_state_dict")

    def batches(self, epochs: int | None) -> Iterator[Fed]:
        """From the position on, until `epochs` epochs are complete (None: without end)."""
        epoch, ordinal = self.position
        while epochs is None or epoch < epochs:
            batches, held = iter(self.loader), None
            # One is held back: whether it is the epoch's last decides what position follows it.
            for batch in batches:
                if held is not None:
                    ordinal += 1
                    yield held._replace(after=Position(epoch, ordinal))
                held = Fed(batch, self.position, self.loader.state_dict() if self.has_state else None)
            epoch, ordinal = epoch + 1, 0
            if held is None:
                raise ValueError(f"the loader has no batches in epoch {epoch - 1}")
            yield held._replace(after=Position(epoch, 0))

    def stop(self) -> None:
        """Ends the batches from another thread."""

    def at(self, position: Position) -> None:
        """Everything below it has been used; what was read ahead has not."""
        self.position = position

    def state(self, fed: Fed | None) -> Any:
        """From which a loader goes on behind a batch that was given out; None: here."""
        return self.loader.state_dict() if fed is None else fed.state

    def resume(self, position: Position, state: Any) -> None:
        self.loader.load_state_dict(state)
        self.position = position


class LoaderFeed(Feed):
    """Batches of one of our loaders: all epochs over one stream."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        self.position = loader._place.next
        self._after = self.position
        self._stream: EpochStream | None = None

    @property
    def has_state(self) -> bool:
        return True

    def batches(self, epochs: int | None) -> Iterator[Fed]:
        loader = self.loader
        first = loader._place.next
        count = 0 if epochs is None else epochs - first.epoch
        if epochs is not None and count <= 0:
            return
        self._stream = loader._open(*first, count)
        try:
            while epochs is None or loader._place.next.epoch < epochs:
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

    def resume(self, position: Position, state: Any) -> None:
        super().resume(position, state)
        self._after = position


def feed_of(loader: Any) -> Feed:
    return LoaderFeed(loader) if isinstance(loader, Loader) else Feed(loader)
