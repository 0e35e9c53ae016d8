"""What the loaders of batches of one fixed shape share."""

from __future__ import annotations

import abc
from typing import Any

from graphfeed import _arguments, _spec
from graphfeed.dataset import Dataset
from graphfeed.loaders import torch_habits
from graphfeed.loaders.base import Loader
from graphfeed.options import FixedSizeOptions, OverSizeStrategy

_INCOMPLETE_STEPS = ("fill", "drop")


class FixedSizeLoader(Loader):
    """Pads what another loader makes to one size. Arguments beside those of Loader:

    Args:
        fixed_size_options: sizes and pad values; derived when not given.
        over_size_strategy: what becomes of batches that do not fit.
        add_pad_masks: add nodes_mask, edges_mask and graphs_mask.
        options: an object or dict with PopTorch's device_iterations, replication_factor,
            gradient_accumulation and input_group_size; sets micro_batches.
        incomplete_step: what becomes of a last frame with fewer than micro_batches batches: "fill"
            (with null batches) or "drop".
        micro_batches: batches combined in one step.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        fixed_size_options: FixedSizeOptions | None = None,
        over_size_strategy: OverSizeStrategy,
        add_pad_masks: bool = True,
        options: Any = None,
        incomplete_step: str = "fill",
        micro_batches: int = 1,
        **arguments: Any,
    ) -> None:
        self.over_size_strategy = OverSizeStrategy(over_size_strategy)
        super().__init__(dataset, **arguments)
        self.add_pad_masks = bool(add_pad_masks)
        self.incomplete_step = _arguments.one_of(
            "incomplete_step", incomplete_step, _INCOMPLETE_STEPS
        )
        self.micro_batches = torch_habits.micro_batches(
            options, _arguments.integer("micro_batches", micro_batches, 1)
        )
        self._options = fixed_size_options
        if fixed_size_options is not None:
            self._check_options(fixed_size_options)

    @property
    def fixed_size_options(self) -> FixedSizeOptions:
        """The sizes of a batch; derived at first use when none were given."""
        if self._options is None:
            self._options = self._derived_options()
        return self._options

    @abc.abstractmethod
    def _derived_options(self) -> FixedSizeOptions:
        """The sizes where the user gave none."""

    def _check_options(self, options: FixedSizeOptions) -> None:
        if not isinstance(options, FixedSizeOptions):
            raise TypeError(
                f"fixed_size_options is a {type(options).__name__}, not a FixedSizeOptions"
            )

    def _pad(self, spec: Any) -> Any:
        """The spec, of batches padded to the options."""
        options = self.fixed_size_options
        self._check_options(options)  # they are mutable
        spec.over_size = self.over_size_strategy.value
        spec.options = _spec.native_options(options)
        spec.masks = self.add_pad_masks
        spec.incomplete_step = self.incomplete_step
        spec.micro_batches = self.micro_batches
        return spec

    def _micro_batches(self) -> int:
        return self.micro_batches
