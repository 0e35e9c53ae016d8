#!/usr/bin/python3
"""Scores the predictions of graphfeed-worker against the labels of their dataset.

    score.py --server HOST:PORT --dataset mutag --predictions DIR
    score.py --server HOST:PORT --dataset cora --predictions DIR --mask test_mask
    score.py --server HOST:PORT --dataset imdb --predictions DIR --store movie --mask test_mask
    score.py --server HOST:PORT --dataset qm9 --predictions DIR --target 1

Reads out.npy and out.ids.npy. Prints one JSON line: of classes the accuracy and the share of the
largest class among the same labels; of numbers (--target, a column of y) the mean squared error over
the variance of the same labels, unknown ones (NaN) left out.
"""

from __future__ import annotations

import argparse
import json
import pathlib

import numpy as np

import graphfeed as gf


def labels_of(args: argparse.Namespace) -> tuple:
    """y of the dataset, and which of its rows count (None: all)."""
    dataset = gf.connect(args.server).dataset(args.dataset)
    if args.mask is None and args.store is None:
        return dataset.column("y"), None
    graph = dataset[0]
    store = graph if args.store is None else graph[args.store]
    return np.asarray(store["y"]), None if args.mask is None else np.asarray(store[args.mask])


def score(out: np.ndarray, ids: np.ndarray, y: np.ndarray, target: int | None) -> dict:
    """What is printed, for rows `out` of the labels y[ids]."""
    labels = y.reshape(len(y), -1)[ids]
    if target is None:
        classes = labels[:, 0].astype(np.int64)
        majority = np.bincount(classes).max() / len(classes)
        accuracy = float(np.mean(out.argmax(axis=1) == classes))
        return {"rows": len(ids), "accuracy": accuracy, "majority": float(majority)}
    wanted = labels[:, target].astype(np.float64)
    known = ~np.isnan(wanted)
    error = np.mean((out[known, 0] - wanted[known]) ** 2)
    return {"rows": int(known.sum()), "mse_over_variance": float(error / np.var(wanted[known]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--predictions", required=True, type=pathlib.Path, metavar="DIR")
    parser.add_argument("--store", help="node type of the rows, in heterogeneous graphs")
    parser.add_argument("--mask", help="column of the rows that count")
    parser.add_argument("--target", type=int, help="column of y: a number, not a class")
    args = parser.parse_args()
    out = np.load(args.predictions / "out.npy")
    ids = np.load(args.predictions / "out.ids.npy")
    y, mask = labels_of(args)
    if mask is not None:
        out, ids = out[mask[ids]], ids[mask[ids]]
    print(json.dumps(score(out, ids, y, args.target)))


if __name__ == "__main__":
    main()
