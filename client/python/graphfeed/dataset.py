"""A dataset at a server, or a part of one in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphfeed import _arguments, _random, _seeds, _spec, _splits, data, errors, offsets, split
from graphfeed.batch import Batch
from graphfeed.dataset_views import DatasetViews
from graphfeed.layout import BatchLayout
from graphfeed.info import Column, DatasetInfo, EdgeType, Stats, Summary
from graphfeed.options import FixedSizeOptions

if TYPE_CHECKING:
    from graphfeed._connection import Connection
    from graphfeed.client import Client

# Bytes of a request when graphs, sizes or columns are read through.
_READ_BYTES, _READ_GRAPHS = 4 << 20, 4096

# What random numbers are drawn for.
_SHUFFLE, _SPLIT, _SPREAD = 1, 2, 3


class Dataset(DatasetViews):
    """Graphs of one immutable version of a dataset; made by `Client.dataset`.

    Indexing with a number gives the graph; with a slice, a boolean mask or an array of indices, the
    dataset of those graphs in that order. Nothing is loaded by selecting. Pickles.
    """

    def __init__(
        self, client: Client, info: DatasetInfo, ids: _spec.GraphIds | None = None
    ) -> None:
        self._client = client
        self.info = info
        """What the server says of the whole version."""
        self._ids: _spec.GraphIds = range(info.num_graphs) if ids is None else ids

    @property
    def client(self) -> Client:
        return self._client

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def _connection(self) -> Connection:
        return self._client._connection

    @property
    def graph_ids(self) -> np.ndarray:
        """int64 [len]: the graphs' numbers in the stored dataset."""
        return np.asarray(self._ids, np.int64)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("transform", "pre_transform", "pre_filter"):
            raise AttributeError(
                f"a dataset has no {name}: graphs are transformed when they are ingested "
                "(client.ingest(..., transforms=)); change a batch where it is consumed"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"{self.info.full_name}({len(self)})"

    # --- parts -----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """A graph, or a part; see the class.

        Raises:
            IndexError: an index is out of range.
            ValueError: a mask has another length, an index is no integer; as many integers as there
                are graphs are all 0 or 1, so that they may be meant as a mask.
        """
        if isinstance(index, slice):
            part = self._ids[index]
            if isinstance(part, range) and part.step != 1:
                part = np.arange(part.start, part.stop, part.step, dtype=np.int64)
            return Dataset(self._client, self.info, part)
        if hasattr(index, "__index__") and not getattr(index, "shape", ()):
            if isinstance(index, (bool, np.bool_)):
                raise errors.InvalidArgument("a dataset is not indexed with a single boolean")
            return self._graph(index.__index__())
        return self._part(self._positions(index, or_mask=True))

    def _part(self, positions: np.ndarray) -> Dataset:
        """The graphs at int64 positions; takes as long as there are positions."""
        if isinstance(self._ids, range):  # of consecutive graphs
            return Dataset(self._client, self.info, positions + self._ids.start)
        return Dataset(self._client, self.info, self._ids[positions])

    def _positions(self, index: Any, or_mask: bool = False) -> np.ndarray:
        """Positions in this part; see _arguments.positions."""
        return _arguments.positions(index, len(self), or_mask)

    def shuffle(
        self, seed: int | None = None, return_perm: bool = False
    ) -> Dataset | tuple[Dataset, np.ndarray]:
        """The graphs in random order, the same for the same seed on every machine. A permutation of
        your own is `dataset[perm]`.

        Returns:
            The shuffled dataset; with `return_perm` also the permutation, int64 [len].
        """
        seed = _random.draw_seed() if seed is None else seed
        perm = _random.permutation(len(self), seed, _SHUFFLE)
        shuffled = self._part(perm)
        return (shuffled, perm) if return_perm else shuffled

    def split(
        self,
        sizes: Sequence[float],
        seed: int | None = None,
        stratify: str | np.ndarray | None = None,
    ) -> list[Dataset]:
        """Cuts the dataset at random into disjoint parts.

        Args:
            sizes: fractions that sum to at most 1, or numbers of graphs.
            seed: the same seed gives the same parts on every machine.
            stratify: a graph-level column, or an array of one label for each graph: every part gets
                each label's share of graphs, to within one graph where the sizes allow it.

        Raises:
            ValueError: the sizes are negative or more than there is.
        """
        counts = _splits.part_sizes(sizes, len(self))
        seed = _random.draw_seed() if seed is None else seed
        order = _random.permutation(len(self), seed, _SPLIT)
        if stratify is not None:
            labels = self.column(stratify) if isinstance(stratify, str) else np.asarray(stratify)
            if labels.ndim == 0 or labels.shape[0] != len(self) or labels.size != len(self):
                raise errors.InvalidArgument(
                    f"stratify needs one label for each of {len(self)} graphs; it has shape "
                    f"{list(labels.shape)}"
                )
            order = _splits.spread(order, labels.reshape(len(self)))
        ends = np.cumsum(counts)
        parts = [order[end - count : end] for end, count in zip(ends, counts)]
        if stratify is not None:
            # Within a part labels would still follow the pattern that spread them.
            parts = [
                part[_random.permutation(len(part), seed, _SPREAD + i)]
                for i, part in enumerate(parts)
            ]
        return [self._part(part) for part in parts]

    # --- what it is ------------------------------------------------------------------------------

    def summary(self) -> Summary:
        """Distribution of graph sizes; prints PyG's table. Of a part it reads the part's edges."""
        if isinstance(self._ids, range) and len(self) == self.info.num_graphs:
            return Summary(
                self.name, len(self), self.info.total_node_sizes, self.info.total_edge_sizes
            )
        if not len(self):
            raise errors.InvalidArgument("an empty dataset has no summary")
        nodes, edges = self._sizes()
        return Summary(self.name, len(self), Stats.of(nodes), Stats.of(edges))

    def metadata(self) -> tuple[list[str], list[EdgeType]]:
        """(node types, edge types), as heterogeneous models want them."""
        return list(self.info.node_types), list(self.info.edge_types)

    @property
    def num_node_features(self) -> int | dict[str, int]:
        """Columns of x; heterogeneous: by node type."""
        return self._num_features("x", "node", self.info.node_types)

    @property
    def num_features(self) -> int | dict[str, int]:
        """The same as num_node_features."""
        return self.num_node_features

    @property
    def num_edge_features(self) -> int | dict[EdgeType, int]:
        """Columns of edge_attr; heterogeneous: by edge type."""
        return self._num_features("edge_attr", "edge", self.info.edge_types)

    def _num_features(self, name: str, level: str, types: Sequence) -> Any:
        found = {types[column.type]: column for column in self.info.find(name, level)}
        counts = {key: _last_extent(found[key]) if key in found else 0 for key in types}
        return counts if self.info.heterogeneous else counts[types[0]]

    @property
    def num_classes(self) -> int | dict[str, int]:
        """Of the labels y of the whole version, by PyG's rules: one more than the largest integer
        label; the number of different values of a real label; the width of a vector of labels;
        0 without y. By node type where several have y."""
        found = self.info.find("y")
        if len(found) > 1:
            names = self.info.node_types
            return {names[c.type]: self._classes(c) for c in found if c.level == "node"}
        return self._classes(found[0]) if found else 0

    def _classes(self, column: Column) -> int:
        if column.row_elements != 1:
            return _last_extent(column)
        if not column.dtype.startswith("float"):
            return int(column.value_range[1]) + 1 if column.value_range else 0
        whole = Dataset(self._client, self.info)
        return len(np.unique(whole._read(column)))

    def estimate_options(
        self, batch_size: int, sample_limit: int | None = None
    ) -> FixedSizeOptions:
        """See FixedSizeOptions.from_dataset."""
        batch_size = _arguments.integer("batch_size", batch_size, 2)
        if sample_limit is not None:
            sample_limit = _arguments.integer("sample_limit", sample_limit, 1)
        selection = self._selection()
        native = self._connection.call(
            lambda client: client.estimate_options(
                self.info.full_name, batch_size, selection, sample_limit or 0
            )
        )
        return FixedSizeOptions._from_native(native, self.info)

    def subgraph(self, nodes: Any, exclude_keys: Sequence[str] = ()) -> Batch:
        """Some nodes of a single graph and all edges between them, as PyG's Data.subgraph: a batch
        without padding, with n_id and e_id.

        Args:
            nodes: as NeighborLoader's input_nodes: ids in any order, a boolean array, the name of a
                boolean column; with the node type in a heterogeneous graph.
            exclude_keys: columns to leave out.
        """
        _seeds.require_single(self, "subgraph")
        seeds = _seeds.seed_nodes(nodes, self.info, "nodes")
        excluded = _arguments.columns("exclude_keys", exclude_keys, self.info)
        return self._batch_of(seeds, "induced", excluded)

    def _masked_nodes(self, seeds: _seeds.SeedNodes) -> np.ndarray:
        """int64 [n]: the ids of a mask's nodes."""
        others = {column.name for column in self.info.columns}
        batch = self._batch_of(seeds, "directional", sorted(others))
        return (batch[seeds.node_type] if seeds.node_type else batch).n_id

    def _batch_of(self, seeds: _seeds.SeedNodes, subgraph_type: str, exclude_keys: list) -> Batch:
        """The seeds alone, and with "induced" the edges between them."""
        spec = _spec.plain_spec(
            seeds.selection, max(self.info.num_nodes), exclude_keys=exclude_keys
        )
        spec.strategy = "neighbor"
        spec.ragged = True
        spec.sampling = {
            "num_neighbors": {"": []},
            "subgraph_type": subgraph_type,
            "input_type": seeds.node_type,
            "input_mask": seeds.mask,
        }
        return self._get_batch(spec)[0]

    # --- contents --------------------------------------------------------------------------------

    def column(self, name: str) -> np.ndarray:
        """A graph-level column of these graphs, [their rows, ...], ids as stored, texts as objects.

        Raises:
            LookupError: there is no such column at graph level.
        """
        found = self.info.find(name, "graph")
        if not found:
            there = [c.name for c in self.info.columns if c.level == "graph"]
            raise errors.NotFound(
                f"{self.info.full_name} has no graph-level column {name!r}; it has {there}"
            )
        return self._read(found[0])

    def __iter__(self) -> Iterator[data.Data | data.HeteroData]:
        """The graphs in order."""
        graph_bytes = self.info.raw_bytes / max(self.info.num_graphs, 1)
        batch_size = 1
        if offsets.can_split(self.info):
            batch_size = int(min(max(_READ_BYTES / max(graph_bytes, 1), 1), _READ_GRAPHS))
        if any(column.dtype == "string" for column in self.info.columns):
            batches = self._batches_with_strings(batch_size)
        else:
            batches = ((batch, {}) for batch in self._batches(batch_size))
        for batch, strings in batches:
            yield from split.split(batch, self.info, strings)

    def _selection(self) -> Any:
        if not len(self):
            raise errors.InvalidArgument(
                f"{self!r} has no graphs: the slice, mask, indices or split that it was taken by "
                "leave none"
            )
        return _spec.selection(self._ids, self.info.num_graphs)

    def _graph(self, position: int) -> data.Data | data.HeteroData:
        if not -len(self) <= position < len(self):
            raise errors.OutOfRange(
                f"index {position} is out of range; the dataset has {len(self)} graphs"
            )
        part = self._part(np.array([position % len(self)]))
        batch, strings = next(part._batches_with_strings(1))
        return next(split.split(batch, self.info, strings))

    def _batches(self, batch_size: int, keep: Sequence[str] | None = None) -> Iterator[Batch]:
        """Plain batches in order, with the columns named in `keep` only (None: all)."""
        if not len(self):
            return
        kept, excluded = self._kept(keep)
        spec = self._plain_spec(batch_size, kept, excluded)
        stream, info = self._connection.open_stream(_spec.stream_options(self.info, spec))
        try:
            layout = BatchLayout(info, self.info)
            layout.require(kept)
            while (batch := stream.next()) is not None:
                yield Batch(batch, layout)
        finally:
            stream.cancel()

    def _batches_with_strings(
        self, batch_size: int, keep: Sequence[str] | None = None
    ) -> Iterator[tuple[Batch, Mapping[str, list[str]]]]:
        """The same, each with the string columns of its graphs; a request for each batch."""
        kept, excluded = self._kept(keep)
        texts = [c for c in self.info.find_all("graph", "string") if keep is None or c.name in keep]
        for start in range(0, len(self), batch_size):
            part = self[start : start + batch_size]
            spec = part._plain_spec(batch_size, kept, excluded)
            batch, strings = self._get_batch(spec)
            batch._layout.require(kept)
            for column in texts:
                if len(strings.get(column.name, ())) != len(part):
                    raise errors.DataLoss(
                        f"the server sent {len(strings.get(column.name, ()))} strings of "
                        f"{column.name!r} for {len(part)} graphs of {self.info.full_name}"
                    )
            yield batch, strings

    def _plain_spec(self, batch_size: int, kept: list[Column], excluded: list[str]) -> Any:
        """Of batches in order, with what takes them apart."""
        varying = [c.name for c in kept if c.varying]
        return _spec.plain_spec(
            self._selection(),
            batch_size,
            exclude_keys=excluded,
            follow_batch=varying if batch_size > 1 and offsets.can_split(self.info) else (),
        )

    def _kept(self, keep: Sequence[str] | None) -> tuple[list[Column], list[str]]:
        """(the columns that batches then have, the names of all others)."""
        columns = self.info.columns
        kept = [c for c in columns if c.dtype != "string" and (keep is None or c.name in keep)]
        return kept, sorted({c.name for c in columns if keep is not None and c.name not in keep})

    def _get_batch(self, spec: Any) -> tuple[Batch, Mapping[str, list[str]]]:
        """The first batch of a spec, and the strings of its graphs by column."""
        options = _spec.stream_options(self.info, spec)
        info, batch, strings = self._connection.get_batch(options, 0, 0)
        return Batch(batch, BatchLayout(info, self.info)), dict(strings)

    def _read(self, column: Column) -> np.ndarray:
        """A column's rows of these graphs."""
        if column.dtype == "string":
            read = self._batches_with_strings(_READ_GRAPHS, [column.name])
            return np.array([text for _, strings in read for text in strings[column.name]], object)
        axis = -1 if column.concat_last else 0
        if column.index_types and column.level == "graph":  # batches have node ids shifted
            batch_size = _READ_GRAPHS if offsets.can_split(self.info) else 1
            batches = self._batches(batch_size, ["edge_index", column.name])
            pieces = list(split.column_of(batches, self.info, column))
        else:
            key = self.info.store_of(column)
            batches = self._batches(_READ_GRAPHS, [column.name])
            pieces = [(batch if key is None else batch[key])[column.name] for batch in batches]
        if not pieces:
            rows = (*column.row_shape, 0) if column.concat_last else (0, *column.row_shape)
            return np.zeros(rows, column.dtype)
        return np.concatenate(pieces, axis=axis)

    def _sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and edges of each graph, all types together."""
        nodes, edges = [], []
        if offsets.can_split(self.info):
            batches = self._batches(_READ_GRAPHS, ["edge_index"])
        else:
            batches = self._batches(1, [])
        for batch in batches:
            node_ptrs, edge_ptrs = offsets.offsets(batch, self.info)
            none = np.zeros(batch.num_graphs, np.int64)
            nodes.append(sum((np.diff(ptr) for ptr in node_ptrs), none))
            edges.append(sum((np.diff(ptr) for ptr in edge_ptrs), none))
        return np.concatenate(nodes), np.concatenate(edges)


def _last_extent(column: Column) -> int:
    return column.row_shape[-1] if column.row_shape else 1
