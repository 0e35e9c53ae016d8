"""Graphs of NetworkX, which needs not be installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphfeed import errors


class Graph(dict):
    """One graph as a dict of arrays, and the levels of attributes that its sizes leave open, which
    `client.ingest` takes as `kinds`."""

    kinds: dict[str, str]

    def __init__(self, attributes: dict, kinds: dict[str, str] | None = None) -> None:
        super().__init__(attributes)
        self.kinds = dict(kinds or {})


def is_networkx(value: Any) -> bool:
    """Whether it is a graph of NetworkX."""
    return hasattr(value, "is_directed") and hasattr(value, "number_of_nodes")


def from_networkx(graph: Any) -> Graph:
    """A NetworkX graph as one dict of arrays, after PyG's function of the same name: nodes are
    numbered in their order, an undirected edge becomes two, attributes of nodes and edges become
    columns (an edge attribute that nodes have too gets "edge_" before its name), those of the graph
    stay its own.

    Raises:
        ValueError: some nodes (edges) have an attribute that others lack.
    """
    if not is_networkx(graph):
        raise errors.InvalidArgument(f"graph is a {type(graph).__name__}, no graph of NetworkX")
    directed = graph if graph.is_directed() else graph.to_directed()
    number = {node: i for i, node in enumerate(directed.nodes())}
    nodes = _columns("nodes", [attributes for _, attributes in directed.nodes(data=True)])
    listed = list(directed.edges(data=True))
    edges = _columns("edges", [attributes for _, _, attributes in listed])
    ends = [(number[source], number[target]) for source, target, _ in listed]
    edges = {f"edge_{name}" if name in nodes else name: column for name, column in edges.items()}
    attributes: dict[str, Any] = {
        name: value
        for name, value in graph.graph.items()
        if name not in ("node_default", "edge_default")
    }
    kinds = {**dict.fromkeys(nodes, "node"), **dict.fromkeys(edges, "edge")}
    edge_index = np.array(ends, np.int64).reshape(len(ends), 2).T
    return Graph(
        {**attributes, **nodes, **edges, "edge_index": edge_index, "num_nodes": len(number)}, kinds
    )


def _columns(things: str, rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    names = list(rows[0]) if rows else []
    for number, row in enumerate(rows):
        if set(row) != set(names):
            raise errors.InvalidArgument(
                f"{things} must all have the same attributes: the first has {sorted(names)}, "
                f"number {number} {sorted(row)}"
            )
    return {str(name): [row[name] for row in rows] for name in names}
