"""Strategies side by side, before the first batch is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphfeed import _arguments, _html, _spec, errors, sizes
from graphfeed.info import PlanSummary, plan_from_native
from graphfeed.options import FixedSizeOptions, FixedSizeStrategy, OverSizeStrategy

if TYPE_CHECKING:
    from graphfeed.dataset import Dataset


@dataclass(frozen=True)
class StrategyPlan:
    """An epoch as one strategy would make it."""

    strategy: FixedSizeStrategy
    options: FixedSizeOptions | None
    plan: PlanSummary | None
    """Batches, bound, efficiencies, graphs per batch."""
    epoch_bytes: int
    """Of all batches of the epoch."""
    cut_nodes: float
    """Of all nodes the share that is in batches beyond their sizes (PadToMax with sizes that not
    every batch meets). Such batches are errors unless they are trimmed."""
    cut_edges: float
    cut_unknown: bool
    """Nobody knows what is cut: a column is there beside which nothing is trimmed."""
    refused: str | None
    """Why there is no plan, and nothing of the above."""


@dataclass(frozen=True)
class PlanComparison:
    """What `compare_strategies` finds."""

    plans: dict[FixedSizeStrategy, StrategyPlan]
    recommended: FixedSizeStrategy | None
    """The strategy that needs the fewest bytes for all graphs and cuts nothing."""

    def _repr_html_(self) -> str:
        rows = []
        for strategy, found in self.plans.items():
            mark = " (recommended)" if strategy is self.recommended else ""
            numbers = ["", "", "", "", found.refused]
            if found.plan is not None:
                plan = found.plan
                efficiencies = [_html.share(e) for e in (plan.node_efficiency, plan.edge_efficiency)]
                cut = "not known" if found.cut_unknown else (
                    f"{_html.share(found.cut_nodes)}, {_html.share(found.cut_edges)}")
                numbers = [_html.number(plan.num_batches), ", ".join(efficiencies),
                           _html.number(found.epoch_bytes), cut, repr(found.options)]
            rows.append((strategy.name + mark, *numbers))
        header = ("strategy", "batches", "real nodes, edges", "bytes", "cut nodes, edges", "sizes")
        return _html.document("Strategies for an epoch", (), header, rows)


def compare_strategies(
    dataset: Dataset,
    options: FixedSizeOptions | None = None,
    *,
    num_nodes: int | None = None,
    num_bytes: int | None = None,
    num_graphs: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    epoch: int = 0,
    over_size_strategy: OverSizeStrategy | str = OverSizeStrategy.Error,
    exclude_keys: Iterable[str] = (),
) -> PlanComparison:
    """An epoch of a dataset by PadToMax, StreamPack and Pack: what `graphfeed plan` shows.

    Args:
        dataset: a dataset or a part of one.
        options: sizes for all of them. Without: those that are best for each strategy within a
            target, as FixedSizeOptions.best.
        num_nodes, num_bytes, num_graphs: the target, one of them, instead of options.
        shuffle, seed, epoch: of the order of graphs.
        over_size_strategy: what becomes of graphs that do not fit.
        exclude_keys: columns that batches leave out.

    Raises:
        ValueError: options and a target, or neither.
        RuntimeError: a graph fits no batch of any strategy.
    """
    limits = {"num_nodes": num_nodes, "num_bytes": num_bytes, "num_graphs": num_graphs}
    if options is not None and any(limit is not None for limit in limits.values()):
        raise errors.InvalidArgument("options and a target are given; it takes one of them")
    target = ("", 0) if options is not None else sizes.target(**limits)
    spec = sizes.spec_of(dataset, FixedSizeStrategy.Pack.value, shuffle, exclude_keys)
    spec.over_size = OverSizeStrategy(over_size_strategy).value
    if options is not None:
        spec.options = _spec.native_options(options)
    native = _spec.stream_options(dataset.info, spec, _arguments.integer("seed", seed, 0))
    epoch = _arguments.integer("epoch", epoch, 0)
    found, recommended = dataset._connection.call(
        lambda client: client.compare_plans(native, epoch, *target)
    )
    plans = [_plan(each, dataset) for each in found]
    return PlanComparison(
        {plan.strategy: plan for plan in plans},
        _strategy(recommended) if recommended else None,
    )


def _strategy(name: str) -> FixedSizeStrategy:
    return next(each for each in FixedSizeStrategy if each.value == name)


def _plan(native: Any, dataset: Dataset) -> StrategyPlan:
    strategy = _strategy(native.strategy)
    if native.refused:
        return StrategyPlan(strategy, None, None, 0, 0.0, 0.0, False, native.refused)
    described = native.description
    if native.choice is not None:
        options = FixedSizeOptions._chosen(native.choice, dataset.info)
    else:
        options = FixedSizeOptions._from_native(described.resolved_spec.options, dataset.info)
    return StrategyPlan(
        strategy,
        options,
        plan_from_native(described.plan, dataset.info, described.graphs_per_batch),
        native.epoch_bytes,
        native.cut_nodes,
        native.cut_edges,
        native.cut_unknown,
        None,
    )
