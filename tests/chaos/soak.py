#!/usr/bin/env python3
"""A server at full load for a long time: flat memory, a stable rate, and nothing left behind.

Clients in C++ and Python (the native one and the portable one) read packed molecules and sampled
movies, over streams that live long and over ones that start and end all the time; beside them small
datasets are imported, read and deleted, streams are left in the middle, requests are refused, and the
metrics are scraped. Each client works in rounds of always the same work and is at most two rounds
ahead of the slowest, so that a batch means the same work from the first minute to the last, however
the machine divides its time. Caches are small enough to be full after the warm-up.

Prints a line of JSON for each interval ("soak": "interval") and one at the end ("soak": "verdict"),
with what missed its limit (soak_readings.py has the limits); the exit code is 1 if anything did.

GRAPHFEED_SERVER and GRAPHFEED_CLI name the programs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable

import workloads
from server_process import Server
from soak_readings import AT_REST, LONG, SHORT, Reading, rates, read, scrape, verdict

import graphfeed as gf

HERE = pathlib.Path(__file__).resolve().parent
LEAD = 2  # rounds that a client may be ahead of the slowest
CLI_FRAMES = 300  # of a stream of the command line's client
FLAGS = (
    "--memory-budget=48M", "--slab-memory=128M", "--plan-memory=8M", "--ingest-memory=16M",
    "--stream-max-age=20s", "--stream-wait=60s", "--sweep-after=1s", "--log-format=json",
)  # fmt: skip
# RocksDB's journal of its files grows with each import and each deletion, up to 1 GiB; now and then
# it writes its settings anew.
STORED_MORE, STORED_PER_IMPORT = 64 << 10, 1024  # bytes
PADDED = ["--strategy", "pad", "--batch-size", "32"]


class Failed(Exception):
    """A client or the server did not do as it should."""


class Pace:
    """Keeps clients within LEAD rounds of each other. Thread-safe."""

    def __init__(self, clients: int) -> None:
        self._rounds = [0] * clients
        self._changed = threading.Condition()
        self.stopped = False
        self.errors: list[str] = []

    def may_go(self, client: int) -> bool:
        """Waits until the client may begin a round; False once the soak ends."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.stopped or self._rounds[client] < min(self._rounds) + LEAD
            )
            return not self.stopped

    def done(self, client: int) -> None:
        with self._changed:
            self._rounds[client] += 1
            self._changed.notify_all()

    def stop(self, error: str = "") -> None:
        with self._changed:
            self.stopped = True
            if error:
                self.errors.append(error)
            self._changed.notify_all()

    def rounds(self) -> list[int]:
        with self._changed:
            return list(self._rounds)


