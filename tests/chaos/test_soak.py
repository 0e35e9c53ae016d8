"""The soak's verdict finds what it is there for."""

from __future__ import annotations

import dataclasses
import os

import pytest
from soak_readings import LONG, Reading, slope, verdict

CPUS = os.cpu_count() or 1


def readings(**per_second: float) -> list[Reading]:
    """Of 20 minutes, 10 s apart, of a server that is as it should be but for what grows or is used
    per second."""
    steady = {"seconds": 1.0, "rounds": 6, "batches": 2000, "server_cpu": 1.0, "own_cpu": 1.0 * CPUS,
              "busy_cpu": 1.0 * CPUS}  # fmt: skip
    levels = {"rss": 150e6, "fds": 70, "threads": 30, "frames_used": 5e6, "caches_used": 50e6}
    result = []
    for i in range(121):
        values = {name: 10 * i * rate for name, rate in (steady | per_second).items()}
        values |= {name: level + values.get(name, 0) for name, level in levels.items()}
        # What is read of memory and descriptors moves a little.
        values["rss"] += 300_000 * (i % 3)
        values["fds"] += i % 5
        result.append(Reading(**values))
    return result


def slower_from(begin: int, share: float, **per_second: float) -> list[Reading]:
    """From the reading `begin` on only this share of the batches, for the same CPU."""
    result = readings(**per_second)
    at = result[begin].batches
    return result[:begin] + [
        dataclasses.replace(reading, batches=at + (reading.batches - at) * share)
        for reading in result[begin:]
    ]


def missed(found: list[Reading]) -> set[str]:
    return {miss.split(":")[0] for miss in verdict(found, LONG)[1]}


def test_a_steady_server_passes():
    figures, misses = verdict(readings(), LONG)
    assert misses == []
    assert figures["server_cpu_ratio"] == pytest.approx(1)
    assert figures["all"]["batches_per_s"] == pytest.approx(2000)
    assert figures["all"]["server_cpu_us_per_batch"] == pytest.approx(500)


def test_leaks_are_found():
    assert missed(readings(rss=8000)) == {"rss_growth_bytes"}  # 9.6 MB in 20 minutes
    assert missed(readings(fds=0.02)) == {"fds_more"}
    assert missed(readings(threads=0.005)) == {"threads_more"}


def test_a_slower_server_is_found():
    assert missed(slower_from(60, 0.7)) == {"server_cpu_ratio", "rate_ratio"}


def test_a_server_that_waits_is_found():
    """It uses no more CPU for a batch; the machine is idle instead."""
    found = slower_from(60, 0.5)
    idle = [
        dataclasses.replace(
            reading,
            **{
                name: getattr(found[60], name) + (getattr(reading, name) - getattr(found[60], name)) / 2
                for name in ("server_cpu", "own_cpu", "busy_cpu")
            },
        )
        for reading in found[60:]
    ]
    assert missed(found[:60] + idle) == {"rate_ratio"}


def test_what_others_take_is_not_held_against_it():
    """Half of the machine is another's from the middle on."""
    found = slower_from(60, 0.5)
    shared = [
        dataclasses.replace(
            reading,
            **{
                name: getattr(found[60], name) + (getattr(reading, name) - getattr(found[60], name)) / 2
                for name in ("server_cpu", "own_cpu")
            },
        )
        for reading in found[60:]
    ]
    assert missed(found[:60] + shared) == set()


def test_few_readings_are_no_proof():
    assert missed(readings()[:5]) == {"readings"}


def test_wild_points_do_not_make_a_slope():
    points = [(float(i), 5.0) for i in range(50)]
    points[49] = (49.0, 1e9)
    assert slope(points) == 0
