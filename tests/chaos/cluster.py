"""The chaos tests' processes: replicas of one server, and clients at a training program's pace."""

from __future__ import annotations

import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence

import workloads
from server_process import Server

import graphfeed as gf

KEEPALIVE = 1  # seconds of silence before a client pings, and that it waits for the answer


class Replica:
    """A server process that comes back at its address, with its data: a folder, or a store that
    several have."""

    def __init__(
        self, folder: pathlib.Path | str, host: str, within: Sequence[str], *flags: str
    ) -> None:
        self._folder = folder
        self._within = within
        self._flags = flags
        self.address = f"{host}:0"
        self.start()

    def start(self) -> None:
        self._server = Server(
            self._folder, "--drain-timeout", "5s", "--log-level", "error",
            "--allow-unauthenticated", "on", *self._flags,
            address=self.address, within=self._within,
        )  # fmt: skip
        self.address = self._server.address

    def kill(self) -> None:
        self._server.kill()

    def drain(self) -> None:
        code = self._server.stop()
        if code != 0:
            raise RuntimeError(f"the server at {self.address} ended with {code}")

    def send(self, number: int) -> None:
        self._server.process.send_signal(number)


class Source:
    """A snapshot of the workloads, and what an undisturbed client reads from its server."""

    def __init__(self, folder: pathlib.Path, epochs: int) -> None:
        self.epochs = epochs
        self._snapshot = folder / "snapshot"
        replica = Replica(folder / "source", "127.0.0.1", ())
        try:
            client = gf.connect(replica.address)
            for name, data in workloads.content().items():
                client.ingest(name, data)
            self.expected = self._read(replica)
        finally:
            replica.drain()
        self._copy("snapshot", "--data-dir", str(folder / "source"))

    def _read(self, replica: Replica) -> dict[str, list[str]]:
        readers = {
            name: Reader(cpp_command([replica.address], name, self.epochs), step=0)
            for name in workloads.DATASETS
        }
        for reader in readers.values():
            reader.join()
            if reader.code != 0:
                raise RuntimeError(reader.log())
            reader.close()
        return {name: reader.frames for name, reader in readers.items()}

    def restore(self, folder: pathlib.Path) -> pathlib.Path:
        """A data folder with the same content."""
        folder.parent.mkdir(exist_ok=True)
        self._copy("restore", "--data-dir", str(folder))
        return folder

    def _copy(self, *command: str) -> None:
        program = os.environ["GRAPHFEED_CLI"]
        subprocess.run([program, *command, self._snapshot], check=True, stdout=subprocess.DEVNULL)


class Reader(threading.Thread):
    """A client process whose frames are taken at the pace of a training program: `step` seconds
    for each."""

    def __init__(self, command: Sequence[str], step: float) -> None:
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


def cpp_command(endpoints: list[str], dataset: str, epochs: int) -> list[str]:
    return [
        os.environ["GRAPHFEED_CLI"], "stream", dataset, *workloads.FLAGS[dataset], "--shuffle",
        "--seed", str(workloads.SEED), "--epochs", str(epochs), "--digests", "--no-progress",
        "--keepalive", str(KEEPALIVE), "--server", ",".join(endpoints),
    ]  # fmt: skip


def python_command(endpoints: list[str], dataset: str, epochs: int) -> list[str]:
    return [
        sys.executable, workloads.__file__, ",".join(endpoints), dataset, str(epochs),
        str(KEEPALIVE),
    ]  # fmt: skip


def act(replica: Replica, action: str, pause: float) -> None:
    """Kills, stops or drains a server; it is back after `pause` seconds."""
    if action == "kill":
        replica.kill()
    elif action == "stop":
        replica.send(signal.SIGSTOP)
    else:
        replica.drain()
    time.sleep(pause)
    if action == "stop":
        replica.send(signal.SIGCONT)
    else:
        replica.start()
