"""`python -m graphfeed demo`: generates a small dataset, stores it in a temporary folder and streams
a packed epoch of it, all in this process."""

from __future__ import annotations

import argparse
import sys
import tempfile

from graphfeed._transport import __version__
from graphfeed.client import connect
from graphfeed.demo.molecules import molecules
from graphfeed.demo.packed_epoch import show_packed_epoch
from graphfeed.errors import Error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m graphfeed")
    parser.add_argument("--version", action="version", version=f"graphfeed {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="a generated dataset, stored and streamed")
    demo.add_argument("--num-graphs", type=int, default=20_000, help="to generate (default 20000)")
    demo.add_argument("--batch-size", type=int, default=128, help="graphs, padding included")
    arguments = parser.parse_args()
    if arguments.num_graphs < 1 or arguments.batch_size < 2:
        parser.error("--num-graphs is at least 1, --batch-size at least 2")

    try:
        run_demo(arguments.num_graphs, arguments.batch_size)
    except Error as error:
        print(f"python -m graphfeed demo: {error}", file=sys.stderr)
        return 1
    return 0


def run_demo(num_graphs: int, batch_size: int) -> None:
    with tempfile.TemporaryDirectory(prefix="graphfeed-demo-") as folder:
        with connect(f"local:{folder}/data") as client:
            print(f"importing {num_graphs:,} generated molecules")
            client.ingest("molecules", molecules(num_graphs))
            show_packed_epoch(client.dataset("molecules"), batch_size)


if __name__ == "__main__":
    sys.exit(main())
