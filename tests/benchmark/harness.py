"""What the parts of the benchmark share: data, servers, clients that are driven, figures.

A part compares things by measuring them in turns (`alternate`), and reports the median of each and
the median of the rounds' ratios (`compare`), beside the target that it should meet.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator

import graphfeed as gf

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parents[1] / "client/python/examples")]

# As constant_frames.h has them.
CONSTANT_SEED = 0xC0257A27
HASHED_TWICE_SEED = CONSTANT_SEED + 1

QM9 = "qm9"
HETERO = "hetero"
# Padded to the largest graphs; packed into few batches. QM9's numbers, also for what replaces it.
BATCHES = {
    "pad": f"{QM9} --shuffle --strategy pad --batch-size 128 --num-nodes 3712 --num-edges 7168",
    "pack": f"{QM9} --shuffle --strategy best-pack --num-graphs 128 --num-nodes 2304 --num-edges 4774",
}
WIRES = ("tcp", "unix", "shared")

Run = dict  # what a client says of its streams: stream_client.cc


def report(name: str, **values) -> None:
    print(json.dumps({"benchmark": name, **values}), flush=True)


def digits(value: float) -> float:
    """Four of them are more than any measurement here has."""
    return float(f"{value:.4g}")


@dataclasses.dataclass
class Server:
    process: subprocess.Popen
    address: str
    metrics: str

    @property
    def flags(self) -> str:
        """That lead a client (stream_client.cc) to it."""
        return f"--server {self.address} --server-pid {self.process.pid}"

    def gauge(self, name: str, **labels: str) -> float:
        """A value of its metrics."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics") as answer:
            text = answer.read().decode()
        label = ",".join(f'{key}="{value}"' for key, value in labels.items())
        return float(re.search(rf"^{name}\{{{label}\}} (\S+)$", text, re.MULTILINE).group(1))


