#!/usr/bin/env python3
"""How long the server takes to exit after SIGTERM, by what its client did.

    exit_times.py [RUNS]

Prints a JSON line for each kind of client. The environment is that of the Python tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

import graphfeed as gf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from server_process import Server  # noqa: E402

DRAIN_SECONDS = 0.5  # what a call that does not end may take of the exit

# "none": nobody came. "left": read a stream and ended. "idle": read a stream and stays. "killed" in
# the middle of a stream. "stayed": reads an endless stream, is refused further frames, stays.
# "vanished": its host is there, but nothing reads the endless stream any more.
KINDS = ("none", "left", "idle", "killed", "stayed", "vanished")


def fill(data_dir: pathlib.Path) -> None:
    server = Server(data_dir, "--log-level", "error")
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 10, (2, 20))
    graphs = [{"x": rng.random((10, 4), np.float32), "edge_index": edges} for _ in range(200)]
    gf.connect(server.address).ingest("graphs", graphs)
    assert server.stop() == 0


@contextlib.contextmanager
def client(kind: str, address: str) -> Iterator[None]:
    """A client that has received some frames, each larger than what sockets hold, so that the
    server's writes have had to wait; in the state of its kind."""
    if kind == "none":
        yield
        return
    limit = ("--limit", "40") if kind in ("left", "idle") else ()
    command = [
        os.environ["GRAPHFEED_CLI"], "stream", "graphs", "--server", address, "--digests",
        "--batch-size", "10", "--num-nodes", "200000", "--num-edges", "200000", "--epochs", "0", *limit,
    ]  # fmt: skip
    connection = gf.connect(address)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        frames = 0
        while frames < 40:
            line = process.stdout.readline()
            assert line, "the client ended too early"
            frames += line.startswith("frame")
        if kind in ("left", "idle"):
            process.wait()
        if kind == "idle":
            assert len(connection.datasets()) == 1
        else:
            connection = None
        if kind == "killed":
            process.kill()
            process.wait()
        if kind == "vanished":
            process.send_signal(signal.SIGSTOP)
        if kind == "stayed":
            drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        if kind == "stayed":
            drain.wait()


def exit_time(kind: str, data_dir: pathlib.Path) -> float:
    """Seconds from SIGTERM to the end of the process, over a folder that `fill` has made."""
    server = Server(data_dir, "--log-level", "error", "--drain-timeout", f"{DRAIN_SECONDS}s")
    with client(kind, server.address):
        begin = time.monotonic()
        assert server.stop() == 0
        return time.monotonic() - begin


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        data_dir = pathlib.Path(folder)
        fill(data_dir)
        for kind in KINDS:
            times = [exit_time(kind, data_dir) for _ in range(runs)]
            line = {
                "client": kind,
                "runs": runs,
                "median_seconds": round(statistics.median(times), 3),
                "max_seconds": round(max(times), 3),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
