"""One graph on its way in: a dict or a PyG object, taken apart into typed columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Tuple

from graphfeed import errors
from graphfeed.ingest.columns import (
    Form,
    Rows,
    infer_num_edges,
    infer_num_nodes,
    to_rows,
)
from graphfeed.ingest.networkx import from_networkx, is_networkx

# What link loaders take beside a graph.
_SEED_EDGES = ("edge_label_index", "edge_label", "edge_label_time")

# What a column is found by: its level (None while it is open), its type's index, its name.
ColumnKey = Tuple[Optional[str], int, str]


@dataclass
class Graph:
    """Sizes by type and rows by column."""

    num_nodes: list[int]
    num_edges: list[int]
    columns: dict[ColumnKey, Rows]

    @property
    def nbytes(self) -> int:
        return sum(rows.nbytes for rows in self.columns.values())

    def copied(self) -> Graph:
        """With arrays of its own."""
        columns = {key: Rows(rows.form, rows.values.copy()) for key, rows in self.columns.items()}
        return Graph(self.num_nodes, self.num_edges, columns)


def is_graph(value: Any) -> bool:
    """Whether it is one graph, not a collection of them."""
    return isinstance(value, Mapping) or hasattr(value, "to_dict") or is_networkx(value)


def contents(graph: Any, where: str = "") -> dict:
    """A graph as a dict: by attribute, and by node and edge type when it is heterogeneous. Errors
    begin with `where`."""
    if isinstance(graph, Mapping):
        found = dict(graph)
    elif is_networkx(graph) and not hasattr(graph, "to_dict"):
        found = dict(from_networkx(graph))
    elif hasattr(graph, "to_dict"):
        found = dict(graph.to_dict())
    elif hasattr(graph, "keys") and hasattr(graph, "__getitem__"):
        names = graph.keys() if callable(graph.keys) else graph.keys
        found = {name: graph[name] for name in names}
    else:
        raise errors.InvalidArgument(
            f"{where}a {type(graph).__name__} is no graph; give a dict of arrays, or an object of "
            "PyG or NetworkX"
        )
    found.update(found.pop("_global_store", {}))
    return {key: value for key, value in found.items() if value is not None}


@dataclass
class Types:
    """The types of all graphs, as the first one has them, and how each is taken apart."""

    heterogeneous: bool
    node_types: list[str] = field(default_factory=list)
    edge_types: list[tuple[str, str, str]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    forms: dict[ColumnKey, Form] = field(default_factory=dict)
    # The graph that told each form; None while all were empty.
    told_by: dict[ColumnKey, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, first: Any, kinds: dict[str, str], where: str = "") -> Types:
        """From the first graph. Errors begin with `where`."""
        graph = contents(first, where)
        stores = [key for key, value in graph.items() if isinstance(value, Mapping)]
        if not stores:
            return cls(False, kinds=kinds)
        if kinds:
            raise errors.InvalidArgument(
                "kinds is for homogeneous graphs; in heterogeneous ones the store tells the level"
            )
        if "edge_index" in graph:
            raise errors.InvalidArgument(
                f"{where}{stores[0]!r} is a dict; attributes of a homogeneous graph, which has an "
                "edge_index, are arrays, numbers or strings"
            )
        node_types = [key for key in stores if isinstance(key, str)]
        edge_types = [_edge_type(key) for key in stores if not isinstance(key, str)]
        for source, _, target in edge_types:
            for node_type in (source, target):
                if node_type not in node_types:
                    node_types.append(node_type)
        return cls(True, node_types, edge_types)

    def take_apart(self, graph: Any, index: int | None) -> Graph:
        """A graph's columns, checked against the first one's.

        Args:
            graph: a dict or PyG object.
            index: its number, for messages; None for a single graph.

        Raises:
            InvalidArgument: naming the graph and the attribute.
        """
        where = "" if index is None else f"graph {index}: "
        graph = contents(graph, where)
        if self.heterogeneous:
            result = self._heterogeneous(graph, where, index is None)
        else:
            result = self._homogeneous(graph, where)
        self._check_forms(result, index or 0, where)
        return result

    def _homogeneous(self, graph: dict, where: str) -> Graph:
        num_nodes = _count(graph.pop("num_nodes", None), "num_nodes", where)
        num_edges = _count(graph.pop("num_edges", None), "num_edges", where)
        columns = {}
        for name, value in graph.items():
            if not isinstance(name, str) or isinstance(value, Mapping):
                raise errors.InvalidArgument(
                    f"{where}{name!r} is a store, but the first graph is homogeneous"
                )
            columns[name] = _rows(name, value, f"{where}{name!r}")
        try:
            if num_nodes is None:
                num_nodes = infer_num_nodes(columns, self.kinds)
            if num_edges is None:
                num_edges = infer_num_edges(columns, self.kinds)
        except ValueError as error:
            raise errors.InvalidArgument(f"{where}{error}") from None
        keyed = {(_known_level(rows.form), 0, name): rows for name, rows in columns.items()}
        return Graph([num_nodes], [num_edges], keyed)

    def _heterogeneous(self, graph: dict, where: str, single: bool) -> Graph:
        columns: dict[ColumnKey, Rows] = {}
        num_nodes: list[int | None] = [None] * len(self.node_types)
        num_edges = [0] * len(self.edge_types)
        for key, value in graph.items():
            if not isinstance(value, Mapping):
                columns["graph", 0, key] = _rows(key, value, f"{where}{key!r}")
                continue
            store = {name: item for name, item in value.items() if item is not None}
            if isinstance(key, str):
                index = self._index(self.node_types, key, where)
                num_nodes[index] = self._store("node", index, store, columns, where)
            else:
                index = self._index(self.edge_types, _edge_type(key), where)
                if single:
                    _leave_out_labels(key, store)
                num_edges[index] = self._store("edge", index, store, columns, where) or 0
        for index, count in enumerate(num_nodes):
            if count is None:
                num_nodes[index] = self._largest_id(index, columns) + 1
        return Graph(num_nodes, num_edges, columns)

    def _index(self, types: list, key: Any, where: str) -> int:
        if key not in types:
            raise errors.InvalidArgument(
                f"{where}it has the type {key!r}, which the first graph lacks; give the first "
                "graph an empty one"
            )
        return types.index(key)

    def _store(
        self, level: str, index: int, store: dict, columns: dict, where: str
    ) -> int | None:
        """Adds the columns of a type of nodes or edges; how many there are, as far as it says."""
        name_of = (self.node_types if level == "node" else self.edge_types)[index]
        count = _count(store.pop(f"num_{level}s", None), f"{name_of!r} num_{level}s", where)
        if count is None and "edge_index" in store:
            count = len(_rows("edge_index", store["edge_index"], f"{where}{name_of!r} edge_index"))
        for name, value in store.items():
            rows = _store_rows(name, value, f"{where}{name_of!r} {name!r}")
            columns[level, index, name] = rows
            if count is None:
                count = len(rows)
        return count

    def _largest_id(self, node_type: int, columns: Mapping[ColumnKey, Rows]) -> int:
        """The largest id of a node type that nothing but edges mention; -1 for none."""
        largest = -1
        for (level, edge_type, name), rows in columns.items():
            if level != "edge" or name != "edge_index" or not len(rows):
                continue
            source, _, target = self.edge_types[edge_type]
            for end, end_type in enumerate((source, target)):
                if end_type == self.node_types[node_type]:
                    largest = max(largest, int(rows.values[:, end].max()))
        return largest

    def _check_forms(self, graph: Graph, index: int, where: str) -> None:
        if not self.forms:
            for key, rows in graph.columns.items():
                self.forms[key] = rows.form
                self.told_by[key] = index if rows.says_form else None
            unknown = [name for name in self.kinds if not any(k[2] == name for k in self.forms)]
            if unknown:
                raise errors.InvalidArgument(
                    f"kinds names {unknown[0]!r}, which the first graph does not have"
                )
            return
        for key, form in self.forms.items():
            rows = graph.columns.get(key)
            if rows is None:
                if self._is_empty(graph, key):
                    continue  # the whole type is absent from this graph
                raise errors.InvalidArgument(
                    f"{where}{self._shown(key)} is missing or of another kind; it is {form} in the "
                    "first graph"
                )
            if not rows.says_form:
                continue
            if self.told_by[key] is None:
                self.forms[key] = rows.form
                self.told_by[key] = index
            elif rows.form != form:
                first = self.told_by[key]
                teller = f"graph {first}" if first else "the first graph"
                raise errors.InvalidArgument(
                    f"{where}{self._shown(key)}: it is {rows.form}, but {form} in {teller}"
                )
        for key in graph.columns:
            if key not in self.forms:
                raise errors.InvalidArgument(
                    f"{where}{self._shown(key)} is not in the first graph, or of another kind there"
                )

    def _is_empty(self, graph: Graph, key: ColumnKey) -> bool:
        level, index, _ = key
        sizes = {"node": graph.num_nodes, "edge": graph.num_edges}.get(level)
        return self.heterogeneous and sizes is not None and sizes[index] == 0

    def _shown(self, key: ColumnKey) -> str:
        level, index, name = key
        types = {"node": self.node_types, "edge": self.edge_types}.get(level)
        return f"{types[index]!r} {name!r}" if self.heterogeneous and types else repr(name)


def _leave_out_labels(edge_type: Any, store: dict) -> None:
    """Takes seed edges and their labels, as PyG's RandomLinkSplit leaves them, out of a store that
    has another number of edges: they are a loader's arguments, and no rows of the edges."""
    edges = store.get("edge_index")
    num_edges = 0 if edges is None else len(_rows("edge_index", edges, f"{edge_type!r} edge_index"))
    left_out = []
    for name in _SEED_EDGES:
        if name in store and len(_rows(name, store[name], f"{edge_type!r} {name!r}")) != num_edges:
            del store[name]
            left_out.append(name)
    if left_out:
        warnings.warn(
            f"{edge_type!r}: {' and '.join(left_out)} are not stored, since they are not of its "
            f"{num_edges} edges; give them to a LinkNeighborLoader",
            stacklevel=2,
        )


