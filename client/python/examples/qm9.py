#!/usr/bin/python3
"""QM9's molecules as a gf.Collection.

    qm9.py --server HOST:PORT --data DIR [--name qm9]

Reads arrays that were built from SMILES (num_nodes, num_bonds, z, hybridization, bond_index,
bond_type, mol_weight, gap_ev as .npy files) and computes the customary features.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

import graphfeed as gf

_ELEMENTS = (1, 6, 7, 8, 9)  # H, C, N, O, F
_BOND_KINDS = 4  # single, double, triple, aromatic
_AROMATIC = 3


def read_qm9(folder: str | os.PathLike) -> gf.Collection:
    """All molecules, hydrogens included.

    Columns:
        x float32 [n, 11]: one-hot element (H, C, N, O, F), atomic number, aromatic, sp, sp2, sp3,
            number of hydrogen neighbours.
        edge_index int64 [2, e]: both directions of each bond, by (source, target).
        edge_attr float32 [e, 4]: one-hot single, double, triple, aromatic.
        y float32 [1, 2]: molecular weight (g/mol), HOMO-LUMO gap (eV; NaN where unknown).
        z int64 [n]: atomic number.
    """
    folder = pathlib.Path(folder)
    num_nodes = np.load(folder / "num_nodes.npy").astype(np.int64)
    num_bonds = np.load(folder / "num_bonds.npy").astype(np.int64)
    node_ptr = np.concatenate([[0], np.cumsum(num_nodes)])
    edge_ptr = np.concatenate([[0], np.cumsum(2 * num_bonds)])

    bonds = np.load(folder / "bond_index.npy").astype(np.int64)
    first_node = np.repeat(node_ptr[:-1], num_bonds)
    offset = np.concatenate([first_node, first_node])
    source = np.concatenate([bonds[0], bonds[1]])
    target = np.concatenate([bonds[1], bonds[0]])
    kind = np.tile(np.load(folder / "bond_type.npy"), 2)
    # Molecules follow each other, so ordering by the source's global id orders molecules too.
    order = np.argsort((source + offset) * (num_nodes.max() + 1) + target)
    source, target, kind, offset = source[order], target[order], kind[order], offset[order]

    z = np.load(folder / "z.npy").astype(np.int64)
    at = source + offset
    hydrogens = np.bincount(at, weights=z[target + offset] == 1, minlength=len(z))
    aromatic = np.bincount(at, weights=kind == _AROMATIC, minlength=len(z)) > 0
    hybridization = np.load(folder / "hybridization.npy")
    x = np.zeros((len(z), 11), np.float32)
    for column, element in enumerate(_ELEMENTS):
        x[:, column] = z == element
    x[:, 5] = z
    x[:, 6] = aromatic
    for i in (1, 2, 3):
        x[:, 6 + i] = hybridization == i
    x[:, 10] = hydrogens

    targets = [np.load(folder / f"{name}.npy") for name in ("mol_weight", "gap_ev")]
    return gf.Collection(
        nodes={"x": x, "z": z},
        edges={
            "edge_index": np.stack([source, target]),
            "edge_attr": np.eye(_BOND_KINDS, dtype=np.float32)[kind],
        },
        graphs={"y": np.stack(targets, axis=1).astype(np.float32)},
        node_ptr=node_ptr,
        edge_ptr=edge_ptr,
    )


def main() -> None:
    import setup_data

    parser = setup_data.arguments(__doc__)
    parser.add_argument("--name", default="qm9", help="name of the dataset")
    args = parser.parse_args()
    client = gf.connect(args.server)
    info = client.ingest(args.name, read_qm9(args.data / "qm9"), progress=True)
    print(f"{info.full_name}: {info.num_graphs} molecules, {info.num_nodes[0]} atoms, "
          f"{info.num_edges[0]} directed edges, {info.raw_bytes / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
