"""TCP, Unix sockets and shared memory, to C++ and to Python: rates, faults, memory."""

import itertools
import json
import re
import statistics
import subprocess
import time

from harness import (
    BATCHES, QM9, WIRES, Bench, Server, compare, digits, report, report_figure, verdict,
)  # fmt: skip
from stream_client import counters as process_counters

import graphfeed as gf

STEADY = 20  # batches, after which a stream is in its steady state


def wires(bench: Bench) -> None:
    """The Python client over the C++ client, and the wires over TCP. CPU per delivered GB beside."""
    with bench.wires(QM9) as flags, bench.client("cpp") as cpp, bench.client("python") as python:
        for name, batches in BATCHES.items():

            def run(client, wire):
                return lambda: client.ask(
                    batches, flags[wire], f"--warm-up 200 --seconds {bench.seconds}"
                )

            kinds = {
                f"{language}_{wire}": run(client, wire)
                for wire in WIRES
                for language, client in (("cpp", cpp), ("python", python))
            }
            for kind in kinds.values():  # everything in memory, and the clients have grown
                kind()
            runs = bench.alternate(kinds)
            for wire in WIRES:
                compare(
                    "clients", runs, f"python_{wire}", f"cpp_{wire}", 0.85, of="batches_per_s", batches=name
                )  # fmt: skip
            for wire, target in (("unix", None), ("shared", 2.5 if name == "pad" else None)):
                compare("wires", runs, f"cpp_{wire}", "cpp_tcp", target, of="batches_per_s", batches=name)
            both = statistics.median(
                1e6 * sum(run[side]["cpu_seconds"] for side in ("server", "client")) / run["batches"]
                for run in runs["cpp_shared"]
            )
            report("shared_memory_cpu", batches=name, us_per_batch=digits(both), **verdict(both, at_most=160))


def command_line_faults(bench: Bench, flags: str) -> list[float]:
    """Of `graphfeed stream` for a batch, epoch by epoch."""
    command = [
        str(bench.build / "bin/graphfeed"), "stream", *BATCHES["pad"].split(), *flags.split(), "--seed", "1",
        "--epochs", "10", "--json",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    counts = [0]
    frames = 0
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "epoch" and event["epoch"] < 9:  # after the last one it may be gone
            frames = event["frames"]
            counts.append(process_counters(process.pid)["minor_faults"])
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(command)}: {process.returncode}")
    return [(after - before) / frames for before, after in itertools.pairwise(counts)]


def faults(bench: Bench) -> None:
    """Page faults for a batch from the 20th batch of a stream on.

    The median of streams, and the first stream of a new process, in which its memory grows. Of the
    command line, epochs of one stream.
    """
    with bench.wires(QM9) as flags:
        for wire in WIRES:
            for language in ("cpp", "python"):
                with bench.client(language) as client:
                    runs = [
                        client.ask(BATCHES["pad"], flags[wire], f"--warm-up {STEADY} --batches 1000")
                        for _ in range(8)
                    ]
                counts = [run["client"]["minor_faults"] / run["batches"] for run in runs]
                report_figure(
                    "faults", "per_batch", counts[1:], at_most=1, program=language, wire=wire,
                    first_stream=digits(counts[0]), server=digits(runs[-1]["server"]["minor_faults"] / runs[-1]["batches"]),
                )  # fmt: skip
            connect = re.sub(r"--server-pid \d+", "", flags[wire])
            counts = command_line_faults(bench, connect)
            report_figure(
                "faults", "per_batch", counts[1:], at_most=1, program="cli", wire=wire, first_stream=digits(counts[0])
            )


def settled(server: Server) -> float:
    """Bytes of slabs, once they no longer change."""
    values = []
    while len(values) < 5 or len(set(values[-5:])) > 1:
        values.append(server.gauge("graphfeed_memory_part_bytes", part="slabs"))
        time.sleep(0.05)
    return values[-1]


def stalled(bench: Bench) -> None:
    """What the server holds for a client that takes one batch and no more."""
    for wire in WIRES:
        with bench.server(bench.data(QM9), wire=wire) as server:
            client = gf.connect(server.address, shared_memory=wire == "shared")
            dataset = client.dataset(QM9)
            idle = settled(server)
            for prefetch in (1, 4, 16):
                while settled(server) > idle:  # the stream before this one is still ending
                    pass
                loader = gf.FixedSizeDataLoader(dataset, batch_size=128, seed=1, shuffle=True, prefetch=prefetch)
                batches = iter(loader)
                slab = sum(array.nbytes for _, array in next(batches).items())
                held = (settled(server) - idle) / slab
                promised = server.gauge("graphfeed_memory_reserved_bytes", use="frames") / slab
                batches.close()
                # In shared memory also what the client has received, or may yet.
                limit = prefetch + (4 if wire == "shared" else 0)
                report(
                    "stalled", wire=wire, prefetch=prefetch, held_slabs=digits(held), reserved_slabs=digits(promised),
                    **verdict(round(held), at_most=limit),
                )  # fmt: skip
            client.close()
