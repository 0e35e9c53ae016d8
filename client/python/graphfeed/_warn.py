"""Warnings that point to the user's code."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable

_of_thread = threading.local()


def warn(text: str) -> None:
    """Warns of the line outside of this package that led here."""
    take = getattr(_of_thread, "take", None)
    if take is not None:
        take(text)
        return
    warnings.warn(text, stacklevel=_users_level())


def redirect(take: Callable[[str], None] | None) -> None:
    """From now on `take` gets what this thread, one of our own, warns of: no line of the user's led
    here, and who started it can warn of one."""
    _of_thread.take = take


def _users_level() -> int:
    """The stack level of the user's code, seen from the function that calls this."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__package__")):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(package: str | None) -> bool:
    return package is not None and package.partition(".")[0] == "graphfeed"
