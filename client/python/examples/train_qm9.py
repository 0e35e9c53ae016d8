#!/usr/bin/python3
"""Trains a graph isomorphism network on QM9's HOMO-LUMO gap (tutorial 3).

    train_qm9.py --server HOST:PORT --data DIR [--plot loss.svg]

The gap is standardised. Most molecules have none (NaN): they are in the batches, and masked.
"""

from __future__ import annotations

import time

import numpy as np
import setup_data
import torch
import training
from graph_models import Gin, GraphTask
from qm9 import read_qm9

import graphfeed as gf

GAP = 1  # column of y
NUM_GRAPHS = 129  # 128 molecules and the padding
SIZES = gf.FixedSizeOptions(
    num_nodes=int(18.2 * NUM_GRAPHS), num_edges=int(37.8 * NUM_GRAPHS), num_graphs=NUM_GRAPHS
)


def pack(dataset: gf.Dataset, strategy: str, **arguments) -> gf.FixedSizeDataLoader:
    return gf.FixedSizeDataLoader(
        dataset, fixed_size_options=SIZES, fixed_size_strategy=strategy, **arguments
    )


def main() -> None:
    parser = training.arguments(__doc__, epochs=5)
    parser.add_argument("--molecules", type=int, default=30_000, help="that train, of 125,839")
    parser.add_argument("--test-molecules", type=int, default=5_000)
    args = parser.parse_args()
    client = gf.connect(args.server)
    dataset = setup_data.dataset(
        client, "qm9", lambda: client.ingest("qm9", read_qm9(args.data / "qm9"))
    )
    gap = dataset.column("y")[:, GAP]
    order = np.random.default_rng(0).permutation(len(dataset))
    test = order[: args.test_molecules]
    train = order[args.test_molecules :][: args.molecules]
    known = gap[train][~np.isnan(gap[train])]
    print(f"{len(train)} molecules train, {len(known)} of them with a gap: "
          f"mean {known.mean():.3f} eV, standard deviation {known.std():.3f} eV")

    training.seeded(0, args.threads)
    task = GraphTask(0, target=GAP, mean=float(known.mean()), std=float(known.std()))
    model = Gin(11, 64, NUM_GRAPHS, task, edge_channels=4, dropout=0.0, pool="mean")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    loader = pack(dataset[train], "Pack", shuffle=True, seed=0)
    waits, curve, begin = training.Waits(), training.Curve(), time.monotonic()
    with gf.Worker(
        loader, model, optimizer=optimizer, on_step=curve, **training.worker_options(args, "qm9")
    ) as worker:
        for epoch in range(1, args.epochs + 1):
            worker.run(epochs=epoch)
            if worker.stopped:
                break
            found = gf.Worker(pack(dataset[test], "StreamPack"), model).predict()
            wanted = gap[found.ids]
            has = ~np.isnan(wanted)
            error = np.mean((found.values[has, 0] - wanted[has]) ** 2) / wanted[has].var()
            print(f"epoch {epoch}: test MSE / variance {error:.3f} over {has.sum()} molecules, "
                  f"{time.monotonic() - begin:.0f} s")
    waits.add(worker)
    print(waits)
    if args.plot:
        training.plot(args.plot, "QM9, packed, GIN: standardised gap", {"MSE": curve.losses})


if __name__ == "__main__":
    main()
