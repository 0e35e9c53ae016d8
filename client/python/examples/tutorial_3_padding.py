#!/usr/bin/python3
"""Small graphs with padding: QM9's molecules in batches of 128.

Follows the loading parts of PopTorch Geometric's third tutorial on molecules rebuilt from SMILES.
These lack what the original has from quantum chemistry: atom positions (and with them the 3-D
view), and the 19 targets; y is [molecular weight, HOMO-LUMO gap where it is known].
"""

import setup_data
from qm9 import read_qm9

import graphfeed as gf


def main() -> None:
    parser = setup_data.arguments(__doc__)
    parser.add_argument("--batch-size", type=int, default=128, help="graphs, padding included")
    args = parser.parse_args()
    client = gf.connect(args.server)
    dataset = setup_data.dataset(
        client, "qm9", lambda: client.ingest("qm9", read_qm9(args.data / "qm9"))
    )
    print(dataset)
    print(dataset[2])
    print("not in this data: pos (so no 3-D view), idx, name, and the 19 targets")

    # Four molecules a batch, as they are: every batch has another shape.
    for i, batch in zip(range(3), gf.DataLoader(dataset, batch_size=4)):
        print(batch)
        print(f"Mini-batch {i} has an x array of shape: {list(batch.x.shape)}")

    summary = dataset.summary()
    print(summary)
    print(f"Max number of nodes in the dataset is: {summary.num_nodes.max}")
    print(f"Max number of edges in the dataset is: {summary.num_edges.max}")

    # Room for a whole batch of the largest molecule.
    options = gf.FixedSizeOptions(
        num_nodes=summary.num_nodes.max * args.batch_size,
        num_edges=summary.num_edges.max * args.batch_size,
        num_graphs=args.batch_size,
    )
    print(f"{options.num_nodes = }")
    print(f"{options.num_edges = }")
    loader = gf.FixedSizeDataLoader(
        dataset, batch_size=args.batch_size, fixed_size_options=options
    )
    sample = next(iter(loader))
    print(sample)
    print("Shape of y:", list(sample.y.shape))

    # The loader finds sizes itself: the last graph of a batch is padding and needs little.
    loader = gf.FixedSizeDataLoader(dataset, batch_size=args.batch_size)
    found = loader.fixed_size_options
    print(f"found by the loader: {found.num_nodes} nodes, {found.num_edges} edges")
    print(f"{len(loader)} batches, {loader.plan().node_efficiency:.2%} of their nodes are real")


if __name__ == "__main__":
    main()
