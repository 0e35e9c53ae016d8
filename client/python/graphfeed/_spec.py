"""Our values as the native client takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

import numpy as np

from graphfeed import _graphfeed, sizes
from graphfeed.info import DatasetInfo
from graphfeed.options import FixedSizeOptions

# Graphs of a dataset in order: consecutive ones, or explicit ids (int64).
GraphIds = Union[range, np.ndarray]

_SAMPLING_NAMES = ("subgraph_type", "temporal_strategy")


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


def known_name(field: str, value: Any) -> str:
    """`value` if it is one of the names that `field` of a request knows.

    Raises:
        ValueError: it is not; the message lists them.
    """
    if field in _SAMPLING_NAMES:
        _graphfeed.BatchSpec().sampling = {field: str(value)}
    else:
        owner = _graphfeed.BatchSpec() if field == "incomplete_step" else _graphfeed.StreamOptions()
        setattr(owner, field, str(value))
    return value


def native_options(options: FixedSizeOptions) -> Any:
    """Native FixedSizeOptions. Defaults of string attributes stay behind: batches carry no
    strings."""
    result = _graphfeed.FixedSizeOptions()
    result.num_nodes = sizes.by_name(options.num_nodes)
    result.num_edges = sizes.by_name(options.num_edges)
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
