"""Graphs, models and loaders for the worker's tests."""

import pathlib
import sys
import time

import numpy as np
import torch

import graphfeed as gf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "client" / "worker" / "models"))
from graph_models import GcnForGraphs, GraphTask  # noqa: E402

torch.set_num_threads(1)


def graphs(count: int = 45) -> list:
    """Rings with loops of 3 to 7 nodes; the class is whether the sum of x is positive."""
    rng = np.random.default_rng(3)
    result = []
    for i in range(count):
        n = 3 + i % 5
        x = rng.normal(size=(n, 3)).astype(np.float32)
        ring = np.stack([np.arange(n), (np.arange(n) + 1) % n])
        edge_index = np.concatenate([ring, ring[::-1], np.tile(np.arange(n), (2, 1))], axis=1)
        result.append({"x": x, "edge_index": edge_index, "y": np.array([int(x.sum() > 0)])})
    return result


OPTIONS = gf.FixedSizeOptions(num_nodes=40, num_edges=120, num_graphs=6)


def padded(dataset, **arguments) -> gf.FixedSizeDataLoader:
    """Nine batches of five graphs unless told otherwise."""
    arguments = {"fixed_size_options": OPTIONS, "shuffle": True, "seed": 5, **arguments}
    return gf.FixedSizeDataLoader(dataset, **arguments)


def model_and_optimizer(seed: int = 0, num_graphs: int = 6, dropout: float = 0.5):
    torch.manual_seed(seed)
    model = GcnForGraphs(3, 8, num_graphs, GraphTask(2), dropout)
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def weights(model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


class Batches:
    """An iterable of plain batches, as any program may have."""

    def __init__(self, count: int, seconds: float = 0.0) -> None:
        self.count = count
        self.seconds = seconds

    def __len__(self) -> int:
        return self.count

    def __iter__(self):
        for number in range(self.count):
            time.sleep(self.seconds)
            yield {"number": number}
