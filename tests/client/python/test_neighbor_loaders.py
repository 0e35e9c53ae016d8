"""Neighbour loaders on generated graphs, from a real server: seeds, epochs, shards, steps."""

import numpy as np
import pytest
from sampled_graphs import HOMOGENEOUS, TYPED, assert_from_graph, fixed, plain, quietly

import graphfeed as gf


def test_seeds_come_first_and_in_order(graph):
    dataset, whole, seeds, store = graph
    batches = list(plain(dataset, **seeds))
    assert [store(b).batch_size for b in batches] == [5, 5, 5, 2]
    assert np.concatenate([store(b).input_id for b in batches]).tolist() == list(range(17))
    leading = [store(b).n_id[: store(b).batch_size] for b in batches]
    assert np.concatenate(leading).tolist() == list(range(3, 20))
    assert [b.counts[0].seeds for b in batches] == [5, 5, 5, 2]
    for batch in batches:
        assert_from_graph(whole, batch)


def test_short_last_batch_is_padded(graph):
    dataset, whole, seeds, store = graph
    loader = fixed(dataset, **seeds)
    batches = list(loader)
    assert len(loader) == len(batches) == 4
    assert [store(b).input_id.tolist() for b in batches] == [
        [0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14], [15, 16, -1, -1, -1]
    ]  # fmt: skip
    assert [store(b).batch_size for b in batches] == [5, 5, 5, 2]
    assert store(batches[3]).n_id[:2].tolist() == [18, 19]
    for batch in batches:
        assert_from_graph(whole, batch)
    assert len(list(fixed(dataset, drop_last=True, **seeds))) == 3


def test_shapes_are_all_the_same(graph):
    dataset, _, seeds, _ = graph
    shapes = {
        str({key: getattr(value, "shape", None) or {k: v.shape for k, v in value.items()}
             for key, value in batch.to_dict().items()})
        for batch in fixed(dataset, shuffle=True, **seeds)
    }  # fmt: skip
    assert len(shapes) == 1


def test_fixed_batches_begin_as_plain_ones(graph):
    dataset, _, seeds, store = graph
    for small, large in zip(plain(dataset, **seeds), fixed(dataset, **seeds), strict=True):
        assert small.position == large.position
        assert small.counts == large.counts and not large.trimmed.total_nodes
        keys = small.node_types + small.edge_types or [None]
        for key in keys:
            part, padded = (small, large) if key is None else (small[key], large[key])
            for name, tensor in part.items():
                if name == "edge_index":
                    np.testing.assert_array_equal(padded[name][:, : tensor.shape[1]], tensor)
                else:
                    np.testing.assert_array_equal(padded[name][: len(tensor)], tensor, name)


def test_padding_touches_no_real_node(typed, homogeneous):
    for batch in fixed(typed, input_nodes="movie"):
        (real,) = batch.counts
        assert batch.graphs_mask.tolist() == [True, False]
        for node_type in batch.node_types:
            store, count = batch[node_type], real.nodes[node_type]
            assert store.nodes_mask.tolist() == [True] * count + [False] * (150 - count)
            assert store.ptr.tolist() == [0, count, 150]
            assert store.batch.tolist() == [0] * count + [1] * (150 - count)
        for source, relation, target in batch.edge_types:
            store = batch[source, relation, target]
            padding = store.edge_index[:, ~store.edges_mask]
            assert (padding[0] == real.nodes[source]).all()
            assert (padding[1] == real.nodes[target]).all()
    for batch in fixed(homogeneous):
        padding = batch.edge_index[:, ~batch.edges_mask]
        assert (padding == batch.counts[0].nodes).all() and padding.shape[1]


def test_masks_may_be_left_out(homogeneous):
    batch = fixed(homogeneous, add_pad_masks=False).peek()
    assert not [name for name in batch.keys() if name.endswith("s_mask")]


@pytest.mark.parametrize("what", ["train_mask", "array", "ids"])
def test_ways_to_name_seeds(what, typed, homogeneous):
    masks = ((homogeneous, HOMOGENEOUS["train_mask"]), (typed, TYPED["movie"]["train_mask"]))
    for dataset, mask in masks:
        given = {"train_mask": "train_mask", "array": mask, "ids": np.flatnonzero(mask)}[what]
        seeds = ("movie", given) if dataset is typed else given
        batches = list(plain(dataset, input_nodes=seeds, batch_size=4))
        stores = [b["movie"] if dataset is typed else b for b in batches]
        found = np.concatenate([s.n_id[: s.batch_size] for s in stores])
        np.testing.assert_array_equal(found, np.flatnonzero(mask))
        ids = np.concatenate([s.input_id for s in stores])
        np.testing.assert_array_equal(ids, np.arange(mask.sum()))


def test_seeds_in_any_order_and_repeated(homogeneous):
    (batch,) = plain(homogeneous, input_nodes=[9, 4, 4, 30])
    assert batch.n_id[:4].tolist() == [9, 4, 4, 30] and batch.batch_size == 4


def test_all_nodes_are_seeds_by_default(homogeneous):
    loader = plain(homogeneous, batch_size=7)
    assert len(loader) == 9
    assert np.concatenate([b.n_id[: b.batch_size] for b in loader]).tolist() == list(range(60))


