"""Parts without a server: what building a batch, packing and reading chunks cost."""

import json
import statistics
import subprocess
import sys

from harness import BATCHES, HERE, QM9, Bench, digits, report_figure


def build(bench: Bench) -> None:
    """CPU of gather, padding and digest of a batch on one thread.

    Beside it a loop that only copies and hashes as many bytes.
    """
    for name, batches in BATCHES.items():
        command = [bench.program("build_benchmark"), *batches.split(), "--seed", "1"]
        command += ["--data-dir", str(bench.data(QM9)), "--rounds", str(bench.rounds + 2)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        rounds = [json.loads(line) for line in output.splitlines()]
        built = [round["built_us"] for round in rounds]
        report_figure(
            "build", "cpu_us_per_batch", built, at_most=100, batches=name, slab_bytes=rounds[0]["slab_bytes"],
            copied_us=digits(statistics.median(round["copied_us"] for round in rounds)),
            ratio=digits(statistics.median(round["built_us"] / round["copied_us"] for round in rounds)),
        )  # fmt: skip


def packing(bench: Bench) -> None:
    """Packs against their bound, sizes that are chosen, plans (packing_benchmark.py)."""
    program = str(HERE / "packing_benchmark.py")
    subprocess.run([sys.executable, program, "--benchmark", bench.program("packing_benchmark")], check=True)


def chunks(bench: Bench) -> None:
    """Chunks read from RocksDB and through the cache (chunk_read_benchmark.cc)."""
    subprocess.run([bench.program("chunk_read_benchmark")], check=True)
