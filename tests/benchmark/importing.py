"""QM9 on its way in, and whole epochs of it from a budget of a quarter of its bytes."""

import pathlib
import re
import tempfile
import time

from harness import BATCHES, Bench, Server, compare, qm9_or_molecules, report

import graphfeed as gf

BUDGET = 128 << 20


def peak_resident_bytes(server: Server) -> int:
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def digests(server: Server) -> list[int]:
    """Of a shuffled padded epoch's frames."""
    dataset = gf.connect(server.address).dataset("qm9")
    loader = gf.FixedSizeDataLoader(dataset, batch_size=128, shuffle=True, seed=1)
    return [batch.digest for batch in loader]


def importing(bench: Bench) -> None:
    """Seconds, the server's peak memory and the room on disk; then a quarter of the memory."""
    graphs, content = qm9_or_molecules()
    with tempfile.TemporaryDirectory(prefix="graphfeed-bench-") as name:
        first, second = pathlib.Path(name, "first"), pathlib.Path(name, "second")
        for folder in (first, second):
            with bench.server(folder, "--memory-budget", str(BUDGET)) as server:
                begin = time.monotonic()
                info = gf.connect(server.address, timeout=600).ingest("qm9", graphs)
                seconds = time.monotonic() - begin
                peak = peak_resident_bytes(server)
            stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            report(
                "import", content=content, graphs=info.num_graphs, raw_bytes=info.raw_bytes, stored_bytes=stored,
                seconds=round(seconds, 2), peak_resident_bytes=peak, budget_bytes=BUDGET,
            )  # fmt: skip
        with (
            bench.server(first) as large,
            bench.server(second, "--memory-budget", str(info.raw_bytes // 4)) as small,
            bench.client() as client,
        ):
            same = digests(large) == digests(small)
            if not same:
                raise SystemExit("epochs from a quarter of the memory differ")

            def run(server: Server):
                return lambda: client.ask(
                    BATCHES["pad"], server.flags, f"--warm-up 20 --seconds {bench.seconds}"
                )

            runs = bench.alternate({"quarter": run(small), "in_memory": run(large)})
            compare("quarter_of_qm9", runs, "quarter", "in_memory", same_bytes=same)
