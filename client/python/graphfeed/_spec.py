"""Our values as the native client takes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Union

import numpy as np

from graphfeed import _transport, sizes
from graphfeed.info import DatasetInfo
from graphfeed.options import FixedSizeOptions

# Graphs of a dataset in order: consecutive ones, or explicit ids (int64).
GraphIds = Union[range, np.ndarray]

_SHOWN = 60  # characters of a field's value

_NESTED = {"options": _transport.FixedSizeOptions()}

_SAMPLING_NAMES = ("subgraph_type", "temporal_strategy")


def selection(ids: GraphIds, num_graphs: int, batch_sizes: Iterable[int] | None = None) -> Any:
    """A native Selection."""
    if isinstance(ids, range) and ids == range(num_graphs):
        result = _transport.Selection.all()
    elif isinstance(ids, range):
        result = _transport.Selection.range(ids.start, ids.stop)
    else:
        result = _transport.Selection.ids(np.ascontiguousarray(ids, np.int64))
    if batch_sizes is not None:
        result.batch_sizes = [int(size) for size in batch_sizes]
    return result


def known_name(field: str, value: Any) -> str:
    """`value` if it is one of the names that `field` of a request knows.

    Raises:
        ValueError: it is not; the message lists them.
    """
    if field in _SAMPLING_NAMES:
        _transport.BatchSpec().sampling = {field: str(value)}
    else:
        owner = _transport.BatchSpec() if field == "incomplete_step" else _transport.StreamOptions()
        setattr(owner, field, str(value))
    return value


def native_options(options: FixedSizeOptions) -> Any:
    """Native FixedSizeOptions. Defaults of string attributes stay behind: batches carry no
    strings."""
    result = _transport.FixedSizeOptions()
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
    result.num_rows = dict(options.num_rows)
    return result


def plain_spec(
    selected: Any,
    batch_size: int,
    *,
    shuffle: bool = False,
    exclude_keys: Iterable[str] = (),
    follow_batch: Iterable[str] = (),
) -> Any:
    """Native BatchSpec of an unpadded loader."""
    spec = _transport.BatchSpec()
    spec.strategy = "plain"
    spec.masks = False
    spec.batch_size = int(batch_size)
    spec.selection = selected
    spec.shuffle = shuffle
    spec.exclude_keys = list(exclude_keys)
    spec.follow_batch = list(follow_batch)
    return spec


def stream_options(info: DatasetInfo, spec: Any, seed: int = 0) -> Any:
    """Native StreamOptions of one epoch, pinned to the dataset's content."""
    options = _transport.StreamOptions()
    options.dataset = info.full_name
    options.fingerprint = info.fingerprint
    options.spec = spec
    options.seed = seed
    options.num_epochs = 1
    return options


def described(spec: Any) -> dict[str, str]:
    """What a native BatchSpec says besides the defaults, by field: short texts."""
    result: dict[str, str] = {}

    def add(prefix: str, value: Any, default: Any) -> None:
        for name in _names(value):
            ours, theirs = _get(value, name), _get(default, name)
            if name == "selection":
                result[name] = str(ours)
                add("selection.", ours, theirs)
            elif name in ("options", "sampling", "links") and ours is not None:
                add(f"{prefix}{name}.", ours, theirs or _NESTED.get(name, {}))
            elif not np.array_equal(ours, theirs) and not (theirs is None and _is_nothing(ours)):
                result[prefix + name] = _short(ours)

    add("", spec, _transport.BatchSpec())
    return result


def _is_nothing(value: Any) -> bool:
    return len(value) == 0 if hasattr(value, "__len__") else value is False


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        crc = zlib.crc32(np.ascontiguousarray(value))
        return f"{len(value)} values ({crc:08x})"
    text = repr(value)
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}... ({zlib.crc32(text.encode()):08x})"


def difference(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Which fields of two descriptions differ."""
    return "; ".join(
        f"{name} was {theirs.get(name, 'the default')}, here it is {ours.get(name, 'the default')}"
        for name in sorted({*theirs, *ours})
        if theirs.get(name) != ours.get(name)
    )


def _names(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return sorted(value)
    return [
        name
        for name in dir(value)
        if not name.startswith("_") and not callable(getattr(value, name))
    ]


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name)
