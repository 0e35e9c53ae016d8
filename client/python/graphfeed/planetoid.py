"""The citation graphs of Planetoid (Cora, CiteSeer, PubMed) in the `ind.*` form in which their
authors published them (Yang, Cohen and Salakhutdinov 2016)."""

from __future__ import annotations

import copyreg
import os
import pickle
from collections import defaultdict
from typing import Any

import numpy as np

from graphfeed import errors

_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph")


def read_planetoid(folder: str | os.PathLike, name: str) -> dict[str, np.ndarray]:
    """One graph from the files ind.NAME.x, .tx, .allx, .y, .ty, .ally, .graph, .test.index.

    The test rows are put back in order (ids without a row, as CiteSeer has, get zeros), loops and
    repeated edges are dropped, edges are sorted by (target, source). Training: the labelled rows of
    `y`; validation: the 500 after them; test: the listed ids.

    The files are pickles. Only the few types that they need are read: anything else in them is
    refused, never run.

    Args:
        folder: where the files lie.
        name: "cora", "citeseer", "pubmed"; the case does not matter.

    Returns:
        x float32 [n, f], edge_index int64 [2, e], y int64 [n], train_mask, val_mask, test_mask
        bool [n]: a graph for `client.ingest`.

    Raises:
        FileNotFoundError: a file is missing.
        graphfeed.DataLoss: a file is damaged or holds something else.
    """
    prefix = os.path.join(folder, f"ind.{name.lower()}.")
    part = {key: _read_pickle(prefix + key) for key in _PARTS}
    try:
        with open(prefix + "test.index", encoding="ascii") as file:
            test_ids = np.array([int(line) for line in file.read().split()], np.int64)
        return _assemble(part, test_ids)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise errors.DataLoss(f"{prefix}*: the files do not belong together: {error}") from error


def _assemble(part: dict[str, Any], test_ids: np.ndarray) -> dict[str, np.ndarray]:
    known_x, known_y = _dense(part["allx"]), np.asarray(part["ally"])
    test_x, test_y = _dense(part["tx"]), np.asarray(part["ty"])
    num_nodes = max(int(test_ids.max()) + 1, len(known_x) + len(test_x))
    if len(test_ids) != len(test_x) or len(test_x) != len(test_y) or len(known_x) != len(known_y):
        raise ValueError("features, labels and test ids have different lengths")
    if test_ids.min() < len(known_x):
        raise ValueError(f"test id {test_ids.min()} has features in allx already")
    x = np.zeros((num_nodes, known_x.shape[1]), np.float32)
    x[: len(known_x)] = known_x
    x[test_ids] = test_x
    one_hot = np.zeros((num_nodes, known_y.shape[1]), known_y.dtype)
    one_hot[: len(known_y)] = known_y
    one_hot[test_ids] = test_y
    num_train = len(part["y"])
    ids = np.arange(num_nodes)
    return {
        "x": x,
        "edge_index": _edges(part["graph"], num_nodes),
        "y": one_hot.argmax(axis=1),
        "train_mask": ids < num_train,
        "val_mask": (ids >= num_train) & (ids < num_train + 500),
        "test_mask": np.isin(ids, test_ids),
    }


def _edges(adjacency: dict[int, list[int]], num_nodes: int) -> np.ndarray:
    """int64 [2, e] by (target, source), without loops and repeats."""
    degrees = [len(targets) for targets in adjacency.values()]
    sources = np.repeat(np.fromiter(adjacency, np.int64, len(adjacency)), degrees)
    targets = np.array([t for listed in adjacency.values() for t in listed], np.int64)
    if len(sources) and (min(sources.min(), targets.min()) < 0
                         or max(sources.max(), targets.max()) >= num_nodes):
        raise ValueError(f"an edge leaves the {num_nodes} nodes")
    codes = np.unique(targets * num_nodes + sources)
    targets, sources = np.divmod(codes, num_nodes)
    return np.stack([sources, targets])[:, sources != targets]


class _CsrMatrix:
    """Stands in for scipy's matrix: the state of one as its pickle has it."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    _shape: tuple[int, int]


def _dense(matrix: _CsrMatrix) -> np.ndarray:
    result = np.zeros(matrix._shape, np.float32)
    rows = np.repeat(np.arange(matrix._shape[0]), np.diff(matrix.indptr))
    np.add.at(result, (rows, matrix.indices), matrix.data)
    return result


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding}")
    return text.encode(encoding)


def _from_buffer(buffer: bytes, dtype: np.dtype, shape: tuple, order: str) -> np.ndarray:
    """How protocol 5 writes an array."""
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


_RECONSTRUCT = np.zeros(0).__reduce__()[0]  # whatever this numpy calls it


class _Unpickler(pickle.Unpickler):
    """Knows numpy arrays, CSR matrices and dicts of lists; nothing that could run code."""

    _ALLOWED = {
        ("scipy.sparse.csr", "csr_matrix"): _CsrMatrix,
        ("scipy.sparse._csr", "csr_matrix"): _CsrMatrix,
        ("copy_reg", "_reconstructor"): copyreg._reconstructor,
        ("copyreg", "_reconstructor"): copyreg._reconstructor,
        ("__builtin__", "object"): object,
        ("builtins", "object"): object,
        ("__builtin__", "list"): list,
        ("builtins", "list"): list,
        ("_codecs", "encode"): _latin1,
        ("collections", "defaultdict"): defaultdict,
        # Protocol 5, and numpy 2, which has another name for its core.
        **{
            (f"numpy.{core}.{module}", name): function
            for core in ("core", "_core")
            for module, name, function in (
                ("multiarray", "_reconstruct", _RECONSTRUCT),
                ("numeric", "_frombuffer", _from_buffer),
            )
        },
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        found = self._ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}")
        return found


def _read_pickle(path: str) -> Any:
    with open(path, "rb") as file:
        try:
            return _Unpickler(file, encoding="latin1").load()
        except Exception as error:  # a damaged pickle can raise nearly anything
            raise errors.DataLoss(f"{path} is no Planetoid file: {error}") from error
