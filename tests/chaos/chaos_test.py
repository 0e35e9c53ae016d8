#!/usr/bin/env python3
"""Four clients read ten epochs each from three servers that are killed, stopped and drained at
random, and the same through a bad network: every client's frames are those of an undisturbed run,
in order, none twice, none missing.

GRAPHFEED_SERVER and GRAPHFEED_CLI name the programs; GRAPHFEED_LONG=1 runs five times longer.
The actions come from a seeded generator; only the moments at which they hit are chance.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from server_process import Server  # noqa: E402
from tcp_proxy import BadNetwork  # noqa: E402

import graphfeed as gf  # noqa: E402

LONG = 5 if os.environ.get("GRAPHFEED_LONG") else 1
EPOCHS = 10 * LONG
STEP = 0.012  # seconds that a client's program takes for a batch
SERVERS = 3


def molecules():
    rng = np.random.default_rng(1)
    graphs = []
    for i in range(1200):
        nodes = int(rng.integers(3, 20))
        graphs.append(
            {
                "x": rng.standard_normal((nodes, 8)).astype(np.float32),
                "edge_index": rng.integers(0, nodes, (2, 2 * nodes - 2)),
                "y": np.array([i]),
            }
        )
    return graphs


def movies():
    rng = np.random.default_rng(2)

    def edges(sources, targets, count):
        return {"edge_index": np.stack([rng.integers(0, n, count) for n in (sources, targets)])}

    return {
        "movie": {"x": rng.standard_normal((1200, 8)).astype(np.float32)},
        "actor": {"x": rng.standard_normal((600, 4)).astype(np.float32)},
        "director": {"x": rng.standard_normal((200, 4)).astype(np.float32)},
        ("actor", "to", "movie"): edges(600, 1200, 4000),
        ("movie", "to", "actor"): edges(1200, 600, 4000),
        ("director", "to", "movie"): edges(200, 1200, 1200),
    }


class Replica:
    """A server process that comes back at its address, with its data."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._server = Server(folder, "--drain-timeout", "5s", "--log-level", "error")
        self.address = self._server.address

    def start(self) -> None:
        self._server = Server(
            self._folder, "--drain-timeout", "5s", "--log-level", "error", address=self.address
        )

    def kill(self) -> None:
        self._server.kill()

    def drain(self) -> None:
        self._server.stop()

    def send(self, number: int) -> None:
        self._server.process.send_signal(number)


class Reader(threading.Thread):
    """A client process whose frames are taken at the pace of a training program."""

    def __init__(self, command: list[str], step: float) -> None:
        super().__init__()
        self._step = step
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        # A pipe that holds few lines: the client waits as one that computes would.
        fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        self.frames: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self._process.stdout:
            if line.startswith("frame "):
                self.frames.append(line.strip())
                time.sleep(self._step)
        self.code = self._process.wait()
        self._process.stdout.close()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        self._process.kill()
        self.join()
        self._log.close()


CPP_SPECS = {
    "molecules": ["--strategy", "pack", "--num-nodes", "60", "--num-edges", "120",
                  "--num-graphs", "8", "--shuffle"],
    "movies": ["--strategy", "neighbor", "--ragged", "--num-neighbors", "4,3", "--input-nodes",
               "movie", "--batch-size", "8", "--shuffle"],
}  # fmt: skip


def cpp_command(endpoints: list[str], dataset: str) -> list[str]:
    return [
        os.environ["GRAPHFEED_CLI"], "stream", dataset, *CPP_SPECS[dataset], "--seed", "5",
        "--epochs", str(EPOCHS), "--digests", "--no-progress", "--keepalive", "1",
        "--server", ",".join(endpoints),
    ]  # fmt: skip


def python_command(endpoints: list[str], dataset: str) -> list[str]:
    script = str(HERE / "python_client.py")
    return [sys.executable, script, ",".join(endpoints), dataset, str(EPOCHS)]


class ChaosTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="graphfeed-chaos-"))
        cls.replicas = []
        graphs = {"molecules": molecules(), "movies": movies()}
        fingerprints = set()
        for i in range(SERVERS):
            replica = Replica(cls.folder / str(i))
            cls.replicas.append(replica)
            client = gf.connect(replica.address)
            for name, data in graphs.items():
                fingerprints.add((name, client.ingest(name, data).fingerprint))
        assert len(fingerprints) == len(graphs), "the servers hold the same content"
        cls.addresses = [replica.address for replica in cls.replicas]
        cls.expected = {}
        for name in graphs:
            reader = Reader(cpp_command(cls.addresses[:1], name), 0)
            reader.join()
            assert reader.code == 0, reader.log()
            reader.close()
            cls.expected[name] = reader.frames
            assert len(reader.frames) > 100 * EPOCHS

    @classmethod
    def tearDownClass(cls) -> None:
        for replica in cls.replicas:
            replica.drain()
        shutil.rmtree(cls.folder)

    def start_clients(self, addresses: list[str]) -> list[tuple[str, Reader]]:
        readers = []
        for i, (make, name) in enumerate(
            (make, name) for make in (cpp_command, python_command) for name in self.expected
        ):
            order = addresses[i % SERVERS :] + addresses[: i % SERVERS]
            readers.append((name, Reader(make(order, name), STEP)))
            self.addCleanup(readers[-1][1].close)
        return readers

    def check(self, readers: list[tuple[str, Reader]]) -> int:
        """All frames as in the undisturbed run; how often a stream went on."""
        failovers = 0
        for name, reader in readers:
            reader.join()
            log = reader.log()
            self.assertEqual(reader.code, 0, log)
            self.assertEqual(len(reader.frames), len(self.expected[name]))
            self.assertEqual(reader.frames, self.expected[name])
            failovers += log.count(" goes on with frame ")
        return failovers

    def test_servers_that_die_stop_and_drain(self) -> None:
        chance = random.Random(11)
        readers = self.start_clients(self.addresses)
        actions = {"kill": 0, "stop": 0, "drain": 0}
        while any(reader.is_alive() for _, reader in readers):
            replica = chance.choice(self.replicas)
            action = chance.choice(sorted(actions))
            actions[action] += 1
            if action == "kill":
                replica.kill()
                time.sleep(chance.uniform(0, 1))
                replica.start()
            elif action == "stop":
                replica.send(signal.SIGSTOP)
                time.sleep(chance.uniform(0.1, 5))
                replica.send(signal.SIGCONT)
            else:
                replica.drain()
                time.sleep(chance.uniform(0, 0.5))
                replica.start()
            time.sleep(chance.uniform(0.1, 0.5))
        failovers = self.check(readers)
        print(f"{actions}, {failovers} failovers", file=sys.stderr)
        self.assertGreater(min(actions.values()), 0)
        self.assertGreater(failovers, 0)

    def test_a_network_that_delays_and_cuts(self) -> None:
        network = BadNetwork(self.addresses, seed=3, max_delay=0.004, mean_bytes=3_000_000)
        self.addCleanup(network.close)
        failovers = self.check(self.start_clients(network.addresses))
        print(f"{network.cuts} cuts, {failovers} failovers", file=sys.stderr)
        self.assertGreater(failovers, 0)


if __name__ == "__main__":
    unittest.main()
