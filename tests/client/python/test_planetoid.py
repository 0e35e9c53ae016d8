"""The reader of Planetoid's pickles."""

import pickle

import numpy as np
import pytest
from shared_data import shared_dir

import graphfeed as gf

scipy_sparse = pytest.importorskip("scipy.sparse")


def write(folder, name="toy", **changes):
    """A graph of 8 nodes, of which 4 are labelled, 2 are in the test set, and one has no row."""
    x = np.arange(15, dtype=np.float32).reshape(5, 3)
    parts = {
        "x": scipy_sparse.csr_matrix(x[:2]),
        "allx": scipy_sparse.csr_matrix(x),
        "tx": scipy_sparse.csr_matrix(np.array([[70, 71, 72], [50, 51, 0]], np.float32)),
        "y": np.eye(2, dtype=np.int32)[[0, 1]],
        "ally": np.eye(2, dtype=np.int32)[[0, 1, 1, 0, 1]],
        "ty": np.eye(2, dtype=np.int32)[[1, 0]],
        "graph": {0: [1, 1, 0], 1: [0, 7], 7: [1], 5: [5, 2], 2: [5]},
    } | changes
    for key, value in parts.items():
        (folder / f"ind.{name}.{key}").write_bytes(pickle.dumps(value, protocol=2))
    (folder / f"ind.{name}.test.index").write_text("7\n5\n")
    return folder


def test_test_rows_go_to_their_places_and_missing_ones_are_zero(tmp_path):
    graph = gf.read_planetoid(write(tmp_path), "Toy")
    assert graph["x"].shape == (8, 3) and graph["x"].dtype == np.float32
    assert graph["x"][7].tolist() == [70, 71, 72] and graph["x"][5].tolist() == [50, 51, 0]
    assert graph["x"][6].tolist() == [0, 0, 0]
    assert graph["y"].tolist() == [0, 1, 1, 0, 1, 0, 0, 1] and graph["y"].dtype == np.int64


def test_edges_have_no_loops_and_no_repeats_and_are_sorted(tmp_path):
    graph = gf.read_planetoid(write(tmp_path), "toy")
    assert graph["edge_index"].T.tolist() == [[1, 0], [0, 1], [7, 1], [5, 2], [2, 5], [1, 7]]


def test_masks(tmp_path):
    graph = gf.read_planetoid(write(tmp_path), "toy")
    assert np.flatnonzero(graph["train_mask"]).tolist() == [0, 1]
    assert np.flatnonzero(graph["test_mask"]).tolist() == [5, 7]
    assert graph["val_mask"].dtype == bool


class Evil:
    def __reduce__(self):
        return print, ("this must not run",)


def test_code_in_a_pickle_is_refused(tmp_path, capsys):
    with pytest.raises(gf.DataLoss, match="ind.toy.graph"):
        gf.read_planetoid(write(tmp_path, graph=Evil()), "toy")
    assert "must not run" not in capsys.readouterr().out


def test_damaged_files_are_data_loss(tmp_path):
    write(tmp_path)
    (tmp_path / "ind.toy.allx").write_bytes(b"\x80\x02garbage")
    with pytest.raises(gf.DataLoss, match="ind.toy.allx"):
        gf.read_planetoid(tmp_path, "toy")


@pytest.mark.parametrize(
    "changes",
    [
        {"graph": {0: [99]}},
        {"graph": [1, 2]},
        {"ty": np.eye(2, dtype=np.int32)[[1]]},
        {"ally": np.eye(2, dtype=np.int32)},
        {"allx": np.zeros((5, 3))},
    ],
)
def test_files_that_do_not_belong_together_are_data_loss(changes, tmp_path):
    with pytest.raises(gf.DataLoss):
        gf.read_planetoid(write(tmp_path, **changes), "toy")


def test_missing_files_are_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        gf.read_planetoid(tmp_path, "toy")


@pytest.mark.parametrize("name", ["cora", "citeseer"])
def test_published_graphs(name):
    folder = shared_dir("data")
    if folder is None:
        return
    graph = gf.read_planetoid(folder / name / "raw", name)
    for key in ("edge_index", "y", "train_mask", "val_mask", "test_mask"):
        np.testing.assert_array_equal(graph[key], np.load(folder / name / f"{key}.npy"))
    indptr = np.load(folder / name / "x_indptr.npy")
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    x = np.zeros_like(graph["x"])
    x[rows, np.load(folder / name / "x_indices.npy")] = 1
    np.testing.assert_array_equal(graph["x"], x)
