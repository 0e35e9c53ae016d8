"""The bridge to PyTorch Geometric, which is imported only when something crosses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphfeed import errors, offsets

# What tells PyG the number of nodes, besides names that hold "node".
_NODE_NAMES = {"x", "feat", "pos", "batch", "node_type", "n_id"}


def import_torch(what: str) -> Any:
    """torch, of which `what` makes tensors."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{what} needs torch, which does not load here ({error}; Debian: python3-torch); numpy "
            "arrays are there without it"
        ) from error
    return torch


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
    HeteroData for a sampled batch without padding, as PyG's own loaders have it.

    What is no tensor is there where PyG's or PopTorch Geometric's own batches have it: batch_size
    and the numbers of each hop of sampled batches, num_nodes of one of several micro-batches.
    """
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
        if layout.num_hops is not None:
            _add_hops(result, source)
    if not hetero and (layout.micro_batches > 1 or not _tells_nodes(layout.stores[None])):
        result.num_nodes = source.num_nodes
    if not layout.one_graph:
        # What PyG's own collate leaves behind, by which its batches are taken apart.
        result._num_graphs = source.num_graphs
        if layout.micro_batches == 1:
            _add_slices(result, source)
    return result


def _add_hops(result: Any, source: Any) -> None:
    if not source.node_types:
        result["num_sampled_nodes"] = source.num_sampled_nodes
        result["num_sampled_edges"] = source.num_sampled_edges
        return
    for node_type in source.node_types:
        result[node_type]["num_sampled_nodes"] = source[node_type].num_sampled_nodes
    for edge_type in source.edge_types:
        result[edge_type]["num_sampled_edges"] = source[edge_type].num_sampled_edges


def _add_slices(result: Any, source: Any) -> None:
    """By store and name: where each graph's rows begin, and what its node ids were raised by."""
    import torch

    layout = source._layout
    info, num_graphs = layout.info, source.num_graphs
    try:
        node_ptr, edge_ptr = offsets.offsets(source, info)
        row_ptr = {
            c.name: offsets.row_ptr(source, c)
            for c in info.columns
            if c.varying and c.name in layout.stores[None]
        }
    except errors.InvalidArgument:  # without what tells the graphs it stays whole
        return
    slices: dict[Any, Any] = {}
    raised: dict[Any, Any] = {}
    if info.heterogeneous:
        slices = {key: {} for key in layout.stores if key is not None}
        raised = {key: {} for key in slices}

    def add(key: Any, name: str, ptr: Any, by: Any) -> None:
        into = (slices, raised) if key is None else (slices[key], raised[key])
        into[0][name] = torch.from_numpy(np.ascontiguousarray(ptr, np.int64))
        into[1][name] = torch.from_numpy(np.ascontiguousarray(by, np.int64))

    nothing = np.zeros(num_graphs, np.int64)
    graph_ptr = np.arange(num_graphs + 1)
    for column in info.columns:
        key = info.store_of(column)
        if column.name not in layout.stores[key]:
            continue
        if column.varying:
            ptr = row_ptr[column.name]
        elif column.level == "graph":
            ptr = graph_ptr * (1 if column.zero_dim or column.non_tensor else column.rows_per_graph)
        else:
            ptr = (node_ptr if column.level == "node" else edge_ptr)[column.type]
        starts = [np.asarray(node_ptr[t])[:-1] for t in column.index_types]
        if not starts:
            by: Any = nothing
        elif all(start is starts[0] or (start == starts[0]).all() for start in starts):
            by = starts[0]
        else:  # an offset for each element of a row
            row = column.row_shape + (1,) if column.concat_last else (1,) + column.row_shape
            by = np.stack(starts, axis=1).reshape(num_graphs, *row)
        add(key, column.name, ptr, by)
    if layout.is_sampled:
        for name, types, ptrs in (
            ("n_id", info.node_types, node_ptr),
            ("e_id", info.edge_types, edge_ptr),
        ):
            for node_or_edge_type, ptr in zip(types, ptrs):
                add(node_or_edge_type if info.heterogeneous else None, name, ptr, nothing)
    result._slice_dict, result._inc_dict = slices, raised
    for node_type, ptr in zip(info.node_types, node_ptr):
        key = node_type if info.heterogeneous else None
        if not _tells_nodes(slices[key] if info.heterogeneous else slices):
            store = result if key is None else result[key]
            store._num_nodes = np.diff(ptr).tolist()


def _tells_nodes(names: Any) -> bool:
    """Whether PyG finds the number of nodes by the names of attributes."""
    return any(name in _NODE_NAMES or "node" in name for name in names)


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
