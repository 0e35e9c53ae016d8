"""Streams of batches, received ahead of who takes them."""

from __future__ import annotations

import collections
import threading
from typing import Any, Deque, Optional, Tuple

from graphfeed import _finalizing, errors
from graphfeed._portable import ending, forks
from graphfeed._portable.answers import EpochInfo, PlanSummary, StreamInfo
from graphfeed._portable.channels import INTERRUPT_SECONDS
from graphfeed._portable.reader import ResumingReader
from graphfeed._portable.slabs import Batch

_JOIN_SECONDS = 5.0


class _Ring:
    """What the reader's thread and the stream share; the thread knows nothing else, so that a
    stream that is dropped ends it."""

    def __init__(self, reader: ResumingReader, prefetch: int) -> None:
        self.reader: Optional[ResumingReader] = reader  # until it has ended
        # Taken by itself: Ctrl-C that comes within Condition.__enter__ would leave it taken.
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.info: Optional[StreamInfo] = None
        self.first_epoch: Optional[EpochInfo] = None
        self.ready: Deque[Tuple[Optional[EpochInfo], Batch]] = collections.deque()
        self.ended = False
        self.error: Optional[errors.Error] = None
        self.cancelled = False
        self._prefetch = max(prefetch, 1)
        self._in_progress = forks.CallInProgress()
        self._in_progress.begin()

    def read_all(self) -> None:
        reader, epoch = self.reader, None
        assert reader is not None
        error: Optional[errors.Error] = None
        try:
            while True:
                # Stops while the ring is full, so that flow control reaches the server.
                with self.lock:
                    while len(self.ready) >= self._prefetch and not self.cancelled:
                        self.changed.wait()
                event = reader.next()
                if event is None:
                    break
                with self.lock:
                    if isinstance(event, StreamInfo):
                        self.info = event
                    elif isinstance(event, EpochInfo):
                        epoch = event
                        self.first_epoch = self.first_epoch or event
                    elif not self.cancelled:
                        self.ready.append((epoch, event))
                    self.changed.notify_all()
                event = None  # the buffer is the taker's alone
        except errors.Error as found:
            error = found.with_traceback(None)
        except BaseException as found:  # a defect; who waits must not wait for ever
            error = errors.Internal(f"{type(found).__name__}: {found}")
        # A stream that has ended does not hold its connection.
        reader.close()
        self._in_progress.end()
        with self.lock:
            self.reader = None
            self.ended, self.error = True, error
            self.changed.notify_all()

    def cancel(self) -> None:
        if _finalizing.is_finalizing():  # cancelled when the end began
            return
        with self.lock:
            self.cancelled = True
            self.ready.clear()
            reader = self.reader
            self.changed.notify_all()
        if reader is not None:
            reader.cancel()


class Stream:
    """Cancelled when it is dropped. An interrupted `next` may be called again."""

    def __init__(self, reader: ResumingReader, prefetch: int) -> None:
        ending.check_not_ending()
        self._made_under = forks.generation()
        self._current_epoch: Optional[EpochInfo] = None
        self._ring = _Ring(reader, prefetch)
        self._thread = threading.Thread(
            target=self._ring.read_all, name="graphfeed-stream", daemon=True
        )
        self._thread.start()

    def __del__(self) -> None:
        ring = getattr(self, "_ring", None)
        if ring is None or self._made_under != forks.generation():
            return
        ring.cancel()
        # A fork that comes next shall find no call running.
        if not ending.is_ending() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)

    def info(self) -> StreamInfo:
        ring = self._own_ring()
        with ring.lock:
            self._wait(ring, lambda: ring.info is not None)
            if ring.info is None:
                raise self._end(ring)
            return ring.info

    def next(self) -> Optional[Batch]:
        """The next batch; None at the end."""
        ring = self._own_ring()
        with ring.lock:
            self._wait(ring, lambda: bool(ring.ready))
            if not ring.ready:
                if ring.error is not None:
                    raise self._end(ring)
                return None
            self._current_epoch, batch = ring.ready.popleft()
            ring.changed.notify_all()
            return batch

    def epoch(self) -> Tuple[int, PlanSummary]:
        """The plan of the epoch of the batch last returned; before the first, of the first
        epoch."""
        ring = self._own_ring()
        with ring.lock:
            found = self._current_epoch
            if found is None:
                self._wait(ring, lambda: ring.first_epoch is not None)
                found = ring.first_epoch
                if found is None:
                    raise self._end(ring)
            return found.epoch, found.plan

    def cancel(self) -> None:
        forks.check_own(self._made_under, "the stream")
        self._ring.cancel()

    def _own_ring(self) -> _Ring:
        """To wait with."""
        forks.check_own(self._made_under, "the stream")
        _finalizing.check_not_finalizing()
        return self._ring

    @staticmethod
    def _wait(ring: _Ring, holds: Any) -> None:
        while not (holds() or ring.ended or ring.cancelled or ending.is_ending()):
            ring.changed.wait(INTERRUPT_SECONDS)
        if ending.is_over_here():
            ring.changed.release()
            ending.wait_for_it()
        ending.check_not_ending()
        if ring.cancelled:
            raise errors.Cancelled("the stream was cancelled")

    @staticmethod
    def _end(ring: _Ring) -> errors.Error:
        error = ring.error or errors.DataLoss("the stream ended before its header")
        return errors.from_status(error.code, error.message, error.request_id)
