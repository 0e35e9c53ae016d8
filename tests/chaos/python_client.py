"""Reads epochs of a dataset and prints every frame as the command-line client does.

    python_client.py ENDPOINTS DATASET EPOCHS START_SHARD
"""

import logging
import sys

import graphfeed as gf


def main(endpoints: str, dataset: str, epochs: int) -> None:
    logging.basicConfig(level=logging.WARNING)
    client = gf.connect(endpoints.split(","), keepalive_time=1, keepalive_timeout=1)
    data = client.dataset(dataset)
    if dataset == "molecules":
        loader = gf.FixedSizeDataLoader(
            data,
            fixed_size_options=gf.FixedSizeOptions(num_nodes=60, num_edges=120, num_graphs=8),
            fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
            shuffle=True,
            seed=5,
        )
    else:
        loader = gf.NeighborLoader(
            data, num_neighbors=[4, 3], input_nodes="movie", batch_size=8, shuffle=True, seed=5
        )
    for batches in loader.epochs(epochs):
        for batch in batches:
            epoch, ordinal = batch.position
            print(f"frame {epoch} {ordinal} {batch.digest:016x}", flush=True)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
