"""What the C library does with memory that is freed. Messages are as large as batches; given back to
the system for each, and faulted in again, they make streams several times slower."""

from __future__ import annotations

import ctypes
import os

# Numbers of glibc's mallopt, and what they are set to.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_SETTINGS = {
    _TRIM_THRESHOLD: 256 << 20,
    _MMAP_THRESHOLD: 32 << 20,  # the most that glibc takes
    # A heap of another thread's is given back when it is empty, whatever the threshold, unless the
    # one before it has no room for so much.
    _TOP_PAD: 64 << 20,
}

_done = False


def _set_by_user() -> bool:
    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")
    return (
        os.environ.get("GRAPHFEED_MALLOC") == "default"
        or any(os.environ.get(name) for name in names)
        or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
    )


def keep_receive_memory() -> None:
    """Once for the process, with glibc, unless the user has decided otherwise."""
    global _done
    if _done or _set_by_user():
        return
    _done = True
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # no other C library means the same by these numbers
    except (OSError, AttributeError):
        return
    for number, value in _SETTINGS.items():
        libc.mallopt(number, value)
