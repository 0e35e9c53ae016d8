"""A loader as torch's DataLoader takes one. Needs torch, and is imported where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.utils.data import IterableDataset, get_worker_info

from graphfeed.batch import Batch

if TYPE_CHECKING:
    from graphfeed.loaders.base import Loader


class TorchDataset(IterableDataset):
    """The batches of a loader, of torch tensors; made by `Loader.as_torch_dataset`."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.loader)
        if get_worker_info() is not None:
            self.loader._place.read_elsewhere = True  # tells the process that was forked
        for batch in batches:
            yield batch.torch()

    def __getstate__(self) -> dict:
        self.loader._place.read_elsewhere = True  # by a spawned process, where this goes
        return self.__dict__

    def __len__(self) -> int:
        return len(self.loader)
