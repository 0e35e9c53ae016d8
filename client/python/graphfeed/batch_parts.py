"""What batches are made of: their stores, and tensors that come from elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from graphfeed import _html, _repr
from graphfeed.info import EdgeType

if TYPE_CHECKING:
    from graphfeed.batch import Batch


class Store(Mapping):
    """The tensors of one node or edge type: `batch["movie"].x`. A mapping by name as well."""

    def __init__(self, batch: Batch, key: str | EdgeType) -> None:
        self._batch = batch
        self._key = key

    def __getitem__(self, name: str) -> Any:
        index = self._batch._layout.stores[self._key].get(name)
        if index is None:
            raise KeyError(f"{name!r} is not in {self._key!r}; there are {list(self)}")
        return self._batch._tensor(index)

    def __getattr__(self, name: str) -> Any:
        index = self._batch._layout.stores[self._key].get(name)
        if index is None:
            raise AttributeError(f"{self._key!r} has no {name!r}; it has {list(self)}")
        return self._batch._tensor(index)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        elif name not in self:
            raise AttributeError(f"{self._key!r} has no {name!r} to set; it has {list(self)}")
        else:
            self._batch._tensors[self._batch._layout.stores[self._key][name]] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._batch._layout.stores[self._key])

    def __len__(self) -> int:
        return len(self._batch._layout.stores[self._key])

    @property
    def num_nodes(self) -> int:
        """Nodes of this type in one micro-batch, padding included."""
        return self._batch._sizes.nodes[self._key]

    @property
    def num_edges(self) -> int:
        """Edges of this type in one micro-batch, padding included."""
        return self._batch._sizes.edges[self._key]

    @property
    def batch_size(self) -> Any:
        """Of the store that holds the seeds: see Batch.batch_size."""
        return self._batch._batch_size(self._key)

    @property
    def num_sampled_nodes(self) -> list:
        """Of this node type, by hop: see Batch.num_sampled_nodes."""
        return self._batch._per_hop(0, self._key)

    @property
    def num_sampled_edges(self) -> list:
        """Of this edge type, by hop: see Batch.num_sampled_edges."""
        return self._batch._per_hop(1, self._key)

    def __repr__(self) -> str:
        return _repr.homogeneous_repr("Store", self._batch._shown(self._key))


class Arrays:
    """Tensors that lie in a list."""

    def __init__(self, arrays: list) -> None:
        self._arrays = arrays

    def array(self, index: int) -> Any:
        return self._arrays[index]


class MicroBatch:
    """One of a batch's k micro-batches: the tensors follow each other along the first dimension."""

    def __init__(self, batch: Batch, index: int) -> None:
        self._batch = batch
        self._index = index

    def array(self, index: int) -> Any:
        tensor = self._batch._tensor(index)
        rows = tensor.shape[0] // self._batch.num_micro_batches
        return tensor[self._index * rows : (self._index + 1) * rows]


class RealPart:
    """The tensors of a padded batch up to where the padding begins."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def array(self, index: int) -> Any:
        batch, tensor = self._batch, self._batch._tensor(index)
        layout = batch._layout
        axis = layout.axes[index]
        real, padded = (axis.count(c, layout) for c in (batch.counts[0], layout.padded))
        extent = tensor.shape[-1 if axis.last else 0]
        size = real * (extent // padded) if padded else 0
        return tensor[..., :size] if axis.last else tensor[:size]


class Converted:
    """Another batch's tensors, each converted when it is first asked for."""

    def __init__(self, batch: Batch, convert: Callable[[Any], Any]) -> None:
        self._batch = batch
        self._convert = convert

    def array(self, index: int) -> Any:
        return self._convert(self._batch._tensor(index))


def pinned(batch: Batch) -> Batch:
    """A batch of torch tensors, each in page-locked memory where there is CUDA."""
    import torch

    if not torch.cuda.is_available():
        warnings.warn(
            "pin_memory() has no effect: torch finds no CUDA device, and memory is locked for one",
            stacklevel=3,
        )
        return batch
    result = batch._converted(lambda tensor: tensor.pin_memory() if torch.is_tensor(tensor) else tensor)
    for index in range(batch._layout.num_tensors):
        result._tensor(index)  # now, on the thread that is there for it
    return result


def html(batch: Batch, kind: str) -> str:
    """A batch's tensors and sizes as a table for notebooks."""
    facts = [("epoch, batch", f"{batch.position.epoch}, {batch.position.ordinal}")]
    graphs, nodes, edges = (
        [each.graphs for each in batch.counts],
        [each.total_nodes for each in batch.counts],
        [each.total_edges for each in batch.counts],
    )
    sizes = (("graphs", graphs, batch.num_graphs), ("nodes", nodes, batch.num_nodes),
             ("edges", edges, batch.num_edges))
    for name, real, padded in sizes:
        of_padded = "" if batch._layout.ragged else f" of {padded:,}"
        facts.append((f"real {name}", ", ".join(f"{count:,}{of_padded}" for count in real)))
    if batch.is_null:
        facts.append(("null batch", "all of it is padding"))
    rows = []
    for key, names in batch._layout.stores.items():
        for name, index in names.items():
            tensor = batch._tensor(index)
            rows.append((_html.key_name(key), name, tensor.dtype, list(tensor.shape)))
    header: tuple = ("type", "tensor", "dtype", "shape")
    if not batch._layout.heterogeneous:
        header, rows = header[1:], [row[1:] for row in rows]
    return _html.document(kind, facts, header, rows)
