"""Packed, padded and unpadded training of the same graphs in the same order is the same."""

import numpy as np
import pytest
import torch
from worker_parts import GraphTask, padded, weights

import graphfeed as gf
from graph_models import GcnForGraphs, Gin

EPOCHS = 3


def packed_lists(rings) -> list:
    """Which graphs packing puts together."""
    lists, first = [], 0
    for batch in packed(rings):
        count = batch.counts[0].graphs
        lists.append(list(range(first, first + count)))
        first += count
    assert len({len(numbers) for numbers in lists}) > 1
    return lists


def packed(rings):
    options = gf.FixedSizeOptions(num_nodes=24, num_edges=70, num_graphs=12)
    return padded(rings, shuffle=False, fixed_size_options=options, fixed_size_strategy="StreamPack")


LOADERS = {
    "packed": lambda rings, lists: packed(rings),
    "padded": lambda rings, lists: gf.FixedSizeDataLoader(
        rings, batch_sampler=lists,
        fixed_size_options=gf.FixedSizeOptions(num_nodes=90, num_edges=300, num_graphs=12),
    ),
    "unpadded": lambda rings, lists: gf.DataLoader(rings, batch_sampler=lists),
}  # fmt: skip

MODELS = {
    "gcn": lambda task: GcnForGraphs(3, 8, 12, task, dropout=0.0),
    "gin": lambda task: Gin(3, 8, 12, task, dropout=0.0),
}


class Sized(torch.nn.Module):
    """A model that pools to as many graphs as its batch has: unpadded ones differ in it."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x, edge_index, batch, ptr, y, graphs_mask=None):
        self.model.num_graphs = len(ptr) - 1
        return self.model(x, edge_index, batch, graphs_mask=graphs_mask, y=y)


@pytest.mark.parametrize("kind", MODELS)
def test_curves_are_the_same(rings, kind):
    lists = packed_lists(rings)
    curves, trained = {}, {}
    for name, make in LOADERS.items():
        torch.manual_seed(2)
        model, steps = Sized(MODELS[kind](GraphTask(2))), []
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        gf.Worker(make(rings, lists), model, optimizer=optimizer, on_step=steps.append).run(
            epochs=EPOCHS
        )
        curves[name], trained[name] = [step.loss for step in steps], weights(model)
    assert len(curves["packed"]) == EPOCHS * len(lists)
    assert curves["packed"][-1] < curves["packed"][0]
    for name in ("padded", "unpadded"):
        np.testing.assert_allclose(curves[name], curves["packed"], rtol=1e-4)
        torch.testing.assert_close(trained[name], trained["packed"], rtol=1e-3, atol=1e-5)
