#!/usr/bin/python3
"""The main job from end to end: a server on an empty store, a dataset into it, a packed epoch out.

    demo.py --bin BUILD/bin [TU_DATASET]

Starts its own server on a free port of 127.0.0.1 with its data in a temporary folder, and stops
it again. Without a server, from an installed package: `python -m graphfeed demo`.
"""

import argparse
import contextlib
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from graphfeed.demo.molecules import molecules
from graphfeed.demo.packed_epoch import show_packed_epoch

import graphfeed as gf


@contextlib.contextmanager
def running_server(binary: pathlib.Path, data_dir: str):
    """Yields the address of a server that stops, and has to stop cleanly, at the end."""
    command = [str(binary), "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout:
            if match := re.search(r"listening on (\S+)", line):
                break
        else:
            raise SystemExit(f"the server ended before it listened (exit code {server.wait()})")
        yield match.group(1)
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=30)
    if code != 0:
        raise SystemExit(f"the server ended with exit code {code}")


def import_dataset(args, address: str, client: gf.Client) -> gf.Dataset:
    if args.dataset is None:
        print("importing 20,000 generated molecules")
        client.ingest("molecules", molecules())
        return client.dataset("molecules")
    name = args.dataset.resolve().name
    print(f"importing {args.dataset}")
    subprocess.run(
        [args.bin / "graphfeed", "import", "tu", args.dataset, "--name", name, "--server", address],
        check=True,
    )
    return client.dataset(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?", type=pathlib.Path, help="folder of a TU dataset")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--batch-size", type=int, default=128, help="graphs, padding included")
    args = parser.parse_args()
    if args.dataset is not None and not args.dataset.is_dir():
        parser.error(f"{args.dataset} is no folder")

    with tempfile.TemporaryDirectory(prefix="graphfeed-demo-") as data_dir, running_server(
        args.bin / "graphfeed-server", data_dir
    ) as address:
        client = gf.connect(address)
        show_packed_epoch(import_dataset(args, address, client), args.batch_size)
    print("server stopped cleanly")


if __name__ == "__main__":
    sys.exit(main())
