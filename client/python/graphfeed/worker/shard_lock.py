"""One writer of a shard's checkpoints: a lock that the kernel frees with its process."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import time
import weakref

from graphfeed import errors

_PATIENCE_SECONDS = 1.0  # who only clears a folder up holds it for a moment
_RETRY_SECONDS = 0.02


class ShardLock:
    """An exclusive flock on a file, which stays: one that was deleted could be locked twice.

    Not of processes that are forked meanwhile: their copies are closed. Not thread-safe.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def take(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Takes it if it is not held yet, waiting at most so many seconds.

        Raises:
            RuntimeError: another one holds it.
            OSError: the folder cannot be written, or its file system has no locks.
        """
        if self._file is not None:
            return
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._lock(file, time.monotonic() + patience)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        _held.add(self)

    def _lock(self, file: int, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno != errno.EWOULDBLOCK:
                    raise OSError(error.errno, os.strerror(error.errno), str(self.path)) from None
            if time.monotonic() >= deadline:
                raise errors.FailedPrecondition(
                    f"another worker of this shard writes its checkpoints to {self.path.parent}: it "
                    f"holds {self.path.name}. Each shard of a run has one worker, each run its folder"
                )
            time.sleep(_RETRY_SECONDS)

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            _held.discard(self)
            os.close(file)

    def __del__(self) -> None:
        self.release()


_held: weakref.WeakSet[ShardLock] = weakref.WeakSet()


def _close_copies() -> None:
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_close_copies)
