#!/usr/bin/env python3
"""200 clients of three tenants want four times the streams that a server admits, all with as many
frames as there are: most read as fast as they can, some are slow, some stop reading, some vanish
while they are served, with their connection or with their whole process, and some only connect.

The server's memory stays below what it is given, no tenant gets less than four fifths of a third of
all frames, and who is refused is told the limit, what is used and when to come again, after the
stated wait. When all are gone nothing of them is left. Half a minute; with GRAPHFEED_LONG=1 two.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import workloads  # noqa: E402: it finds the modules that the others need
from server_process import Server  # noqa: E402

import graphfeed as gf  # noqa: E402

SECONDS = 120 if workloads.LONG else 12  # that are measured, at least, when it is full
WAIT, IDLE = 3.0, 4.0
STREAMS = 50
TENANTS = ["ann", "bob", "cy"]
TOKENS = {name: f"{name}-0123456789abcdef" for name in [*TENANTS, "keeper"]}
TENANT_STREAMS = 45  # open and waiting
# Each kind in equal numbers of each tenant, nearly: in all 200.
STEADY = {"fast": 120, "slow": 30, "idle": 20}
VANISHING = {"vanishing": 20, "fast": 5, "slow": 5}  # their process is killed now and then
MEMORY = {"memory-budget": 8, "slab-memory": 24, "plan-memory": 32, "request-memory": 16}  # MiB
BOUND = sum(MEMORY.values()) + 100  # MiB: the process beside them, as docs/operations.md has it
USES = ["chunks", "frames", "plans", "requests"]
REFUSALS = {
    "tenant": r'streams of "(ann|bob|cy)": \d+ are open; at most 45',
    "places": r"streams: \d+ are open; at most 50 \(--max-streams\); waited (\S+) \(--stream-wait\)",
}
# gRPC's, which grow with what there is to do and keep their threads: the executor up to two for a
# processor, the timers' by few.
GRPC_POOLS = ["default-executo", "grpc_global_tim"]
BACK_TO_ZERO = [
    "graphfeed_open_streams", "graphfeed_streams_waiting", "graphfeed_build_queue_length",
    "graphfeed_planning_queue_length",
    *(f'graphfeed_tenant_open_streams{{tenant="{name}"}}' for name in TENANTS),
    *(f'graphfeed_memory_{what}_bytes{{use="{use}"}}'
      for what in ("used", "reserved") for use in ("frames", "requests")),
]  # fmt: skip


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def seconds(text: str) -> float:
    """Of absl's durations below an hour."""
    found = re.fullmatch(r"(?:(\d+)m)?(?:([\d.]+)s)?(?:([\d.]+)ms)?", text)
    minutes, whole, thousandths = (float(part or 0) for part in found.groups())
    return 60 * minutes + whole + thousandths / 1000


class Clients:
    """A process of overload_clients.py."""

    def __init__(self, address: str, seed: int, kinds: dict[str, int]) -> None:
        tokens = ",".join(TOKENS[name] for name in TENANTS)
        self.process = subprocess.Popen(
            [sys.executable, HERE / "overload_clients.py", address, tokens, str(seed),
             *(kind for kind, number in kinds.items() for _ in range(number))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "GRAPHFEED_CLIENT": "python"},
        )  # fmt: skip
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"clients ended with {self.process.wait()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> dict:
        output, _ = self.process.communicate(timeout=60)
        return json.loads(output)