def _known_level(form: Form) -> str | None:
    """Plain numbers, strings and 0-dim tensors belong to the graph; the server finds the level of
    the others, over all graphs."""
    return "graph" if form.zero_dim or form.non_tensor else None


def _edge_type(key: Any) -> tuple[str, str, str]:
    if isinstance(key, tuple) and all(isinstance(part, str) for part in key):
        if len(key) == 3:
            return key
        if len(key) == 2:
            return key[0], "to", key[1]
    raise errors.InvalidArgument(f"{key!r} is no edge type; it must be (source, relation, target)")


def _rows(name: str, value: Any, where: str) -> Rows:
    try:
        return to_rows(name, value)
    except (ValueError, TypeError) as error:
        raise errors.InvalidArgument(f"{where}: {error}") from None


def _store_rows(name: str, value: Any, where: str) -> Rows:
    rows = _rows(name, value, where)
    if rows.form.zero_dim or rows.form.non_tensor:
        raise errors.InvalidArgument(
            f"{where} is {rows.form}; stores of node and edge types hold a row for each element"
        )
    return rows


def _count(value: Any, name: str, where: str) -> int | None:
    if value is None:
        return None
    try:
        count = int(value)
        whole = bool(count == value)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise errors.InvalidArgument(f"{where}{name} is {value!r}; it is an integer")
    if not 0 <= count < 2**63:
        raise errors.InvalidArgument(f"{where}{name} is {count}; it is at least 0 and fits int64")
    return count


def known_length(graphs: Iterable) -> int | None:
    return len(graphs) if hasattr(graphs, "__len__") else None
