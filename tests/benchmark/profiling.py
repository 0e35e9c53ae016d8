"""Where the time of server and client goes, by Linux's perf: samples of both while they stream."""

import re
import shutil
import subprocess
import tempfile

from harness import BATCHES, HETERO, QM9, Bench, digits, report
from large_graph import BATCHES as SAMPLED
from large_graph import IN_MEMORY

SECONDS = 8
WARM_UP = {QM9: 2000, HETERO: 100}  # batches, after which everything is in memory
# What libraries and symbols are counted as, the first that matches; our functions by their names.
GROUPS = [
    (r"kernel.* (_copy_(to|from)_iter|__check_object_size|copy_user\w*|rep_movs\w*)$", "kernel: copying into and out of sockets"),
    (r"kernel.*(page_fault|mm_fault|addr_fault|anonymous_page|clear_page|madvise|zap_)", "kernel: page faults"),
    (r"kernel", "kernel: TCP, waking, the rest"),
    (r"libxxhash", "digest"),
    (r"memmove|memcpy", "memmove"),
    (r"memset", "memset"),
    (r"libc\.|libtcmalloc", "malloc and the rest of libc"),
    (r"libgrpc|libgpr|libprotobuf|libabsl", "gRPC, protobuf, abseil"),
]  # fmt: skip


def group(line: str) -> str:
    for pattern, name in GROUPS:
        if re.search(pattern, line):
            return name
    symbol = line.split("[.]")[-1].strip().replace("(anonymous namespace)::", "")
    return re.sub(r"[<(].*", "", symbol).removeprefix("graphfeed::")


def shares(recorded: str) -> dict[str, float]:
    """The ten largest, in percent."""
    command = ["perf", "report", "-i", recorded, "--no-children", "-g", "none", "--stdio", "-s", "dso,symbol"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    sums: dict[str, float] = {}
    for line in output.splitlines():
        if match := re.match(r"\s+([\d.]+)%\s+(\S+)\s+(\[.\] .*?)(\s+-\s+-\s*)?$", line):
            name = group(f"{match[2]} {match[3].replace('[k] ', '')}")
            sums[name] = sums.get(name, 0) + float(match[1])
    return {name: digits(share) for name, share in sorted(sums.items(), key=lambda item: -item[1])[:10]}


def profile(bench: Bench) -> None:
    """Shares of the CPU time of server and client (needs perf)."""
    if shutil.which("perf") is None:
        report("profile", left_out="perf is not installed (Debian: linux-perf)")
        return
    cases = [
        ("pad", QM9, BATCHES["pad"], "tcp"),
        ("pad", QM9, BATCHES["pad"], "shared"),
        ("pack", QM9, BATCHES["pack"], "tcp"),
        ("sampled", HETERO, SAMPLED, "tcp"),
        ("sampled", HETERO, SAMPLED, "shared"),
    ]
    for name, dataset, batches, wire in cases:
        with (
            tempfile.TemporaryDirectory() as folder,
            bench.server(bench.data(dataset), *IN_MEMORY.split(), wire=wire) as server,
            bench.client() as client,
        ):
            client.ask(batches, server.flags, f"--batches {WARM_UP[dataset]}")
            sides = {"server": server.process.pid, "client": client.pid}
            recorders = [
                subprocess.Popen(
                    ["perf", "record", "-q", "-F", "997", "-e", "cpu-clock", "-o", f"{folder}/{side}", "-p", str(pid), "--", "sleep", f"{SECONDS}"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
                for side, pid in sides.items()
            ]  # fmt: skip
            run = client.ask(batches, server.flags, f"--seconds {SECONDS + 1}")
            for recorder in recorders:
                recorder.wait()
            for side in sides:
                cpu = 1e6 * run[side]["cpu_seconds"] / run["batches"]
                report(
                    "profile", batches=name, wire=wire, side=side, cpu_us_per_batch=digits(cpu),
                    percent=shares(f"{folder}/{side}"),
                )  # fmt: skip
