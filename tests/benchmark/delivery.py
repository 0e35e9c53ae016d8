"""How fast whole graphs are delivered over TCP to the C++ client, and how steadily.

B is a constant slab of the same size through the same stream code and client (constant_frames.h).
"""

import contextlib
import json
import subprocess
import sys

from harness import (
    BATCHES, CONSTANT_SEED, HASHED_TWICE_SEED, QM9, Bench, Client, Server, compare, counters, digits,
    middle, report, report_figure,
)  # fmt: skip

COMPACT_TARGETS = {"pad": 0.9, "pack": 0.8}
FIRST_MS = {"pad": 5, "pack": 20}
HEAD = 200  # batches of a new stream
EPOCH = 1030  # batches, about
NEW_SEEDS = 1000  # epochs of these nobody has asked for


@contextlib.contextmanager
def both(bench: Bench):
    """A server and a C++ client of it; everything that they stream is in memory."""
    with bench.server(bench.data(QM9)) as server, bench.client() as client:
        for batches in BATCHES.values():
            client.ask(batches, server.flags, "--batches", f"{EPOCH}")
        yield server, client


def streams(bench: Bench, server: Server, client: Client, batches: str, warm_up: int = HEAD):
    """What to measure of these batches: as they are, B, and others."""

    def run(*flags: str, seed: int = 1):
        return lambda: client.ask(
            batches, server.flags, f"--warm-up {warm_up} --seconds {bench.seconds}", *flags, seed=seed
        )

    return {
        "built": run(),
        "compact": run("--compact"),
        "constant": run(seed=CONSTANT_SEED),
        "unchecked": run("--no-verify"),
        "hashed_twice": run(seed=HASHED_TWICE_SEED),
    }


def chosen(kinds: dict, *names: str) -> dict:
    return {name: kinds[name] for name in names}


def bare(bench: Bench, frame_bytes: int, wire: str = "tcp") -> dict:
    """As many bytes through a socket and nothing else."""
    command = [bench.program("bare_socket"), f"--bytes={frame_bytes}", f"--seconds={bench.seconds}"]
    if wire != "tcp":
        command.append("--unix_socket")
    run = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    run["batches_per_s"] = run["batches"] / run["seconds"]
    run["bytes_per_s"] = run["bytes"] / run["seconds"]
    return run


def delivery(bench: Bench) -> None:
    """Built batches over B, with their padding and without it on the way; B over a bare socket."""
    with both(bench) as (server, client):
        for name, batches in BATCHES.items():
            kinds = chosen(streams(bench, server, client, batches), "built", "compact", "constant")
            once = kinds["constant"]()
            frame_bytes = once["bytes"] // once["batches"]
            runs = bench.alternate({**kinds, "bare_socket": lambda: bare(bench, frame_bytes)})
            says = {"batches": name, "frame_bytes": frame_bytes}
            compare("delivery", runs, "built", "constant", 0.75, **says)
            compare("delivery", runs, "compact", "constant", COMPACT_TARGETS[name], **says)
            compare("constant", runs, "constant", "bare_socket", **says)


def start(bench: Bench) -> None:
    """The first batches of a new stream over its steady rate, and how long the very first takes.

    The beginning counts from the request on: of an epoch that the server has planned before, of one
    that it has not, and of a client process that has just been started.
    """
    with both(bench) as (server, client):
        for name, batches in BATCHES.items():

            def run(by: Client, seed: int):
                run = by.ask(
                    batches, server.flags, f"--warm-up {HEAD} --seconds {bench.seconds}", seed=seed
                )
                run["ratio"] = HEAD / run["warm_up_seconds"] / run["batches_per_s"]
                return run

            def new_client():
                with bench.client() as another:
                    return run(another, 1)

            seeds = iter(range(NEW_SEEDS, sys.maxsize))
            runs = bench.alternate(
                {
                    "planned": lambda: run(client, 1),
                    "not_planned": lambda: run(client, next(seeds)),
                    "new_client": new_client,
                },
                rounds=bench.rounds + 2,
            )
            for kind, measured in runs.items():
                median = middle(measured, "ratio")
                report_figure(
                    "first_200_to_steady", "ratio", [run["ratio"] for run in measured], 0.7, batches=name,
                    stream=kind, steady_batches_per_s=digits(median["batches_per_s"]), **counters(median),
                )  # fmt: skip
            firsts = [
                1e3 * client.ask(batches, server.flags, "--batches 1", seed=next(seeds))["first_seconds"]
                for _ in range(31)
            ]
            report_figure("first_batch", "ms", firsts, at_most=FIRST_MS[name], batches=name)


def one_after_another(bench: Bench) -> None:
    """30 streams of an epoch each: the slowest over the median, requests and first batches included."""
    with both(bench) as (server, client):
        for name, batches in BATCHES.items():
            runs = [client.ask(batches, server.flags, f"--batches {EPOCH}") for _ in range(30)]
            median, slowest = middle(runs, "batches_per_s"), min(runs, key=lambda run: run["batches_per_s"])
            ratio = slowest["batches_per_s"] / median["batches_per_s"]
            report(
                "one_after_another", batches=name, streams=len(runs), ratio=digits(ratio), target_at_least=0.7,
                met=ratio >= 0.7, median_batches_per_s=digits(median["batches_per_s"]),
                slowest_batches_per_s=digits(slowest["batches_per_s"]), median=counters(median),
                slowest=counters(slowest),
            )  # fmt: skip


def busy(bench: Bench) -> None:
    """Built batches over B while four other processes compute."""
    with both(bench) as (server, client), contextlib.ExitStack() as stack:
        for _ in range(4):
            spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(spinning.wait)
            stack.callback(spinning.kill)
        for name, batches in BATCHES.items():
            kinds = chosen(streams(bench, server, client, batches, warm_up=50), "built", "constant")
            compare("busy", bench.alternate(kinds), "built", "constant", 0.7, batches=name, spinning=4)


def concurrent(bench: Bench) -> None:
    """What 16 streams at once get together over what 2 get."""
    with both(bench) as (server, client):
        for name, batches in BATCHES.items():

            def run(count: int):
                return lambda: client.ask(
                    batches, server.flags,
                    f"--streams {count} --warm-up {HEAD * 2 // count} --seconds {bench.seconds}",
                )  # fmt: skip

            kinds = {"16_streams": run(16), "2_streams": run(2)}
            kinds["16_streams"]()  # the client grows
            runs = bench.alternate(kinds)
            compare("concurrent", runs, "16_streams", "2_streams", 0.9, batches=name)


def digests(bench: Bench) -> None:
    """What digests cost: without the client's check, and with a second hash at the server."""
    with both(bench) as (server, client):
        for name, batches in BATCHES.items():
            kinds = chosen(
                streams(bench, server, client, batches), "built", "unchecked", "hashed_twice"
            )
            runs = bench.alternate(kinds)
            compare("digests", runs, "built", "unchecked", batches=name)
            compare("digests", runs, "hashed_twice", "built", batches=name)
