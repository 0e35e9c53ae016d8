"""Graphs into a server.

A homogeneous graph is a dict of arrays (numpy, torch, anything numpy can read):
`{"x": [n, f], "edge_index": [2, e], "edge_attr": [e, d], "y": [1], "pos": [n, 3], ...}`; plain
numbers and strings are kept as such. "num_nodes" may be given; otherwise PyTorch Geometric's rules
find it. A heterogeneous graph has a dict for each node type and edge type:
`{"movie": {"x": ...}, ("movie", "to", "actor"): {"edge_index": ...}, "y": ...}`.

What an attribute belongs to (nodes, edges, the graph) is decided once, by the server, from the
sizes and names in all graphs; `kinds` decides it where they leave it open. An empty tensor, which
says little about its dtype and shape, takes those of the other graphs'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from graphfeed import _transport, _warn, errors
from graphfeed.info import DatasetInfo
from graphfeed.ingest.collection import Collection, send_arrays
from graphfeed.ingest.columns import checked_kinds
from graphfeed.ingest.graphs import is_graph, known_length
from graphfeed.ingest.networkx import Graph, from_networkx, is_networkx
from graphfeed.ingest.routes import send_graphs, send_single

if TYPE_CHECKING:
    from graphfeed._connection import Connection

__all__ = ["Collection", "ingest"]


def _native_transforms(transforms: Any) -> list:
    if transforms is None:
        return []
    for transform in transforms if isinstance(transforms, (list, tuple)) else [transforms]:
        if isinstance(transform, type) or not hasattr(transform, "_native"):
            raise errors.InvalidArgument(
                f"transforms has {transform!r}; it takes a list of those in gf.transforms, such as "
                "[gf.transforms.ToUndirected()]"
            )
    if not isinstance(transforms, (list, tuple)):
        raise errors.InvalidArgument(f"transforms is {_named(transforms)}; it takes a list of them")
    return [transform._native() for transform in transforms]


def ingest(
    connection: Connection,
    name: str,
    graphs: Any,
    kinds: Mapping[str, str] | None,
    transforms: Iterable | None,
    progress: bool | None,
) -> DatasetInfo:
    """See Client.ingest."""
    if not isinstance(name, str):
        raise errors.InvalidArgument(f"name is {_named(name)}; it takes a string")
    spec = _transport.IngestSpec()
    spec.name = name
    # A reader knows levels; the user's word is the last.
    graphs = from_networkx(graphs) if is_networkx(graphs) else graphs
    known = graphs.kinds if isinstance(graphs, Graph) else {}
    spec.kinds = checked_kinds({**known, **(kinds or {})})
    spec.transforms = _native_transforms(transforms)
    if isinstance(graphs, Collection):
        return send_arrays(connection, spec, graphs, progress)
    if is_graph(graphs):
        return send_single(connection, spec, graphs, progress)
    if isinstance(graphs, (str, bytes)) or not hasattr(graphs, "__iter__"):
        raise errors.InvalidArgument(
            f"graphs is {_named(graphs)}; it takes an iterable of graphs (dicts of arrays, PyG "
            "objects), one graph, or a Collection"
        )
    if known_length(graphs) == 1:
        _warn.warn(
            f"graphs holds one graph, so {name!r} becomes a collection of one, out of which "
            "NeighborLoader and its like take no batches: for a single large graph give it alone, "
            "client.ingest(name, dataset[0])"
        )
    return send_graphs(connection, spec, graphs, progress)


def _named(value: Any) -> str:
    return repr(value) if value is None else f"of type {type(value).__name__}"
