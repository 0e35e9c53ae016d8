"""A bar for work that takes a while: on stderr, or tqdm's in a notebook."""

from __future__ import annotations

import math
import sys
import time
import warnings
from typing import Any


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _notebook_bar(label: str, total: int | None) -> Any:
    """A bar of tqdm's, as a widget where notebooks have widgets; None where tqdm is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are no widgets, or that they are new
            from tqdm.auto import tqdm

            return tqdm(total=total, desc=label, unit_scale=True)
    except ImportError:
        return None


class Progress:
    """Counts things done; silent unless enabled. Use as a context manager.

    Args:
        label: what is going on.
        total: how many there are, None when that is not known.
        enabled: None: only where stderr is a terminal, and in notebooks.
    """

    _WIDTH = 30
    _PERIOD = 0.1  # seconds between two drawings

    def __init__(self, label: str, total: int | None, enabled: bool | None) -> None:
        self._label = label
        self._total = total
        notebook = in_notebook()
        self._enabled = sys.stderr.isatty() or notebook if enabled is None else enabled
        self._bar = _notebook_bar(label, total) if self._enabled and notebook else None
        self._done = 0
        self._begin = time.monotonic()
        self._drawn = 0.0
        self._shown = 0  # characters on the line

    def add(self, count: int) -> None:
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
            return
        now = time.monotonic()
        if self._enabled and now - self._drawn >= self._PERIOD:
            self._drawn = now
            self._draw(now)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind, value, traceback) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._enabled:
            self._draw(time.monotonic())
            sys.stderr.write("\n")

    def _draw(self, now: float) -> None:
        rate = self._done / max(now - self._begin, 1e-9)
        if self._total:
            share = min(self._done / self._total, 1.0)
            bar = "#" * int(share * self._WIDTH)
            text = f"{share:4.0%} |{bar:<{self._WIDTH}}| {self._done}/{self._total}"
        else:
            text = f"{self._done}"
        left = ""
        if self._total and 0 < self._done < self._total and now - self._begin >= 1:
            left = f", {_duration((self._total - self._done) / rate)} left"
        line = f"{self._label}: {text} [{rate:,.0f}/s{left}]"
        sys.stderr.write(f"\r{line:<{self._shown}}")
        sys.stderr.flush()
        self._shown = len(line)


def _duration(seconds: float) -> str:
    """ "12 s", "3:05 min", "1:02 h"."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
