"""Folders of .npy files with a schema.json, as `graphfeed import npy` reads them."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphfeed import errors
from graphfeed._text import without_suffix
from graphfeed.ingest import Collection
from graphfeed.ingest.columns import DTYPES, concatenates_last
from graphfeed.ingest.networkx import Graph
from graphfeed.readers.files import folder_of

_FIRST = ("x", "edge_index", "edge_attr", "y", "pos")
_FIELDS = {
    "schema": "name node_ptr node_counts edge_ptr edge_counts num_nodes columns nodes edges",
    "column": "name file level axis csr num_columns dtype ptr counts",
    "node type": "type ptr counts num_nodes columns",
    "edge type": "source relation target ptr counts columns",
}


def read_npy(folder: str | os.PathLike) -> Graph | dict | Collection:
    """The dataset of a folder: a Collection where it has offsets or counts, else one graph.
    docs/importing.md has the rules and schema.json. Arrays are memory-mapped; sparse ones become
    dense in memory.

    Args:
        folder: with the .npy files.

    Raises:
        FileNotFoundError: the folder or a file is missing.
        ValueError: the schema has an unknown field or value, files contradict each other, a
            column's level is open, or there is no column.
    """
    return _Folder(folder_of(folder)).read()


class _Folder:
    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        path = folder / "schema.json"
        try:
            self._schema = json.loads(path.read_text()) if path.is_file() else {}
        except ValueError as error:
            raise self._error(str(error)) from None
        self._check_fields("schema", self._schema)

    def read(self) -> Graph | dict | Collection:
        if self._schema.get("nodes") or self._schema.get("edges"):
            return self._typed()
        node_ptr, edge_ptr = self._ptr(self._schema, "node_"), self._ptr(self._schema, "edge_")
        columns = {c["name"]: c for c in self._schema.get("columns") or self._all_files()}
        if not columns:
            raise self._error(
                "the dataset has no columns"
                if self._schema
                else "there is no such file, and no .npy file in the folder is a column"
            )
        arrays = {name: self._array(column) for name, column in columns.items()}
        if node_ptr is None:
            kinds = {name: c["level"] for name, c in columns.items() if c.get("level")}
            count = self._schema.get("num_nodes")
            return Graph(arrays if count is None else {**arrays, "num_nodes": int(count)}, kinds)
        if edge_ptr is None:
            raise self._error("there are offsets of nodes, but none of edges")
        stores: dict[str, dict] = {"node": {}, "edge": {}, "graph": {}}
        row_ptr = self._row_ptr(columns.values())
        for name, array in arrays.items():
            level = columns[name].get("level") or (
                "graph" if name in row_ptr else self._level(name, array, node_ptr, edge_ptr)
            )
            if name in row_ptr and level != "graph":
                raise self._error(
                    f"column {name}: ptr and counts are for columns of graph level, not {level}"
                )
            stores[level][name] = array
        return Collection(
            stores["node"], stores["edge"], stores["graph"], node_ptr, edge_ptr, row_ptr
        )

    def _row_ptr(self, columns: Iterable[Mapping]) -> dict[str, np.ndarray]:
        found = {column["name"]: self._ptr(column, "") for column in columns}
        return {name: ptr for name, ptr in found.items() if ptr is not None}

    def _typed(self) -> dict | Collection:
        nodes, edges = self._schema.get("nodes", []), self._schema.get("edges", [])
        stores: dict[Any, dict] = {}
        ptrs: dict[Any, np.ndarray | None] = {}
        for what, types in (("node type", nodes), ("edge type", edges)):
            for store in types:
                self._check_fields(what, store)
                key = (
                    store["type"]
                    if what == "node type"
                    else tuple(store[end] for end in ("source", "relation", "target"))
                )
                ptrs[key] = self._ptr(store, "")
                stores[key] = {c["name"]: self._array(c) for c in store.get("columns", [])}
                if "num_nodes" in store:
                    stores[key]["num_nodes"] = int(store["num_nodes"])
        graphs = {c["name"]: self._array(c) for c in self._schema.get("columns", [])}
        if all(ptr is None for ptr in ptrs.values()):
            return {**stores, **graphs}
        missing = [key for key, ptr in ptrs.items() if ptr is None]
        if missing:
            raise self._error(f"{missing[0]!r} has neither ptr nor counts, which other types have")
        by_level = [{k: v for k, v in stores.items() if isinstance(k, t)} for t in (str, tuple)]
        by_ptr = [{k: v for k, v in ptrs.items() if isinstance(k, t)} for t in (str, tuple)]
        row_ptr = self._row_ptr(self._schema.get("columns", []))
        return Collection(by_level[0], by_level[1], graphs, by_ptr[0], by_ptr[1], row_ptr)

    def _all_files(self) -> list[dict]:
        used = {f"{kind}_{what}.npy" for kind in ("node", "edge") for what in ("ptr", "counts")}
        used |= {str(self._schema.get(without_suffix(name, ".npy"))) for name in list(used)}
        names = {p.stem for p in self._folder.glob("*.npy") if p.name not in used}
        return [{"name": n} for n in (*_FIRST, *sorted(names - set(_FIRST))) if n in names]

    def _ptr(self, store: Mapping, prefix: str) -> np.ndarray | None:
        ptr, counts = store.get(f"{prefix}ptr"), store.get(f"{prefix}counts")
        if ptr and counts:
            raise self._error(f"{prefix}ptr and {prefix}counts exclude each other")
        if prefix and not ptr and not counts:
            ptr, counts = (
                name if (self._folder / name).is_file() else None
                for name in (f"{prefix}ptr.npy", f"{prefix}counts.npy")
            )
        if ptr:
            return self._load(ptr)
        return np.concatenate([[0], np.cumsum(self._load(counts), dtype=np.int64)]) if counts else None

    def _array(self, column: Mapping) -> np.ndarray:
        self._check_fields("column", column)
        name = column["name"]
        if column.get("csr"):
            array = self._dense(column["csr"], int(column.get("num_columns", 0)))
        else:
            array = self._load(column.get("file") or f"{name}.npy")
        last = concatenates_last(name, array.ndim)
        pairs = name == "edge_index" and array.ndim == 2 and array.shape[0] != 2
        if column.get("axis", "first" if pairs and array.shape[1] == 2 else "") == "first" and last:
            array = np.moveaxis(array, 0, -1)
        elif column.get("axis") == "last" and not last and array.ndim > 1:
            array = np.moveaxis(array, -1, 0)
        dtype = column.get("dtype")
        if not dtype:
            return array
        if dtype not in DTYPES:
            raise self._error(f"column {name}: dtype is {dtype!r}; it can be {DTYPES}")
        converted = array.astype(dtype)
        if not dtype.startswith("float") and not np.array_equal(converted, array):
            raise self._error(f"column {name} has values that {dtype} does not hold")
        return converted

    def _load(self, file: str) -> np.ndarray:
        path = self._folder / file
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise errors.InvalidArgument(f"{path}: {error}") from None

    def _dense(self, prefix: str, width: int) -> np.ndarray:
        indptr, indices = self._load(f"{prefix}_indptr.npy"), self._load(f"{prefix}_indices.npy")
        has_data = (self._folder / f"{prefix}_data.npy").is_file()
        data = self._load(f"{prefix}_data.npy") if has_data else np.ones(1, np.float32)
        if len(indices) and (indices.min() < 0 or indices.max() >= width):
            raise self._error(f"{prefix}: column {indices.max()}; num_columns is {width}")
        result = np.zeros((len(indptr) - 1, width), data.dtype)
        result[np.repeat(np.arange(len(result)), np.diff(indptr)), indices] = data
        return result

    def _level(self, name: str, array: np.ndarray, node_ptr: Any, edge_ptr: Any) -> str:
        """By the number of rows; of as many nodes as edges by the name, as PyG does."""
        rows = array.shape[-1 if concatenates_last(name, array.ndim) else 0] if array.ndim else 0
        if name == "edge_index":
            return "edge"
        num_graphs = len(node_ptr) - 1
        fits = [
            level
            for level, count in (("node", node_ptr[-1]), ("edge", edge_ptr[-1]))
            if rows == count
        ]
        if rows == num_graphs and fits:
            raise self._error(f"column {name} has as many rows as {fits[0]}s and as graphs; declare "
                              "its level")  # fmt: skip
        if len(fits) == 2:
            return "edge" if "edge" in name else "node"
        if fits:
            return fits[0]
        if rows != num_graphs:
            raise self._error(
                f"column {name} has {rows} rows; there are {node_ptr[-1]} nodes, {edge_ptr[-1]} "
                f"edges, {num_graphs} graphs"
            )
        return "graph"

    def _check_fields(self, what: str, fields: Any) -> None:
        if not isinstance(fields, Mapping):
            raise self._error(f"a {what} is {fields!r}, not an object")
        unknown = [field for field in fields if field not in _FIELDS[what].split()]
        if unknown:
            raise self._error(f"a {what} has no field {unknown[0]!r}; it has {_FIELDS[what]}")

    def _error(self, what: str) -> errors.InvalidArgument:
        return errors.InvalidArgument(f"{self._folder / 'schema.json'}: {what}")
