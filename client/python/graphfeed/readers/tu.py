"""The text format of the TU collection (Morris et al. 2020)."""

from __future__ import annotations

import os

import numpy as np

from graphfeed import errors
from graphfeed._text import without_suffix
from graphfeed.ingest import Collection
from graphfeed.readers import files

_MAX_FEATURES = 1 << 16


def read_tu(
    folder: str | os.PathLike,
    name: str | None = None,
    *,
    use_node_attr: bool = False,
    use_edge_attr: bool = False,
) -> Collection:
    """The graphs of a folder of NAME_A.txt, NAME_graph_indicator.txt and so on, plain or gzipped, as
    PyG's TUDataset and `graphfeed import tu` make them: docs/importing.md has the rules.

    Args:
        folder: with the files.
        name: of the set; by default the only one there, or the one with the folder's name.
        use_node_attr: put node attributes into x, before the one-hot labels.
        use_edge_attr: likewise edge attributes into edge_attr.

    Raises:
        FileNotFoundError: the folder or a file is missing.
        ValueError: a file holds something else, or fewer rows than another asks for.
    """
    folder = files.folder_of(folder)
    name = name or _name(folder)
    table = _Tables(folder, name)
    indicator = table.read("graph_indicator", int, required=True)[:, 0]
    labels, targets = table.read("graph_labels", int), table.read("graph_attributes")
    told = [part for part in (labels, targets) if part is not None]
    num_graphs = len(told[0]) if told else int(indicator.max(initial=0))
    if (np.diff(indicator) < 0).any() or (indicator < 1).any():
        raise errors.InvalidArgument(f"{table.path('graph_indicator')}: graphs must ascend from 1")
    table.check_ids("graph_indicator", indicator, num_graphs, "graphs", "graph_labels")
    node_ptr = np.searchsorted(indicator, np.arange(1, num_graphs + 2))
    edges = table.read("A", int, required=True)
    if edges.shape[1] != 2:
        raise errors.InvalidArgument(f"{table.path('A')} has {edges.shape[1]} columns, not 2")
    table.check_ids("A", edges, len(indicator), "nodes", "graph_indicator")
    source, target = edges.T - 1
    graph = indicator[source] - 1
    if (indicator[target] - 1 != graph).any():
        line = int((indicator[target] - 1 != graph).argmax())
        raise errors.InvalidArgument(f"{table.path('A')}:{line + 1}: the edge joins two graphs")

    x = table.features("node", use_node_attr, len(indicator), "graph_indicator")
    edge_attr = table.features("edge", use_edge_attr, len(edges), "A")
    order = np.lexsort((target, source, graph))
    source, target, graph = source[order], target[order], graph[order]
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(source) != 0) | (np.diff(target) != 0)
    kept = first & (source != target)
    result = Collection(node_ptr=node_ptr)
    result.edge_ptr = np.searchsorted(graph[kept], np.arange(num_graphs + 1))
    local = np.stack([source, target]) - node_ptr[graph]
    result.edges = {"edge_index": local[:, kept].astype(np.int64)}
    if x is not None:
        result.nodes = {"x": x}
    if edge_attr is not None and len(order):
        # Of repeated edges the sum.
        sums = np.add.reduceat(edge_attr[order], np.flatnonzero(first), axis=0)
        result.edges["edge_attr"] = sums[kept[first]]
    elif edge_attr is not None:
        result.edges["edge_attr"] = edge_attr
    if targets is not None:
        result.graphs = {"y": targets[:, 0] if targets.shape[1] == 1 else targets}
    elif labels is not None:
        y = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
        result.graphs = {"y": y[:, 0] if labels.shape[1] == 1 else y}
    return result


class _Tables:
    """The files of a set."""

    def __init__(self, folder, name: str) -> None:
        self._folder = folder
        self._name = name

    def path(self, part: str):
        name = f"{self._name}_{part}.txt"
        return files.find(self._folder, name) or self._folder / name

    def read(self, part: str, dtype: type = float, required: bool = False):
        """[lines, columns]; None where there is no file."""
        path = self.path(part)
        if not path.is_file():
            if required:
                raise FileNotFoundError(f"{path} is missing, and so is one with .gz")
            return None
        return files.numbers(path, dtype)

    def check_ids(self, part: str, ids, most: int, things: str, counted: str) -> None:
        bad = (ids < 1) | (ids > most)
        if bad.any():
            line = int(np.argmax(bad.reshape(len(ids), -1).any(axis=1))) + 1
            raise errors.InvalidArgument(
                f"{self.path(part)}:{line}: {ids[bad].flat[0]}; {things} are 1 to {most}, one for "
                f"each line of {self.path(counted)}"
            )

    def features(self, things: str, use_attributes: bool, rows: int, counted: str):
        """float32 [rows, columns]: attributes, then labels one-hot; None without any."""
        parts = []
        attributes = self.read(f"{things}_attributes") if use_attributes else None
        labels = self.read(f"{things}_labels", int)
        for part, table in ((f"{things}_attributes", attributes), (f"{things}_labels", labels)):
            if table is not None and len(table) != rows:
                raise errors.InvalidArgument(
                    f"{self.path(part)} has {len(table)} lines; there are {rows} {things}s in "
                    f"{self.path(counted)}"
                )
        if attributes is not None:
            parts.append(attributes)
        for column in labels.T if labels is not None and len(labels) else ():
            width = int(column.max()) - int(column.min()) + 1
            if width > _MAX_FEATURES:
                raise errors.InvalidArgument(
                    f"{self.path(f'{things}_labels')} has labels from {column.min()} to "
                    f"{column.max()}; one-hot features of more than {_MAX_FEATURES} columns are "
                    "refused"
                )
            one_hot = np.zeros((rows, width), np.float32)
            one_hot[np.arange(rows), column - column.min()] = 1
            parts.append(one_hot)
        return np.concatenate(parts, axis=1) if parts else None


def _name(folder) -> str:
    names = {
        without_suffix(without_suffix(path.name, ".gz"), "_A.txt")
        for path in folder.iterdir()
        if without_suffix(path.name, ".gz").endswith("_A.txt")
    }
    if not names:
        raise FileNotFoundError(f"folder {folder} holds no NAME_A.txt or NAME_A.txt.gz")
    if len(names) > 1 and folder.resolve().name not in names:
        raise errors.InvalidArgument(f"folder {folder} holds {sorted(names)}; give name=")
    return names.pop() if len(names) == 1 else folder.resolve().name
