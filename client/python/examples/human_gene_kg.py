#!/usr/bin/python3
"""A knowledge graph of human genes: epochs of sampled neighbourhoods with budgets from quantiles.

870,000 nodes of 7 types, 4.5 million edges of 15 types and their reverses, with heavy tails: a
publication that names 20,000 genes meets few batches, and would set the size of all of them.
"""

from __future__ import annotations

import pathlib

import numpy as np
import setup_data

import graphfeed as gf


def read_human_gene_kg(folder: pathlib.Path) -> dict:
    """The graph with the reverse of every edge type, as `client.ingest` takes it."""
    graph: dict = {}
    for line in (folder / "num_nodes.txt").read_text().split("\n"):
        if line:
            node_type, count = line.split()
            graph[node_type] = {"num_nodes": int(count)}
    graph["gene"] |= {
        "x": np.load(folder / "gene_x.npy").astype(np.float32),
        "y": np.load(folder / "gene_y.npy"),
    }
    for split in ("train_mask", "val_mask", "test_mask"):
        graph["gene"][split] = np.load(folder / f"gene_{split}.npy").astype(bool)
    for path in sorted(folder.glob("edge_index__*.npy")):
        source, relation, target = path.stem.removeprefix("edge_index__").split("__")
        edge_index = np.load(path).astype(np.int64)
        graph[source, relation, target] = {"edge_index": edge_index}
        graph[target, f"rev_{relation}", source] = {"edge_index": edge_index[::-1]}
    return graph


def main() -> None:
    parser = setup_data.arguments(__doc__)
    parser.add_argument("--batch-size", type=int, default=512, help="genes of a batch")
    parser.add_argument("--quantile", type=float, default=0.9)
    args = parser.parse_args()
    client = gf.connect(args.server)
    dataset = setup_data.dataset(
        client,
        "human_gene_kg",
        lambda: client.ingest("human_gene_kg", read_human_gene_kg(args.data / "human_gene_kg")),
    )
    node_types, edge_types = dataset.metadata()
    print(f"{len(node_types)} node types, {len(edge_types)} edge types, "
          f"{sum(dataset.info.num_nodes)} nodes, {sum(dataset.info.num_edges)} edges")

    sampling = {
        "num_neighbors": [6, 4],
        "input_nodes": ("gene", "train_mask"),
        "batch_size": args.batch_size,
        "shuffle": True,
        "seed": 0,
    }
    plain = gf.NeighborLoader(dataset, **sampling)
    largest = gf.FixedSizeOptions.from_loader(plain, sample_limit=len(plain))
    options = gf.FixedSizeOptions.estimate(plain, args.quantile, sample_limit=len(plain))
    print(f"largest batch: {largest.total_num_nodes} nodes, {largest.total_num_edges} edges")
    print(f"quantile {args.quantile}: {options.total_num_nodes} nodes, "
          f"{options.total_num_edges} edges")

    # What the estimate says of this epoch, and what the epoch itself says.
    sampled = dict.fromkeys([*node_types, *edge_types], 0)
    trimmed, batches, genes = dict(sampled), 0, 0
    loader = gf.FixedSizeNeighborLoader(dataset, fixed_size_options=options, **sampling)
    for batch in loader:
        (real,) = batch.counts
        for key, lost in (batch.trimmed.nodes | batch.trimmed.edges).items():
            trimmed[key] += lost
            sampled[key] += lost + (real.nodes | real.edges)[key]
        batches += batch.trimmed.total_nodes + batch.trimmed.total_edges > 0
        genes += batch["gene"].batch_size
    print(f"{len(loader)} batches with {genes} genes, {batches} of them trimmed; "
          f"estimated {options.report.trimmed_batches * len(loader):.0f}")
    for key, estimated in (options.report.trimmed_nodes | options.report.trimmed_edges).items():
        name = key if isinstance(key, str) else " ".join(key)
        share = trimmed[key] / max(sampled[key], 1)
        print(f"trimmed {name}: {share:.6f} counted, {estimated:.6f} estimated")


if __name__ == "__main__":
    main()
