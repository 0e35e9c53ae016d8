#!/usr/bin/python3
"""Trains heterogeneous models on sampled neighbourhoods of IMDB's movies (tutorial 6).

    train_imdb.py --server HOST:PORT --data DIR [--model hgt] [--plot loss.svg]

SAGE between movies and directors and GAT between movies and actors, or the heterogeneous graph
transformer.
"""

from __future__ import annotations

import numpy as np
import setup_data
import torch
import training
from hetero_models import IMDB_NODE_TYPES, imdb_hgt, imdb_sage_gat
from imdb import NUM_WORDS, read_imdb

import graphfeed as gf

# Model: what makes it, and Adam's options. The transformer starts slowly and wants larger steps.
MODELS = {
    "sage-gat": (imdb_sage_gat, {"lr": 0.002, "weight_decay": 1e-3}),
    "hgt": (imdb_hgt, {"lr": 0.01, "weight_decay": 1e-4}),
}


def sampled(dataset: gf.Dataset, mask: str, batch_size: int, **arguments):
    """Seeds of a mask with what they need; sizes are those of the largest batches."""
    sampling = {
        "num_neighbors": [5, 5], "input_nodes": ("movie", mask), "batch_size": batch_size, "seed": 0,
        **arguments,
    }  # fmt: skip
    plain = gf.NeighborLoader(dataset, **sampling)
    return gf.FixedSizeNeighborLoader(
        dataset,
        fixed_size_options=gf.FixedSizeOptions.from_loader(plain),
        over_size_strategy=gf.OverSizeStrategy.TrimNodesAndEdges,
        **sampling,
    )


def main() -> None:
    parser = training.arguments(__doc__, epochs=10)
    parser.add_argument("--model", choices=MODELS, default="sage-gat")
    parser.add_argument("--hidden-channels", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    client = gf.connect(args.server)
    dataset = setup_data.dataset(
        client, "imdb", lambda: client.ingest("imdb", read_imdb(args.data / "imdb"))
    )
    data = dataset[0]["movie"]
    majority = np.bincount(data.y[data.test_mask]).max() / data.test_mask.sum()

    training.seeded(args.seed, args.threads)
    channels = dict.fromkeys(IMDB_NODE_TYPES, NUM_WORDS)
    make, adam = MODELS[args.model]
    model = make(channels, args.hidden_channels)
    optimizer = torch.optim.Adam(model.parameters(), **adam)
    waits, curve = training.Waits(), training.Curve()
    with gf.Worker(
        sampled(dataset, "train_mask", 64, shuffle=True), model, optimizer=optimizer, on_step=curve,
        **training.worker_options(args, args.model),
    ) as worker:  # fmt: skip
        worker.run(epochs=args.epochs)
    waits.add(worker)
    print(f"{worker.step} steps, loss {curve.losses[0]:.3f} -> {curve.losses[-1]:.3f}")
    found = gf.Worker(sampled(dataset, "test_mask", 128), model).predict()
    right = found.values.argmax(axis=1) == data.y[found.ids]
    print(f"{args.model}: test accuracy {right.mean():.1%} of {len(found)} movies; "
          f"the majority class is {majority:.1%}")
    print(waits)
    if args.plot:
        training.plot(args.plot, f"IMDB, sampled, {args.model}", {args.model: curve.losses})


if __name__ == "__main__":
    main()
