"""An epoch by each strategy that pads whole graphs."""

from __future__ import annotations

import copy
from typing import Any, List, Optional, Tuple

from graphfeed import errors
from graphfeed._portable.answers import PlanDescription, StrategyPlan
from graphfeed._portable.specs import StreamOptions

# In the order in which the simpler one is first.
_COMPARED = ("pad_to_max", "stream_pack", "pack")

# Sizes and strategies that do not go together, and plans that the server has no memory for, are
# what is to be seen.
_SHOWN = (errors.InvalidArgument, errors.FailedPrecondition, errors.ResourceExhausted)

_INT64_MAX = 2**63 - 1


def compare_plans(
    client: Any, options: StreamOptions, target: Optional[Tuple[str, int]]
) -> Tuple[List[StrategyPlan], str]:
    """Each strategy with the sizes of `options`, or with those that are best for it within the
    target; and that with the fewest bytes for each graph, of those that deliver the most graphs and
    cut nothing ("": none). An error only where none of them has a plan: that of the strategy that
    `options` name."""
    plans: List[StrategyPlan] = []
    refusals: List[errors.Error] = []
    best: Optional[StrategyPlan] = None
    for strategy in _COMPARED:
        try:
            plan = _describe(client, copy.copy(options), strategy, target)
        except _SHOWN as error:
            refusals.append(error)
            plans.append(StrategyPlan(strategy, refused=error.message))
            continue
        plans.append(plan)
        if plan.cut_nodes > 0 or plan.cut_edges > 0 or plan.cut_unknown:
            continue
        if best is None or _rank(plan) < _rank(best):
            best = plan
    if len(refusals) == len(plans):
        asked = options.spec.strategy
        raise refusals[_COMPARED.index(asked) if asked in _COMPARED else 0]
    return plans, best.strategy if best is not None else ""


def _rank(plan: StrategyPlan) -> Tuple[int, int]:
    assert plan.description is not None
    return -plan.description.plan.num_graphs, plan.epoch_bytes


def _describe(
    client: Any, options: StreamOptions, strategy: str, target: Optional[Tuple[str, int]]
) -> StrategyPlan:
    spec, choice = options.spec, None
    spec.strategy = strategy
    if strategy != "pad_to_max":
        spec.drop_last = False
    if target is not None:
        choice = client.choose_sizes(options.dataset, spec, *target)
        spec.options = choice.options
        spec.batch_size = 0
    description = client.describe_plan(options, options.start_epoch)
    if description.resolved_spec.options is None:
        raise errors.DataLoss("the server's answer: resolved_spec: no options of padded batches")
    layout = description.layout
    size = description.plan.num_batches * layout.slab_bytes // max(layout.micro_batches, 1)
    plan = StrategyPlan(
        strategy, description=description, choice=choice, epoch_bytes=min(size, _INT64_MAX)
    )
    if choice is not None or strategy != "pad_to_max":
        return plan
    plan = plan._replace(cut_unknown=bool(spec.options is not None and spec.options.num_rows))
    # How much does not fit is known of batches that are trimmed.
    trimmed = description
    if spec.over_size in ("error", "skip"):
        spec.over_size = "trim_nodes_and_edges"
        try:
            trimmed = client.describe_plan(options, options.start_epoch)
        except errors.InvalidArgument:
            # There are columns that nothing can be trimmed beside: what fits is known when it is
            # streamed.
            return plan._replace(cut_unknown=True)
    return plan._replace(cut_nodes=_cut(trimmed, "node"), cut_edges=_cut(trimmed, "edge"))


def _cut(trimmed: PlanDescription, kind: str) -> float:
    """Of all nodes or edges of an epoch the share that is beyond the sizes of its batches, which
    are trimmed to them."""
    plan = trimmed.plan
    padded = sum(getattr(trimmed.layout.padded, f"{kind}s"))
    everything = sum(getattr(plan.real, f"{kind}s"))
    if everything == 0:
        return 0.0
    kept = getattr(plan, f"{kind}_efficiency") * plan.num_batches * padded
    cut = 1 - kept / everything
    return 0.0 if cut < 1e-9 else cut  # sums of rounded numbers