class Vanishing(threading.Thread):
    """Clients whose process is killed every two seconds, and connections with nobody behind."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._stopping = threading.Event()
        self.killed = self.connected = 0
        self.start()

    def run(self) -> None:
        host, port = self._address.rsplit(":", 1)
        while not self._stopping.is_set():
            clients = Clients(self._address, self.killed, VANISHING)
            for i in range(20):
                connection = socket.create_connection((host, int(port)))
                if i % 2:
                    connection.sendall(b"PRI * HTTP/2.0\r\n")
                self._stopping.wait(0.1)
                connection.close()
                self.connected += 1
            clients.kill()
            self.killed += 1

    def stop(self) -> None:
        self._stopping.set()
        self.join()


class OverloadTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="graphfeed-overload-"))
        self.addCleanup(shutil.rmtree, self.folder)
        access = self.folder / "access.yml"
        access.write_text("principals:\n" + "".join(
            f"  - {{name: {name}, token: {TOKENS[name]}, roles: reader, datasets: '*', "
            f"limits: {{streams: {TENANT_STREAMS}}}}}\n" for name in TENANTS
        ) + f"  - {{name: keeper, token: {TOKENS['keeper']}, roles: [writer], datasets: '*'}}\n")  # fmt: skip
        self.server = Server(
            self.folder / "data", "--access", str(access), "--log-level", "error",
            "--max-streams", str(STREAMS), "--stream-wait", f"{WAIT}s",
            "--stream-idle-timeout", f"{IDLE}s", "--build-threads", "1",
            *(part for flag, size in MEMORY.items() for part in (f"--{flag}", f"{size}M")),
        )  # fmt: skip
        self.addCleanup(self.server.stop)
        with gf.connect(self.server.address, token=TOKENS["keeper"]) as writer:
            writer.ingest("links", workloads.content(["links"])["links"])

    def links(self) -> list[str]:
        """What its descriptors are."""
        links = []
        for descriptor in pathlib.Path("/proc", str(self.server.process.pid), "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                links.append(os.readlink(descriptor))
        return links

    def of_process(self) -> dict[str, int]:
        folder = pathlib.Path("/proc", str(self.server.process.pid))
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        links = self.links()
        names = [task.read_text().strip() for task in folder.glob("task/*/comm")]
        pools = sum(name in GRPC_POOLS for name in names)
        return {
            "rss_mb": int(status["VmRSS"].split()[0]) // 1024,
            "peak_mb": int(status["VmHWM"].split()[0]) // 1024,
            "pools": pools,
            "threads": len(names) - pools,
            "descriptors": len(links),
            "sockets": sum(link.startswith("socket:") for link in links),
        }

    def what_is_left(self) -> str:
        folder = pathlib.Path("/proc", str(self.server.process.pid))
        threads = Counter(task.read_text().strip() for task in folder.glob("task/*/comm"))
        inodes = {link[len("socket:[") : -1] for link in self.links()
                  if link.startswith("socket:")}  # fmt: skip
        sockets = [line.split()[1:4] for table in ("tcp", "tcp6", "unix")
                   for line in (folder / "net" / table).read_text().splitlines()
                   if inodes & set(line.split())]  # fmt: skip
        return f"threads {dict(threads)}, sockets {sockets}"

    def wait_until_full(self) -> dict[str, float]:
        """Until about as many streams are served as may be; what the server says then."""
        deadline = time.monotonic() + 60
        while True:
            readings = self.server.readings()
            served = readings["graphfeed_open_streams"] - readings["graphfeed_streams_waiting"]
            if served >= 0.9 * STREAMS:
                return readings
            self.assertLess(time.monotonic(), deadline, f"{served} streams: it does not fill up")
            time.sleep(0.1)

    def wait_until_gone(self, before: dict[str, int]) -> dict[str, int]:
        """Until nothing is left of any client, and the process has no more of anything than before;
        what it has then."""
        deadline = time.monotonic() + 60
        while True:
            now, readings = self.of_process(), self.server.readings()  # which connects, too
            left = {name: readings[name] for name in BACK_TO_ZERO if readings[name] != 0}
            more = {name: now[name] for name in before if now[name] > before[name]}
            if not left and not more:
                return now
            if time.monotonic() > deadline:
                self.fail(f"{left} {more}, before: {before}; {self.what_is_left()}")
            time.sleep(0.2)

    def test_more_clients_than_a_server_admits(self) -> None:
        alone = self.of_process()
        # Who comes first leaves what stays: threads, the dataset's offsets.
        first = Clients(self.server.address, 0, {"fast": 30})
        time.sleep(2)
        self.assertEqual(first.end()["unexpected"], [])
        before = self.wait_until_gone({"sockets": alone["sockets"]})

        halves = [Clients(self.server.address, i, {kind: n // 2 for kind, n in STEADY.items()})
                  for i in (1, 2)]  # fmt: skip
        vanishing = Vanishing(self.server.address)
        self.addCleanup(vanishing.stop)
        for clients in halves:
            self.addCleanup(clients.kill)
        start = self.wait_until_full()
        most = dict.fromkeys(USES, 0.0)
        served, waiting = [], []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or (vanishing.killed < 2 and time.monotonic() < end + 60):
            readings = self.server.readings()
            waiting.append(readings["graphfeed_streams_waiting"])
            served.append(readings["graphfeed_open_streams"] - waiting[-1])
            for use in USES:
                limit = readings[f'graphfeed_memory_limit_bytes{{use="{use}"}}']
                for what in ("used", "reserved"):
                    taken = readings[f'graphfeed_memory_{what}_bytes{{use="{use}"}}']
                    self.assertLessEqual(taken, limit, (what, use))
                    most[use] = max(most[use], taken / limit)
            time.sleep(0.1)
        stop = self.server.readings()
        during = self.of_process()
        vanishing.stop()
        ends = [clients.end() for clients in halves]
        after = self.wait_until_gone(
            {name: before[name] for name in ("threads", "descriptors", "sockets")}
        )

        frames = 'graphfeed_tenant_frames_sent_total{tenant="%s"}'
        sent = {name: stop[frames % name] - start[frames % name] for name in TENANTS}
        fair = sum(sent.values()) / len(TENANTS)
        refused = {
            kind: [refusal for end in ends for refusal in end["refused"]
                   if re.fullmatch(words, refusal["words"])] for kind, words in REFUSALS.items()
        }  # fmt: skip
        stated = [seconds(re.fullmatch(REFUSALS["places"], refusal["words"])[1])
                  for refusal in refused["places"]]  # fmt: skip
        ended = {reason: stop[series % reason] - start[series % reason]
                 for series in ('graphfeed_streams_ended_total{reason="%s"}',)
                 for reason in ("cancelled", "idle", "refused")}  # fmt: skip
        tell("measured " + json.dumps({
            "overload": f"{SECONDS} s", "frames": sent,
            "of_fair": {name: round(number / fair, 3) for name, number in sent.items()},
            "peak_mb": during["peak_mb"], "bound_mb": BOUND, "before": before, "after": after,
            "most_used": {use: round(share, 3) for use, share in most.items()},
            "served": round(statistics.mean(served), 1), "waiting": round(statistics.mean(waiting), 1),
            "refused": {kind: len(found) for kind, found in refused.items()},
            "waited": [round(f(stated), 2) for f in (min, statistics.median, max)] if stated else [],
            "ended": ended, "killed_processes": vanishing.killed, "connects": vanishing.connected,
            "frames_dropped": stop["graphfeed_frames_dropped_total"],
        }))  # fmt: skip
        self.assertEqual([text for end in ends for text in end["unexpected"]], [])
        told = [refusal["words"] for end in ends for refusal in end["refused"]]
        others = [text for text in told if not any(re.fullmatch(w, text) for w in REFUSALS.values())]
        self.assertEqual(others, [])
        self.assertGreater(statistics.mean(served), 0.8 * STREAMS, "the server was not full")
        self.assertGreater(min(ended.values()), 0)
        self.assertGreater(vanishing.killed, 1)
        if "ASAN_OPTIONS" not in os.environ:
            self.assertLess(during["peak_mb"], BOUND)
        self.assertGreater(min(sent.values()), 0.8 * fair)
        self.assertGreater(min(map(len, refused.values())), 0)
        for refusal, time_ in zip(refused["places"], stated):
            self.assertGreaterEqual(time_, WAIT)
            self.assertGreater(refusal["waited"], WAIT - 0.1)
        self.assertLess(statistics.median(stated), 1.5 * WAIT)
        self.assertLess(statistics.median(r["waited"] for r in refused["tenant"]), WAIT)
        for refusal in refused["places"] + refused["tenant"]:
            self.assertIsNotNone(refusal["delay"], refusal)
            self.assertGreaterEqual(refusal["delay"], 1)
            self.assertLessEqual(refusal["delay"], 30)
        self.assertLessEqual(after["pools"], 2 * os.cpu_count() + 4)
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
