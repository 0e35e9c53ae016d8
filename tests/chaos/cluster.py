"""The chaos tests' processes: replicas of one server, and clients at a training program's pace."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence

import workloads
from server_process import Server

import graphfeed as gf

# Seconds of silence before a client pings, and that it waits for the answer. Nobody looks for it
# while there are frames that have come and are not taken, but gRPC every 5 s: where clients are slow
# KEEPALIVE would break connections that are well.
KEEPALIVE = 1
SLOW_KEEPALIVE = 10


class Replica:
    """A server process that comes back at its address, with its data: a folder, or a store that
    several have. `host` may be "unix:PATH".
    `arguments` are more of its flags, `program` another one than $GRAPHFEED_SERVER; both may change
    between two starts."""

    def __init__(
        self,
        folder: pathlib.Path | str,
        host: str,
        within: Sequence[str] = (),
        arguments: Sequence[str] = (),
        port: int = 0,
        program: str | None = None,
    ) -> None:
        self._folder = folder
        self._within = within
        self.arguments = arguments
        self.program = program
        self.address = host if host.startswith("unix:") else f"{host}:{port}"
        self.start()

    def start(self) -> None:
        self._server = Server(
            self._folder, "--drain-timeout", "5s", "--log-level", "error", *self.arguments,
            address=self.address, within=self._within, program=self.program,
        )  # fmt: skip
        self.address = self._server.address

    def readings(self) -> dict[str, float]:
        return self._server.readings()

    def ready(self) -> bool:
        return self._server.ready()

    def kill(self) -> None:
        self._server.kill()

    def drain(self) -> None:
        code = self._server.stop()
        if code != 0:
            raise RuntimeError(f"the server at {self.address} ended with {code}")

    def send(self, number: int) -> None:
        self._server.process.send_signal(number)


@dataclasses.dataclass(frozen=True)
class Read:
    """What a client reads: epochs of a workload, or of a shard of it."""

    dataset: str
    epochs: int
    shard_index: int = 0
    num_shards: int = 1

    def cpp(
        self, endpoints: Sequence[str], keepalive: int = KEEPALIVE, program: str | None = None
    ) -> list[str]:
        """The command of the client in C++, or of another `program` that is one."""
        return [
            program or os.environ["GRAPHFEED_CLI"], "stream",
            self.dataset, *workloads.FLAGS[self.dataset],
            "--shuffle", "--seed", str(workloads.SEED), "--epochs", str(self.epochs),
            "--num-shards", str(self.num_shards), "--shard-index", str(self.shard_index),
            "--digests", "--no-progress", "--keepalive", str(keepalive),
            "--server", ",".join(endpoints),
        ]  # fmt: skip

    def python(self, endpoints: Sequence[str], keepalive: int = KEEPALIVE) -> list[str]:
        """That of one in Python; its environment says which client it has."""
        return [
            sys.executable, workloads.__file__, ",".join(endpoints), self.dataset,
            str(self.epochs), str(keepalive), str(self.num_shards), str(self.shard_index),
        ]  # fmt: skip


class Source:
    """A snapshot of what is read, and the frames that undisturbed clients get. It is the workloads,
    or what the data folder `source` in `folder` has if there is one."""

    def __init__(self, folder: pathlib.Path, reads: Sequence[Read]) -> None:
        self._snapshot = folder / "snapshot"
        is_there = (folder / "source").exists()
        replica = Replica(folder / "source", "127.0.0.1")
        try:
            if not is_there:
                client = gf.connect(replica.address)
                for name, data in workloads.content({read.dataset for read in reads}).items():
                    client.ingest(name, data)
            self.expected = self._read(replica, reads)
        finally:
            replica.drain()
        self._copy("snapshot", "--data-dir", str(folder / "source"))

    def _read(self, replica: Replica, reads: Sequence[Read]) -> dict[Read, list[str]]:
        readers = {read: Reader(read.cpp([replica.address]), step=0) for read in reads}
        for reader in readers.values():
            reader.join()
            if reader.code != 0:
                raise RuntimeError(reader.log())
            reader.close()
        return {read: reader.frames for read, reader in readers.items()}

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
    for each. `environment` adds to ours."""

    def __init__(
        self, command: Sequence[str], step: float, environment: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.step = step
        self._log = tempfile.TemporaryFile("w+")
        # A pipe of packets that holds one: the client waits as one that computes would. (Otherwise
        # a pipe is free again when a whole page of it has been read, and lets 150 lines pass.)
        self._lines, theirs = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 1)
        try:
            self._process = subprocess.Popen(
                command, stdout=theirs, stderr=self._log,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        finally:
            os.close(theirs)
        self.frames: list[str] = []
        self._came = threading.Event()
        self.start()

    def run(self) -> None:
        while written := os.read(self._lines, 1 << 16):  # lines, as a rule one
            for line in written.decode().splitlines():
                if line.startswith("frame "):
                    self.frames.append(line)
                    self._came.set()
                    time.sleep(self.step)
        os.close(self._lines)
        self.code = self._process.wait()
        self._came.set()

    def wait_for_first(self) -> None:
        """Until a frame has come, or the client has ended."""
        self._came.wait()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        self._process.kill()
        self.join()
        self._log.close()


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
