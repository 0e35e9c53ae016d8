#!/usr/bin/python3
"""A worked example: node classification on Cora with self-loops.

Follows the loading parts of PopTorch Geometric's second tutorial. The loops are added when the
graph is stored: adding them inside the model would make its shapes unknown to a compiler.
"""

import numpy as np
import setup_data

import graphfeed as gf


def main() -> None:
    args = setup_data.arguments(__doc__).parse_args()
    client = gf.connect(args.server)
    transforms = [gf.transforms.NormalizeFeatures(), gf.transforms.AddSelfLoops()]
    dataset = setup_data.cora(args, client, "cora-loops", transforms)

    print(f"Dataset: {dataset}")
    print(f"Transforms: {', '.join(dataset.info.transforms)}")
    print(f"Number of graphs: {len(dataset)}")
    print(f"Number of features: {dataset.num_features}")
    print(f"Number of classes: {dataset.num_classes}")
    data = dataset[0]
    print(data)
    print(f"{data.num_nodes = }")
    print(f"{data.num_edges = }")

    # One graph is one batch, so its shape is static as it is.
    loader = gf.DataLoader(dataset, batch_size=1)
    print(f"{len(loader) = }")
    for batch in loader:
        print(batch)
        # Labels outside the training set become -100, which losses ignore: no boolean indexing,
        # whose result would have a shape of its own.
        labels = np.where(batch.train_mask, batch.y, -100)
        print(f"training labels: {(labels >= 0).sum()} of {labels.shape}")


if __name__ == "__main__":
    main()
