"""What the soak reads of a server and of the machine, and the verdict over it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import statistics
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
# Gauges that must be as they were once all clients are gone. Caches (chunks, plans, offsets) are not
# among them: they have limits, and count as resident memory.
AT_REST = (
    "graphfeed_open_streams", "graphfeed_open_ingests", "graphfeed_streams_waiting",
    "graphfeed_build_queue_length", "graphfeed_planning_queue_length",
    "graphfeed_datasets", "graphfeed_dataset_versions", "graphfeed_set_aside_columns",
    'graphfeed_memory_used_bytes{use="frames"}', 'graphfeed_memory_used_bytes{use="ingest"}',
    'graphfeed_memory_used_bytes{use="requests"}', 'graphfeed_memory_reserved_bytes{use="frames"}',
    'graphfeed_memory_reserved_bytes{use="ingest"}',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Reading:
    """Of one moment; what is counted is counted from the processes' start."""

    seconds: float
    rounds: int
    batches: float
    server_cpu: float  # seconds
    own_cpu: float  # of the server, its clients and this program
    busy_cpu: float  # of all of the machine
    rss: float  # bytes
    fds: float
    threads: float
    frames_used: float  # bytes
    caches_used: float  # bytes


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the measured period may show."""

    rss_share: float  # growth of resident memory, as a share of it
    rss_bytes: float  # and besides
    fds: float  # more in the last third than in the first, at most
    threads: float
    cpu_ratio: float  # server CPU for a batch, last third to first, at most
    rate_ratio: float  # batches in the time that others left us, last third to first, at least


LONG = Limits(rss_share=0.02, rss_bytes=4 << 20, fds=8, threads=2, cpu_ratio=1.1, rate_ratio=0.9)
# The caches of a minute's run are hardly warm, and a third of it is a few seconds.
SHORT = Limits(rss_share=0.1, rss_bytes=16 << 20, fds=16, threads=4, cpu_ratio=1.5, rate_ratio=0.5)


def scrape(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def total(metrics: dict[str, float], family: str, *but: str) -> float:
    """The sum of a family's series, but of those with these labels."""
    return sum(
        value for name, value in metrics.items()
        if name.split("{")[0] == family and not any(label in name for label in but)
    )  # fmt: skip


def machine_busy() -> float:
    """CPU seconds of the whole machine since it started: all but idle and waiting for disks."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    ticks = list(map(int, fields))
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS


def descendants_cpu() -> float:
    """CPU seconds of this process and of all that it has started, ended ones included."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:  # it has ended meanwhile
            continue
        fields = re.sub(r"^.*\)", "", text, flags=re.DOTALL).split()
        pid = int(path.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        used[pid] = sum(map(int, fields[11:15]))  # with children that it has waited for
    ticks, waiting = 0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        ticks += used.get(pid, 0)
        waiting += children.get(pid, [])
    return ticks / TICKS


def read(metrics: dict[str, float], seconds: float, rounds: int) -> Reading:
    return Reading(
        seconds=seconds,
        rounds=rounds,
        batches=total(metrics, "graphfeed_batches_sent_total"),
        server_cpu=metrics["process_cpu_seconds_total"],
        own_cpu=descendants_cpu(),
        busy_cpu=machine_busy(),
        rss=metrics["process_resident_memory_bytes"],
        fds=metrics["process_open_fds"],
        threads=metrics["process_threads"],
        frames_used=metrics['graphfeed_memory_used_bytes{use="frames"}'],
        caches_used=total(
            metrics, "graphfeed_memory_used_bytes", '"frames"', '"ingest"', '"requests"', '"partition"'
        ),
    )


def slope(points: list[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs (Theil and Sen): a few wild points move it little."""
    return statistics.median(
        (y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :]
    )


def rates(first: Reading, last: Reading) -> dict[str, float]:
    """Of the time between two readings. `share` is how much of the machine's time others left;
    the rate in that time is what it would be had they not been there."""
    seconds = last.seconds - first.seconds
    batches = last.batches - first.batches
    whole = seconds * (os.cpu_count() or 1)
    others = max(0.0, last.busy_cpu - first.busy_cpu - (last.own_cpu - first.own_cpu))
    share = max(0.05, 1 - others / whole)
    return {
        "batches": batches,
        "batches_per_s": batches / seconds,
        "share_of_machine": share,
        "batches_per_s_of_share": batches / seconds / share,
        "server_cpu_us_per_batch": 1e6 * (last.server_cpu - first.server_cpu) / max(1, batches),
    }


def verdict(readings: list[Reading], limits: Limits) -> tuple[dict, list[str]]:
    """The figures of a measured period, and what misses its limit: "what: found, limit"."""
    if len(readings) < 10:
        return {}, [f"readings: {len(readings)}, at least 10"]
    third = len(readings) // 3
    parts = readings[: third + 1], readings[-third - 1 :]
    rate_first, rate_last = (rates(part[0], part[-1]) for part in parts)
    seconds = readings[-1].seconds - readings[0].seconds
    rss = statistics.median(reading.rss for reading in readings)
    growth = slope([(reading.seconds, reading.rss) for reading in readings]) * seconds
    fds, threads = (
        max(getattr(reading, name) for reading in parts[1])
        - max(getattr(reading, name) for reading in parts[0])
        for name in ("fds", "threads")
    )
    cpu_ratio = rate_last["server_cpu_us_per_batch"] / rate_first["server_cpu_us_per_batch"]
    rate_ratio = rate_last["batches_per_s_of_share"] / max(1e-9, rate_first["batches_per_s_of_share"])
    figures = {
        "seconds": seconds,
        "rss_bytes": rss,
        "rss_growth_bytes": growth,
        "fds_more": fds,
        "threads_more": threads,
        "server_cpu_ratio": cpu_ratio,
        "rate_ratio": rate_ratio,
        "plain_rate_ratio": rate_last["batches_per_s"] / max(1e-9, rate_first["batches_per_s"]),
        "first_third": rate_first,
        "last_third": rate_last,
        "all": rates(readings[0], readings[-1]),
    }
    most = limits.rss_share * rss + limits.rss_bytes
    checks = (
        ("rss_growth_bytes", growth, most, growth <= most),
        ("fds_more", fds, limits.fds, fds <= limits.fds),
        ("threads_more", threads, limits.threads, threads <= limits.threads),
        ("server_cpu_ratio", cpu_ratio, limits.cpu_ratio, cpu_ratio <= limits.cpu_ratio),
        ("rate_ratio", rate_ratio, limits.rate_ratio, rate_ratio >= limits.rate_ratio),
    )
    return figures, [f"{name}: {found:.4g}, limit {limit:.4g}" for name, found, limit, ok in checks if not ok]
