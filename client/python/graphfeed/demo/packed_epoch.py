"""A packed epoch of a dataset, and what it shows."""

from __future__ import annotations

import time

import numpy as np

from graphfeed.dataset import Dataset
from graphfeed.loaders.graphs import FixedSizeDataLoader
from graphfeed.options import FixedSizeOptions, FixedSizeStrategy


def show_packed_epoch(dataset: Dataset, batch_size: int = 128) -> None:
    """Streams an epoch in batches of `batch_size` graphs, the padding's included, and prints what
    they look like, how much of them is real and how fast they came.

    Raises:
        RuntimeError: the epoch did not have every graph once.
    """
    summary = dataset.summary()
    print(summary)
    # Budgets near the mean waste little; every single graph still has to fit.
    graphs = min(batch_size, len(dataset) + 1)
    options = FixedSizeOptions(
        num_nodes=max(int(summary.num_nodes.mean * graphs), summary.num_nodes.max + graphs),
        num_edges=max(int(summary.num_edges.mean * graphs), summary.num_edges.max + graphs),
        num_graphs=graphs,
    )
    loader = FixedSizeDataLoader(
        dataset,
        fixed_size_options=options,
        fixed_size_strategy=FixedSizeStrategy.StreamPack,
        shuffle=True,
        seed=0,
    )
    print(options)
    print("first batch:", loader.peek())

    real_graphs, real_nodes, frame_bytes = [], 0, 0
    begin = time.perf_counter()
    for batch in loader:
        real_graphs.append(int(batch.graphs_mask.sum()))
        real_nodes += int(batch.nodes_mask.sum())
        frame_bytes += sum(array.nbytes for _, array in batch.items())
    seconds = time.perf_counter() - begin

    batches = len(real_graphs)
    print(f"packed epoch: {batches} batches, {sum(real_graphs)} graphs of {len(dataset)}")
    print(f"packing efficiency: {real_nodes / (batches * options.num_nodes):.2%} of the nodes are real")
    print(
        f"graphs per batch: min {min(real_graphs)}, mean {np.mean(real_graphs):.1f}, "
        f"max {max(real_graphs)}"
    )
    print(
        f"throughput: {batches / seconds:,.0f} batches/s, {sum(real_graphs) / seconds:,.0f} graphs/s, "
        f"{frame_bytes / seconds / 1e6:,.0f} MB/s"
    )
    if sum(real_graphs) != len(dataset):
        raise RuntimeError("the epoch did not deliver every graph once")
