"""Batches of one fixed shape: the sizes, and what becomes of what does not fill them or fit."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from graphfeed import _arguments, _spec
from graphfeed.loaders import torch_habits
from graphfeed.loaders.arguments import PaddingArguments
from graphfeed.loaders.source import Shown
from graphfeed.options import FixedSizeOptions, OverSizeStrategy

if TYPE_CHECKING:
    from graphfeed.loaders.base import Loader


class Padding(abc.ABC):
    """Pads the batches of a loader's source to one size.

    Args:
        options: the sizes; None: derived at first use.
        over_size_strategy: what becomes of batches that do not fit.
        arguments: the others; FixedSizeLoader has what they mean.
    """

    plan_varies = False
    """Whether another order may make an epoch of other batches."""

    def __init__(
        self,
        options: FixedSizeOptions | None,
        over_size_strategy: OverSizeStrategy,
        arguments: PaddingArguments,
    ) -> None:
        self.over_size_strategy = OverSizeStrategy(over_size_strategy)
        self.add_pad_masks = bool(arguments.get("add_pad_masks", True))
        self.incomplete_step = _spec.known_name(
            "incomplete_step", arguments.get("incomplete_step", "fill")
        )
        self.micro_batches = torch_habits.micro_batches(
            arguments.get("options"),
            _arguments.integer("micro_batches", arguments.get("micro_batches", 1), 1),
        )
        self.given = options
        """The sizes, once they are known."""
        if options is not None:
            self.check(options)

    @property
    def draws(self) -> bool:
        """Whether what is cut off depends on the seed."""
        return False

    @abc.abstractmethod
    def derive(self, loader: Loader) -> FixedSizeOptions:
        """The sizes where the user gave none. Asks the server."""

    def options(self, loader: Loader) -> FixedSizeOptions:
        """The sizes of the loader's batches."""
        if self.given is None:
            self.given = self.derive(loader)
        return self.given

    def check(self, options: FixedSizeOptions) -> None:
        """Raises for sizes that cannot be meant. Options are mutable: called before each use."""
        if not isinstance(options, FixedSizeOptions):
            raise TypeError(
                f"fixed_size_options is a {type(options).__name__}, not a FixedSizeOptions"
            )

    def write(self, spec: Any, options: FixedSizeOptions) -> None:
        """Makes the native BatchSpec of a source one of padded batches."""
        self.check(options)
        spec.over_size = self.over_size_strategy.value
        spec.options = _spec.native_options(options)
        spec.masks = self.add_pad_masks
        spec.incomplete_step = self.incomplete_step
        spec.micro_batches = self.micro_batches
        spec.ragged = False


class FixedSizeLoader:
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

    # What loaders show of their padding, and nothing that another base of theirs has.
    _padding: Padding

    over_size_strategy = Shown("_padding")
    add_pad_masks = Shown("_padding")
    incomplete_step = Shown("_padding")
    micro_batches = Shown("_padding")

    @property
    def fixed_size_options(self) -> FixedSizeOptions:
        """The sizes of a batch; derived at first use when none were given."""
        return self._padding.options(self)
