#!/usr/bin/python3
"""Divides the graphs of a dataset into two parts at random, for `graphfeed plan --graphs @FILE`.

    split.py --server HOST:PORT --dataset mutag --seed 0 --train 150 --out FILE
    split.py --server HOST:PORT --dataset qm9 --train 30000 --test 5000 --out FILE

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
    parser.add_argument("--test", type=int, help="graphs of the second (default: the rest)")
    parser.add_argument("--out", required=True, metavar="FILE")
    args = parser.parse_args()
    num_graphs = len(gf.connect(args.server).dataset(args.dataset))
    test = num_graphs - args.train if args.test is None else args.test
    if args.train < 1 or test < 1 or args.train + test > num_graphs:
        parser.error(f"--train is {args.train}, --test {test}; {args.dataset} has {num_graphs} graphs")
    order = np.random.default_rng(args.seed).permutation(num_graphs)
    for part, ids in (("train", order[: args.train]), ("test", order[args.train : args.train + test])):
        pathlib.Path(f"{args.out}.{part}").write_text(",".join(map(str, ids)))


if __name__ == "__main__":
    main()
