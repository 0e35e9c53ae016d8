"""Permutations that depend on nothing but their seed: not on the version of numpy, not on the
machine."""

from __future__ import annotations

import os

import numpy as np


def draw_seed() -> int:
    """A seed from the operating system, for users who give none: 0 <= seed < 2^63."""
    return int.from_bytes(os.urandom(8), "little") >> 1


def keys(n: int, seed: int, purpose: int = 0) -> np.ndarray:
    """uint64 [n]: element i is output i of the SplitMix64 generator (Steele, Lea and Flood 2014)
    started at a mix of seed and purpose."""
    start = _mix(np.array([seed % 2**64], np.uint64) ^ _mix(np.array([purpose + 1], np.uint64)))
    with np.errstate(over="ignore"):
        steps = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return _mix(start + steps)


def permutation(n: int, seed: int, purpose: int = 0) -> np.ndarray:
    """int64 [n]: 0 .. n-1 in random order."""
    return np.argsort(keys(n, seed, purpose), kind="stable")


def _mix(z: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
