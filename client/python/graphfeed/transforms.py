"""Transforms that the server runs at ingest, graph by graph, and records with the version. They
follow the transforms of the same names in PyTorch Geometric, and its HeteroData.subgraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from graphfeed import _arguments, errors


@dataclass(frozen=True)
class NormalizeFeatures:
    """Divides every row of the named columns by its sum (1 where that is smaller). In a
    heterogeneous graph the columns of these names in all stores."""

    attrs: tuple[str, ...] = ("x",)

    def __post_init__(self) -> None:
        attrs = (self.attrs,) if isinstance(self.attrs, str) else tuple(self.attrs)
        object.__setattr__(self, "attrs", attrs)

    def _native(self) -> tuple[str, dict]:
        return "normalize_features", {"columns": list(self.attrs)}


@dataclass(frozen=True)
class AddSelfLoops:
    """Adds a loop to every node that has none; its row in every other edge column holds
    `fill_value`. In a heterogeneous graph within each edge type that joins a node type to itself."""

    fill_value: float = 1.0

    def _native(self) -> tuple[str, dict]:
        return "add_self_loops", {"fill_value": float(self.fill_value)}


@dataclass(frozen=True)
class ToUndirected:
    """Adds the missing reverse of every edge and puts repeated edges together. An edge type that
    joins two node types stays as it is and gets a reverse one: ("movie", "to", "actor") brings
    ("actor", "rev_to", "movie") with the same columns."""

    def _native(self) -> tuple[str, dict]:
        return "to_undirected", {}


@dataclass(frozen=True)
class RemoveIsolatedNodes:
    """Removes nodes without edges (of any type); the others are renumbered."""

    def _native(self) -> tuple[str, dict]:
        return "remove_isolated_nodes", {}


class Subgraph:
    """Some nodes of a single graph and the edges between them; the nodes are renumbered in the
    order given.

    Args:
        nodes: how many of the first nodes, their ids, or a boolean mask; for a heterogeneous graph
            a dict of these by node type. Types that it does not name stay whole.
    """

    def __init__(self, nodes: Any) -> None:
        given = nodes if isinstance(nodes, Mapping) else {"": nodes}
        self.nodes = {str(name): _subset(name, subset) for name, subset in given.items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subgraph) or self.nodes.keys() != other.nodes.keys():
            return NotImplemented if not isinstance(other, Subgraph) else False
        return all(
            type(mine) is type(theirs) and np.array_equal(mine, theirs)
            for mine, theirs in self._pairs(other)
        )

    def __hash__(self) -> int:
        return hash(tuple(self.nodes))

    def __repr__(self) -> str:
        parts = [
            f"{name!r}: {subset if isinstance(subset, int) else f'<{len(subset)} ids>'}"
            for name, subset in self.nodes.items()
        ]
        return f"Subgraph({{{', '.join(parts)}}})"

    def _pairs(self, other: Subgraph) -> Iterator[tuple]:
        return ((subset, other.nodes[name]) for name, subset in self.nodes.items())

    def _native(self) -> tuple[str, dict]:
        return "subgraph", {"nodes": dict(self.nodes)}


def _subset(name: Any, subset: Any) -> int | np.ndarray:
    """A number of leading nodes, or ids."""
    what = f"Subgraph: the nodes of {name!r}" if name else "Subgraph: nodes"
    if isinstance(subset, (int, np.integer)) and not isinstance(subset, bool):
        if subset < 0:
            raise errors.InvalidArgument(f"{what}: {subset} leading ones; it is at least 0")
        return _arguments.integer(what, subset, 0)
    array = np.asarray(subset)
    _arguments.refuse_beyond_int64(what, array)
    if array.ndim == 1 and array.dtype == bool:
        array = np.flatnonzero(array)
    if array.ndim != 1 or (array.size > 0 and array.dtype.kind not in "iu"):
        raise errors.InvalidArgument(
            f"{what}: give a number, ids or a boolean mask of one dimension, "
            f"not {array.dtype} of shape {array.shape}"
        )
    _arguments.refuse_masks(what, array, None, "nodes")
    return array.astype(np.int64)


Transform = Union[NormalizeFeatures, AddSelfLoops, ToUndirected, RemoveIsolatedNodes, Subgraph]
