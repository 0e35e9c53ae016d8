#!/usr/bin/python3
"""Divides the graphs of a dataset into two parts at random, for `graphfeed plan --graphs`.

    split.py --server HOST:PORT --dataset mutag --seed 0 --train 150 --out FILE

Writes FILE.train and FILE.test: numbers of graphs, a,b,c.
"""

from __future__ import annotations

import argparse
import pathlib

import numpy as np

import graphfeed as gf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, required=True, help="graphs of the first part")
    parser.add_argument("--out", required=True, metavar="FILE")
    args = parser.parse_args()
    num_graphs = len(gf.connect(args.server).dataset(args.dataset))
    if not 0 < args.train < num_graphs:
        parser.error(f"--train is {args.train}; {args.dataset} has {num_graphs} graphs")
    order = np.random.default_rng(args.seed).permutation(num_graphs)
    for part, ids in (("train", order[: args.train]), ("test", order[args.train :])):
        pathlib.Path(f"{args.out}.{part}").write_text(",".join(map(str, ids)))


if __name__ == "__main__":
    main()
