"""Python over TCP by its two clients, out of shared memory, and within one process."""

import contextlib

import large_graph
from harness import BATCHES, HETERO, QM9, Bench, compare


def python_clients(bench: Bench) -> None:
    """Native and portable client over TCP, shared memory and local:, padded and sampled batches."""
    for name, dataset, batches, target in (
        ("pad", QM9, BATCHES["pad"], 2.5),
        ("sampled", HETERO, large_graph.BATCHES, None),
    ):
        with contextlib.ExitStack() as stack:
            flags = stack.enter_context(bench.wires(dataset, *large_graph.IN_MEMORY.split()))
            # Of a folder that no server holds.
            folder = bench.data(dataset, 2)
            clients = {
                "native": (bench.client("python", GRAPHFEED_CLIENT="native"), flags["tcp"]),
                "portable": (bench.client("python", GRAPHFEED_CLIENT="python"), flags["tcp"]),
                "shared": (bench.client("python"), flags["shared"]),
                "local": (bench.client("python"), f"--server local:{folder}"),
            }

            def run(client, where):
                process = stack.enter_context(client)
                length = f"--warm-up 40 --seconds {2 * bench.seconds}"
                return lambda: process.ask(batches, where, length)

            kinds = {kind: run(*client) for kind, client in clients.items()}
            for kind in kinds.values():  # everything in memory, and the clients have grown
                kind()
            runs = bench.alternate(kinds)
            for kind, least in (("portable", None), ("shared", None), ("local", target)):
                compare("python_clients", runs, kind, "native", least, of="batches_per_s", batches=name)
