#!/usr/bin/python3
"""Brings the tutorials' datasets to a server, as its worker's models want them.

    bring.py --server HOST:PORT --data DIR mutag cora imdb qm9

mutag: 188 molecules. cora: one graph; features of a row add up to 1 and nodes have self-loops, run
at ingest. imdb: one heterogeneous graph. qm9: 130,839 molecules; y is (molecular weight, gap).
What is there already is left alone.
"""

from __future__ import annotations

import setup_data
from imdb import read_imdb
from qm9 import read_qm9

import graphfeed as gf

CORA_TRANSFORMS = (gf.transforms.NormalizeFeatures(), gf.transforms.AddSelfLoops())


def main() -> None:
    parser = setup_data.arguments(__doc__)
    names = ("mutag", "cora", "imdb", "qm9")
    parser.add_argument("names", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    args = parser.parse_args()
    client = gf.connect(args.server)
    bring = {
        "mutag": lambda: setup_data.mutag(args, client),
        "cora": lambda: setup_data.cora(args, client, "cora", list(CORA_TRANSFORMS)),
        "imdb": lambda: setup_data.dataset(
            client, "imdb", lambda: client.ingest("imdb", read_imdb(args.data / "imdb"))
        ),
        "qm9": lambda: setup_data.dataset(
            client, "qm9", lambda: client.ingest("qm9", read_qm9(args.data / "qm9"))
        ),
    }
    for name in args.names:
        info = bring[name]().info
        print(f"{info.full_name}: fingerprint {info.fingerprint}")


if __name__ == "__main__":
    main()
