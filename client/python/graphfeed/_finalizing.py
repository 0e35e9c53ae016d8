"""The interpreter's last steps, in which finalizers run on the one thread that is left. The others
were ended where they happened to be, with the locks that they held, which nobody will give back: who
is called by a finalizer takes no lock then, and needs none."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from graphfeed import errors


def is_finalizing() -> bool:
    return sys.is_finalizing()


def check_not_finalizing() -> None:
    if is_finalizing():
        raise errors.Cancelled("the process is ending")


def locked(lock: Any) -> Any:
    """For `with`: the lock, or nothing where it must not be taken. It is taken by itself: Ctrl-C that
    came within an __enter__ of ours would leave it taken."""
    return contextlib.nullcontext() if is_finalizing() else lock
