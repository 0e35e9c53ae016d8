#!/usr/bin/python3
"""Heterogeneous graphs: neighbourhoods of movies, sampled in batches of one fixed size.

Follows the loading parts of PopTorch Geometric's sixth tutorial, on a part of IMDB: the first 1000
movies with their directors and actors.
"""

import numpy as np
import setup_data
from imdb import read_imdb

import graphfeed as gf


def main() -> None:
    args = setup_data.arguments(__doc__).parse_args()
    client = gf.connect(args.server)
    dataset = setup_data.dataset(
        client,
        "imdb-1000",
        lambda: client.ingest(
            "imdb-1000",
            read_imdb(args.data / "imdb"),
            transforms=[
                gf.transforms.Subgraph({"movie": np.arange(1000)}),
                gf.transforms.RemoveIsolatedNodes(),
            ],
        ),
    )
    data = dataset[0]
    print(f"{data = }")
    print(f"classes {np.unique(data['movie'].y).tolist()}, {dataset.metadata() = }")

    # Without sampling the whole graph is one batch.
    (full,) = gf.DataLoader(dataset)
    print(f"{full.num_graphs = }, {full.num_nodes = }, {full.num_edges = }")

    # Two hops of at most five neighbours, against the edges, from five movies at a time.
    sampling = {"num_neighbors": [5] * 2, "batch_size": 5, "input_nodes": ("movie", "train_mask")}
    loader = gf.NeighborLoader(dataset, seed=0, **sampling)
    sampled = next(iter(loader))
    print(f"{sampled = }")
    print(f"{len(loader)} batches an epoch")
    for i, batch in enumerate(loader):
        nodes = {t: batch[t].num_nodes for t in batch.node_types}
        edges = {"|".join(t): batch[t].num_edges for t in batch.edge_types}
        print(f"batch {i}: batch_size {batch['movie'].batch_size}, nodes {nodes}, edges {edges}")

    # The same sizes for every type ...
    options = gf.FixedSizeOptions(num_nodes=1000, num_edges=1000)
    fixed = gf.FixedSizeNeighborLoader(dataset, fixed_size_options=options, seed=0, **sampling)
    roomy = next(iter(fixed))
    print(f"{roomy = }")

    # ... or those that the sampled batches need: the largest of 1000, ...
    options = gf.FixedSizeOptions.from_loader(loader)
    print(options)
    fixed = gf.FixedSizeNeighborLoader(
        dataset,
        fixed_size_options=options,
        over_size_strategy=gf.OverSizeStrategy.TrimNodesAndEdges,
        seed=0,
        **sampling,
    )
    snug = next(iter(fixed))
    print(f"{snug = }")

    # ... or what nine of ten batches need, the others being trimmed.
    options = gf.FixedSizeOptions.estimate(loader, quantile=0.9, sample_limit=1000)
    print(options)
    print(options.report)


if __name__ == "__main__":
    main()
