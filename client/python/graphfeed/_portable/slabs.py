"""Memory of batches: aligned buffers that are used again when the last view of one is gone."""

from __future__ import annotations

import collections
import weakref
from typing import Any, Deque

import numpy as np

from graphfeed import errors
from graphfeed._portable.layouts import ALIGNMENT


class _Lease:
    """What every view of a buffer holds on to: numpy keeps it as the base of the first array.
    Gives the buffer back when it goes, on whatever thread, also while another of the pool's methods
    runs there: nothing here takes a lock."""

    __slots__ = ("__array_interface__", "_memory", "_pool")

    def __init__(self, memory: np.ndarray, size: int, pool: SlabPool) -> None:
        address = memory.__array_interface__["data"][0]
        self.__array_interface__ = {
            "data": (address + -address % ALIGNMENT, False),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }
        self._memory = memory
        self._pool = weakref.ref(pool)

    def __del__(self) -> None:
        pool = self._pool()
        if pool is not None:
            pool._give_back(self._memory)


class SlabPool:
    """Keeps at most `max_idle` unused buffers of about the size last asked for: batches without
    padding differ a little. Contents of one that is taken are unspecified."""

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._idle: Deque[np.ndarray] = collections.deque()
        self._capacity = 0  # of idle buffers

    def take(self, size: int) -> np.ndarray:
        """uint8 [size], 64-byte-aligned, writable.

        Raises:
            ResourceExhausted: the memory cannot be had.
        """
        step = max(1 << max(size.bit_length() - 4, 0), ALIGNMENT)
        capacity = (size // step + 1) * step
        if capacity != self._capacity:
            self._idle.clear()
            self._capacity = capacity
        try:
            memory = self._idle.pop()
        except IndexError:
            try:
                memory = np.empty(capacity + ALIGNMENT, np.uint8)
            except MemoryError:
                raise errors.ResourceExhausted(f"no memory for {size} bytes") from None
        return np.asarray(_Lease(memory, size, self))

    def _give_back(self, memory: np.ndarray) -> None:
        if len(memory) == self._capacity + ALIGNMENT and len(self._idle) < self._max_idle:
            self._idle.append(memory)


class Batch:
    """A frame in memory. Its arrays keep the memory alive, each of them alone."""

    def __init__(self, layout: Any, placement: Any, info: Any, slab: np.ndarray) -> None:
        self.layout = layout
        self.info = info
        self.epoch: int = info.epoch
        self.nbytes = placement.slab_bytes
        self._places = placement.places
        self._slab = slab

    def array(self, index: int) -> np.ndarray:
        """Writable view of tensor `index` of the layout. No copy."""
        if not 0 <= index < len(self._places):
            raise IndexError(f"tensor {index} of {len(self._places)}")
        place = self._places[index]
        dtype = self.layout.tensors[index].dtype
        return np.ndarray(place.shape, dtype, self._slab, place.offset)

    def __len__(self) -> int:
        return len(self._places)