class PythonClient:
    """A process of soak_clients.py."""

    def __init__(self, role: str, kind: str, address: str) -> None:
        self.name = f"{role}, {kind}"
        self._process = subprocess.Popen(
            [sys.executable, HERE / "soak_clients.py", role, address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "GRAPHFEED_CLIENT": kind},
        )  # fmt: skip

    def round(self) -> None:
        try:
            print(file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass
        if self._process.stdout.readline() != "done\n":
            raise Failed(f"{self.name}: ended with {self._process.wait(timeout=60)}")

    def close(self) -> None:
        self._process.stdin.close()
        code = self._process.wait(timeout=120)
        self._process.stdout.close()
        if code != 0:
            raise Failed(f"{self.name}: ended with {code}")

    def kill(self) -> None:
        self._process.kill()


class CommandLine:
    """`graphfeed stream`, again and again: each round has a stream of every kind."""

    name = "graphfeed stream"

    def __init__(self, address: str, more: list[str]) -> None:
        self._more = ["--shuffle", "--no-progress", "--limit", str(CLI_FRAMES), "--server", address, *more]
        self._epoch = 0

    def round(self) -> None:
        self._epoch += 1
        for name in workloads.DATASETS:
            self._stream(name, workloads.FLAGS[name])
        self._stream("molecules", PADDED)

    def _stream(self, dataset: str, flags: list[str]) -> None:
        command = [
            os.environ["GRAPHFEED_CLI"], "stream", dataset, *flags, *self._more,
            "--epochs", "0", "--epoch", str(self._epoch), "--seed", str(workloads.SEED),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: {done.returncode}: {done.stderr.strip()}")

    def close(self) -> None:
        pass

    def kill(self) -> None:
        pass


def drive(pace: Pace, number: int, client: PythonClient | CommandLine) -> None:
    try:
        while pace.may_go(number):
            client.round()
            pace.done(number)
        client.close()
    except (Failed, OSError, subprocess.TimeoutExpired) as error:
        pace.stop(f"{type(error).__name__}: {error}")
        client.kill()


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.7g}") if isinstance(value, float) else value


def tell(what: str, **values: object) -> None:
    print(json.dumps({"soak": what, **rounded(values)}), flush=True)


class Soak:
    """A server with its content, and what is read of it."""

    def __init__(self, folder: pathlib.Path, log) -> None:
        self.server = Server(folder, *FLAGS, f"--audit-log={folder}.audit", stderr=log)
        with gf.connect(self.server.address, timeout=300) as client:
            for name, data in workloads.content().items():
                client.ingest(name, data)
        self.before = scrape(self.server.metrics)
        self._begin = time.monotonic()
        self._imports = 0

    def run(self, warm_up: float, seconds: float, interval: float) -> tuple[list[Reading], list[str]]:
        """The readings after the warm-up, and what clients said that failed."""
        address = self.server.address
        clients = [
            PythonClient("importer", "native", address), PythonClient("reader", "native", address),
            PythonClient("reader", "native", address), PythonClient("reader", "python", address),
            CommandLine(address, []), CommandLine(address, ["--compact"]),
        ]  # fmt: skip
        pace = Pace(len(clients))
        threads = [
            threading.Thread(target=drive, args=(pace, i, client)) for i, client in enumerate(clients)
        ]
        for thread in threads:
            thread.start()
        readings: list[Reading] = []
        try:
            last = self._read(pace)
            measure_from = last.seconds + warm_up
            while last.seconds < measure_from + seconds and not pace.stopped:
                self._wait(pace, last.seconds + interval)
                now = self._read(pace)
                warm = now.seconds >= measure_from
                if warm:
                    readings.append(now)
                tell("interval", warm=warm, **dataclasses.asdict(now), since_last=rates(last, now))
                last = now
        finally:
            pace.stop()
            for thread in threads:
                thread.join()
        self._imports = pace.rounds()[0]
        return readings, pace.errors

    def _wait(self, pace: Pace, until: float) -> None:
        """Scrapes meanwhile, as a Prometheus would, though oftener."""
        while (left := until - (time.monotonic() - self._begin)) > 0 and not pace.stopped:
            time.sleep(min(left, 1))
            scrape(self.server.metrics)

    def _read(self, pace: Pace) -> Reading:
        metrics = scrape(self.server.metrics)
        return read(metrics, time.monotonic() - self._begin, sum(pace.rounds()))

    def left_behind(self) -> list[str]:
        """What is not as it was before the clients came; waits for it for up to a minute."""
        deadline = time.monotonic() + 60
        while True:
            metrics = scrape(self.server.metrics)
            left = [
                f"{name}: {metrics[name]:.0f} at rest, {self.before[name]:.0f} before"
                for name in AT_REST
                if metrics[name] != self.before[name]
            ]
            # The store opens files as it needs them, and gRPC keeps some threads.
            for name, more in (
                ("process_open_fds", 16), ("process_threads", 4),
                ("graphfeed_stored_bytes", STORED_MORE + STORED_PER_IMPORT * self._imports),
            ):  # fmt: skip
                if metrics[name] > self.before[name] + more:
                    left.append(
                        f"{name}: {metrics[name]:.0f} at rest, {self.before[name]:.0f} before, {more} more allowed"
                    )
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.5)


def errors_of(log: Iterable[str]) -> list[str]:
    """Of a server's log: its first errors, and what is no line of it. gRPC says of itself as it likes."""
    found = []
    for line in map(str.strip, log):
        values = json.loads(line) if line.startswith("{") else {"level": "error"}
        if values["level"] == "error" and values.get("event") != "grpc.line":
            found.append(line)
    return found[:5]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("minutes", type=float, nargs="?", default=20, help="after the warm-up (%(default)s)")
    parser.add_argument("--short", action="store_true", help="a minute in all, with wider limits")
    arguments = parser.parse_args()
    if not 0.2 <= arguments.minutes <= 10_000:
        parser.error(f"MINUTES is {arguments.minutes}; it must be in [0.2, 10000]")
    seconds = 60 * arguments.minutes
    warm_up, interval, limits = min(180, max(30, seconds / 6)), min(10, max(1, seconds / 60)), LONG
    if arguments.short:
        warm_up, seconds, interval, limits = 15, 40, 1, SHORT
    with tempfile.TemporaryDirectory(prefix="graphfeed-soak-") as folder, tempfile.TemporaryFile("w+") as log:
        soak = Soak(pathlib.Path(folder) / "data", log)
        try:
            readings, misses = soak.run(warm_up, seconds, interval)
            figures, missed = verdict(readings, limits)
            misses += missed + soak.left_behind()
        finally:
            code = soak.server.stop()
        if code != 0:
            misses.append(f"the server ended with {code}")
        log.seek(0)
        misses += [f"the server's log: {line}" for line in errors_of(log)]
    tell("verdict", ok=not misses, misses=misses, limits=dataclasses.asdict(limits), **figures)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
