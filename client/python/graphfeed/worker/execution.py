"""How a model is called: torch modules, PopTorch's models, and plain functions."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphfeed import errors
from graphfeed._text import without_prefix
from graphfeed.batch import Batch
from graphfeed.loaders import torch_habits
from graphfeed.worker import binding
from graphfeed.worker.metrics import mean


class NotApplied(Exception):
    """The step failed before it changed anything; the cause is the model's error."""


class Execution:
    """A model that is called with what is staged of a batch, once per step.

    A plain function gets the batch. What has a `forward` (PopTorch's models have their module's)
    gets the fields of the batch that are named as its arguments, as torch tensors.
    """

    def __init__(self, model: Any, inputs: Any) -> None:
        self.model = model
        self.bind = _binding(model, inputs)

    def stage(self, batch: Any) -> Any:
        """What `run` is given: everything that can be done before the step."""
        return batch if self.bind is None else self.bind(_tensors(batch))

    def run(self, staged: Any) -> list[float]:
        """One step. The losses of what it consists of; empty when the model has none."""
        loss = loss_of(self._call(staged))
        return [] if loss is None else [mean(loss)]

    def predict(self, staged: Any) -> list[Any]:
        """The rows that come out: of the whole batch, or an entry per micro-batch."""
        return [output_of(self._call(staged))]

    @contextlib.contextmanager
    def predicting(self) -> Any:
        yield

    def begin(self) -> None:
        """Steps begin."""

    def _call(self, staged: Any) -> Any:
        """`inputs` made arguments by name, by position, or one; without it the batch is one."""
        if self.bind is not None and isinstance(staged, Mapping):
            return self.model(**staged)
        if self.bind is not None and isinstance(staged, tuple):
            return self.model(*staged)
        return self.model(staged)


class TorchExecution(Execution):
    """A torch module, and the optimizer that a worker steps for it; None: weights stay.

    A step is the frame's micro-batches: `group` of them make one step of the optimizer, with the
    mean of their losses (replicas and accumulation); those that are all padding do not count. A
    loss that is not finite leaves the weights alone.
    """

    def __init__(self, model: Any, optimizer: Any, inputs: Any, group: int | None) -> None:
        super().__init__(model, inputs)
        self.optimizer = optimizer
        self._group = group

    def stage(self, batch: Any) -> Any:
        parts = batch.micro_batches() if isinstance(batch, Batch) else [batch]
        group = self._group or len(parts)
        real = [
            None if isinstance(part, Batch) and not part.counts[0].graphs else self.bind(_tensors(part))
            for part in parts
        ]
        return [real[i : i + group] for i in range(0, len(real), group)]

    def begin(self) -> None:
        self.model.train(self.optimizer is not None)

    def run(self, staged: Any) -> list[float]:
        losses = []
        for group in staged:
            real = [part for part in group if part is not None]
            if real:
                losses.append(self._train(real, first=not losses))
        return losses

    def _train(self, parts: list, first: bool) -> float:
        import torch

        total = 0.0
        try:
            with contextlib.nullcontext() if self.optimizer is not None else torch.no_grad():
                if self.optimizer is not None:
                    self.optimizer.zero_grad()
                for part in parts:
                    loss = _one_loss(self._call(part), torch, self.optimizer is not None)
                    loss = loss / len(parts)
                    total += float(loss.detach())
                    if not math.isfinite(total):
                        break
                    if self.optimizer is not None:
                        loss.backward()
        except Exception as error:
            if not first:
                raise
            raise NotApplied from error
        if self.optimizer is not None and math.isfinite(total):
            self.optimizer.step()
        return total

    def predict(self, staged: Any) -> list[Any]:
        return [None if part is None else output_of(self._call(part))
                for group in staged for part in group]  # fmt: skip

    @contextlib.contextmanager
    def predicting(self) -> Any:
        import torch

        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.model.train(training)


def group_of(loader: Any, options: Any) -> int | None:
    """Micro-batches of an optimizer's step; None: all of a frame."""
    if options is None:
        return None
    combined = getattr(loader, "micro_batches", 1)
    wanted = torch_habits.micro_batches(options, 1)
    if combined != wanted:
        raise errors.InvalidArgument(
            f"options ask for {wanted} micro-batches in a step, but the loader combines {combined}: "
            "give it the same options="
        )
    return wanted // torch_habits.device_iterations(options)


def execution_of(model: Any, optimizer: Any, inputs: Any, group: int | None) -> Execution:
    if not callable(model):
        raise TypeError(f"model is a {type(model).__name__}, which cannot be called")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return TorchExecution(model, optimizer, inputs, group)
    return Execution(model, inputs)


def group_of(loader: Any, options: Any) -> int | None:
    """Micro-batches of an optimizer's step; None: all of a frame."""
    if options is None:
        return None
    combined = getattr(loader, "micro_batches", 1)
    wanted = torch_habits.micro_batches(options, 1)
    if combined != wanted:
        raise errors.InvalidArgument(
            f"options ask for {wanted} micro-batches in a step, but the loader combines {combined}: "
            "give it the same options="
        )
    return wanted // torch_habits.device_iterations(options)


def _binding(model: Any, inputs: Any) -> Callable[[Any], Any] | None:
    if callable(inputs):
        return inputs
    if inputs is not None:
        if isinstance(inputs, str) or not isinstance(inputs, Sequence):
            raise TypeError(f"inputs is {inputs!r}; it is a list of names, or a function of a batch")
        return binding.of_names(inputs)
    forward = getattr(model, "forward", None)
    return binding.of_forward(forward) if callable(forward) else None


def _tensors(batch: Any) -> Any:
    return batch.torch() if isinstance(batch, Batch) else batch


def loss_of(result: Any) -> Any:
    """The loss in what a model returned: it itself, under "loss", or last in a tuple, as PopTorch's
    tutorials return it."""
    if isinstance(result, Mapping):
        return result.get("loss")
    if isinstance(result, (tuple, list)):
        return result[-1] if result else None
    return result


def _one_loss(result: Any, torch: Any, trains: bool) -> Any:
    """The loss, which can be taken backward if the model trains: a tensor without dimensions."""
    loss = loss_of(result)
    if loss is None:
        raise errors.InvalidArgument(
            'the model gave no loss: forward returns it, or a dict with "loss"'
        )
    if not isinstance(loss, torch.Tensor):
        raise errors.InvalidArgument(f'"loss" is a {type(loss).__name__}, not a tensor')
    which = f'"loss" has shape {list(loss.shape)} and dtype {without_prefix(str(loss.dtype), "torch.")}'
    if loss.numel() != 1 or not loss.dtype.is_floating_point:
        raise errors.InvalidArgument(f"{which}; it is one floating-point number: reduce it in the model")
    if trains and not loss.requires_grad:
        raise errors.InvalidArgument(
            f"{which}, but no gradient: it does not depend on a weight that is trained (detach, "
            "no_grad, or all weights frozen)"
        )
    return loss.reshape(())


def output_of(result: Any) -> Any:
    """The rows that a model returned: itself, under "out", or first in a tuple."""
    if isinstance(result, Mapping):
        if "out" not in result:
            raise errors.InvalidArgument(
                f'the model gave {sorted(result)}; predictions are under "out"'
            )
        return result["out"]
    return result[0] if isinstance(result, (tuple, list)) else result
