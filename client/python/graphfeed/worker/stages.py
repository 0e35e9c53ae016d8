"""Stages that overlap: threads with bounded queues between them."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from graphfeed import _warn

_POLL_SECONDS = 0.1  # a signal's handler may not touch a lock: who waits looks for it


class Closed(Exception):
    """The other end of a queue wants no more."""


class Queue:
    """A bounded queue of one producer and one consumer, either of which may end it."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: collections.deque[Any] = collections.deque()
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: Any) -> float:
        """Seconds that it waited for room.

        Raises:
            Closed: the consumer has closed it.
        """
        begin = time.monotonic()
        with self._changed:
            full = len(self._items) >= self._capacity
            self._changed.wait_for(lambda: len(self._items) < self._capacity or self._closed)
            if self._closed:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()
        return time.monotonic() - begin if full else 0.0

    def end(self, error: BaseException | None = None) -> None:
        """No more will come; `error` is raised where the last item has been taken."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """No more will be taken."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def get(self, stopped: Callable[[], bool] = lambda: False) -> tuple[Any, float]:
        """(the next item, the seconds that it was waited for).

        Raises:
            Closed: there is none any more, or `stopped()` has become true while none was there.
        """
        begin = time.monotonic()
        with self._changed:
            while not self._items:
                if self._closed or stopped():
                    raise Closed
                if self._ended:
                    if self._error is not None:
                        raise self._error
                    raise Closed
                self._changed.wait(_POLL_SECONDS)
            item = self._items.popleft()
            self._changed.notify_all()
        return item, time.monotonic() - begin


class Stage:
    """A thread that makes the items of `queue` with `produce`, until it ends or the queue is
    closed. `warned` gets the package's warnings, before the item that follows them."""

    def __init__(self, name: str, queue: Queue, produce: Callable[[], Iterator[Any]],
                 blocked: Callable[[float], None] = lambda seconds: None,
                 warned: Callable[[str], None] | None = None) -> None:  # fmt: skip
        self._queue = queue
        self._produce = produce
        self._blocked = blocked
        self._warned = warned
        self.error: BaseException | None = None
        """That ended it."""
        self._thread = threading.Thread(target=self._run, name=f"graphfeed-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        _warn.redirect(self._warned)
        try:
            items = self._produce()
            try:
                for item in items:
                    self._blocked(self._queue.put(item))
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()
        except Closed:
            self._queue.end()
        except BaseException as error:
            self.error = error
            self._queue.end(error)
        else:
            self._queue.end()

    def join(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)


def items_of(queue: Queue) -> Iterator[Any]:
    """The items of a queue until it ends."""
    while True:
        try:
            yield queue.get()[0]
        except Closed:
            return
