"""Neighbour sampling without draws, as its algorithm is described: for fan-outs that take all
neighbours or none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    nodes: dict[str, list[int]]  # original ids by type, seeds first, then as they were found
    edges: dict[tuple, list[tuple[int, int, int]]]  # by type: (source, target, edge id), in order


def sample(
    num_nodes: dict[str, int],
    edge_index: dict[tuple, np.ndarray],
    num_neighbors: dict[tuple, list[int]],
    seed_type: str,
    seeds,
) -> Sample:
    """Hop by hop, against the edges; in a hop the edge types by "source__relation__target", of each
    type the frontier's nodes in the order in which they were found, of each node the neighbours
    in the order of the edges."""
    nodes: dict[str, list[int]] = {t: [] for t in num_nodes}
    place: dict[str, dict[int, int]] = {t: {} for t in num_nodes}
    for seed in seeds:
        place[seed_type].setdefault(int(seed), len(nodes[seed_type]))
        nodes[seed_type].append(int(seed))
    edges: dict[tuple, list] = {t: [] for t in edge_index}
    frontier = {t: range(0, len(found)) for t, found in nodes.items()}
    for hop in range(len(next(iter(num_neighbors.values())))):
        for edge_type in sorted(edge_index, key="__".join):
            source_type, _, target_type = edge_type
            fanout = num_neighbors[edge_type][hop]
            source, target = edge_index[edge_type]
            for at in frontier[target_type]:
                in_edges = np.flatnonzero(target == nodes[target_type][at])
                assert fanout in (-1, 0) or len(in_edges) <= fanout, "this needs a draw"
                for edge in in_edges if fanout else ():
                    node = int(source[edge])
                    if node not in place[source_type]:
                        place[source_type][node] = len(nodes[source_type])
                        nodes[source_type].append(node)
                    edges[edge_type].append((place[source_type][node], at, int(edge)))
        frontier = {t: range(frontier[t].stop, len(found)) for t, found in nodes.items()}
    return Sample(nodes, edges)
