"""What the batches of a loader hold, before any padding."""

from __future__ import annotations

import abc
from typing import Any


class Source(abc.ABC):
    """What a loader asks for: which graphs or seeds, in batches of how many, found in which way.

    Attributes:
        batch_size: graphs, seeds or clusters of a batch.
    """

    strategy: str
    """Of the wire: "plain", "neighbor" or "cluster"."""
    samples = False
    """Whether batches are taken out of a single graph."""
    plan_varies = False
    """Whether another order may make an epoch of other batches."""
    draws = False
    """Whether anything besides the order depends on the seed."""
    graph_ids = False
    """Whether batches say which graphs they hold."""

    batch_size: int

    @abc.abstractmethod
    def selection(self) -> Any:
        """The native Selection: which graphs or seeds, in order."""

    def write(self, spec: Any) -> None:
        """Adds what is this source's own to a plain native BatchSpec of its selection."""
        spec.strategy = self.strategy


class Shown:
    """An attribute of a loader that belongs to one of its parts, which it reads and changes:
    `batch_size = Shown("_source")`."""

    def __init__(self, *path: str) -> None:
        self._path = path

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, loader: Any, owner: type | None = None) -> Any:
        return self if loader is None else getattr(self._part(loader), self._name)

    def __set__(self, loader: Any, value: Any) -> None:
        setattr(self._part(loader), self._name, value)

    def _part(self, loader: Any) -> Any:
        for name in self._path:
            loader = getattr(loader, name)
        return loader
