"""`python -m graphfeed demo`: generates a small dataset, stores it in a temporary folder and streams
a packed epoch of it, all in this process."""

from __future__ import annotations

import argparse
import sys
import tempfile

from graphfeed.client import connect
from graphfeed.demo.molecules import molecules
from graphfeed.demo.packed_epoch import show_packed_epoch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m graphfeed")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="a generated dataset, stored and streamed")
    demo.add_argument("--num-graphs", type=int, default=20_000, help="to generate (default 20000)")
    demo.add_argument("--batch-size", type=int, default=128, help="graphs, padding included")
    arguments = parser.parse_args()
    if arguments.num_graphs < 1 or arguments.batch_size < 2:
        parser.error("--num-graphs is at least 1, --batch-size at least 2")

    with tempfile.TemporaryDirectory(prefix="graphfeed-demo-") as folder:
        with connect(f"local:{folder}/data") as client:
            print(f"importing {arguments.num_graphs:,} generated molecules")
            client.ingest("molecules", molecules(arguments.num_graphs))
            show_packed_epoch(client.dataset("molecules"), arguments.batch_size)


if __name__ == "__main__":
    sys.exit(main())
