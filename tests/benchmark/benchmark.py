#!/usr/bin/python3
"""Measures a build: a line of JSON for each figure.

A figure that has a target says so and whether it is met. Things that are compared are measured in
turns in one run, and medians of several rounds are given. Server and client are processes of their
own on the same processors. QM9 is read from GRAPHFEED_SHARED_DIR/data/qm9; where that is absent,
as many generated molecules take its place, and a line says so.
"""

import argparse
import contextlib
import pathlib
import sys
import tempfile

import delivery
import importing
import in_process
import large_graph
import profiling
import python_clients
import scale_out
import wires
from harness import Bench, machine

# What has a target: about six minutes.
PARTS = {
    "delivery": delivery.delivery,
    "start": delivery.start,
    "one_after_another": delivery.one_after_another,
    "busy": delivery.busy,
    "concurrent": delivery.concurrent,
    "wires": wires.wires,
    "faults": wires.faults,
    "stalled": wires.stalled,
    "python_clients": python_clients.python_clients,
    "build": in_process.build,
    "sampled": large_graph.sampled,
    "misses": large_graph.misses,
}
# As much again, by name or as "all".
MORE = {
    "packing": in_process.packing,
    "sampling": large_graph.sampling,
    "digests": delivery.digests,
    "import": importing.importing,
    "chunks": in_process.chunks,
    "profile": profiling.profile,
    "rados": scale_out.rados,
    "rados_threads": scale_out.rados_threads,
}


def described(parts: dict) -> str:
    return "\n".join(f"  {name:18} {part.__doc__.splitlines()[0]}" for name, part in parts.items())


def main() -> None:
    every = PARTS | MORE
    parts = f"parts:\n{described(PARTS)}\nby name, or as \"all\":\n{described(MORE)}"
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=parts,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("build", type=pathlib.Path, help="folder of the build")
    parser.add_argument("parts", nargs="*", metavar="part", help="default: those of the first list")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each kind (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.7, help="length of each (%(default)s)")
    parser.add_argument("--data", type=pathlib.Path, help="keep the datasets in this folder for the next run")
    arguments = parser.parse_args()
    names = list(every) if arguments.parts == ["all"] else arguments.parts or list(PARTS)
    if unknown := set(names) - set(every):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; {parts}")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; at least 1")

    with contextlib.ExitStack() as stack:
        folder = arguments.data
        if folder is None:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="graphfeed-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(arguments.build.resolve(), folder, arguments.rounds, arguments.seconds)
        for name in names:
            with machine(name):
                every[name](bench)


if __name__ == "__main__":
    sys.exit(main())
