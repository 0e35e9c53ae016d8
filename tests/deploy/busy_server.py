"""A server that is kept busy, for the tests of this folder."""

from __future__ import annotations

import contextlib
import pathlib
import threading
import urllib.request

import numpy as np
from server_process import Server

import graphfeed as gf

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/graphfeed.json"
PROMETHEUS = ROOT / "deploy/prometheus/prometheus.yml"


TOKEN = "trainer-token-0123456789"
ACCESS = f"""
principals:
  - {{name: trainer, token: {TOKEN}, roles: [reader, writer, worker], datasets: ["*"]}}
"""
PLACES = 2  # for streams


class Busy:
    """A server of which every family counts, again and again until `stop`, and one that follows it."""

    def __init__(self, folder: pathlib.Path) -> None:
        access = folder / "access.yml"
        access.write_text(ACCESS)
        # A cache that is too small for its data, so that chunks come and go.
        self.server = Server(
            folder / "data", "--memory-budget=1M", "--build-threads=1", "--max-prefetch=8",
            f"--max-streams={PLACES}", "--stream-wait=60s", f"--access={access}",
        )  # fmt: skip
        token = folder / "token"
        token.write_text(TOKEN)
        self.follower = Server(
            folder / "copy", f"--follow={self.server.address}", f"--follow-token-file={token}",
            "--follow-every=500ms",
        )  # fmt: skip
        self._stopped = threading.Event()
        self.errors: list[BaseException] = []
        self._client = gf.connect(self.server.address, token=TOKEN)
        self._stranger = gf.connect(self.server.address, token="nobody-0123456789")
        rng = np.random.default_rng(1)
        graphs = [
            {"x": rng.normal(size=(n, 64)).astype(np.float32),
             "edge_index": np.stack([np.arange(n), np.roll(np.arange(n), 1)])}
            for n in rng.integers(3, 20, 2000)
        ]  # fmt: skip
        self._dataset = self._client.ingest("molecules", graphs)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _round(self, number: int) -> None:
        options = gf.FixedSizeOptions(200, 300, num_graphs=20)
        for strategy in ("StreamPack", "Pack"):
            loader = gf.FixedSizeDataLoader(
                self._dataset, fixed_size_options=options, fixed_size_strategy=strategy,
                shuffle=True, seed=number,
            )  # fmt: skip
            for _ in loader:
                pass
        for strategy in ("TrimNodesAndEdges", "Skip"):
            loader = gf.FixedSizeDataLoader(
                self._dataset, fixed_size_options=gf.FixedSizeOptions(12, 12, num_graphs=2),
                over_size_strategy=strategy, seed=number,
            )  # fmt: skip
            next(iter(loader))
        # A version more for the follower.
        tick = {"x": np.full((2, 1), number, np.float32), "edge_index": np.array([[0], [1]])}
        self._client.ingest("ticks", [tick, tick])
        self._wait_for_room()
        with contextlib.suppress(LookupError):
            self._client.dataset("nobody")
        with contextlib.suppress(gf.errors.Unauthenticated):
            self._stranger.datasets()
        self._client._report_worker(worker_report(number))

    def _wait_for_room(self) -> None:
        """One more stream than there are places for, until one of the others is gone."""
        streams = [self._endless() for _ in range(PLACES)]
        for stream in streams:
            next(stream)
        late = threading.Thread(target=lambda: next(self._endless()))
        late.start()
        while late.is_alive() and "graphfeed_streams_waiting 1\n" not in scrape(self.server.metrics):
            pass
        for stream in streams:
            stream.close()
        late.join()

    def _endless(self):
        """The batches of endless epochs."""
        loader = gf.DataLoader(self._dataset, batch_size=50, shuffle=True)
        for epoch in loader.epochs():
            yield from epoch

    def _run(self) -> None:
        number = 0
        try:
            while not self._stopped.is_set():
                number += 1
                self._round(number)
                self._stopped.wait(0.05)
        except BaseException as error:
            self.errors.append(error)

    def stop(self) -> int:
        self._stopped.set()
        self._thread.join()
        self._client.close()
        self._stranger.close()
        return self.follower.stop() or self.server.stop()


def worker_report(number: int) -> dict:
    """Of a worker that has done `number` times the same."""
    return {
        "worker": "w", "job": "j", "dataset": "molecules@1", "runtime": "torchscript",
        "trains": True, "interval_ms": 60_000, "start_ms": 1, "sequence": number,
        "steps": 5 * number, "batches": {"ok": 5 * number, "failed": number},
        "samples": 40 * number, "real_nodes": 300 * number, "padding_nodes": 100 * number,
        "real_edges": 600 * number, "padding_edges": 200 * number,
        "data_stall_seconds": 0.01 * number, "device_stall_seconds": 0.02 * number,
        "stage_seconds": {"execute": 0.1 * number}, "step_seconds": [0] * 8 + [5 * number] + [0] * 8,
        "step_seconds_sum": 0.15 * number, "nonfinite_losses": number,
        "device_errors": {"hang": number},
    }  # fmt: skip


def scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        return answer.read().decode()
