"""IMDB as .npy files: movies, directors and actors with bags of words, and who made what."""

from __future__ import annotations

import pathlib

import numpy as np

NODE_TYPES = ("movie", "director", "actor")
EDGE_TYPES = (
    ("movie", "to", "director"),
    ("movie", "to", "actor"),
    ("director", "to", "movie"),
    ("actor", "to", "movie"),
)
NUM_WORDS = 3066


def read_imdb(folder: pathlib.Path) -> dict:
    """The whole graph, as `client.ingest` takes it."""

    def load(name: str) -> np.ndarray:
        return np.load(folder / f"{name}.npy")

    graph: dict = {}
    for node_type in NODE_TYPES:
        rows = {part: load(f"{node_type}_x_{part}") for part in ("indptr", "indices", "data")}
        graph[node_type] = {"x": _dense(**rows)}
    graph["movie"]["y"] = load("movie_y").astype(np.int64)
    for split in ("train_mask", "val_mask", "test_mask"):
        graph["movie"][split] = load(f"movie_{split}").astype(bool)
    for edge_type in EDGE_TYPES:
        graph[edge_type] = {"edge_index": load(f"edge_index__{'__'.join(edge_type)}")}
    return graph


def _dense(indptr: np.ndarray, indices: np.ndarray, data: np.ndarray) -> np.ndarray:
    x = np.zeros((len(indptr) - 1, NUM_WORDS), np.float32)
    x[np.repeat(np.arange(len(x)), np.diff(indptr)), indices] = data
    return x
