"""Run by an installed package's Python: stores a dataset at the server of argv[1], reads a packed
epoch, and prints what came as JSON."""

import json
import sys

import numpy as np

import graphfeed as gf
from graphfeed import _transport

(server,) = sys.argv[1:]
graphs = [
    {
        "x": np.full((2 + i % 5, 3), i, np.float32),
        "edge_index": np.zeros((2, 1 + i % 5), np.int64),
        "y": np.array([i % 2]),
    }
    for i in range(50)
]
client = gf.connect(server)
dataset = client.ingest("packaged", graphs, if_exists="same")
loader = gf.FixedSizeDataLoader(
    dataset, fixed_size_options=gf.FixedSizeOptions(num_nodes=40, num_edges=60, num_graphs=9),
    fixed_size_strategy="Pack", shuffle=True, seed=3,
)
batches = list(loader)
print(json.dumps({
    "file": gf.__file__,
    "version": gf.__version__,
    "python": list(sys.version_info[:2]),
    "transport": _transport.NAME,
    "graphs": sum(batch.num_real_graphs for batch in batches),
    "digests": [batch.digest for batch in batches],
    "sums": [float(batch.x[batch.nodes_mask].sum()) for batch in batches],
}))
