#!/usr/bin/python3
"""Small graphs with packing: as many molecules of MUTAG as fit into a batch.

Follows the loading parts of PopTorch Geometric's fourth tutorial. Its numbers depend on the order
in which torch shuffled the dataset; --permutation replays that order from a file.
"""

import json
import pathlib

import numpy as np
import setup_data

import graphfeed as gf


def read_permutation(path: pathlib.Path) -> np.ndarray:
    """Graph numbers from a .npy file, a JSON list, or a file of recorded cases."""
    if path.suffix == ".npy":
        return np.load(path)
    content = json.loads(path.read_text())
    if isinstance(content, dict):
        content = content["cases"][0]["perm_seed12345"]
    return np.array(content)


def worked_example(client: gf.Client) -> None:
    """Batches of 3 graphs, 6 nodes and 6 edges, one of each kept for padding."""
    sizes = [(3, 3), (2, 2), (2, 1), (2, 1)]
    graphs = [
        {
            "x": np.ones((nodes, 1), np.float32),
            "edge_index": np.stack([np.arange(edges) % nodes, (np.arange(edges) + 1) % nodes]),
        }
        for nodes, edges in sizes
    ]
    dataset = setup_data.dataset(
        client, "packing-example", lambda: client.ingest("packing-example", graphs)
    )
    loader = gf.FixedSizeDataLoader(
        dataset,
        fixed_size_options=gf.FixedSizeOptions(num_nodes=6, num_edges=6, num_graphs=3),
        fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
    )
    for batch in loader:
        (real,) = batch.counts
        print(f"{real.graphs} graphs with {real.nodes} nodes and {real.edges} edges, padded to "
              f"{batch.num_graphs}, {batch.num_nodes} and {batch.num_edges}")


def pack(dataset: gf.Dataset, options: gf.FixedSizeOptions) -> gf.FixedSizeDataLoader:
    return gf.FixedSizeDataLoader(
        dataset,
        batch_size=options.num_graphs,
        fixed_size_options=options,
        fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
    )


def report(name: str, loader: gf.FixedSizeDataLoader) -> None:
    graphs = [int(batch.graphs_mask.sum()) for batch in loader]
    print(f"{name}: {len(loader)} batches, efficiency {loader.plan(0).node_efficiency:.2%}")
    print(f"real graphs in each: {','.join(map(str, graphs))}")


def main() -> None:
    parser = setup_data.arguments(__doc__)
    parser.add_argument(
        "--permutation", type=pathlib.Path, metavar="FILE", help="order of the graphs (.npy, JSON)"
    )
    args = parser.parse_args()
    client = gf.connect(args.server)
    worked_example(client)

    dataset = setup_data.mutag(args, client)
    print(f"{len(dataset) = }, {dataset.num_features = }, {dataset.num_edge_features = }, "
          f"{dataset.num_classes = }")
    for molecule in (dataset[0], dataset[1]):
        print(f"{molecule.num_nodes = }, {molecule.num_edges = }, {molecule.y = }")
    print(dataset.summary())

    if args.permutation is not None:
        dataset = dataset[read_permutation(args.permutation)]
    else:
        dataset = dataset.shuffle(seed=12345)
    train, test = dataset[:150], dataset[150:]

    options = gf.FixedSizeOptions(num_nodes=400, num_edges=800, num_graphs=10)
    print(options)
    loader = pack(train, options)
    batches = iter(loader)
    first, second = next(batches), next(batches)
    batches.close()
    print(f"{first = }")
    print(f"{second = }")
    print(f"{first.graphs_mask.tolist() = }")
    real_nodes = int(first.nodes_mask.sum())
    print(f"{real_nodes = } of {options.num_nodes}: {real_nodes / options.num_nodes}")
    report("roomy", pack(train, options))

    # Near the mean size of ten graphs little is wasted.
    summary = dataset.summary()
    options = gf.FixedSizeOptions(
        num_nodes=int(summary.num_nodes.mean * 10),
        num_edges=int(summary.num_edges.mean * 10),
        num_graphs=10,
    )
    print(f"{options.num_nodes = }, {options.num_edges = }")
    report("snug", pack(train, options))
    report("test set", pack(test, options))


if __name__ == "__main__":
    main()
