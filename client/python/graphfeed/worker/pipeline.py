"""What happens to a batch before the model gets it: received and staged, each on a thread."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from graphfeed.worker.execution import Execution
from graphfeed.worker.feed import Fed, Feed
from graphfeed.worker.metrics import WorkerMetrics
from graphfeed.worker.sizes import Sizes
from graphfeed.worker.stages import Closed, Queue, Stage, items_of

_JOIN_SECONDS = 5.0  # a call to a server that is away may take longer, and harms nobody


class Staged(NamedTuple):
    fed: Fed
    sizes: Sizes
    inputs: Any


@contextlib.contextmanager
def staged(
    feed: Feed,
    execution: Execution,
    metrics: WorkerMetrics,
    depth: int,
    end: int | None,
    warned: Callable[[str], None],
) -> Iterator[Queue]:
    """The queue of staged batches up to the epoch `end` (None: without end), `depth` of which may
    wait before each stage; afterwards the loader stands where the model does."""
    received, ready = Queue(depth), Queue(depth)

    def receive() -> Iterator[Fed]:
        begin = time.monotonic()
        with contextlib.closing(feed.batches(end, lambda: received.closed)) as batches:
            for fed in batches:
                metrics.stage("receive", time.monotonic() - begin)
                yield fed
                begin = time.monotonic()

    def prepare() -> Iterator[Staged]:
        for fed in items_of(received):
            begin = time.monotonic()
            made = Staged(fed, Sizes.of(fed.batch), execution.stage(fed.batch))
            metrics.stage("stage", time.monotonic() - begin)
            yield made

    threads = [
        Stage("receive", received, receive, warned=warned),
        Stage("stage", ready, prepare, lambda seconds: metrics.stall("device", seconds), warned),
    ]
    try:
        yield ready
    finally:
        ready.close()
        received.close()
        feed.stop()
        for thread in threads:
            thread.join(_JOIN_SECONDS)
        feed.at(feed.position)


def until_closed(queue: Queue) -> Iterator[tuple[Staged, float]]:
    """Staged batches, each with the seconds that it was waited for."""
    while True:
        try:
            yield queue.get()
        except Closed:
            return
