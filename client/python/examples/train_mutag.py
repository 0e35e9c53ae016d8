#!/usr/bin/python3
"""Trains a graph isomorphism network on packed molecules of MUTAG (tutorial 4).

    train_mutag.py --server HOST:PORT --data DIR [--plot loss.svg]

150 molecules train and 38 test, in several random splits and in the one that the tutorial has.
"""

from __future__ import annotations

import numpy as np
import setup_data
import torch
import training
from graph_models import Gin, GraphTask

import graphfeed as gf

SIZES = gf.FixedSizeOptions(num_nodes=400, num_edges=900, num_graphs=20)


def pack(dataset: gf.Dataset, **arguments) -> gf.FixedSizeDataLoader:
    return gf.FixedSizeDataLoader(
        dataset, fixed_size_options=SIZES, fixed_size_strategy="StreamPack", **arguments
    )


def accuracy(dataset: gf.Dataset, order, seed: int, run: str, args, waits) -> tuple[float, list]:
    """(the part of the last 38 of `order` that is told right, the loss of each step)."""
    shuffled = dataset[order]
    training.seeded(seed, args.threads)
    model = Gin(7, 32, SIZES.num_graphs, GraphTask(2), edge_channels=4, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    curve = training.Curve()
    with gf.Worker(
        pack(shuffled[:150], shuffle=True, seed=seed), model, optimizer=optimizer, on_step=curve,
        **training.worker_options(args, run),
    ) as worker:  # fmt: skip
        worker.run(epochs=args.epochs)
    waits.add(worker)
    found = gf.Worker(pack(shuffled[150:]), model).predict()
    labels = dataset.column("y").reshape(-1)[found.ids]
    return float((found.values.argmax(axis=1) == labels).mean()), curve.losses


def main() -> None:
    parser = training.arguments(__doc__, epochs=100)
    parser.add_argument("--splits", type=int, default=5, help="random splits")
    args = parser.parse_args()
    dataset = setup_data.mutag(args, gf.connect(args.server))
    labels = dataset.column("y").reshape(-1)
    majority = np.bincount(labels).max() / len(labels)

    waits, curves, accuracies = training.Waits(), {}, []
    for split in range(args.splits):
        order = np.random.default_rng(split).permutation(len(dataset))
        found, losses = accuracy(dataset, order, split, f"split{split}", args, waits)
        accuracies.append(found)
        curves[f"split {split}"] = losses
        print(f"split {split}: test accuracy {found:.1%}, loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    print(f"mean test accuracy {np.mean(accuracies):.1%}; the majority class is {majority:.1%}")

    # The tutorial's dataset.shuffle() after torch.manual_seed(12345).
    torch.manual_seed(12345)
    order = torch.randperm(len(dataset)).numpy()
    found, curves["tutorial's split"] = accuracy(dataset, order, 0, "tutorial", args, waits)
    share = np.bincount(labels[order[150:]]).max() / 38
    print(f"the tutorial's split: test accuracy {found:.1%}; the majority class is {share:.1%}")
    print(waits)
    if args.plot:
        training.plot(args.plot, "MUTAG, packed, GIN", curves)


if __name__ == "__main__":
    main()
