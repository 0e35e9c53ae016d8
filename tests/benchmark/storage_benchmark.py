#!/usr/bin/python3
"""Import and reading under a memory budget, as a user sees them: one JSON line a measurement.

    storage_benchmark.py --bin BUILD/bin [--qm9 FOLDER] [--budget-mb 128]

Starts its own servers. Imports QM9 (the folder's raw arrays, or without it as many generated
molecules) and reports seconds, the server's peak resident memory and the size on disk against the
raw bytes. Then streams whole shuffled epochs with everything in memory and again from a budget of a quarter
of the dataset, checks that both deliver the same bytes, and reports the ratio of their speeds.
"""

import argparse
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import graphfeed as gf

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "client" / "python" / "examples"
sys.path.insert(0, str(EXAMPLES))


def report(name: str, **values) -> None:
    print(json.dumps({"benchmark": name, **values}), flush=True)


def collection_of(qm9: pathlib.Path | None) -> gf.Collection:
    """QM9, or as many generated molecules."""
    if qm9 is not None:
        from qm9 import read_qm9

        return read_qm9(qm9)
    from graphfeed.demo.molecules import molecules

    return molecules(130_000)


@contextlib.contextmanager
def server(binary: pathlib.Path, data_dir: str, budget: int):
    """Yields (process, client) of a server with a memory budget of `budget` bytes."""
    process = subprocess.Popen(
        [binary, "--data-dir", data_dir, "--listen", "127.0.0.1:0", "--memory-budget", str(budget)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if match := re.search(r"listening on (\S+)", line):
                break
        else:
            raise SystemExit("the server did not start")
        yield process, gf.connect(match.group(1), timeout=600)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def peak_resident_bytes(process: subprocess.Popen) -> int:
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def epoch(dataset: gf.Dataset, batch_size: int) -> tuple[list[int], float]:
    """Digests of a shuffled padded epoch's frames, and frames a second."""
    loader = gf.FixedSizeDataLoader(dataset, batch_size=batch_size, shuffle=True, seed=1)
    loader.set_epoch(0)
    digests = []
    begin = time.perf_counter()
    for batch in loader:
        digests.append(batch.digest)
    return digests, len(digests) / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--qm9", type=pathlib.Path, help="folder of QM9's raw arrays")
    parser.add_argument("--budget-mb", type=int, default=128, help="memory budget while importing")
    parser.add_argument("--batch-size", type=int, default=128)
    args = parser.parse_args()
    binary = args.bin / "graphfeed-server"

    collection = collection_of(args.qm9)
    with tempfile.TemporaryDirectory(prefix="graphfeed-bench-") as data_dir:
        budget = args.budget_mb << 20
        with server(binary, data_dir, budget) as (process, client):
            begin = time.perf_counter()
            info = client.ingest("bench", collection)
            seconds = time.perf_counter() - begin
            peak = peak_resident_bytes(process)
        stored = sum(f.stat().st_size for f in pathlib.Path(data_dir).rglob("*") if f.is_file())
        report(
            "import",
            graphs=info.num_graphs,
            raw_bytes=info.raw_bytes,
            stored_bytes=stored,
            stored_to_raw=round(stored / info.raw_bytes, 3),
            seconds=round(seconds, 2),
            peak_resident_bytes=peak,
            budget_bytes=budget,
            resident_over_budget_mb=round((peak - budget) / 1e6),
        )

        results = {}
        for name, budget in (("in_memory", 4 << 30), ("quarter_budget", info.raw_bytes // 4)):
            with server(binary, data_dir, budget) as (process, client):
                dataset = client.dataset("bench")
                epoch(dataset, args.batch_size)  # warm
                digests, rate = epoch(dataset, args.batch_size)
                results[name] = (digests, rate)
                peak = peak_resident_bytes(process)
                report(
                    f"epoch_{name}",
                    frames=len(digests),
                    frames_per_second=round(rate, 1),
                    peak_resident_bytes=peak,
                    budget_bytes=budget,
                    resident_over_budget_mb=round((peak - budget) / 1e6),
                )
        if results["in_memory"][0] != results["quarter_budget"][0]:
            raise SystemExit("the two epochs differ")
        report(
            "quarter_budget_to_in_memory",
            speed_ratio=round(results["quarter_budget"][1] / results["in_memory"][1], 4),
            same_bytes=True,
        )


if __name__ == "__main__":
    main()
