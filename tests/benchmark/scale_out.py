"""A store in Ceph RADOS beside RocksDB: a monitor and three OSDs in memory on the same processors."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from harness import BATCHES, HETERO, HERE, QM9, Bench, compare, digits, report

import ceph_cluster
import large_graph

import graphfeed as gf

# What is asked for, as shares of RocksDB's rate at the same budget.
WARM, QUARTER = 0.9, 1 / 3
IN_MEMORY = 2 << 30
DELAY = 0.001  # seconds that a message takes on average


def cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def counted(server, name: str) -> float:
    with urllib.request.urlopen(f"http://{server.metrics}/metrics") as answer:
        text = answer.read().decode()
    return float(re.search(rf"^{name}(?:\{{\}})? (\S+)$", text, re.MULTILINE).group(1))


def rados(bench: Bench) -> None:
    """Streams from a store in RADOS over those from RocksDB: all in memory, a quarter of it, and
    a quarter with the rest on the local disk."""
    if lacking := ceph_cluster.missing():
        report("rados", skipped=f"there is no {lacking}")
        return
    with ceph_cluster.running() as ceph:
        bare(bench, ceph)
        for dataset, batches in ((QM9, BATCHES["pad"]), (HETERO, large_graph.BATCHES)):
            store = ceph.location(dataset)
            raw_bytes = fill(bench, dataset, store)
            kinds = [("warm", IN_MEMORY, WARM), ("quarter", raw_bytes // 4, QUARTER)]
            if dataset == QM9:  # small enough that all that is missing is on disk soon
                kinds.append(("quarter, rest on disk", raw_bytes // 4, QUARTER))
            for kind, budget, share in kinds:
                with tempfile.TemporaryDirectory(prefix="gf-cache-") as folder:
                    cache = ("--cache-dir", folder) if "disk" in kind else ()
                    streams(bench, ceph, dataset, batches, store, kind, budget, share, cache)


def fill(bench: Bench, dataset: str, store: str) -> int:
    """The store has the dataset then. Returns its raw bytes."""
    with bench.server(bench.data(dataset)) as server:
        command = [bench.build / "bin/graphfeed", "sync", "--from", server.address, "--store", store]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return gf.connect(server.address).dataset(dataset).info.raw_bytes


def bare(bench: Bench, ceph) -> None:
    command = [bench.program("rados_read_benchmark"), "--store", ceph.location("bare")]
    sys.stdout.flush()
    subprocess.run(command, check=True)


def rados_threads(bench: Bench) -> None:
    """What more build threads bring where rows come over a network: each message of the OSDs is held
    back for 1 ms on average, and hardly anything is in memory."""
    if lacking := ceph_cluster.missing():
        report("rados_threads", skipped=f"there is no {lacking}")
        return
    processors = os.cpu_count() or 1
    with ceph_cluster.running(message_delay=2 * DELAY) as ceph, contextlib.ExitStack() as stack:
        store = ceph.location(QM9)
        fill(bench, QM9, store)
        client = stack.enter_context(bench.client())
        kinds = {}
        for times in (1, 2, 4, 8):
            flags = ("--memory-budget", str(8 << 20), "--build-threads", str(times * processors))
            server = stack.enter_context(bench.server(store, *flags))
            kinds[f"{times}_per_processor"] = lambda server=server: client.ask(
                BATCHES["pad"], server.flags, f"--warm-up 8 --seconds {2 * bench.seconds}"
            )
        runs = bench.alternate(kinds)
        for kind in list(kinds)[1:]:
            compare(
                "rados_threads", runs, kind, "1_per_processor", of="batches_per_s", dataset=QM9,
                delay_ms=1e3 * DELAY, processors=processors,
            )  # fmt: skip


def streams(bench: Bench, ceph, dataset, batches, store, kind, budget, share, cache) -> None:  # noqa: PLR0913
    flags = ("--memory-budget", str(budget))
    with (
        bench.server(bench.data(dataset), *flags) as rocksdb,
        bench.server(store, *flags, *cache) as rados_server,
        bench.client() as client,
    ):
        spent = []  # by OSDs and the monitor, and what the server asked of them

        def run(server, counts: bool):
            def once():
                cpu = cpu_seconds(ceph.pids())
                asked = counted(server, "graphfeed_rados_operations_total") if counts else 0
                ranges = counted(server, "graphfeed_rados_ranges_total") if counts else 0
                result = client.ask(batches, server.flags, f"--warm-up 8 --seconds {2 * bench.seconds}")
                if counts:
                    spent.append(
                        (cpu_seconds(ceph.pids()) - cpu,
                         counted(server, "graphfeed_rados_operations_total") - asked,
                         counted(server, "graphfeed_rados_ranges_total") - ranges,
                         result["batches"] + 8)
                    )  # fmt: skip
                return result

            return once

        kinds = {"rados": run(rados_server, True), "rocksdb": run(rocksdb, False)}
        for server in (rocksdb, rados_server):
            client.ask(batches, server.flags, f"--batches {100 if kind == 'quarter' else 400}")
        runs = bench.alternate(kinds)
        made = sum(count for *_, count in spent)
        compare(
            "rados", runs, "rados", "rocksdb", round(share, 3), of="batches_per_s", dataset=dataset,
            cache=kind, budget_bytes=budget,
            operations_per_batch=digits(sum(asked for _, asked, _, _ in spent) / made),
            ranges_per_batch=digits(sum(ranges for _, _, ranges, _ in spent) / made),
            cluster_cpu_ms_per_batch=digits(1e3 * sum(cpu for cpu, *_ in spent) / made),
        )  # fmt: skip
