"""The bridge to PyTorch Geometric, which is imported only when something crosses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _torch_geometric_data() -> Any:
    try:
        import torch_geometric.data
    except ImportError as error:
        raise ImportError(
            "to_pyg() needs PyTorch Geometric (package torch_geometric); .torch() gives plain "
            "torch tensors without it"
        ) from error
    return torch_geometric.data


def batch(source: Any) -> Any:
    """A torch_geometric Batch with the tensors of a graphfeed batch of torch tensors; a Data or
    HeteroData for a sampled batch without padding, as PyG's own loaders have it."""
    data = _torch_geometric_data()
    hetero = bool(source.node_types)
    base = data.HeteroData if hetero else data.Data
    layout = source._layout
    result = base() if layout.one_graph else data.Batch(_base_cls=base)
    _fill(result, source.to_dict())
    if layout.is_sampled:
        store = result if layout.seed_store is None else result[layout.seed_store]
        if "batch_size" not in layout.stores[layout.seed_store]:
            store["batch_size"] = source._batch_size(layout.seed_store)
    if not hetero:
        result.num_nodes = source.num_nodes
    if not layout.one_graph:
        # What PyG's own collate leaves behind, and its num_graphs reads.
        result._num_graphs = source.num_graphs
    return result


def data(source: Any) -> Any:
    """A torch_geometric Data or HeteroData with the contents of a graphfeed one of tensors."""
    module = _torch_geometric_data()
    hetero = bool(source.node_types)
    result = module.HeteroData() if hetero else module.Data()
    _fill(result, source.to_dict())
    if hetero:
        for node_type in source.node_types:
            result[node_type].num_nodes = source[node_type].num_nodes
    elif result.num_nodes != source.num_nodes:
        result.num_nodes = source.num_nodes
    return result


def _fill(target: Any, contents: Mapping) -> None:
    for key, value in contents.items():
        if isinstance(value, Mapping):
            store = target[key]
            for name, tensor in value.items():
                store[name] = tensor
        else:
            target[key] = value
