"""Forking and gRPC, by the rules of _graphfeed.pyi. Its threads and locks do not survive a fork, so
before each one all connections of the process are closed, and with them gRPC itself; both sides
make new ones when they call again. While a stream, an ingest or a call is running that is not
possible: then the parent goes on undisturbed, and in the child every call raises."""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
import select
import threading
import time
import weakref
from typing import Any, Callable, Iterator, List, Set, Tuple

from graphfeed import _finalizing, errors

# Reentrant: what holds it may be interrupted by a finalizer that ends a call.
_lock = threading.RLock()
_connections: Any = weakref.WeakSet()  # objects with close_idle()
_running: Set[Any] = set()  # CallInProgress of the process
_generation = 0
_damaged = False  # forked in the middle of a call
_inherited: List[Any] = []  # what a damaged process must not even close
_was_running = False

_EPOLL_CTL_ADD = 1

# gRPC ends within milliseconds of its last use; its last thread may have to end first.
_SHUTDOWN_SECONDS = 1.0
# How the kernel names its threads.
_GRPC_THREADS = (
    "grpc_", "default-executo", "resolver-execut", "event_engine", "timer_manager",
)  # fmt: skip


def generation() -> int:
    """How many forks lie between the first client of the process's line and the process. Objects
    that were made under another number are the parent's."""
    return _generation


def register(connection: Any) -> None:
    """`connection.close_idle()` will be called before a fork, if no call is running."""
    with _lock:
        _connections.add(connection)


def check_not_damaged() -> None:
    if _damaged:
        raise errors.FailedPrecondition(
            "this process was forked while a graphfeed stream or call was running, or gRPC by "
            "another's, which gRPC does not survive; fork before that, or start processes with "
            '"spawn"'
        )


def check_own(made_under: int, what: str) -> None:
    """FailedPrecondition for an object of the parent's."""
    if made_under != _generation:
        raise errors.FailedPrecondition(
            f"{what} belongs to the process from which this one was forked; make another"
        )


class CallInProgress:
    """From `begin` to `end` the process counts as running a call, also between two attempts."""

    def __init__(self) -> None:
        self.keeps: Any = None  # what a child that is forked meanwhile must not free

    def __enter__(self) -> CallInProgress:
        self.begin()
        return self

    def __exit__(self, *error: Any) -> None:
        self.end()

    def begin(self) -> None:
        _finalizing.check_not_finalizing()
        with _lock:
            _running.add(self)

    def end(self) -> None:
        with _lock:
            _running.discard(self)


def _before() -> None:
    global _was_running
    _lock.acquire()
    _was_running = bool(_running)
    if not _was_running:
        for connection in list(_connections):
            connection.close_idle()
        _was_running = len(_connections) > 0 and not _grpc_has_ended()


def _grpc_has_ended() -> bool:
    """Waits for it. Where forks are supported by gRPC itself it need not end."""
    if os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "0").lower() in ("1", "true", "yes", "t", "y"):
        return True
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    while any(name.startswith(_GRPC_THREADS) for name in _thread_names()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _thread_names() -> List[str]:
    names = []
    for task in pathlib.Path("/proc/self/task").glob("*/comm"):  # none where it is not Linux
        try:
            names.append(task.read_text(errors="replace"))
        except OSError:  # the thread has ended meanwhile
            continue
    return names


def _after_in_parent() -> None:
    _lock.release()


def _after_in_child() -> None:
    global _lock, _running, _generation, _damaged
    _lock = threading.RLock()  # threads that waited for the other are not here
    _generation += 1
    if _was_running:
        _damaged = True
        _inherited.extend([*_connections, *_running])
        # Not even at the end of the process.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_inherited))
    elif len(_connections):
        _replace_inherited_epoll()
    _running = set()


os.register_at_fork(
    before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)


# gRPC keeps its epoll instance also when it has ended, and forked processes would share it: each
# would be woken by the other's connections. The child puts a fresh one in its place.


def _kind_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def _grpc_memory() -> List[Tuple[int, int]]:
    """Where gRPC's variables are: the mapped parts of its libraries, those without a file behind
    them included."""
    spans: List[Tuple[int, int]] = []
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            where, _, rest = line.partition(" ")
            begin, end = (int(number, 16) for number in where.split("-"))
            path = rest.split(None, 4)[4].strip() if len(rest.split(None, 4)) > 4 else ""
            follows = not path and bool(spans) and spans[-1][1] == begin
            if follows or re.search(r"grpc[^/]*$", path):
                spans.append((begin, end))
    return spans


def _watched(epoll: int) -> Iterator[Tuple[int, int, int]]:
    """(descriptor, events, data) of what an epoll instance watches."""
    with open(f"/proc/self/fdinfo/{epoll}", encoding="utf-8") as file:
        for line in file:
            found = re.match(r"tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+)", line)
            if found:
                yield int(found[1]), int(found[2], 16), int(found[3], 16)


def _replace(descriptor: int, fresh: int) -> None:
    os.dup2(fresh, descriptor, inheritable=False)
    os.close(fresh)


def _replace_inherited_epoll() -> None:
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return  # not Linux
    epolls = [d for d in descriptors if _kind_of(d) == "anon_inode:[eventpoll]"]
    memory = _grpc_memory() if epolls else []
    for epoll in epolls:
        # The one that wakes gRPC's instance is known by its address, a variable of gRPC's.
        own = [
            (descriptor, events, data)
            for descriptor, events, data in _watched(epoll)
            if _kind_of(descriptor) == "anon_inode:[eventfd]"
            and any(begin <= data < end for begin, end in memory)
        ]
        if own:
            _renew(epoll, own)


def _renew(epoll: int, own: List[Tuple[int, int, int]]) -> None:
    class Event(ctypes.Structure):
        _pack_ = 1 if os.uname().machine == "x86_64" else 0
        _fields_ = [("events", ctypes.c_uint32), ("data", ctypes.c_uint64)]

    libc = ctypes.CDLL(None)
    fresh = select.epoll()
    os.dup2(fresh.fileno(), epoll, inheritable=False)
    fresh.close()
    for descriptor, events, data in own:
        _replace(descriptor, libc.eventfd(0, os.O_NONBLOCK | os.O_CLOEXEC))
        event = Event(events, data)
        libc.epoll_ctl(epoll, _EPOLL_CTL_ADD, descriptor, ctypes.byref(event))


def in_child(call: Callable[[], None]) -> None:
    """`call` will be called in every forked child."""
    os.register_at_fork(after_in_child=call)
