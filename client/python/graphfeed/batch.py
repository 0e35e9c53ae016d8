"""A batch: named arrays that are views of one buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphfeed import _repr, batch_parts, data, hops, split
from graphfeed._text import without_suffix
from graphfeed.info import Counts, EdgeType
from graphfeed.layout import BatchLayout, Frame, Position


class Batch:
    """One frame of a loader: numpy arrays by name, without copies.

    `batch.x` and `batch["x"]` in homogeneous batches; `batch["movie"].x`,
    `batch["movie", "to", "actor"].edge_index`, `batch.x_dict` in heterogeneous ones. With k
    micro-batches they follow each other along the first dimension: x is [k * N, F], edge_index is
    [2 * k, E], as PopTorch combines them.

    Arrays are writable, and each owns a share of the batch's buffer, which is reused only when the
    last array is gone: they may be kept for as long as they are wanted.
    """

    _source: Any
    _layout: BatchLayout
    _frame_or_none: Frame | None
    _tensors: list[Any]

    def __init__(self, source: Any, layout: BatchLayout, frame: Frame | None = None) -> None:
        # `source.array(i)` is tensor i of the layout; `source.info` tells the frame if not given.
        own = self.__dict__  # past __setattr__: each batch comes here
        own["_source"] = source
        own["_layout"] = layout
        own["_frame_or_none"] = frame
        own["_tensors"] = [None] * layout.num_tensors

    # --- tensors ---------------------------------------------------------------------------------

    def _tensor(self, index: int) -> Any:
        tensor = self._tensors[index]
        if tensor is None:
            tensor = self._tensors[index] = self._source.array(index)
        return tensor

    def __getattr__(self, name: str) -> Any:
        # Only called for what is no attribute yet.
        if name.startswith("_"):
            raise AttributeError(name)
        index = self._layout.stores[None].get(name)
        if index is not None:
            return self._tensor(index)
        if name.endswith("_dict") and self._layout.heterogeneous:
            if name in ("num_sampled_nodes_dict", "num_sampled_edges_dict"):
                part, keys = (0, self.node_types) if "nodes" in name else (1, self.edge_types)
                return {key: self._per_hop(part, key) for key in keys}
            collected = self._collect(without_suffix(name, "_dict"))
            if collected:
                return collected
        if name in hops.NAMES and self._layout.heterogeneous:
            hops.require(self._layout)
            raise AttributeError(
                f"the batch is heterogeneous: {name}_dict has {name} of every type, batch[type].{name} "
                "that of one"
            )
        if name == "graph_ids":  # the property has raised
            raise AttributeError(
                "the batch has no 'graph_ids'; loaders of whole graphs add them: graph_ids=True"
            )
        if name in hops.NAMES:  # the property has raised
            hops.require(self._layout)
        raise AttributeError(f"the batch has no {name!r}; it has {self.keys()}")

    def __setattr__(self, name: str, value: Any) -> None:
        """A tensor that is set takes the place of the one of that name, wherever it is read."""
        if name.startswith("_") or name not in self._layout.stores[None]:
            super().__setattr__(name, value)
        else:
            self._tensors[self._layout.stores[None][name]] = value

    def __getitem__(self, key: Any) -> Any:
        stores = self._layout.stores
        if isinstance(key, str) and key in stores[None]:
            return self._tensor(stores[None][key])
        found = self._find_store(key)
        if found is None:
            raise KeyError(f"{key!r} is not in the batch; there are {self._all_keys()}")
        return batch_parts.Store(self, found)

    def __contains__(self, key: Any) -> bool:
        return key in self._layout.stores[None] or self._find_store(key) is not None

    def _find_store(self, key: Any) -> Any:
        """The type that a key names, also by (source, target) alone where that is unique."""
        if isinstance(key, tuple) and len(key) == 2:
            found = [t for t in self._layout.edge_types if (t[0], t[2]) == key]
            return found[0] if self._layout.heterogeneous and len(found) == 1 else None
        return key if key is not None and key in self._layout.stores else None

    def _all_keys(self) -> list:
        return self.keys() + [key for key in self._layout.stores if key is not None]

    def _collect(self, name: str) -> dict:
        return {
            key: self._tensor(names[name])
            for key, names in self._layout.stores.items()
            if key is not None and name in names
        }

    def keys(self) -> list[str]:
        """Names of the tensors, in order; heterogeneous: of the graph-level ones."""
        return list(self._layout.stores[None])

    def items(self) -> list[tuple[str, Any]]:
        """(name, tensor) of `keys()`."""
        return [(name, self._tensor(index)) for name, index in self._layout.stores[None].items()]

    def to_dict(self) -> dict:
        """All tensors by name; heterogeneous: those of a type under the type's key."""
        result: dict = dict(self.items())
        for key in self._layout.stores:
            if key is not None:
                result[key] = dict(batch_parts.Store(self, key))
        return result

    @property
    def node_types(self) -> list[str]:
        """Of a heterogeneous batch; empty in a homogeneous one."""
        return list(self._layout.node_types) if self._layout.heterogeneous else []

    @property
    def edge_types(self) -> list[EdgeType]:
        """Of a heterogeneous batch; empty in a homogeneous one."""
        return list(self._layout.edge_types) if self._layout.heterogeneous else []

    def metadata(self) -> tuple[list[str], list[EdgeType]]:
        """(node types, edge types), as heterogeneous models want them."""
        return self.node_types, self.edge_types

    # --- sizes -----------------------------------------------------------------------------------

    @property
    def _sizes(self) -> Counts:
        return self._layout.padded or self._frame.counts[0]

    @property
    def num_graphs(self) -> int:
        """Graphs of one micro-batch, padding graphs included."""
        return self._sizes.graphs

    @property
    def num_nodes(self) -> int:
        """Nodes of one micro-batch, padding included, all types together."""
        return self._sizes.total_nodes

    @property
    def num_edges(self) -> int:
        """Edges of one micro-batch, padding included, all types together."""
        return self._sizes.total_edges

    @property
    def num_real_graphs(self) -> int:
        """Real graphs of all micro-batches."""
        return sum(counts.graphs for counts in self._frame.counts)

    @property
    def graph_ids(self) -> Any:
        """int64 [num_real_graphs]: which graph of the dataset version each of the real ones is, in
        the order in which they lie; with several micro-batches a list of such arrays. Only of
        loaders with `graph_ids=True`."""
        stored = self._layout.stores[None].get("graph_ids")
        if stored is not None:  # a column of that name
            return self._tensor(stored)
        ids = self._frame.graph_ids
        if ids is None:
            raise AttributeError("graph_ids")  # __getattr__ says more
        return list(ids) if self.num_micro_batches > 1 else ids[0]

    @property
    def batch_size(self) -> Any:
        """Real seeds of a sampled homogeneous batch (seed edges, clusters): a number, with several
        micro-batches a list. Heterogeneous batches have it where their input_id is:
        `batch["movie"].batch_size`."""
        return self._batch_size(None)

    def _batch_size(self, store: Any) -> Any:
        stored = self._layout.stores[store].get("batch_size")
        if stored is not None:  # a column of that name
            return self._tensor(stored)
        if not self._layout.is_sampled or self._layout.seed_store != store:
            raise AttributeError(f"{store or 'the batch'!r} has no 'batch_size'")
        seeds = [counts.seeds for counts in self._frame.counts]
        return seeds if self.num_micro_batches > 1 else seeds[0]

    @property
    def num_sampled_nodes(self) -> list:
        """Nodes of a sampled neighbourhood by the hop in which they were found, the seeds first;
        num_sampled_edges has one entry less. Padding counts in the last hop, so that the numbers
        add up to the tensors' sizes, as PyG's trim_to_layer needs. Of several micro-batches a list
        of such lists. Heterogeneous batches have them by type: `batch["movie"].num_sampled_nodes`,
        `batch.num_sampled_nodes_dict`."""
        return self._per_hop(0, None)

    @property
    def num_sampled_edges(self) -> list:
        """Likewise of edges, the first hop first."""
        return self._per_hop(1, None)

    def _per_hop(self, part: int, store: Any) -> list:
        types = (self._layout.node_types, self._layout.edge_types)[part]
        if (store in types) != self._layout.heterogeneous:
            raise AttributeError(
                f"{store or 'the batch'!r} has no {hops.NAMES[part]!r}; there are {types}"
            )
        hops.require(self._layout)
        key = store if self._layout.heterogeneous else types[0]
        found = [hops.per_hop(batch)[part][key] for batch in self.micro_batches()]
        return found if self.num_micro_batches > 1 else found[0]

    def _shown(self, store: Any) -> dict:
        """The tensors of a store, and with its seeds their number."""
        names = self._layout.stores[store]
        shown: dict = {name: self._tensor(index) for name, index in names.items()}
        if self._layout.is_sampled and self._layout.seed_store == store:
            if not self._layout.one_graph and "input_id" in names:
                del shown["input_id"]  # comes last, as in PopTorch Geometric
            shown.setdefault("batch_size", self._batch_size(store))
            if "input_id" in names:
                shown.setdefault("input_id", self._tensor(names["input_id"]))
        return shown

    @property
    def num_micro_batches(self) -> int:
        """k: batches that are combined in this one."""
        return self._layout.micro_batches

    # --- parts -----------------------------------------------------------------------------------

    def micro_batches(self) -> list[Batch]:
        """The batches that are combined in this one, as views of its arrays."""
        if self.num_micro_batches == 1:
            return [self]
        layout = self._layout.of_micro_batch()
        frames = [self._frame_of(i) for i in range(self.num_micro_batches)]
        return [Batch(batch_parts.MicroBatch(self, i), layout, frame) for i, frame in enumerate(frames)]

    def _frame_of(self, index: int) -> Frame:
        frame = self._frame
        ids = None if frame.graph_ids is None else (frame.graph_ids[index],)
        return frame._replace(counts=(frame.counts[index],), graph_ids=ids)

    def unpadded(self) -> Batch:
        """What is real of the batch, as views of its arrays; of one micro-batch."""
        if self._layout.ragged:
            return self
        if self.num_micro_batches > 1:
            raise ValueError(
                f"the batch is {self.num_micro_batches} micro-batches; take them apart first: "
                "[part.unpadded() for part in batch.micro_batches()]"
            )
        return Batch(batch_parts.RealPart(self), self._layout.unpadded(), self._frame)

    def graphs(self, padding: bool = False) -> list[data.Data | data.HeteroData]:
        """The graphs that were put together, as `dataset[i]` has them, with node ids of their own
        and without what only batches have.

        Args:
            padding: whether the padding graphs, which come last, are among them.

        Raises:
            ValueError: edge_index is excluded, which tells the edges of a graph.
        """
        parts = self.micro_batches()
        parts = parts if padding else [part.unpadded() for part in parts]
        graphs = [graph for part in parts for graph in split.split(part, self._layout.info)]
        of_numpy = all(isinstance(self._tensor(i), np.ndarray) for i in range(len(self._tensors)))
        return graphs if of_numpy else [graph.torch() for graph in graphs]

    # --- what else is known ----------------------------------------------------------------------

    @property
    def _frame(self) -> Frame:
        if self._frame_or_none is None:
            info = self._source.info
            self._frame_or_none = Frame(
                position=Position(info.epoch, info.ordinal),
                counts=tuple(self._layout.counts(counts) for counts in info.real),
                trimmed=self._layout.counts(info.trimmed),
                is_null=info.null_frame,
                is_repeat=info.repeat,
                digest=info.digest,
                graph_ids=None if info.graph_ids is None else tuple(info.graph_ids),
            )
        return self._frame_or_none

    @property
    def position(self) -> Position:
        """(epoch, ordinal)."""
        return self._frame.position

    @property
    def counts(self) -> tuple[Counts, ...]:
        """Real graphs, nodes and edges of each micro-batch; a null batch has 0 graphs."""
        return self._frame.counts

    @property
    def trimmed(self) -> Counts:
        """Nodes and edges that the over-size strategy cut off, over all micro-batches."""
        return self._frame.trimmed

    @property
    def is_null(self) -> bool:
        """Whether the whole frame is padding: it fills up a shard."""
        return self._frame.is_null

    @property
    def is_repeat(self) -> bool:
        """Whether the frame was sent before in this epoch: it fills up a shard."""
        return self._frame.is_repeat

    @property
    def digest(self) -> int:
        """XXH3-64 of the frame's bytes as the server sent them."""
        return self._frame.digest

    @property
    def layout_digest(self) -> int:
        """Names the arrangement of tensors: a key for compiled programs."""
        return self._layout.digest

    # --- other frameworks ------------------------------------------------------------------------

    def _converted(self, convert: Callable[[Any], Any]) -> Batch:
        return Batch(batch_parts.Converted(self, convert), self._layout, self._frame)

    def torch(self) -> Batch:
        """The same batch of torch tensors, which share the arrays' memory.

        Raises:
            ImportError: torch is not installed.
        """
        from graphfeed.pyg import import_torch

        torch = import_torch("torch()")
        return self._converted(
            lambda tensor: torch.from_numpy(tensor) if isinstance(tensor, np.ndarray) else tensor
        )

    def to(self, *args: Any, **kwargs: Any) -> Batch:
        """The same batch of torch tensors moved or converted by `torch.Tensor.to`."""
        return self.torch()._converted(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self) -> Batch:
        """The same batch of torch tensors in page-locked memory, from which `to("cuda",
        non_blocking=True)` copies beside the program. Without CUDA there is none: like torch's
        DataLoader(pin_memory=True) this warns, and gives the tensors as they are."""
        return batch_parts.pinned(self.torch())

    def to_pyg(self, padding: bool = True) -> Any:
        """A torch_geometric Batch of tensors that share the arrays' memory, which PyG can take
        apart: `to_data_list()`, `get_example(i)`, `[i]`. (Several micro-batches are one such object
        only for models that expect them; take them apart by `micro_batches()`.)

        Args:
            padding: whether the padding graphs are part of it; without them it is that of
                `unpadded()`.

        Raises:
            ImportError: PyTorch Geometric is not installed.
        """
        from graphfeed import pyg

        return pyg.batch(self.torch() if padding else self.unpadded().torch())

    def __repr__(self) -> str:
        shown = self._shown(None)
        if not self._layout.ragged:
            shown.update(num_nodes=self.num_nodes, num_edges=self.num_edges)
        kind = "Data" if self._layout.one_graph else "DataBatch"
        if not self._layout.heterogeneous:
            return _repr.homogeneous_repr(kind, shown)
        for key in self._layout.stores:
            if key is not None:
                shown[key] = self._shown(key)
        return _repr.heterogeneous_repr(f"Hetero{kind}", shown)

    def _repr_html_(self) -> str:
        return batch_parts.html(self, repr(self).partition("(")[0])

    def __reduce__(self):
        # Travels by value, with the frame resolved.
        arrays = [self._tensor(index) for index in range(self._layout.num_tensors)]
        return Batch, (batch_parts.Arrays(arrays), self._layout, self._frame)
