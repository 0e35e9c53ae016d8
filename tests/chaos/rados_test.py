#!/usr/bin/env python3
"""Three servers on one pool of Ceph RADOS and four clients, while versions are ingested and deleted
at one or another of the servers, servers are killed at random, and an OSD is killed and another one
stopped: every client's frames are those of an undisturbed run from a data folder, what was ingested
is there whole or not at all and the same everywhere, and in the end nothing else is stored.

Runs for some two minutes, with GRAPHFEED_LONG=1 for several. GRAPHFEED_CHAOS_SEED as for chaos_test.
"""

from __future__ import annotations

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

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import workloads  # noqa: E402: it finds the modules that the others need
from ceph_cluster import CephCluster, missing  # noqa: E402
from cluster import Read, Reader, Replica, Source  # noqa: E402

import graphfeed as gf  # noqa: E402

EPOCHS = 12 if workloads.LONG else 4
STEP = 0.02 if workloads.LONG else 0.06  # seconds that a client's program takes for a batch
SERVERS = 3
CHAOS_SEED = int(os.environ.get("GRAPHFEED_CHAOS_SEED", "11"))
LOOPBACK = [f"127.0.0.{5 + i}" for i in range(SERVERS)]
# A cache that holds a part of what is read; what nobody uses goes as soon as it may.
FLAGS = ("--memory-budget", "8M", "--sweep-after", "1s")
SECONDS_TO_SWEEP = 90
SECONDS_TO_AGREE = 30


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Writer(threading.Thread):
    """Ingests at any server and deletes some of it again, until it is told to stop."""

    def __init__(self, replicas: list[Replica], seed: int) -> None:
        super().__init__()
        self._replicas = replicas
        self._chance = random.Random(seed)
        self._stopped = threading.Event()
        self.kept: dict[str, str] = {}  # fingerprints of what was published, by version
        self.uncertain: set[str] = set()  # what a call broke off about
        self.failures = 0
        self.errors: list[BaseException] = []
        self.start()

    def run(self) -> None:
        try:
            while not self._stopped.wait(self._chance.uniform(0, 0.3)):
                self._act()
        except BaseException as error:  # for the test's thread
            self.errors.append(error)

    def _act(self) -> None:
        address = self._chance.choice(self._replicas).address
        client = gf.connect(address, timeout=60, retry_timeout=1)
        try:
            if len(self.kept) > 4 and self._chance.random() < 0.5:
                version = self._chance.choice(sorted(self.kept))
                del self.kept[version]
                self.uncertain.add(version)
                client.delete(version)
                return
            info = client.ingest("written", self._graphs())
            self.kept[f"{info.name}@{info.version}"] = info.fingerprint
        except (gf.errors.Unavailable, gf.errors.Cancelled, gf.errors.Aborted, gf.errors.DeadlineExceeded,
                gf.errors.NotFound):  # fmt: skip
            self.failures += 1

    def _graphs(self) -> list[dict]:
        import numpy as np

        rng = np.random.default_rng(self._chance.randrange(2**32))
        return [
            {"x": rng.random((n, 3), np.float32), "edge_index": rng.integers(0, n, (2, 2 * n))}
            for n in rng.integers(2, 40, 400)
        ]

    def stop(self) -> None:
        self._stopped.set()
        self.join()
        if self.errors:
            raise self.errors[0]


class RadosChaosTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if lacking := missing():
            tell(f"\n*** CEPH IS NOT TESTED: there is no {lacking} ***\n")
            raise unittest.SkipTest(lacking)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="gf-rados-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.source = Source(cls.folder, [Read(name, EPOCHS) for name in workloads.DATASETS])
        (cls.folder / "ceph").mkdir()
        cls.ceph = CephCluster(cls.folder / "ceph")
        cls.addClassCleanup(cls.ceph.stop)
        cls.store = cls.ceph.location("chaos")
        source = Replica(cls.folder / "source", "127.0.0.1", ())
        try:
            cls.run_command("sync", "--from", source.address, "--store", cls.store)
        finally:
            source.drain()

    @staticmethod
    def run_command(*arguments: str) -> str:
        done = subprocess.run(
            [os.environ["GRAPHFEED_CLI"], *arguments], stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def start_clients(self, addresses: list[str]) -> list[tuple[Read, Reader]]:
        readers = []
        for i, (make, read) in enumerate(
            (make, read) for make in (Read.cpp, Read.python) for read in self.source.expected
        ):
            order = addresses[i % SERVERS :] + addresses[: i % SERVERS]
            readers.append((read, Reader(make(read, order), STEP)))
            self.addCleanup(readers[-1][1].close)
        return readers

    def disturb(self, chance: random.Random, replicas: list[Replica], readers) -> dict[str, int]:
        """Until the clients are done: servers are killed; an OSD is stopped, and one killed."""
        done = {"server": 0, "stopped": 0, "killed": 0}
        away: int | None = None
        while any(reader.is_alive() for _, reader in readers):
            time.sleep(chance.uniform(0.3, 1.5))
            what = "server" if done["server"] < 2 else chance.choice(sorted(done))
            if done["server"] > 2 and 0 in done.values():
                what = "stopped" if done["stopped"] == 0 else "killed"
            if what == "server":
                replica = chance.choice(replicas)
                replica.kill()
                time.sleep(chance.uniform(0, 1))
                replica.start()
            elif what == "stopped":
                osd = chance.choice(self.ceph.osds())
                self.ceph.send(f"osd.{osd}", signal.SIGSTOP)
                time.sleep(chance.uniform(1, 8))
                self.ceph.send(f"osd.{osd}", signal.SIGCONT)
                time.sleep(2)
            elif away is None and done["killed"] == 0:
                # In memory it loses what it had: two others have that, and no second one may go.
                away = chance.choice(self.ceph.osds())
                self.ceph.kill_osd(away)
            else:
                continue
            done[what] += 1
        if away is not None:
            self.ceph.start_osd(away)
        return done

    def test_servers_and_osds_that_die_and_stop(self) -> None:
        chance = random.Random(CHAOS_SEED)
        began = time.monotonic()
        replicas = [Replica(self.store, host, (), FLAGS) for host in LOOPBACK]
        for replica in replicas:
            self.addCleanup(replica.kill)
        readers = self.start_clients([replica.address for replica in replicas])
        writer = Writer(replicas, CHAOS_SEED)
        self.addCleanup(writer.stop)
        did = self.disturb(chance, replicas, readers)
        writer.stop()
        failovers = 0
        for read, reader in readers:
            reader.join()
            self.assertEqual(reader.code, 0, reader.log())
            self.assertEqual(len(reader.frames), len(self.source.expected[read]))
            self.assertEqual(reader.frames, self.source.expected[read])
            failovers += reader.log().count(" goes on with frame ")
        tell(f"{did}, {failovers} failovers, {len(writer.kept)} versions written and kept, "
             f"{writer.failures} refused or broken off in {time.monotonic() - began:.0f} s")  # fmt: skip
        for what, times in did.items():
            self.assertGreater(times, 0, what)
        self.assertGreater(failovers, 0)
        self.assertGreater(len(writer.kept), 2)
        self.check_versions(replicas, writer)
        self.check_nothing_is_left(replicas)

    def check_versions(self, replicas: list[Replica], writer: Writer) -> None:
        """What was published is there, once, whole and the same at every server."""
        clients = [gf.connect(replica.address, timeout=60) for replica in replicas]
        began = time.monotonic()
        while True:  # a second at most, but for processors and OSDs that others keep busy
            lists = [
                {f"{info.name}@{info.version}": info.fingerprint for info in client.datasets()}
                for client in clients
            ]
            if lists[0] == lists[1] == lists[2]:
                break
            if time.monotonic() - began > SECONDS_TO_AGREE:
                self.fail(f"servers list {lists}\n{self.records()}")
            time.sleep(0.2)
        tell(f"all servers list the same after {time.monotonic() - began:.1f} s")
        for version, fingerprint in writer.kept.items():
            self.assertEqual(lists[0].get(version), fingerprint, version)
        for version in lists[0]:
            self.run_command("verify", version, "--store", self.store)

    def check_nothing_is_left(self, replicas: list[Replica]) -> None:
        client = gf.connect(replicas[0].address, timeout=60)
        for info in client.datasets():
            client.delete(f"{info.name}@{info.version}")
        began = time.monotonic()
        seen: list[tuple[str, dict[str, str]]] = []  # what the records say, when that changes
        while left := self.objects():
            seconds = time.monotonic() - began
            records = self.records()
            if not seen or seen[-1][1] != records:
                seen.append((f"after {seconds:.0f} s", records))
            if seconds > SECONDS_TO_SWEEP:
                said = "\n".join(f"{when}: {what}" for when, what in seen[-8:])
                self.fail(f"left: {left}\n{said}\n{self.readings(replicas)}")
            time.sleep(1)
        tell(f"all is swept after {time.monotonic() - began:.0f} s")

    def records(self) -> dict[str, str]:
        """All but those of versions, which are not text."""
        import rados

        with self.ceph.io("chaos") as io, rados.ReadOpCtx() as op:
            entries, _ = io.get_omap_vals(op, "", "", 1000)
            io.operate_read_op(op, "records")
            return {k: v.decode() for k, v in entries if not k.startswith("manifest/")}

    @staticmethod
    def readings(replicas: list[Replica]) -> str:
        """What servers say that tells who may still have something open."""
        names = ("graphfeed_open_", "graphfeed_set_aside", "graphfeed_memory_used_bytes")
        return "\n".join(
            f"{replica.address}: " + ", ".join(
                f"{name} {value:g}" for name, value in sorted(replica.readings().items())
                if name.startswith(names)
            ) for replica in replicas
        )  # fmt: skip

    def objects(self) -> list[str]:
        """Of the store's columns."""
        with self.ceph.io("chaos") as io:
            names = [item.key for item in io.list_objects()]
        return [name for name in names if name not in ("records", "columns")]


if __name__ == "__main__":
    unittest.main()
