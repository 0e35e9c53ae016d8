"""The end of the interpreter. A thread that comes back to Python from within grpcio when the
interpreter is going is killed there, in the middle of C++, and so may be the process. So when the
end begins all calls are cancelled and waited for; what threads ask for afterwards they wait for
until the process is gone. The thread that ends the interpreter may still ask questions."""

from __future__ import annotations

import atexit
import sys
import threading
import time
import weakref
from typing import Any, Optional

from graphfeed import errors
from graphfeed._portable import forks

_PATIENCE_SECONDS = 5.0

_lock = threading.RLock()  # a finalizer may end a call
_inside = 0  # threads within grpcio, but for the main one
_calls: Any = weakref.WeakSet()  # objects with cancel()
_ended_by: Optional[int] = None  # the thread, once the end has begun


def is_ending() -> bool:
    return _ended_by is not None


def is_over_here() -> bool:
    """Whether the end has begun, and this is not the thread that ends the interpreter."""
    return _ended_by not in (None, threading.get_ident())


def wait_for_it() -> None:
    """Does not return."""
    while True:
        threading.Event().wait()


def check_not_ending() -> None:
    """Of what takes other threads: Cancelled for the thread that ends the interpreter."""
    if is_over_here():
        wait_for_it()
    if is_ending():
        raise errors.Cancelled("the process is ending")


def register(call: Any) -> None:
    """`call.cancel()` will be called, perhaps more than once, when the end begins."""
    with _lock:
        _calls.add(call)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def enter() -> bool:
    """Whether the thread may be within grpcio, until `leave`. Not nested."""
    global _inside
    if _is_main():  # Ctrl-C could come between these lines
        return True
    with _lock:
        over = is_over_here()
        _inside += not over
    return not over


def leave() -> None:
    global _inside
    if not _is_main():
        with _lock:
            _inside -= 1


class WithinGrpc:
    """The same for a block, before which a thread may wait for the end: so with no lock that others
    take."""

    def __enter__(self) -> None:
        if not enter():
            wait_for_it()

    def __exit__(self, *error: Any) -> None:
        leave()


def _end() -> None:
    global _ended_by
    if sys.version_info < (3, 9):
        # It waits for the threads of pools, which newer versions have done by now.
        from concurrent.futures import thread

        thread._python_exit()
    with _lock:
        _ended_by = threading.get_ident()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with _lock:
            calls, inside = list(_calls), _inside
        for call in calls:
            call.cancel()
        if not inside or time.monotonic() > deadline:
            return
        time.sleep(0.001)


def _forget_all() -> None:
    global _lock, _inside
    _lock = threading.RLock()
    _inside = 0
    _calls.clear()


atexit.register(_end)
forks.in_child(_forget_all)
