"""Our values as the native client takes them, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphfeed import _graphfeed
from graphfeed.info import DatasetInfo
from graphfeed.options import FixedSizeOptions, edge_type_name

# Graphs of a dataset in order: consecutive ones, or explicit ids (int64).
GraphIds = range | np.ndarray


def selection(ids: GraphIds, num_graphs: int, batch_sizes: Iterable[int] | None = None) -> Any:
    """A native Selection."""
    if isinstance(ids, range) and ids == range(num_graphs):
        result = _graphfeed.Selection.all()
    elif isinstance(ids, range):
        result = _graphfeed.Selection.range(ids.start, ids.stop)
    else:
        result = _graphfeed.Selection.ids(np.ascontiguousarray(ids, np.int64))
    if batch_sizes is not None:
        result.batch_sizes = [int(size) for size in batch_sizes]
    return result


def selection_of_seeds(ids: np.ndarray | None) -> Any:
    """A native Selection of nodes or edges; None: all."""
    if ids is None:
        return _graphfeed.Selection.all()
    if len(ids) and (np.diff(ids) == 1).all():
        return _graphfeed.Selection.range(int(ids[0]), int(ids[-1]) + 1)
    return _graphfeed.Selection.ids(ids)


def native_options(options: FixedSizeOptions) -> Any:
    """Native FixedSizeOptions. Defaults of string attributes stay behind: batches carry no
    strings."""
    result = _graphfeed.FixedSizeOptions()
    result.num_nodes = _by_name(options.num_nodes)
    result.num_edges = _by_name(options.num_edges)
    result.num_graphs = int(options.num_graphs)
    result.node_pad_value = options.node_pad_value
    result.edge_pad_value = options.edge_pad_value
    result.graph_pad_value = options.graph_pad_value
    result.pad_graph_defaults = {
        name: float(value)
        for name, value in options.pad_graph_defaults.items()
        if not isinstance(value, str)
    }
    return result


def python_options(native: Any, info: DatasetInfo) -> FixedSizeOptions:
    """FixedSizeOptions of a dataset: by type where it is heterogeneous."""
    nodes, edges = dict(native.num_nodes), dict(native.num_edges)
    return FixedSizeOptions(
        num_nodes=_by_type(nodes, {t: t for t in info.node_types}, info.heterogeneous),
        num_edges=_by_type(
            edges, {edge_type_name(t): t for t in info.edge_types}, info.heterogeneous
        ),
        num_graphs=native.num_graphs,
        node_pad_value=native.node_pad_value,
        edge_pad_value=native.edge_pad_value,
        graph_pad_value=native.graph_pad_value,
        pad_graph_defaults=dict(native.pad_graph_defaults),
    )


def plain_spec(
    selected: Any, batch_size: int, *, shuffle: bool = False, exclude_keys: Iterable[str] = ()
) -> Any:
    """Native BatchSpec of an unpadded loader."""
    spec = _graphfeed.BatchSpec()
    spec.strategy = "plain"
    spec.masks = False
    spec.batch_size = int(batch_size)
    spec.selection = selected
    spec.shuffle = shuffle
    spec.exclude_keys = list(exclude_keys)
    return spec


def stream_options(info: DatasetInfo, spec: Any, seed: int = 0) -> Any:
    """Native StreamOptions of one epoch, pinned to the dataset's content."""
    options = _graphfeed.StreamOptions()
    options.dataset = info.full_name
    options.fingerprint = info.fingerprint
    options.spec = spec
    options.seed = seed
    options.num_epochs = 1
    return options


def _by_name(counts: int | Mapping) -> dict[str, int]:
    if isinstance(counts, Mapping):
        return {
            key if isinstance(key, str) else edge_type_name(key): int(count)
            for key, count in counts.items()
        }
    return {"": int(counts)}


def _by_type(counts: dict[str, int], types: dict[str, Any], heterogeneous: bool) -> Any:
    if set(counts) == {""} and (heterogeneous or len(types) == 1):
        return counts[""]
    if not heterogeneous:
        return sum(counts.values())
    return {key: counts[name] for name, key in types.items()}
