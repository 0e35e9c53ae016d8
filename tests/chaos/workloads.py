"""What the chaos tests read: packed molecules and sampled neighbourhoods of movies, and those of a
generated graph whose batches are large (200 KB), so that connections hold few of them; and what the
last program of the storage format 1 has left.

QM9 and IMDB where the shared data are, generated graphs of their sizes elsewhere. The long run
reads all of them, the bounded one a part.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pathlib
import sys
from collections.abc import Collection

import numpy as np
import xxhash

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "support"))
sys.path.append(str(ROOT / "client" / "python" / "examples"))
from imdb import NODE_TYPES, read_imdb  # noqa: E402
from qm9 import read_qm9  # noqa: E402
from shared_data import shared_dir  # noqa: E402

import graphfeed as gf  # noqa: E402

LONG = bool(os.environ.get("GRAPHFEED_LONG"))
DATASETS = ("molecules", "movies")
SEED = 5
PACK = {"num_nodes": 1200, "num_edges": 2500, "num_graphs": 80}
FAN_OUT = [4, 3]
SEEDS = 2  # a batch of movies begins with
LINKS = {"nodes": 14400, "degree": 12, "columns": 256, "seeds": 16}
PART = 16384  # molecules that the bounded run reads; its movies are those of the training mask

# The same two specs as the command-line client's flags and as Python loaders.
FLAGS = {
    "molecules": [
        "--strategy", "pack", "--num-nodes", str(PACK["num_nodes"]),
        "--num-edges", str(PACK["num_edges"]), "--num-graphs", str(PACK["num_graphs"]),
        *([] if LONG else ["--graphs", f"0:{PART}"]),
    ],
    "movies": [
        "--strategy", "neighbor", "--ragged", "--num-neighbors", ",".join(map(str, FAN_OUT)),
        "--input-nodes", "movie" if LONG else "movie:train_mask", "--batch-size", str(SEEDS),
    ],
    "links": [
        "--strategy", "neighbor", "--ragged", "--num-neighbors", str(LINKS["degree"]),
        "--batch-size", str(LINKS["seeds"]),
    ],
}  # fmt: skip

FORMAT_1 = ROOT / "tests" / "storage" / "format1"
OLD = ("a@1", "a@2", "b@1", "c@1")  # what is in it: two graphs each
OLD_SIZES = {"num_nodes": 8000, "num_edges": 8000, "num_graphs": 3}  # mostly padding: 200 KB
FLAGS.update({
    name: ["--strategy", "pad", *(part for size, value in OLD_SIZES.items()
                                  for part in (f"--{size.replace('_', '-')}", str(value)))]
    for name in OLD
})  # fmt: skip


def loader(client: gf.Client, name: str, **shard):
    dataset = client.dataset(name)
    options = {"shuffle": True, "seed": SEED, **shard}
    if name == "molecules":
        return gf.FixedSizeDataLoader(
            dataset if LONG else dataset[:PART],
            fixed_size_options=gf.FixedSizeOptions(**PACK),
            fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
            **options,
        )
    if name in OLD:
        sizes = gf.FixedSizeOptions(**OLD_SIZES)
        return gf.FixedSizeDataLoader(dataset, fixed_size_options=sizes, **options)
    if name == "links":
        return gf.NeighborLoader(
            dataset, num_neighbors=[LINKS["degree"]], batch_size=LINKS["seeds"], **options
        )
    return gf.NeighborLoader(
        dataset,
        num_neighbors=FAN_OUT,
        input_nodes="movie" if LONG else ("movie", "train_mask"),
        batch_size=SEEDS,
        **options,
    )


def content(names: Collection[str] = DATASETS) -> dict[str, gf.Collection | dict]:
    """The datasets of these names, as `ingest` takes them."""
    made = {"links": _links}
    data = shared_dir("data")
    if data is None:
        print("*** GENERATED graphs stand for QM9 and IMDB ***", file=sys.stderr, flush=True)
        made.update(molecules=_molecules, movies=_movies)
    else:
        made.update(
            molecules=lambda: read_qm9(data / "qm9"), movies=lambda: read_imdb(data / "imdb")
        )
    return {name: made[name]() for name in sorted(names)}


def _links() -> dict:
    rng = np.random.default_rng(3)
    nodes, degree = LINKS["nodes"], LINKS["degree"]
    return {
        "x": rng.random((nodes, LINKS["columns"]), np.float32),
        "edge_index": np.stack(
            [rng.integers(0, nodes, nodes * degree), np.repeat(np.arange(nodes), degree)]
        ),
    }


def _molecules() -> gf.Collection:
    rng = np.random.default_rng(1)
    nodes = rng.integers(3, 30, 130839)
    edges = 2 * nodes + 2
    ends = rng.random((2, edges.sum())) * np.repeat(nodes, edges)
    return gf.Collection(
        nodes={"x": rng.random((nodes.sum(), 11), np.float32)},
        edges={"edge_index": ends.astype(np.int64)},
        graphs={"y": np.arange(len(nodes))},
        node_ptr=np.concatenate([[0], np.cumsum(nodes)]),
        edge_ptr=np.concatenate([[0], np.cumsum(edges)]),
    )


def _movies() -> dict:
    rng = np.random.default_rng(2)
    sizes = dict(zip(NODE_TYPES, (4278, 2081, 5257)))
    graph: dict = {
        name: {"x": rng.random((size, 512), np.float32)} for name, size in sizes.items()
    }
    graph["movie"]["train_mask"] = np.arange(sizes["movie"]) < 400
    for other, degree in (("director", 1), ("actor", 3)):
        movies = np.repeat(np.arange(sizes["movie"]), degree)
        edges = np.stack([movies, rng.integers(0, sizes[other], len(movies))])
        graph["movie", "to", other] = {"edge_index": edges}
        graph[other, "to", "movie"] = {"edge_index": edges[::-1].copy()}
    return graph


def digest(batch) -> int:
    """Of the batch's bytes as they are now; `batch.digest` is what the server said of them."""
    arrays = [
        array
        for value in batch.to_dict().values()
        for array in (value.values() if isinstance(value, dict) else [value])
    ]
    begin = min(array.__array_interface__["data"][0] for array in arrays if array.size)
    return xxhash.xxh3_64_intdigest((ctypes.c_char * batch._source.nbytes).from_address(begin))


def main() -> None:
    """Reads epochs and prints every frame as the command-line client does with --digests, but by the
    bytes that the program gets."""
    import logging

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("endpoints", type=lambda text: text.split(","))
    parser.add_argument("dataset", choices=sorted(FLAGS))
    parser.add_argument("epochs", type=int)
    parser.add_argument("keepalive", type=float)
    parser.add_argument("num_shards", type=int)
    parser.add_argument("shard_index", type=int)
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    client = gf.connect(
        args.endpoints, keepalive_time=args.keepalive, keepalive_timeout=args.keepalive
    )
    shard = {"num_shards": args.num_shards, "shard_index": args.shard_index}
    for batches in loader(client, args.dataset, **shard).epochs(args.epochs):
        for batch in batches:
            epoch, ordinal = batch.position
            print(f"frame {epoch} {ordinal} {digest(batch):016x}", flush=True)


if __name__ == "__main__":
    main()
