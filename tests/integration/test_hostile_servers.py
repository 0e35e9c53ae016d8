"""Clients of a server that lies (tests/support/hostile_server.py, a process of its own): the native
one, the one in Python alone and the command line never crash, never hang and never fill the memory,
and each error is graphfeed's and has words."""

from __future__ import annotations

import json
import os
import pathlib
import random
import resource
import subprocess
import sys

import numpy as np
import pytest

import graphfeed as gf

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
SEED = os.environ.get("GRAPHFEED_SEED", "20261129")
LONG = "GRAPHFEED_LONG" in os.environ
ASKED = 20_000 if LONG else 1200  # by each client in Python
SECONDS = 3600 if LONG else 25  # at most
COMMANDS = 1000 if LONG else 40
MOST_MEMORY = 700 << 20  # bytes; largest messages are a tenth of it
ADDRESS_SPACE = 2 << 30  # of a command, which has this and no more


@pytest.fixture(scope="module")
def real(server):
    """A server with what is asked for."""
    client = gf.connect(server.address)

    def graph(i: int) -> dict:
        nodes = 2 + i % 7
        ends = np.arange(2 * nodes).reshape(2, nodes) % nodes
        return {"x": np.full((nodes, 4), i, np.float32), "edge_index": ends, "y": np.array([i]),
                "name": f"graph {i}"}  # fmt: skip

    rng = np.random.default_rng(1)
    client.ingest("graphs", [graph(i) for i in range(80)])
    nodes = {"x": rng.random((200, 8), np.float32), "edge_index": rng.integers(0, 200, (2, 900))}
    client.ingest("nodes", nodes)
    return server.address


class Liar:
    """The lying server's process, and what it says that it did."""

    def __init__(self, real: str, log: pathlib.Path) -> None:
        self.log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-u", SUPPORT / "hostile_server.py", real, SEED],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True,
            )  # fmt: skip
        self.address = self._process.stdout.readline().split()[-1]

    def lies(self) -> int:
        return sum(not line.endswith(" truth\n") for line in self.log.read_text().splitlines(True))

    def said(self) -> str:
        return "".join(self.log.read_text().splitlines(True)[-20:])

    def close(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0
        self._process.stdout.close()


@pytest.fixture
def liar(real, tmp_path):
    running = Liar(real, tmp_path / "liar.log")
    yield running
    running.close()


@pytest.mark.parametrize("client", ["native", "python"])
def test_clients_in_python(liar, client):
    done = subprocess.run(
        [sys.executable, SUPPORT / "hostile_client.py", liar.address, str(ASKED), SEED, str(SECONDS)],
        env={**os.environ, "GRAPHFEED_CLIENT": client}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, (lines[-3:], done.stderr[-4000:], liar.said())
    result = json.loads(lines[-1])
    assert result["foreign"] == [], result["foreign"][:5]
    assert result["peak_bytes"] < MOST_MEMORY
    outcomes = result["outcomes"]
    asked = sum(outcomes.values())
    assert asked > ASKED // 20
    assert outcomes["OK"] > asked // 20 and outcomes["DATA_LOSS"] > asked // 20, outcomes
    assert liar.lies() > asked // 2


def test_the_command_line(liar, tmp_path):
    stream = ["--seed", "1", "--no-progress"]
    commands = [
        ["ls"], ["describe", "graphs"], ["info"], ["top", "--once"],
        ["plan", "graphs", "--batch-size", "6"],
        ["stream", "graphs", "--batch-size", "6", *stream],
        ["stream", "graphs", "--strategy", "pack", "--num-nodes", "60", "--num-edges", "120",
         "--num-graphs", "8", "--compact", *stream],
        ["stream", "nodes", "--strategy", "neighbor", "--ragged", "--num-neighbors", "3,2", *stream],
        ["verify", "graphs", "--batch-size", "6", "--seed", "1"],
        ["export", "graphs", str(tmp_path / "file")],
    ]  # fmt: skip
    random_ = random.Random(SEED)
    failed = 0
    for _ in range(COMMANDS):
        (tmp_path / "file").unlink(missing_ok=True)
        command = [*random_.choice(commands), "--server", liar.address, "--timeout", "1",
                   "--retry-timeout", "0"]  # fmt: skip
        done = subprocess.run(
            [os.environ["GRAPHFEED_CLI"], *command], capture_output=True, timeout=60, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
        )  # fmt: skip
        words = done.stderr.decode(errors="replace")
        assert done.returncode in (0, 1, 2), (command, done.returncode, words, liar.said())
        assert done.returncode == 0 or words.strip(), (command, liar.said())
        failed += done.returncode != 0
    assert failed > COMMANDS // 10