def test_isolated_seeds(typed):
    (batch,) = fixed(typed, input_nodes="studio")
    assert batch["studio"].n_id[:3].tolist() == [0, 1, 2] and batch["studio"].batch_size == 3
    assert batch.counts[0].nodes == {"movie": 0, "director": 0, "studio": 3}


def test_an_unknown_mask_at_the_server_is_named(typed):
    loader = plain(typed, input_nodes=("movie", "train_mask"))
    loader._source.seeds = loader._source.seeds._replace(mask="nope")
    with pytest.raises(gf.InvalidArgument, match="nope"):
        list(loader)


def test_shuffled_epochs_cover_every_seed_once(graph):
    dataset, _, seeds, store = graph
    loader = fixed(dataset, shuffle=True, **seeds)
    epochs = [
        np.concatenate([store(b).input_id[: store(b).batch_size] for b in loader]).tolist()
        for _ in range(3)
    ]
    assert all(sorted(epoch) == list(range(17)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_unshuffled_epochs_draw_anew(homogeneous):
    loader = plain(homogeneous)
    first, second = list(loader), list(loader)
    assert any(a.digest != b.digest for a, b in zip(first, second))
    loader.set_epoch(0)
    assert [b.digest for b in loader] == [b.digest for b in first]


def test_one_batch_alone_is_the_same(graph):
    dataset, _, seeds, _ = graph
    for make in (plain, fixed):
        loader = make(dataset, shuffle=True, **seeds)
        for batch in loader:
            assert loader.batch(batch.position.ordinal, epoch=0).digest == batch.digest


@pytest.mark.parametrize("num_shards", [2, 3])
def test_shards_cover_every_seed_once(num_shards, graph):
    dataset, _, seeds, store = graph
    for make in (plain, fixed):
        found, lengths, digests = [], [], {}
        for index in range(num_shards):
            loader = make(
                dataset, shuffle=True, num_shards=num_shards, shard_index=index, **seeds
            )
            batches = quietly(loader)
            lengths.append((len(loader), len(batches)))
            for batch in batches:
                found += store(batch).input_id[: store(batch).batch_size].tolist()
                digests[batch.position.ordinal] = batch.digest
                assert batch.is_null == (store(batch).batch_size == 0)
        assert sorted(found) == list(range(17))
        assert len(set(lengths)) == 1
        for batch in make(dataset, shuffle=True, **seeds):
            assert digests[batch.position.ordinal] == batch.digest


def test_micro_batches_follow_each_other(graph):
    dataset, _, seeds, store = graph
    single = list(fixed(dataset, **seeds))
    with pytest.warns(UserWarning, match="null batches"):
        steps = list(fixed(dataset, micro_batches=3, **seeds))
    assert len(steps) == 2
    assert [store(step).batch_size for step in steps] == [[5, 5, 5], [2, 0, 0]]
    assert store(steps[1]).input_id.tolist() == [15, 16] + [-1] * 13
    assert [[c.graphs for c in step.counts] for step in steps] == [[1, 1, 1], [1, 0, 0]]
    for key, value in steps[0].to_dict().items():
        for name in value if isinstance(value, dict) else [None]:
            pick = (lambda b: b[key]) if name is None else (lambda b: b[key][name])
            parts = [pick(batch) for batch in single[:3]]
            np.testing.assert_array_equal(pick(steps[0]), np.concatenate(parts), f"{key} {name}")
    dropped = list(fixed(dataset, micro_batches=3, incomplete_step="drop", **seeds))
    assert [b.digest for b in dropped] == [steps[0].digest]


def test_null_batches_are_all_padding(typed):
    with pytest.warns(UserWarning, match="null batches"):
        step = list(fixed(typed, input_nodes="director", micro_batches=4))[0]
    assert [c.seeds for c in step.counts] == [5, 5, 2, 0]
    assert [c.graphs for c in step.counts] == [1, 1, 1, 0]
    for node_type in step.node_types:
        assert not step[node_type].nodes_mask[3 * 150 :].any()
        assert step[node_type].ptr[9:].tolist() == [0, 75, 150]
    for edge_type in step.edge_types:
        store = step[edge_type]
        assert not store.edges_mask[3 * 300 :].any()
        # Loops on the first node of each of the two padding graphs.
        assert store.edge_index[6:].tolist() == [[0] * 150 + [75] * 150] * 2


@pytest.mark.parametrize("make", [plain, fixed])
def test_an_epoch_goes_on_at_another_replica(make, start_server):
    """With the same bytes: what was sampled does not depend on who samples."""
    servers = [start_server(), start_server()]
    for server in servers:
        gf.connect(server.address).ingest("replicated", HOMOGENEOUS, kinds={"weight": "edge"})
    nodes = np.tile(np.arange(60), 20)

    def loader(addresses):
        dataset = gf.connect(addresses).dataset("replicated")
        return make(dataset, input_nodes=nodes, batch_size=2, shuffle=True, prefetch=2)

    wanted = [batch.digest for batch in loader(servers[1].address)]
    found = []
    for batch in loader([servers[0].address, servers[1].address]):
        found.append(batch.digest)
        if len(found) == 20:
            servers[0].kill()
    assert found == wanted


def test_the_efficiency_of_a_plan_is_not_known(homogeneous):
    for loader in (plain(homogeneous), fixed(homogeneous)):
        plan = loader.plan()
        assert plan.node_efficiency is None and plan.edge_efficiency is None
