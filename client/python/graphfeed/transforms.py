"""Transforms that the server runs at ingest, graph by graph, and records with the version. They
follow the transforms of the same names in PyTorch Geometric."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NormalizeFeatures:
    """Divides every row of the named columns by its sum (1 where that is smaller)."""

    attrs: tuple[str, ...] = ("x",)

    def __post_init__(self) -> None:
        attrs = (self.attrs,) if isinstance(self.attrs, str) else tuple(self.attrs)
        object.__setattr__(self, "attrs", attrs)

    def _native(self) -> tuple[str, dict]:
        return "normalize_features", {"columns": list(self.attrs)}


@dataclass(frozen=True)
class AddSelfLoops:
    """Adds a loop to every node that has none; its row in every other edge column holds
    `fill_value`."""

    fill_value: float = 1.0

    def _native(self) -> tuple[str, dict]:
        return "add_self_loops", {"fill_value": float(self.fill_value)}


@dataclass(frozen=True)
class ToUndirected:
    """Adds the missing reverse of every edge and puts repeated edges together."""

    def _native(self) -> tuple[str, dict]:
        return "to_undirected", {}


@dataclass(frozen=True)
class RemoveIsolatedNodes:
    """Removes nodes without edges; the others are renumbered."""

    def _native(self) -> tuple[str, dict]:
        return "remove_isolated_nodes", {}


Transform = NormalizeFeatures | AddSelfLoops | ToUndirected | RemoveIsolatedNodes
