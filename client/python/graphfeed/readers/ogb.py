"""The raw folders of the Open Graph Benchmark (Hu et al. 2020), as its archives hold them."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np

from graphfeed import errors
from graphfeed._text import without_suffix
from graphfeed.ingest import Collection
from graphfeed.ingest.networkx import Graph
from graphfeed.readers import files

_SIZES = ("num-node-list", "num-edge-list")
_NAMES = {"node-feat": "x", "edge-feat": "edge_attr", "node-label": "y", "graph-label": "y"}
_SPLITS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}


def read_ogb(
    folder: str | os.PathLike, *, add_inverse_edge: bool = False
) -> Graph | Collection:
    """The dataset of a node, link or graph property folder: raw/edge.csv.gz, raw/num-node-list.csv.gz
    and so on; also of `raw` itself.

    A single graph (node and link properties) comes as one graph; many graphs as a Collection. Whole
    numbers are int64, others float32, empty labels NaN. x, edge_attr and y are OGB's node-feat,
    edge-feat and labels; other node and edge files keep their names ("node_year"). Of node
    properties the split, if it is there and the only one, makes train_mask, val_mask and test_mask;
    of graph properties `split` is another file, which `dataset[np.loadtxt(...)]` takes.

    Args:
        folder: of the dataset.
        add_inverse_edge: put after every edge its reverse with the same features, as OGB does where
            its list of datasets says so (among them ogbl-ddi, ogbn-products and the molecules).

    Raises:
        FileNotFoundError: the folder or a file is missing.
        ValueError: files contradict each other; the dataset is heterogeneous or of binary files.
    """
    folder = files.folder_of(folder)
    raw = folder / "raw" if (folder / "raw").is_dir() else folder
    for stranger, what in (
        ("triplet-type-list.csv", "is heterogeneous"),
        ("data.npz", "is of binary files"),
    ):
        if files.find(raw, stranger) is not None:
            raise errors.InvalidArgument(
                f"{raw} {what} ({stranger}); read_ogb reads homogeneous graphs of csv files. Load "
                "it with the ogb package and give the arrays to client.ingest"
            )
    num_nodes, num_edges = (_read(raw, name, int)[:, 0] for name in _SIZES)
    edge_index = _read(raw, "edge", int).T
    if len(num_nodes) != len(num_edges):
        raise errors.InvalidArgument(
            f"{raw}: num-node-list has {len(num_nodes)} lines, num-edge-list {len(num_edges)}"
        )
    columns: dict[str, dict[str, np.ndarray]] = {"node": {}, "edge": {}, "graph": {}}
    rows = {"node": int(num_nodes.sum()), "edge": int(num_edges.sum()), "graph": len(num_nodes)}
    if edge_index.shape != (2, rows["edge"]) and rows["edge"]:
        raise errors.InvalidArgument(
            f"{raw}/edge.csv.gz has {edge_index.shape[1]} edges; num-edge-list says {rows['edge']}"
        )
    for path in sorted(raw.iterdir()):
        name = without_suffix(without_suffix(path.name, ".gz"), ".csv")
        if not path.name.endswith((".csv", ".csv.gz")) or name in (*_SIZES, "edge"):
            continue
        level = name.replace("_", "-").split("-")[0]
        if level not in columns:
            continue
        table = files.numbers(path, None)
        if len(table) != rows[level]:
            raise errors.InvalidArgument(
                f"{path} has {len(table)} lines; there are {rows[level]} {level}s"
            )
        columns[level][_NAMES.get(name, name.replace("-", "_"))] = table
    edges = {"edge_index": edge_index.reshape(2, rows["edge"]), **columns["edge"]}
    if add_inverse_edge:
        edges = {name: _with_inverse(name, array) for name, array in edges.items()}
        num_edges = 2 * num_edges
    if len(num_nodes) > 1:
        return Collection(
            nodes=columns["node"],
            edges=edges,
            graphs=columns["graph"],
            node_ptr=np.concatenate([[0], np.cumsum(num_nodes)]),
            edge_ptr=np.concatenate([[0], np.cumsum(num_edges)]),
        )
    graph: dict[str, Any] = {**columns["node"], **edges, **columns["graph"]}
    graph["num_nodes"] = rows["node"]
    masks = _masks(folder, rows["node"]) if columns["node"].get("y") is not None else {}
    kinds = {name: level for level in ("node", "edge", "graph") for name in columns[level]}
    return Graph({**graph, **masks}, kinds)


def _read(raw: pathlib.Path, name: str, dtype: Any) -> np.ndarray:
    path = files.find(raw, f"{name}.csv")
    if path is None:
        raise FileNotFoundError(f"{raw / name}.csv.gz is missing")
    return files.numbers(path, dtype)


def _with_inverse(name: str, array: np.ndarray) -> np.ndarray:
    if name != "edge_index":
        return np.repeat(array, 2, axis=0)
    result = np.repeat(array, 2, axis=1)
    result[:, 1::2] = array[::-1]
    return result


def _masks(folder: pathlib.Path, num_nodes: int) -> dict[str, np.ndarray]:
    splits = [path for path in (folder / "split").glob("*") if path.is_dir()]
    result = {}
    for part, mask in _SPLITS.items() if len(splits) == 1 else ():
        path = files.find(splits[0], f"{part}.csv")
        if path is not None:
            result[mask] = np.isin(np.arange(num_nodes), files.numbers(path, int))
    return result
