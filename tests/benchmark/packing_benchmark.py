#!/usr/bin/python3
"""Packs of real graphs against their bound, and sizes that are chosen for them.

    packing_benchmark.py --benchmark BUILD/tests/benchmark/packing_benchmark [--shuffles 20]
                         [--synthetic 4000000] [--only DATASET]

Reads the numbers of nodes and edges of the datasets that are at hand (tests/support/shared_data.py);
says on standard error which are not. The last one is synthetic: molecules, as many as asked for.
JSON lines:

packs: so many shuffles packed into batches of given sizes. bound is max(ceil(nodes / (num_nodes -
    1)), ceil(edges / (num_edges - 1)), ceil(graphs / (num_graphs - 1))); worst and mean are batches
    of an epoch, the efficiencies those of the worst epoch; plan_ms is the median of one plan.
choice: sizes chosen for a strategy and a target, what is expected of them, what it took. The next
    line packs them.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from shared_data import shared_dir  # noqa: E402

QM9_SIZES = "128,2304,4774;160,2304,4900;32,512,1100;16,256,560"


def strategies(target: str) -> str:
    return ";".join(f"{strategy}:{target}" for strategy in ("pack", "stream_pack", "pad_to_max"))


# Features of a node and of an edge.
FEATURES = {
    "QM9": (11, 4),
    "MUTAG": (7, 4),
    "MUTAG-150": (7, 4),
    "PROTEINS": (4, 0),
    "AIDS": (42, 3),
    "ENZYMES": (21, 0),
    "Mutagenicity": (14, 3),
}
# Dataset: sizes to pack, targets to choose for.
CASES = {
    "QM9": (
        QM9_SIZES,
        ";".join([strategies("nodes=2304"), "pack:nodes=512", "pack:graphs=128", "pack:bytes=465000"]),
    ),
    "MUTAG": ("", "pack:nodes=512;pack:graphs=16"),
    "MUTAG-150": ("16,179,420", "pack:nodes=179;stream_pack:nodes=179"),
    "PROTEINS": ("64,1240,4700", strategies("nodes=1240")),
    "AIDS": ("", strategies("nodes=2048")),
    "ENZYMES": ("", ";".join([strategies("nodes=1024"), "pack:nodes=2048"])),
    "Mutagenicity": ("", strategies("nodes=2048")),
}


def lines(folder: pathlib.Path, name: str) -> np.ndarray:
    """Integers of a file in the TU format, gzipped or not."""
    path = folder / name
    opened = path.open() if path.exists() else gzip.open(folder / f"{name}.gz", "rt")
    with opened as file:
        return np.loadtxt(file, np.int64, delimiter=",", ndmin=2)


def tu_sizes(folder: pathlib.Path) -> np.ndarray:
    """int32 [2, graphs]: nodes, and edges without loops and repeats."""
    graph_of = lines(folder, f"{folder.name}_graph_indicator.txt")[:, 0] - 1
    edges = np.unique(lines(folder, f"{folder.name}_A.txt") - 1, axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    count = graph_of.max() + 1
    return np.stack(
        [np.bincount(graph_of, minlength=count), np.bincount(graph_of[edges[:, 0]], minlength=count)]
    ).astype(np.int32)


def training_graphs(sizes: np.ndarray) -> np.ndarray | None:
    """The 150 that tutorial 4 trains on, by its recorded permutation."""
    golden = shared_dir("golden")
    if golden is None:
        return None
    recorded = json.loads((golden / "mutag.json").read_text())["cases"]
    return sizes[:, recorded[0]["perm_seed12345"][:150]]


def datasets():
    """(name, sizes) of all that are there."""
    data = shared_dir("data")
    if data is None:
        return
    if (data / "qm9").is_dir():
        nodes, bonds = (np.load(data / "qm9" / f"num_{what}.npy") for what in ("nodes", "bonds"))
        yield "QM9", np.stack([nodes.astype(np.int32), 2 * bonds.astype(np.int32)])
    for name in ("MUTAG", "PROTEINS", "AIDS", "ENZYMES", "Mutagenicity"):
        if not (data / name).is_dir():
            print(f"{name} is not at hand", file=sys.stderr)
            continue
        sizes = tu_sizes(data / name)
        yield name, sizes
        if name == "MUTAG" and (training := training_graphs(sizes)) is not None:
            yield "MUTAG-150", training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--benchmark", required=True, type=pathlib.Path)
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--synthetic", type=int, default=4_000_000)
    parser.add_argument("--only", help="one dataset")
    arguments = parser.parse_args()

    def run(name, packs, best, *flags, shuffles=arguments.shuffles):
        if arguments.only in (None, name):
            command = [arguments.benchmark, f"--name={name}", f"--packs={packs}", f"--best={best}"]
            subprocess.run([*command, f"--shuffles={shuffles}", *flags], check=True)

    with tempfile.NamedTemporaryFile() as file:
        for name, sizes in datasets():
            pathlib.Path(file.name).write_bytes(np.ascontiguousarray(sizes).tobytes())
            features = (f"--{of}_features={n}" for of, n in zip(("node", "edge"), FEATURES[name]))
            run(name, *CASES[name], f"--sizes={file.name}", *features)
    if arguments.synthetic > 0:
        flag = f"--synthetic={arguments.synthetic}"
        run("synthetic", QM9_SIZES, strategies("nodes=2304"), flag, shuffles=3)


if __name__ == "__main__":
    main()
