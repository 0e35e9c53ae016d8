"""graphfeed-worker as a process, for the tests of this folder."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

import numpy as np

WORKER = str(pathlib.Path(os.environ.get("GRAPHFEED_CLI", "")).parent / "graphfeed-worker")
NUM_GRAPHS = 200


def molecules() -> list[dict]:
    random = np.random.default_rng(1)
    graphs = []
    for _ in range(NUM_GRAPHS):
        nodes = int(random.integers(3, 12))
        source = np.arange(nodes - 1)
        edge_index = np.concatenate([[source, source + 1], [source + 1, source]], axis=1)
        x = random.normal(size=(nodes, 4)).astype(np.float32)
        graphs.append({"x": x, "edge_index": edge_index, "y": int(x[:, 0].sum() > 0)})
    return graphs


class Worker:
    """A process. Its lines are events (--json)."""

    def __init__(
        self, files: pathlib.Path, address: str, *arguments: str, model="gin.pt",
        spec: str = "spec.json", program: str = WORKER, environment: dict | None = None,
    ) -> None:  # fmt: skip
        self.process = subprocess.Popen(
            [
                program, "--server", address, "--dataset", "molecules", "--json",
                "--spec", str(files / spec), "--model", str(files / model),
                "--seed", "7", "--threads", "1", *arguments,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip

    def events(self):
        for line in self.process.stdout:
            yield json.loads(line)

    def until(self, event: str) -> dict:
        for found in self.events():
            if found["event"] == event:
                return found
        raise AssertionError(f"no {event}: {self.process.stderr.read()}")

    def end(self, code: int = 0) -> dict:
        """The last event of a process that ends by itself."""
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == code, err
        return json.loads(out.splitlines()[-1])


def losses(path: pathlib.Path) -> list[tuple]:
    """(step, epoch, ordinal, loss) of each step of a --loss-log."""
    with open(path) as file:
        return [tuple(row.values()) for row in csv.DictReader(file)]


def get(address: str, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
