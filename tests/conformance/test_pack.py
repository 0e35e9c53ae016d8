"""Packing with look-ahead: each graph once, in as few batches as real sizes allow."""

import os
import pathlib
import subprocess

import golden
import numpy as np
import pytest
from shared_data import shared_dir

import graphfeed as gf

PACK = gf.FixedSizeStrategy.Pack


def pack(dataset, num_graphs, num_nodes, num_edges, **arguments):
    return gf.FixedSizeDataLoader(
        dataset,
        fixed_size_options=gf.FixedSizeOptions(num_nodes, num_edges, num_graphs),
        fixed_size_strategy=PACK,
        **arguments,
    )


def lower_bound(plan, options):
    """Batches that there are at least: by graphs, nodes and edges, one of each kept for padding."""
    return max(
        -(-plan.num_graphs // (options[0] - 1)),
        -(-plan.real.nodes // (options[1] - 1)),
        -(-plan.real.edges // (options[2] - 1)),
    )


def test_each_graph_comes_once_and_padding_is_whole(ingest):
    rng = np.random.default_rng(1)
    sizes = [(int(n), int(rng.integers(0, 2 * n + 1))) for n in rng.integers(1, 30, 400)]
    dataset = ingest(golden.graphs_of_sizes(sizes))
    loader = pack(dataset, 16, 256, 300, shuffle=True, seed=3)
    seen = []
    for batch in loader:
        (counts,) = batch.counts
        labels = batch.y[batch.graphs_mask].tolist()
        assert len(labels) == counts.graphs <= 15
        assert counts.nodes == sum(sizes[i][0] for i in labels) <= 255
        assert counts.edges == sum(sizes[i][1] for i in labels) <= 299
        assert batch.x.shape == (256, 1)
        assert batch.edge_index.shape == (2, 300)
        assert batch.ptr[-1] == 256
        assert np.all(np.diff(batch.batch) >= 0)
        padding = batch.edge_index[:, ~batch.edges_mask]
        assert np.all(padding >= counts.nodes)
        seen += labels
    assert sorted(seen) == list(range(400))
    assert loader.num_batches(0) == loader.plan(0).num_batches


def test_a_stream_goes_on_in_the_middle(ingest):
    dataset = ingest(golden.graphs_of_sizes([(3 + i % 20, 5 + i % 31) for i in range(300)]))
    whole = [b.y[b.graphs_mask].tolist() for b in pack(dataset, 8, 90, 150, shuffle=True, seed=5)]
    loader = pack(dataset, 8, 90, 150, shuffle=True, seed=5)
    begun = []
    for batch in loader:
        begun.append(batch.y[batch.graphs_mask].tolist())
        if len(begun) == 4:
            break
    resumed = pack(dataset, 8, 90, 150, shuffle=True, seed=5)
    resumed.load_state_dict(loader.state_dict())
    assert begun + [b.y[b.graphs_mask].tolist() for b in resumed] == whole


def test_what_it_refuses(ingest):
    dataset = ingest(golden.graphs_of_sizes([(3, 4), (9, 1)]))
    with pytest.raises(gf.Error, match="graph 1 has 9 nodes; a batch holds 7"):
        list(pack(dataset, 4, 8, 20))
    skips = pack(dataset, 4, 8, 20, over_size_strategy=gf.OverSizeStrategy.Skip)
    assert [b.y[b.graphs_mask].tolist() for b in skips] == [[0]]
    with pytest.raises(gf.InvalidArgument, match="Pack chooses the graphs of a batch itself"):
        pack(dataset, 4, 8, 20, batch_sampler=[[0, 1]])


@pytest.fixture(scope="module")
def real(server, client):
    """Real datasets, which the command line imports."""
    data = shared_dir("data")
    if data is None:
        pytest.skip("the datasets are absent")

    def dataset(name: str) -> gf.Dataset:
        tool = pathlib.Path(os.environ["GRAPHFEED_CLI"])
        subprocess.run(
            [tool, "import", "tu", data / name, "--name", f"pack-{name}",
             "--server", server.address],
            check=True,
            capture_output=True,
            timeout=300,
        )
        return client.dataset(f"pack-{name}")

    return dataset


def test_proteins_take_one_batch_more_than_the_bound_at_most(real):
    dataset = real("PROTEINS")
    options = (64, 1240, 4700)
    loader = pack(dataset, *options, shuffle=True, seed=1)
    for epoch in range(20):
        plan = loader.plan(epoch)
        assert plan.num_graphs == 1113
        assert plan.num_batches <= lower_bound(plan, options) + 1


def test_the_training_graphs_of_mutag_take_16_batches(real):
    recorded = golden.cases("mutag")
    if not recorded:
        pytest.skip("recorded cases are absent")
    dataset = real("MUTAG")[np.array(recorded[0]["perm_seed12345"])][:150]
    loader = pack(dataset, 16, 179, 420, shuffle=True, seed=1)
    assert [loader.plan(epoch).num_batches for epoch in range(20)] == [16] * 20


def test_recommended_sizes_of_real_graphs_are_full(real):
    for name, num_nodes in (("AIDS", 2048), ("ENZYMES", 2048), ("Mutagenicity", 2048)):
        dataset = real(name)
        options = gf.FixedSizeOptions.best(dataset, num_nodes=num_nodes)
        assert options.num_nodes <= num_nodes
        assert options.expected.sampled_graphs == len(dataset)
        loader = gf.FixedSizeDataLoader(
            dataset, fixed_size_options=options, fixed_size_strategy=PACK, shuffle=True, seed=1
        )
        for epoch in range(20):
            plan = loader.plan(epoch)
            assert plan.num_graphs == len(dataset)
            assert plan.node_efficiency >= 0.97, (name, epoch)


def hetero_graphs(count):
    """Graphs of two node types and two edge types, labelled with their index."""
    rng = np.random.default_rng(5)
    graphs = []
    for i in range(count):
        movies, actors = int(rng.integers(1, 9)), int(rng.integers(1, 20))
        casts = int(rng.integers(0, 3 * movies))
        ends = np.stack([rng.integers(0, movies, casts), rng.integers(0, actors, casts)])
        graphs.append(
            {
                "movie": {"x": np.full((movies, 1), i, np.float32)},
                "actor": {"x": np.full((actors, 2), i, np.float32)},
                ("movie", "to", "actor"): {"edge_index": ends},
                ("actor", "to", "movie"): {"edge_index": ends[::-1]},
                "y": np.array([i]),
            }
        )
    return graphs


def test_types_keep_to_their_bounds(ingest):
    dataset = ingest(hetero_graphs(600))
    options = gf.FixedSizeOptions.best(dataset, num_nodes=400)
    assert sum(options.num_nodes.values()) <= 400
    loader = gf.FixedSizeDataLoader(
        dataset, fixed_size_options=options, fixed_size_strategy=PACK, shuffle=True, seed=2
    )
    plan = loader.plan(0)
    bound = max(
        -(-600 // (options.num_graphs - 1)),
        *(-(-plan.real.nodes[t] // (options.num_nodes[t] - 1)) for t in options.num_nodes),
        *(-(-plan.real.edges[t] // options.num_edges[t]) for t in options.num_edges),
    )
    assert plan.lower_bound_batches >= bound
    assert plan.num_batches <= bound * 1.02 + 1
    assert options.expected.lower_bound_batches == plan.lower_bound_batches
    seen = []
    for batch in loader:
        (counts,) = batch.counts
        for node_type, size in options.num_nodes.items():
            assert counts.nodes[node_type] < size
        for edge_type, size in options.num_edges.items():
            assert counts.edges[edge_type] <= size
        seen += batch.y[batch.graphs_mask].tolist()
    assert sorted(seen) == list(range(600))


def test_targets_and_strategies(ingest):
    dataset = ingest(golden.graphs_of_sizes([(3 + i % 20, 5 + i % 31) for i in range(300)]))
    for target in ({"num_nodes": 200}, {"num_graphs": 16}, {"num_bytes": 20_000}):
        for strategy in ("PadToMax", "StreamPack", PACK):
            options = gf.FixedSizeOptions.best(dataset, strategy=strategy, **target)
            ((name, limit),) = target.items()
            value = options.expected.batch_bytes if name == "num_bytes" else getattr(options, name)
            assert value <= limit
            loader = gf.FixedSizeDataLoader(
                dataset, fixed_size_options=options, fixed_size_strategy=strategy, shuffle=True
            )
            assert sum(int(b.graphs_mask.sum()) for b in loader) == 300
    some = gf.FixedSizeOptions.best(dataset[:20], num_nodes=100)
    assert some.expected.num_graphs == 20
    assert some == gf.FixedSizeOptions.best(dataset[:20], num_nodes=100)
    for wrong, message in (
        ({}, "no target given; it takes one of num_nodes, num_bytes, num_graphs"),
        ({"num_nodes": 9, "num_graphs": 9}, "num_nodes and num_graphs given"),
        ({"num_graphs": 1}, "num_graphs is 1"),
        ({"num_nodes": 7}, "best.num_nodes is 7; a batch with room for the largest graphs"),
        ({"num_nodes": 99, "strategy": "Most"}, "'Most' is no FixedSizeStrategy"),
    ):
        with pytest.raises(gf.InvalidArgument, match=message):
            gf.FixedSizeOptions.best(dataset, **wrong)


def test_strategies_side_by_side(ingest):
    dataset = ingest(golden.graphs_of_sizes([(3 + i % 20, 5 + i % 31) for i in range(300)]))
    compared = gf.compare_strategies(dataset, num_nodes=200, seed=4)
    assert [strategy.name for strategy in compared.plans] == ["PadToMax", "StreamPack", "Pack"]
    best = compared.plans[compared.recommended]
    for strategy, plan in compared.plans.items():
        assert plan.refused is None
        assert plan.epoch_bytes >= best.epoch_bytes
        assert plan.options.num_nodes <= 200
        loader = gf.FixedSizeDataLoader(
            dataset,
            fixed_size_options=plan.options,
            fixed_size_strategy=strategy,
            shuffle=True,
            seed=4,
        )
        assert loader.plan(0) == plan.plan
    assert compared.recommended is PACK

    same = gf.compare_strategies(dataset, best.options, seed=4)
    assert same.plans[PACK].plan == best.plan
    assert same.plans[gf.FixedSizeStrategy.PadToMax].cut_nodes > 0
    small = gf.compare_strategies(dataset, gf.FixedSizeOptions(9, 99, 4))
    assert small.recommended is None
    assert "a batch holds 8" in small.plans[PACK].refused
    with pytest.raises(gf.InvalidArgument, match="options and a target"):
        gf.compare_strategies(dataset, best.options, num_nodes=200)
