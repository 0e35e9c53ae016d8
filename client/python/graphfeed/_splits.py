"""Disjoint parts of a dataset: how many graphs each gets, and in which order they are dealt out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphfeed import errors


def part_sizes(sizes: Sequence[float], total: int) -> list[int]:
    """Graphs of each part; rounding differences go to the parts that lose most by rounding down."""
    if not len(sizes) or any(not size >= 0 for size in sizes):
        raise errors.InvalidArgument(f"sizes is {list(sizes)}; it needs numbers >= 0")
    if all(isinstance(size, (int, np.integer)) for size in sizes):
        counts = [int(size) for size in sizes]
        if sum(counts) > total:
            raise errors.InvalidArgument(
                f"sizes sum to {sum(counts)}; the dataset has {total} graphs"
            )
        return counts
    share = math.fsum(sizes)
    if share > 1 + 1e-9:
        raise errors.InvalidArgument(f"sizes sum to {share}; fractions sum to at most 1")
    exact = [size * total for size in sizes]
    counts = [math.floor(size + 1e-9) for size in exact]
    missing = math.floor(math.fsum(exact) + 0.5 + 1e-9) - sum(counts)
    by_loss = sorted(range(len(sizes)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_loss[: max(missing, 0)]:
        counts[i] += 1
    return counts


def spread(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`order` rearranged so that every stretch of it holds each label's share: the n graphs of a
    label keep their order and are put at the midpoints of n equal parts."""
    labels = labels[order]
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    by_label = np.argsort(label, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.empty(len(order), np.int64)
    rank[by_label] = np.arange(len(order)) - np.repeat(starts, counts)
    place = (rank + 0.5) / counts[label]
    return order[np.lexsort((label, place))]
