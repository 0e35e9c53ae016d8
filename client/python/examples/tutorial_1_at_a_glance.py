#!/usr/bin/python3
"""At a glance: a large graph as it is, and small graphs in batches of one fixed shape.

Follows the loading parts of PopTorch Geometric's first tutorial; what remains of it is the model,
which takes these batches unchanged.
"""

import setup_data

import graphfeed as gf


def large_graph(args, client: gf.Client) -> None:
    """Cora: one graph, whose features are normalised when it is stored."""
    dataset = setup_data.cora(
        args, client, "cora-normalized", [gf.transforms.NormalizeFeatures()]
    )
    data = dataset[0]
    print(f"{data = }")
    print(f"{dataset.num_features = }, {dataset.num_classes = }")
    rows = data.x.sum(axis=1)
    print(f"every row of x sums to {rows.min():.3f} .. {rows.max():.3f}")


def small_graphs(args, client: gf.Client) -> None:
    """MUTAG: many molecules."""
    dataset = setup_data.mutag(args, client)
    print(f"{len(dataset) = }, {dataset.num_features = }, {dataset.num_edge_features = }")
    print(f"{dataset[0] = }")

    # An ordinary loader: every batch has another shape.
    loader = gf.DataLoader(dataset, batch_size=10, shuffle=True, seed=1234)
    print(f"{next(iter(loader)) = }")

    # Sizes that we choose, and sizes that fit any ten graphs of this dataset. Ten counts the
    # padding graph that every batch has: nine are real.
    options = gf.FixedSizeOptions(num_nodes=100, num_edges=200, num_graphs=10)
    small = gf.FixedSizeDataLoader(dataset, batch_size=10, fixed_size_options=options)
    try:
        next(iter(small))
    except gf.FailedPrecondition as error:
        print(f"100 nodes are too few for nine molecules: {error}")
    loader = gf.FixedSizeDataLoader(dataset, batch_size=10)
    print(f"{loader.fixed_size_options.num_nodes = }, {loader.fixed_size_options.num_edges = }")

    batch = next(iter(loader))
    print(f"{batch = }")
    print(f"real graphs {batch.graphs_mask.sum()}, nodes {batch.nodes_mask.sum()}, "
          f"edges {batch.edges_mask.sum()}")
    print(f"ptr {batch.ptr.tolist()}")
    print(f"y {batch.y.tolist()}")
    padding = batch.edge_index[:, ~batch.edges_mask]
    print(f"padding edges from {set(padding[0].tolist())} to {set(padding[1].tolist())}")


def main() -> None:
    args = setup_data.arguments(__doc__).parse_args()
    client = gf.connect(args.server)
    large_graph(args, client)
    small_graphs(args, client)


if __name__ == "__main__":
    main()
