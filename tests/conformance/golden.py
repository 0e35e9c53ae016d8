"""Recorded cases: graphs, options and tensors as our interface has them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from shared_data import shared_dir

import graphfeed as gf

STRATEGIES = {
    "PadToMax": gf.FixedSizeStrategy.PadToMax,
    "StreamPack": gf.FixedSizeStrategy.StreamPack,
}

# (trim_nodes, trim_edges) of the collater.
OVER_SIZE = {
    (False, False): gf.OverSizeStrategy.Error,
    (True, False): gf.OverSizeStrategy.TrimNodes,
    (False, True): gf.OverSizeStrategy.TrimEdges,
    (True, True): gf.OverSizeStrategy.TrimNodesAndEdges,
}


def cases(file: str) -> list[dict]:
    """All cases of a file; none, with a loud message, where the files are absent."""
    folder = shared_dir("golden")
    if folder is None:
        return []
    return json.loads((folder / f"{file}.json").read_text())["cases"]


def parametrize(file: str, condition=lambda case: True):
    """Runs a test for every case of a file that meets a condition."""
    found = [case for case in cases(file) if condition(case)]
    return pytest.mark.parametrize("case", found, ids=[case["name"] for case in found])


def graphs_of_sizes(sizes) -> list[dict]:
    """Graphs of these numbers of nodes and edges, labelled with their index."""
    return [
        {
            "x": np.ones((nodes, 1), np.float32),
            "edge_index": np.arange(2 * edges).reshape(2, edges) % nodes,
            "y": np.array([i]),
        }
        for i, (nodes, edges) in enumerate(sizes)
    ]


def tensor(recorded: dict) -> Any:
    """A recorded tensor as an array, a non-tensor as its value."""
    if "value" in recorded:
        return recorded["value"]
    return np.array(recorded["data"], recorded["dtype"]).reshape(recorded["shape"])


def edge_type(name: str) -> tuple[str, str, str]:
    return tuple(name.split("|"))


def graph(recorded: dict) -> dict:
    """A recorded graph or batch as a dict, by store when heterogeneous."""
    if "attrs" in recorded:
        return {name: tensor(value) for name, value in recorded["attrs"]}
    result: dict = {name: tensor(value) for name, value in recorded["global"]}
    for node_type, attributes in recorded["nodes"]:
        result[node_type] = {name: tensor(value) for name, value in attributes}
    for name, attributes in recorded["edges"]:
        result[edge_type(name)] = {key: tensor(value) for key, value in attributes}
    return result


def options(recorded: dict) -> gf.FixedSizeOptions:
    fields = dict(recorded)
    if isinstance(fields.get("num_edges"), dict):
        fields["num_edges"] = {edge_type(k): count for k, count in fields["num_edges"].items()}
    return gf.FixedSizeOptions(**fields)


def assert_options_equal(actual: gf.FixedSizeOptions, recorded: dict) -> None:
    assert actual == options(recorded)
    for name in ("num_nodes", "num_edges"):
        assert isinstance(getattr(actual, name), dict) == isinstance(recorded[name], dict), name


def assert_batch_equal(batch: gf.Batch, expected: dict) -> None:
    """Tensor by tensor, dtypes included. Strings are not part of our batches."""
    actual, wanted = batch.to_dict(), {}
    for key, value in graph(expected).items():
        if isinstance(value, np.ndarray):
            wanted[key] = value
        elif isinstance(value, dict):
            wanted[key] = {k: v for k, v in value.items() if isinstance(v, np.ndarray)}
        elif isinstance(value, int):
            assert getattr(batch, key) == value, key  # num_nodes, num_edges
        else:
            assert all(isinstance(text, str) for text in value), key
    _assert_same(actual, wanted, "")
    for name in ("num_graphs", "num_nodes", "num_edges"):
        if name in expected:
            assert getattr(batch, name) == expected[name], name


def _assert_same(actual: dict, wanted: dict, where: str) -> None:
    assert set(actual) == set(wanted), where
    for key, value in wanted.items():
        name = f"{where}{key}"
        if isinstance(value, dict):
            _assert_same(actual[key], value, f"{name}.")
            continue
        assert actual[key].dtype == value.dtype, name
        np.testing.assert_array_equal(actual[key], value, err_msg=name)
        assert actual[key].shape == value.shape, name


def error_types(recorded: dict) -> tuple[type[BaseException], ...]:
    """Ours for an upstream error: one of its values is wrong, or the data does not fit."""
    return {
        "ValueError": (gf.InvalidArgument,),
        # Sizes that do not fit are found when the request is checked or when the epoch is planned.
        "RuntimeError": (gf.FailedPrecondition, gf.InvalidArgument),
    }[recorded["type"]]
