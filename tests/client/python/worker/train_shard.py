"""A worker in a process of its own, which tests kill: trains a shard and writes what it consumed.

    train_shard.py SERVER DATASET CHECKPOINTS OUT NUM_SHARDS SHARD EPOCHS [SECONDS_PER_STEP]

Appends to OUT where it begins, the position after each step, and at the end the worker's totals.
"""

import json
import sys
import time

import torch
from worker_parts import model_and_optimizer, padded, weights

import graphfeed as gf


def train(server, name, folder, out, num_shards, shard, epochs, seconds=0.0) -> None:
    loader = padded(gf.connect(server).dataset(name), num_shards=num_shards, shard_index=shard)
    model, optimizer = model_and_optimizer(dropout=0.5)

    class Telling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x, edge_index, batch, graphs_mask, y):
            time.sleep(seconds)
            return self.inner(x, edge_index, batch, graphs_mask, y)

    with open(out, "a", buffering=1) as file:

        def on_step(step):
            file.write(f"{step.position.epoch} {step.position.ordinal}\n")

        with gf.Worker(
            loader, Telling(), optimizer=optimizer, checkpoint_dir=folder, checkpoint_every=2,
            keep=10**6,  # shards that are far apart have one in common
            on_step=on_step,
        ) as worker:  # fmt: skip
            file.write(f"begin {json.dumps([*worker.position, worker.totals.samples])}\n")
            worker.run(epochs=epochs)
            file.write(f"end {json.dumps([worker.stopped, worker.totals.samples, worker.step])}\n")
            file.write(f"weights {float(weights(model).double().sum())!r}\n")


if __name__ == "__main__":
    texts, numbers = sys.argv[1:5], sys.argv[5:8]
    train(*texts, *map(int, numbers), *map(float, sys.argv[8:]))
