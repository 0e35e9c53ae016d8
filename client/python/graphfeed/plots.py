"""Pictures of plans and summaries, by matplotlib, which is imported only when one is asked for."""

from __future__ import annotations

from typing import Any


def _axes(ax: Any) -> Any:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plot() needs matplotlib (package matplotlib; Debian: python3-matplotlib); print() shows "
            "the same numbers without it"
        ) from error
    return pyplot.subplots(figsize=(6.4, 3.2), constrained_layout=True)[1]


def plan(summary: Any, ax: Any = None) -> Any:
    """How many batches of an epoch hold how many real graphs, as matplotlib axes."""
    counts = summary.graphs_per_batch
    ax = _axes(ax)
    held = [size for size, count in enumerate(counts) if count]
    if held:
        first, last = held[0], held[-1]
        shown = range(first, last + 1)
        ax.bar(shown, counts[first : last + 1], width=0.9)
        # Few bars need no room between them.
        ax.set_xlim(min(first - 1, (first + last) / 2 - 5), max(last + 1, (first + last) / 2 + 5))
        graphs = sum(size * count for size, count in enumerate(counts))
        mean = graphs / sum(counts)
        ax.axvline(mean, color="black", linewidth=1, linestyle="--", label=f"mean {mean:.1f}")
        ax.legend(frameon=False)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("real graphs in a batch" if summary.node_efficiency is not None
                  else "seeds in a batch")
    ax.set_ylabel("batches")
    title = f"{summary.num_batches:,} batches"
    if summary.node_efficiency is not None:
        title += f", {summary.node_efficiency:.1%} of nodes and {summary.edge_efficiency:.1%} of edges real"
    ax.set_title(title)
    return ax


def summary(sizes: Any, ax: Any = None) -> Any:
    """The sizes of a dataset's graphs, as matplotlib axes: a box from the lower to the upper
    quartile with the median as a line and the mean as a point, and whiskers to the smallest and the
    largest graph."""
    ax = _axes(ax)
    boxes = []
    for name, stats in (("edges", sizes.num_edges), ("nodes", sizes.num_nodes)):
        boxes.append({"label": name, "whislo": stats.min, "q1": stats.quantile25, "med": stats.median,
                      "q3": stats.quantile75, "whishi": stats.max, "mean": stats.mean})
    ax.bxp(boxes, vert=False, showfliers=False, showmeans=True, widths=0.5,
           medianprops={"color": "black"}, meanprops={"markerfacecolor": "black", "marker": "o",
                                                      "markeredgecolor": "black", "markersize": 4})
    smallest = min(sizes.num_nodes.min, sizes.num_edges.min)
    if smallest > 0 and max(sizes.num_nodes.max, sizes.num_edges.max) > 50 * smallest:
        ax.set_xscale("log")
    ax.set_xlabel("nodes or edges of a graph")
    ax.set_title(f"{sizes.name}: {sizes.num_graphs:,} graph{'s' * (sizes.num_graphs != 1)}")
    return ax
