"""Steps of several micro-batches, against recorded epochs."""

from types import SimpleNamespace

import golden
import pytest

import graphfeed as gf


def loader_of(case, dataset, **overrides):
    """PopTorch's loader drops what does not fill a step; short packs it keeps."""
    poptorch = SimpleNamespace(
        device_iterations=case["device_iterations"],
        replication_factor=case["replication_factor"],
        Training=SimpleNamespace(gradient_accumulation=case["gradient_accumulation"]),
    )
    pads = case["strategy"] == "PadToMax"
    arguments = {"drop_last": pads, "incomplete_step": "drop"} | case["kw"] | overrides
    return gf.FixedSizeDataLoader(
        dataset,
        fixed_size_options=golden.options(case["options"]),
        fixed_size_strategy=golden.STRATEGIES[case["strategy"]],
        options=poptorch,
        **arguments,
    )


@golden.parametrize("combined", lambda case: case.get("quirk") is None)
def test_epoch(case, ingest):
    dataset = ingest([golden.graph(graph) for graph in case["graphs"]])
    loader = loader_of(case, dataset)
    steps = list(loader)
    assert len(steps) == len(loader) == len(case["expect"]["ok"])
    for ordinal, (step, expected) in enumerate(zip(steps, case["expect"]["ok"])):
        golden.assert_batch_equal(step, expected)
        assert step.position == (0, ordinal)


@golden.parametrize("combined", lambda case: case.get("quirk") is None)
def test_order_of_tensors(case, ingest):
    dataset = ingest([golden.graph(graph) for graph in case["graphs"]])
    for step, expected in zip(loader_of(case, dataset), case["expect"]["ok"]):
        wanted = golden.graph(expected)
        if "attrs" in expected:
            assert step.keys() == [k for k, v in wanted.items() if hasattr(v, "dtype")]
        else:
            assert [key for key in step.to_dict() if not isinstance(key, str) or key in
                    step.node_types] == [k for k, v in wanted.items() if isinstance(v, dict)]
            for key in (*step.node_types, *step.edge_types):
                assert list(step[key]) == list(wanted[key])


@golden.parametrize("combined", lambda case: case["name"] == "di1_pad_no_drop")
def test_short_last_batch_is_padded(case, ingest):
    """Upstream asserts."""
    dataset = ingest([golden.graph(graph) for graph in case["graphs"]])
    batches = list(loader_of(case, dataset))
    room = case["options"]["num_graphs"] - 1
    real = [min(room, len(dataset) - start) for start in range(0, len(dataset), room)]
    assert [int(batch.graphs_mask.sum()) for batch in batches] == real
    assert len({batch.x.shape for batch in batches}) == 1


@golden.parametrize("combined", lambda case: case["name"] in ("di2_pad", "di2_pack", "di2_hetero"))
def test_incomplete_step_is_filled_with_null_batches(case, ingest):
    dataset = ingest([golden.graph(graph) for graph in case["graphs"]][:4])
    loader = loader_of(case, dataset, drop_last=False, incomplete_step="fill")
    k = case["device_iterations"]
    steps = list(loader)
    counts = [counts.graphs for step in steps for counts in step.counts]
    assert sum(counts) == 4 and len(counts) == k * len(steps)
    graphs = case["options"]["num_graphs"]
    for step in steps:
        assert step.graphs_mask.shape == (k * graphs,)
        for i, real in enumerate(step.counts):
            mask = step.graphs_mask[i * graphs : (i + 1) * graphs]
            assert mask.tolist() == [True] * real.graphs + [False] * (graphs - real.graphs)


def test_warns_once_of_null_batches(ingest):
    import numpy as np

    graph = {"x": np.ones((2, 1), np.float32), "edge_index": np.array([[0], [1]])}
    loader = gf.FixedSizeDataLoader(ingest([graph] * 3), batch_size=2, micro_batches=2)
    with pytest.warns(UserWarning, match="null batches"):
        first = list(loader)
    assert [c.graphs for step in first for c in step.counts] == [1, 1, 1, 0]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(loader)
