"""What an ingest returns."""

from __future__ import annotations

from typing import Any

from graphfeed.dataset import Dataset
from graphfeed.info import DatasetInfo


class IngestedDataset(Dataset):
    """A version that has just been published: a whole dataset, and its info's attributes beside it,
    as `ingested.version` and `ingested.fingerprint`. Equal to its info."""

    def __getattr__(self, name: str) -> Any:
        if name in DatasetInfo.__dataclass_fields__ or name in ("full_name", "find"):
            return getattr(self.info, name)
        raise AttributeError(f"the dataset has no {name!r}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (DatasetInfo, IngestedDataset)):
            return self.info == getattr(other, "info", other)
        return NotImplemented

    __hash__ = Dataset.__hash__
