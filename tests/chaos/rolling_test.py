#!/usr/bin/env python3
"""Four clients train, in C++ and both kinds of Python, while their servers are scaled from one to
three, are restarted one after the other, and are replaced by another release: no client fails, and
every frame is as in an undisturbed run.

In the upgrade of the bounded run the folders are as the last program of format 1 left them. With
GRAPHFEED_LONG=1 there are servers of the release before this one, and a client of it, too: those
below GRAPHFEED_PREVIOUS (its bin folder), or made of the commit PREVIOUS, which takes minutes.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import workloads  # noqa: E402: it finds the modules that the others need
from cluster import SLOW_KEEPALIVE, Read, Reader, Replica, Source  # noqa: E402

import graphfeed as gf  # noqa: E402

# The last commit before servers were made for production: without an age of streams, access, roles.
PREVIOUS = "f58fc40"
READS = [Read("links", 6), Read("links", 12, 0, 2), Read("links", 12, 1, 2)]
OLD_READS = [Read(name, 800) for name in workloads.OLD]
AGE = ("--stream-max-age", "1s")  # so that streams come back to a server that was away
STEP = 0.03
HOSTS = [f"127.0.0.{20 + i}" for i in range(3)]
NATIVE, PORTABLE = ({"GRAPHFEED_CLIENT": name} for name in ("native", "python"))
KINDS = [None, None, NATIVE, PORTABLE]
FRAMES = 'graphfeed_frames_sent_total{strategy="%s"}'


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class RollingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="graphfeed-rolling-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def start_server(self, folder: pathlib.Path, i: int, port: int, *arguments: str) -> Replica:
        """The i-th; at any port if it is 0."""
        replica = Replica(folder, HOSTS[i], arguments=[*AGE, *arguments], port=port)
        self.addCleanup(replica.drain)
        return replica

    def start_clients(
        self, port: int, clients: list[tuple[Read, dict[str, str] | str | None]]
    ) -> list[tuple[Read, Reader]]:
        """Those in Python have an environment, those in C++ may have a program."""
        self.begin = time.monotonic()
        readers = []
        for i, (read, kind) in enumerate(clients):
            addresses = [f"{host}:{port}" for host in HOSTS[i % 3 :] + HOSTS[: i % 3]]
            if isinstance(kind, dict):
                reader = Reader(read.python(addresses, SLOW_KEEPALIVE), STEP, kind)
            else:
                reader = Reader(read.cpp(addresses, SLOW_KEEPALIVE, kind), STEP)
            readers.append((read, reader))
            self.addCleanup(reader.close)
        for _, reader in readers:
            reader.wait_for_first()
        return readers

    def wait_until_it_serves(self, replica: Replica, strategy: str = "neighbor") -> None:
        """Until clients have come to it by themselves."""
        wait_for(lambda: replica.readings()[FRAMES % strategy] > 0, "no client comes")

    def check(self, what: str, source: Source, readers: list[tuple[Read, Reader]]) -> None:
        for _, reader in readers:
            self.assertTrue(reader.is_alive(), f"it has read all before the end: {reader.log()}")
            reader.step = 0
        failovers = 0
        for read, reader in readers:
            reader.join()
            self.assertEqual(reader.code, 0, reader.log())
            self.assertEqual(reader.frames, source.expected[read])
            failovers += reader.log().count(" goes on with frame ")
        tell("measured " + json.dumps({
            "rolling": what, "clients": len(readers), "failed": 0,
            "frames": sum(len(reader.frames) for _, reader in readers), "failovers": failovers,
            "seconds": round(time.monotonic() - self.begin),
        }))  # fmt: skip

    def test_scaling_and_a_rolling_restart(self) -> None:
        source = Source(self.folder, READS)
        writer = self.start_server(source.restore(self.folder / "writer"), 0, 0)
        port = port_of(writer)
        readers = self.start_clients(port, list(zip([READS[0], *READS], KINDS)))
        follow = ("--follow", writer.address, "--follow-every", "500ms")
        followers = [self.start_server(self.folder / f"{i}", i, port, *follow) for i in (1, 2)]
        for follower in followers:
            wait_for(follower.ready, "a follower is not in sync")
            self.wait_until_it_serves(follower)
        for replica in [*followers, writer]:
            replica.drain()
            replica.start()
            wait_for(replica.ready, "a server is not ready")
            self.wait_until_it_serves(replica)
        self.check("scaled from one to three, then restarted in turn", source, readers)

    def test_an_upgrade_of_the_storage_format(self) -> None:
        for name in ("source", "0", "1", "2"):
            shutil.copytree(workloads.FORMAT_1, self.folder / name)
        source = Source(self.folder, OLD_READS)
        serves = self.start_server(self.folder / "0", 0, 0)
        port = port_of(serves)
        readers = self.start_clients(port, list(zip(OLD_READS, KINDS)))
        for i in (1, 2):
            self.assertFalse((self.folder / str(i) / "CATALOG").exists())
            upgraded = self.start_server(self.folder / str(i), i, port)
            wait_for(upgraded.ready, "a server is not ready")
            with gf.connect(upgraded.address) as client:
                self.assertEqual(client.server_info().storage_format, 2)
            self.wait_until_it_serves(upgraded, "pad_to_max")
            serves.drain()
            serves = upgraded
        self.check("to servers that take over folders of format 1", source, readers)

    @unittest.skipUnless(workloads.LONG, "takes a build of the release before: GRAPHFEED_LONG=1")
    def test_an_upgrade_of_the_program(self) -> None:
        previous = previous_programs()
        source = Source(self.folder, READS)
        replicas: list[Replica] = []
        for i, host in enumerate(HOSTS):
            replicas.append(Replica(
                source.restore(self.folder / "replicas" / str(i)), host,
                port=port_of(replicas[0]) if replicas else 0,
                program=str(previous / "graphfeed-server"),
            ))  # fmt: skip
            self.addCleanup(replicas[-1].drain)
        # The second client in C++ is of the release before, too.
        kinds = [None, str(previous / "graphfeed"), NATIVE, PORTABLE]
        readers = self.start_clients(port_of(replicas[0]), list(zip([READS[0], *READS], kinds)))
        for replica in replicas:
            replica.drain()
            replica.program, replica.arguments = None, AGE
            replica.start()
            wait_for(replica.ready, "a server is not ready")
        for replica in replicas:
            self.wait_until_it_serves(replica)
        self.check("from the release before to this one", source, readers)


def port_of(replica: Replica) -> int:
    return int(replica.address.rpartition(":")[2])


def previous_programs() -> pathlib.Path:
    """The folder with the programs of the release before."""
    if given := os.environ.get("GRAPHFEED_PREVIOUS"):
        return pathlib.Path(given)
    tree = workloads.ROOT / "build" / "previous" / PREVIOUS
    if not tree.exists():
        archive = subprocess.run(
            ["git", "-C", workloads.ROOT, "archive", PREVIOUS], capture_output=True, check=False
        )
        if archive.returncode != 0:
            reason = archive.stderr.decode().strip()
            tell(f"\n*** AN UPGRADE FROM THE RELEASE BEFORE IS NOT TESTED: {reason} ***\n")
            raise unittest.SkipTest(reason)
        tree.mkdir(parents=True)
        subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    build = tree / "build" / "release"
    for command in (
        ["cmake", "--preset", "release"],
        ["cmake", "--build", build, "-j", str(os.cpu_count()),
         "--target", "graphfeed-server", "graphfeed"],
    ):
        subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    return build / "bin"


if __name__ == "__main__":
    unittest.main()