class Client:
    """A process that streams as it is told and counts (stream_client.cc, stream_client.py)."""

    def __init__(self, command: list, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip

    def ask(self, *flags: str, seed: int = 1) -> Run:
        print(*flags, f"--seed {seed}", file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a client has ended: {' '.join(flags)}")
        run = json.loads(answer)
        run["batches_per_s"] = run["batches"] / run["seconds"]
        run["bytes_per_s"] = run["bytes"] / run["seconds"]
        return run

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


class Bench:
    """The programs of a build, and datasets that are made when they are first asked for."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, rounds: int, seconds: float):
        self.build, self.rounds, self.seconds = build, rounds, seconds
        self._folder = folder
        self._told: set[str] = set()

    def program(self, name: str) -> str:
        return str(self.build / "tests/benchmark" / name)

    def data(self, dataset: str, number: int = 0) -> pathlib.Path:
        """A folder with the dataset; 1 and 2 are copies of it, for a second server and for none."""
        folders = [self._folder / f"{dataset}{copy}" for copy in range(3)]
        made = self._folder / f"{dataset}.json"
        if not made.exists():
            graphs, says = SOURCES[dataset]()
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)  # of a run that was broken off
            with self.server(folders[0]) as server:
                gf.connect(server.address, timeout=600).ingest(dataset, graphs)
            for folder in folders[1:]:
                command = [self.build / "bin/graphfeed", "snapshot", folder, "--data-dir", folders[0], "--no-verify"]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            made.write_text(says)
        if dataset not in self._told:
            self._told.add(dataset)
            report("data", dataset=dataset, content=made.read_text())
        return folders[number]

    @contextlib.contextmanager
    def server(self, data: pathlib.Path | str, *flags: str, wire: str = "tcp") -> Iterator[Server]:
        """The benchmark's own server (stream_server.cc), behind TCP or a Unix socket; its data in a
        folder, or in a store ("rados://...")."""
        with tempfile.TemporaryDirectory() as sockets:
            listen = "127.0.0.1:0" if wire == "tcp" else f"unix:{sockets}/socket"
            command = [
                self.program("stream_server"), "--store" if "://" in str(data) else "--data-dir", str(data),
                "--listen", listen,
                "--metrics-listen", "127.0.0.1:0", *flags,
            ]  # fmt: skip
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            try:
                address, metrics = (process.stdout.readline().split()[-1] for _ in range(2))
                yield Server(process, address, metrics)
            finally:
                process.stdin.close()
                process.wait(timeout=60)
                process.stdout.close()

    @contextlib.contextmanager
    def client(self, language: str = "cpp", **environment: str) -> Iterator[Client]:
        program = [self.program("stream_client")]
        client = Client(
            program if language == "cpp" else [sys.executable, str(HERE / "stream_client.py")],
            environment,
        )
        try:
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def wires(self, dataset: str, *flags: str) -> Iterator[dict[str, str]]:
        """Two servers of the dataset; the flags that lead to them by each wire."""
        with (
            self.server(self.data(dataset), *flags) as far,
            self.server(self.data(dataset, 1), *flags, wire="unix") as near,
        ):
            yield {
                "tcp": far.flags,
                "unix": f"{near.flags} --no-shared-memory",
                "shared": near.flags,
            }

    def alternate(self, kinds: dict[str, Callable[[], Run]], rounds: int = 0) -> dict[str, list[Run]]:
        """Measures each in turn, so many times; who begins changes from round to round."""
        runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
        for number in range(rounds or self.rounds):
            for kind in list(kinds) if number % 2 == 0 else reversed(kinds):
                runs[kind].append(kinds[kind]())
        return runs


def counters(run: Run) -> dict:
    """CPU, page faults and context switches of both sides, a batch and a GB."""
    found = {}
    for side in ("server", "client"):
        counted = run[side]
        found[side] = {
            "cpu_us_per_batch": digits(1e6 * counted["cpu_seconds"] / run["batches"]),
            "cpu_s_per_gb": digits(1e9 * counted["cpu_seconds"] / run["bytes"]),
            "faults_per_batch": digits(counted["minor_faults"] / run["batches"]),
            "switches_per_batch": digits(counted["context_switches"] / run["batches"]),
        }
    return found


def middle(runs: list[Run], of: str) -> Run:
    """The run with the median value."""
    return sorted(runs, key=lambda run: run[of])[len(runs) // 2]


def verdict(value: float, at_least: float | None = None, at_most: float | None = None) -> dict:
    """A target and whether it is met."""
    if at_least is not None:
        return {"target_at_least": at_least, "met": value >= at_least}
    if at_most is not None:
        return {"target_at_most": at_most, "met": value <= at_most}
    return {}


def compare(
    name: str, runs: dict[str, list[Run]], one: str, other: str, at_least: float | None = None,
    of: str = "bytes_per_s", **says,
) -> float:  # fmt: skip
    """Reports one kind of runs against another; returns the ratio."""
    ratio = statistics.median(a[of] / b[of] for a, b in zip(runs[one], runs[other], strict=True))
    measured = {
        kind: {"batches_per_s": digits(run["batches_per_s"]), "bytes_per_s": digits(run["bytes_per_s"]), **counters(run)}
        for kind in (one, other)
        for run in [middle(runs[kind], of)]
    }
    report(name, **says, one=one, other=other, ratio=digits(ratio), **verdict(ratio, at_least), rounds=len(runs[one]), medians=measured)  # fmt: skip
    return ratio


def report_figure(name: str, figure: str, values: list[float], at_least: float | None = None,
                  at_most: float | None = None, **says) -> None:  # fmt: skip
    """A value that has a target of its own: its median over the rounds, and its range."""
    value = statistics.median(values)
    report(
        name, **says, **{figure: digits(value)}, **verdict(value, at_least, at_most),
        least=digits(min(values)), most=digits(max(values)), rounds=len(values),
    )  # fmt: skip


@contextlib.contextmanager
def machine(part: str) -> Iterator[None]:
    """Says what the machine did meanwhile: its load, and the time that its host took from it."""

    def ticks() -> list[int]:
        return [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]

    before, load, begin = ticks(), os.getloadavg()[0], time.monotonic()
    yield
    spent = [after - earlier for after, earlier in zip(ticks(), before)]
    report(
        "machine", part=part, processors=os.cpu_count(), load_before=digits(load),
        load_after=digits(os.getloadavg()[0]), steal_share=digits(spent[7] / max(1, sum(spent))),
        idle_share=digits(spent[3] / max(1, sum(spent))), seconds=round(time.monotonic() - begin, 1),
    )  # fmt: skip


def qm9_or_molecules() -> tuple[gf.Collection, str]:
    """QM9, or as many generated molecules where it is not at hand; and which of the two."""
    from shared_data import shared_dir

    data = shared_dir("data")
    if data is not None and (data / "qm9").is_dir():
        from qm9 import read_qm9

        return read_qm9(data / "qm9"), "QM9"
    from graphfeed.demo.molecules import molecules

    return molecules(130_839), "generated molecules, QM9 IS ABSENT"


def hetero() -> tuple[dict, str]:
    from large_graph import generated

    return generated(1), "generated"


SOURCES = {QM9: qm9_or_molecules, HETERO: hetero}
