"""In which hop the nodes and edges of a sampled neighbourhood were found, as PyG's num_sampled_nodes
and num_sampled_edges tell it.

Nodes lie in the order of their discovery and the edges of a type hop by hop, so a hop is a run of
each, and the edges alone tell where it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphfeed.layout import BatchLayout
from graphfeed.offsets import as_numpy

NAMES = ("num_sampled_nodes", "num_sampled_edges")

_LABEL_ENDS = ((0, "src_index"), (2, "dst_pos_index"), (2, "dst_neg_index"))


def per_hop(batch: Any) -> tuple[dict, dict]:
    """Of a batch of one micro-batch whose layout has hops: ({node type: nodes found in hop 0 (the
    seeds), 1, ...}, {edge type: edges found in hop 1, ...}). Padding counts in the last hop, so that
    the numbers add up to the tensors' sizes."""
    layout = batch._layout
    types = layout.edge_types
    tensors = {t: as_numpy(_get(batch, t, "edge_index")) for t in types}
    (real,) = batch.counts
    num_edges = {t: _of(real.edges, t) for t in types}
    found = _seeds(batch)  # by node type: nodes of the hops so far
    taken = dict.fromkeys(types, 0)
    nodes = {t: [found[t]] for t in layout.node_types}
    edges: dict[Any, list[int]] = {t: [] for t in types}
    for _ in range(layout.num_hops):
        reached = dict(found)
        for edge_type in types:
            source, _relation, target = edge_type
            first = taken[edge_type]
            index = tensors[edge_type][:, first : num_edges[edge_type]]
            later = index[1] >= found[target]
            count = int(later.argmax()) if later.any() else index.shape[1]
            edges[edge_type].append(count)
            taken[edge_type] += count
            if count:
                reached[source] = max(reached[source], int(index[0, :count].max()) + 1)
        for node_type in layout.node_types:
            nodes[node_type].append(reached[node_type] - found[node_type])
        found = reached
    for node_type in layout.node_types:
        nodes[node_type][-1] += _of(batch._sizes.nodes, node_type) - found[node_type]
    if layout.num_hops:
        for edge_type in types:
            edges[edge_type][-1] += _of(batch._sizes.edges, edge_type) - taken[edge_type]
    return nodes, edges


def require(layout: BatchLayout) -> None:
    """AttributeError for batches of which it cannot be told."""
    if layout.num_hops is None:
        raise AttributeError(
            "num_sampled_nodes and num_sampled_edges are those of sampled neighbourhoods with "
            'subgraph_type="directional"; this batch is another'
        )
    missing = [
        t
        for t in layout.edge_types
        if "edge_index" not in layout.stores[t if layout.heterogeneous else None]
    ]
    if missing:
        raise AttributeError(
            "num_sampled_nodes and num_sampled_edges follow from edge_index, which is excluded"
        )


def _seeds(batch: Any) -> dict[str, int]:
    """By node type, how many nodes the neighbourhoods are those of; they come first."""
    layout, (real,) = batch._layout, batch.counts
    store = layout.seed_store if layout.heterogeneous else layout.node_types[0]
    result = dict.fromkeys(layout.node_types, 0)
    if isinstance(store, str) and not _has_labels(layout):
        result[store] = real.seeds
        return result
    edge_type = store if layout.heterogeneous else layout.edge_types[0]
    names = layout.stores[layout.seed_store]
    if "edge_label_index" in names:
        index = as_numpy(_get(batch, edge_type, "edge_label_index"))[:, : real.labels]
        ends = [(0, index[0]), (2, index[1])]
    else:
        ends = [
            (end, as_numpy(_get(batch, edge_type, name))[: real.seeds].ravel())
            for end, name in _LABEL_ENDS
        ]
    for end, index in ends:
        if len(index):
            node_type = edge_type[end]
            result[node_type] = max(result[node_type], int(index.max()) + 1)
    return result


def _has_labels(layout: BatchLayout) -> bool:
    return not layout.stores[layout.seed_store].keys().isdisjoint(("edge_label_index", "src_index"))


def _get(batch: Any, key: Any, name: str) -> Any:
    return batch[key][name] if batch._layout.heterogeneous else batch[name]


def _of(counts: int | Mapping, key: Any) -> int:
    return counts[key] if isinstance(counts, Mapping) else counts
