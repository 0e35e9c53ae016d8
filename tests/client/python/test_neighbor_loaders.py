"""Neighbour loaders on generated graphs, from a real server."""

import pickle
import warnings

import numpy as np
import pytest
import sampled_graphs
from sampled_graphs import FROM_DIRECTOR, SEQUEL, TO_DIRECTOR, assert_from_graph

import graphfeed as gf

HOMOGENEOUS = sampled_graphs.homogeneous()
TYPED = sampled_graphs.heterogeneous()


@pytest.fixture(scope="module")
def homogeneous(client):
    client.ingest("neighbor-homogeneous", HOMOGENEOUS, kinds={"weight": "edge"})
    return client.dataset("neighbor-homogeneous")


@pytest.fixture(scope="module")
def typed(client):
    client.ingest("neighbor-typed", TYPED)
    return client.dataset("neighbor-typed")


@pytest.fixture(params=["homogeneous", "typed"])
def graph(request, homogeneous, typed):
    """(dataset, its graph, arguments that name 17 seeds, the seeds' store of a batch)."""
    if request.param == "homogeneous":
        return homogeneous, HOMOGENEOUS, {"input_nodes": np.arange(3, 20)}, lambda batch: batch
    seeds = ("movie", np.arange(3, 20))
    return typed, TYPED, {"input_nodes": seeds}, lambda batch: batch["movie"]


OPTIONS = gf.FixedSizeOptions(150, 300)


def fixed(dataset, **arguments):
    defaults = {"num_neighbors": [3, 2], "batch_size": 5, "fixed_size_options": OPTIONS, "seed": 0}
    return gf.FixedSizeNeighborLoader(dataset, **(defaults | arguments))


def plain(dataset, **arguments):
    return gf.NeighborLoader(
        dataset, **({"num_neighbors": [3, 2], "batch_size": 5, "seed": 0} | arguments)
    )


def quietly(loader):
    """The batches of an epoch, without the hint that some are null."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(loader)


# --- seeds ---------------------------------------------------------------------------------------


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
    for dataset, mask in ((homogeneous, HOMOGENEOUS["train_mask"]), (typed, TYPED["movie"]["train_mask"])):
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
    loader._seeds = loader._seeds._replace(mask="nope")
    with pytest.raises(gf.InvalidArgument, match="nope"):
        list(loader)


# --- epochs and shards ---------------------------------------------------------------------------


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


# --- how it is sampled ---------------------------------------------------------------------------


def test_hop_rules(graph):
    dataset, whole, seeds, _ = graph
    seed_type = "" if dataset.info.collection or not dataset.info.heterogeneous else "movie"
    for batch in plain(dataset, num_neighbors=[3, 2], **seeds):
        hops = sampled_graphs.hops_of(whole, batch, seed_type)
        _, edges = sampled_graphs.stores(whole, batch)
        nodes, _ = sampled_graphs.stores(whole, batch)
        for edge_type, (stored, part) in edges.items():
            target = edge_type[2]
            n_id = nodes[target][1].n_id
            taken = np.bincount(part.edge_index[1], minlength=len(n_id))
            degree = np.bincount(stored["edge_index"][1], minlength=n_id.max(initial=0) + 1)
            for node, hop in enumerate(hops[target]):
                fanout = [3, 2][hop] if hop < 2 else 0
                assert taken[node] == min(fanout, degree[n_id[node]])
            assert len(set(part.e_id.tolist())) == len(part.e_id)


def test_fanouts_by_edge_type(typed):
    fanouts = {TO_DIRECTOR: [0, 0], FROM_DIRECTOR: [1, 1], SEQUEL: [0, 2]}
    for batch in plain(typed, num_neighbors=fanouts, input_nodes="movie"):
        assert batch[TO_DIRECTOR].num_edges == batch[SEQUEL].num_edges == 0
        assert batch[FROM_DIRECTOR].num_edges == batch["movie"].batch_size
        assert_from_graph(TYPED, batch)


def test_replacement_takes_as_many_as_asked(homogeneous):
    for batch in plain(homogeneous, num_neighbors=[20], replace=True):
        degree = np.bincount(HOMOGENEOUS["edge_index"][1], minlength=60)[batch.n_id]
        taken = np.bincount(batch.edge_index[1], minlength=batch.num_nodes)
        wanted = np.where(degree[: batch.batch_size] > 0, 20, 0)
        np.testing.assert_array_equal(taken[: batch.batch_size], wanted)
        assert_from_graph(HOMOGENEOUS, batch)


def test_induced_subgraphs_hold_all_edges_between_their_nodes(graph):
    dataset, whole, seeds, _ = graph
    for batch in plain(dataset, subgraph_type="induced", **seeds):
        assert_from_graph(whole, batch)
        nodes, edges = sampled_graphs.stores(whole, batch)
        for edge_type, (stored, part) in edges.items():
            inside = np.isin(stored["edge_index"][0], nodes[edge_type[0]][1].n_id)
            inside &= np.isin(stored["edge_index"][1], nodes[edge_type[2]][1].n_id)
            assert sorted(part.e_id.tolist()) == np.flatnonzero(inside).tolist()


def test_bidirectional_subgraphs_hold_the_reverses(homogeneous):
    for batch in plain(homogeneous, subgraph_type="bidirectional"):
        pairs = set(map(tuple, batch.edge_index.T.tolist()))
        assert len(pairs) == batch.num_edges
        assert {(b, a) for a, b in pairs} == pairs


def test_disjoint_trees_share_no_node(graph):
    dataset, whole, seeds, store = graph
    for batch in plain(dataset, disjoint=True, **seeds):
        assert_from_graph(whole, batch)
        nodes, edges = sampled_graphs.stores(whole, batch)
        for edge_type, (_, part) in edges.items():
            source = nodes[edge_type[0]][1].batch[part.edge_index[0]]
            target = nodes[edge_type[2]][1].batch[part.edge_index[1]]
            np.testing.assert_array_equal(source, target)
        size = store(batch).batch_size
        assert store(batch).batch[:size].tolist() == list(range(size))
        for _, part in nodes.values():
            named = list(zip(part.batch.tolist(), part.n_id.tolist()))
            assert len(set(named)) == len(named)


def test_padded_disjoint_trees(homogeneous):
    for batch, unpadded in zip(
        fixed(homogeneous, disjoint=True), plain(homogeneous, disjoint=True), strict=True
    ):
        real = batch.counts[0].nodes
        np.testing.assert_array_equal(batch.tree[:real], unpadded.batch)
        assert batch.ptr.tolist() == [0, real, 150]


@pytest.mark.parametrize("strategy", ["uniform", "last"])
def test_temporal_batches_never_look_ahead(strategy, homogeneous, typed):
    for dataset, whole, seeds in (
        (homogeneous, HOMOGENEOUS, {}), (typed, TYPED, {"input_nodes": "movie"})
    ):  # fmt: skip
        loader = plain(
            dataset, time_attr="time", temporal_strategy=strategy, num_neighbors=[4, 4], **seeds
        )
        for batch in loader:
            store = batch["movie"] if dataset is typed else batch
            seed_time = store.time[: store.batch_size]
            assert (store.time <= seed_time[store.batch]).all()
            assert_from_graph(whole, batch)


def test_seeds_may_have_other_times(homogeneous):
    times = np.zeros(60, int)
    for batch in plain(homogeneous, time_attr="time", input_time=times, num_neighbors=[-1]):
        neighbours = batch.n_id[batch.batch_size :]
        assert (HOMOGENEOUS["time"][neighbours] == 0).all()
    # All edges of the earliest sources are there.
    (batch,) = plain(
        homogeneous, time_attr="time", input_time=[0], num_neighbors=[-1], input_nodes=[13]
    )
    source, target = HOMOGENEOUS["edge_index"]
    early = (target == 13) & (HOMOGENEOUS["time"][source] == 0)
    assert sorted(batch.e_id.tolist()) == np.flatnonzero(early).tolist()


def test_edges_of_weight_zero_are_never_drawn(homogeneous):
    for batch in plain(homogeneous, weight_attr="weight", num_neighbors=[3, 3]):
        assert (batch.weight > 0).all()
        assert_from_graph(HOMOGENEOUS, batch)


@pytest.mark.parametrize("arguments, message", [
    ({"time_attr": "nope"}, "nope"),
    ({"time_attr": "x"}, "x"),
    ({"weight_attr": "nope"}, "nope"),
    ({"weight_attr": "edge_attr"}, "edge_attr"),
])
def test_the_server_checks_columns(arguments, message, homogeneous):
    with pytest.raises(gf.Error, match=message):
        list(plain(homogeneous, **arguments))


def test_no_hops_are_the_seeds_alone(graph):
    dataset, _, seeds, store = graph
    for batch in plain(dataset, num_neighbors=[], **seeds):
        assert batch.num_nodes == store(batch).batch_size and batch.num_edges == 0


def test_a_subgraph_of_given_nodes(homogeneous, typed):
    nodes = [40, 2, 17, 33, 5]
    part = homogeneous.subgraph(nodes)
    assert part.n_id.tolist() == nodes and part.y.tolist() == nodes
    assert "train_mask" not in homogeneous.subgraph(nodes, exclude_keys=["train_mask"])
    inside = np.isin(HOMOGENEOUS["edge_index"], nodes).all(axis=0)
    assert sorted(part.e_id.tolist()) == np.flatnonzero(inside).tolist()
    assert_from_graph(HOMOGENEOUS, part)
    assert homogeneous.subgraph("train_mask").num_nodes == 20
    movies = typed.subgraph(("movie", "train_mask"))
    assert movies["movie"].num_nodes == TYPED["movie"]["train_mask"].sum()
    assert movies["director"].num_nodes == movies[TO_DIRECTOR].num_edges == 0
    assert movies[SEQUEL].num_edges > 0


# --- sizes ---------------------------------------------------------------------------------------


def largest(batches, options):
    """Whether options are one more than the largest batch, by type."""
    for kind in ("nodes", "edges"):
        sizes = [getattr(b.counts[0], kind) for b in batches]
        given = getattr(options, f"num_{kind}")
        if isinstance(given, dict):
            for key, size in given.items():
                assert size == max(s[key] for s in sizes) + 1, key
        else:
            assert given == max(sizes) + 1


def test_from_loader_is_the_maximum_and_one(graph):
    dataset, _, seeds, _ = graph
    loader = plain(dataset, shuffle=True, **seeds)
    options = gf.FixedSizeOptions.from_loader(loader, sample_limit=6)  # in two epochs
    assert options.num_graphs == 2 and options.report.num_samples == 6
    assert options.report.trimmed_batches == 0
    assert loader.epoch == 0, "no epoch is consumed"
    batches = [*loader, *loader][:6]
    largest(batches, options)
    assert gf.FixedSizeOptions.from_loader(fixed(dataset, shuffle=True, **seeds), 6) == options


def test_from_loader_stops_where_nothing_new_comes(homogeneous):
    loader = plain(homogeneous, num_neighbors=[-1])
    options = gf.FixedSizeOptions.from_loader(loader)
    assert options.report.num_samples == len(loader) == 12
    largest(list(loader), options)


def test_sizes_are_sampled_when_not_given(homogeneous):
    loader = fixed(homogeneous, fixed_size_options=None)
    assert loader.fixed_size_options == gf.FixedSizeOptions.from_loader(plain(homogeneous))
    batches = list(loader)
    assert len(batches) == 12
    assert all(b.trimmed == gf.Counts(0, 0, 0) for b in batches)
    assert {b.num_nodes for b in batches} == {loader.fixed_size_options.num_nodes}
    # Runs with other seeds have the same shapes.
    other = fixed(homogeneous, fixed_size_options=None, seed=5)
    assert other.fixed_size_options == loader.fixed_size_options


def by_type(counts):
    """Sums of numbers, or of dicts by type."""
    result = {}
    for entry in counts:
        for key, count in (entry if isinstance(entry, dict) else {"": entry}).items():
            result[key] = result.get(key, 0) + count
    return result


def test_quantiles_say_what_they_cost(graph):
    dataset, _, seeds, store = graph
    loader = plain(dataset, shuffle=True, batch_size=2, **seeds)
    options = gf.FixedSizeOptions.estimate(loader, quantile=0.5)
    maximum = gf.FixedSizeOptions.estimate(loader, quantile=1.0)
    report = options.report
    batches = list(loader)
    assert report.num_samples == len(batches) and 0 < report.trimmed_batches <= 1
    largest(batches, maximum)
    assert maximum.report.trimmed_batches == 0
    if not dataset.info.heterogeneous:
        nodes = np.array([b.num_nodes for b in batches])
        assert np.mean(nodes <= options.num_nodes - 1) >= 0.5
    trimmed = list(
        fixed(dataset, shuffle=True, batch_size=2, fixed_size_options=options, **seeds)
    )
    for kind in ("nodes", "edges"):
        lost = by_type(getattr(b.trimmed, kind) for b in trimmed)
        before = by_type(getattr(b.counts[0], kind) for b in batches)
        reported = by_type([getattr(report, f"trimmed_{kind}")])
        for key, count in before.items():
            assert reported[key] == pytest.approx(lost[key] / max(count, 1)), key
    hit = [b.trimmed.total_nodes + b.trimmed.total_edges > 0 for b in trimmed]
    assert report.trimmed_batches == pytest.approx(np.mean(hit))
    for batch in trimmed:
        leading = store(batch).n_id[: store(batch).batch_size]
        assert leading.tolist() == (store(batch).input_id[: len(leading)] + 3).tolist()


def test_trimmed_batches_count_what_is_gone(graph):
    dataset, whole, seeds, store = graph
    options = gf.FixedSizeOptions(9, 8)
    lost = 0
    for batch, full in zip(
        fixed(dataset, fixed_size_options=options, **seeds), plain(dataset, **seeds), strict=True
    ):
        assert_from_graph(whole, batch)
        kept, before = batch.counts[0], full.counts[0]
        assert batch.trimmed.total_nodes == before.total_nodes - kept.total_nodes
        assert batch.trimmed.total_edges == before.total_edges - kept.total_edges
        size = store(batch).batch_size
        np.testing.assert_array_equal(store(batch).n_id[:size], store(full).n_id[:size])
        lost += batch.trimmed.total_edges
    assert lost > 0


def test_what_does_not_fit_is_an_error_where_asked_for(homogeneous):
    loader = fixed(
        homogeneous,
        fixed_size_options=gf.FixedSizeOptions(9, 8),
        over_size_strategy=gf.OverSizeStrategy.Error,
    )
    with pytest.raises(gf.FailedPrecondition, match="nodes"):
        list(loader)


def test_seeds_need_room(homogeneous):
    with pytest.raises(gf.Error, match="seeds"):
        list(fixed(homogeneous, fixed_size_options=gf.FixedSizeOptions(4, 8)))


# --- batches -------------------------------------------------------------------------------------


def test_repr_is_that_of_pyg(typed):
    loader = gf.NeighborLoader(typed, [-1], "director", batch_size=3)
    batch = loader.batch(0)
    shapes = {t: batch[t].num_nodes for t in batch.node_types}
    edges = batch[TO_DIRECTOR].num_edges
    text = repr(batch)
    assert text.startswith("HeteroData(\n  movie={\n")
    assert f"  director={{\n    x=[{shapes['director']}, 1],\n    n_id=[3],\n" in text
    assert "    input_id=[3],\n    batch_size=3,\n" in text or (
        "    batch_size=3,\n    input_id=[3],\n" in text
    )
    assert f"(movie, to, director)={{\n    edge_index=[2, {edges}],\n    e_id=[{edges}],\n" in text


def test_repr_of_homogeneous_batches(homogeneous):
    batch = plain(homogeneous, exclude_keys=["time", "train_mask", "weight"]).peek()
    n, e = batch.num_nodes, batch.num_edges
    text = repr(batch)
    assert text.startswith(f"Data(x=[{n}, 1], ") and text.endswith(", batch_size=5)")
    for part in (f"edge_index=[2, {e}]", f"n_id=[{n}]", f"e_id=[{e}]", "input_id=[5]"):
        assert part in text
    padded = repr(fixed(homogeneous).peek())
    assert padded.startswith("DataBatch(x=[150, 1], ")
    assert padded.endswith(", batch_size=5, input_id=[5], num_nodes=150, num_edges=300)")


def test_batch_size_is_where_the_seeds_are(typed, homogeneous):
    batch = fixed(typed, input_nodes="movie").peek()
    assert batch["movie"].batch_size == 5
    for wrong in (lambda: batch.batch_size, lambda: batch["director"].batch_size):
        with pytest.raises(AttributeError, match="batch_size"):
            wrong()
    assert not hasattr(batch, "batch_size")
    assert not hasattr(gf.DataLoader(homogeneous).peek(), "batch_size")


def test_copies_keep_the_number_of_seeds(homogeneous):
    torch = pytest.importorskip("torch")
    batch = plain(homogeneous).peek()
    tensors = batch.torch()
    assert isinstance(tensors.n_id, torch.Tensor) and tensors.batch_size == 5
    assert tensors.n_id.data_ptr() == batch.n_id.ctypes.data
    assert tensors.to(torch.float64).x.dtype == torch.float64
    copied = pickle.loads(pickle.dumps(batch))
    assert copied.batch_size == 5 and copied.position == batch.position
    np.testing.assert_array_equal(copied.edge_index, batch.edge_index)


def test_int32_indices(graph):
    dataset, whole, seeds, store = graph
    loader = fixed(dataset, index_dtype="int32", **seeds)
    wide = fixed(dataset, **seeds)
    for batch, other in zip(loader, wide, strict=True):
        nodes, edges = sampled_graphs.stores(whole, batch)
        for _, part in nodes.values():
            assert {part[n].dtype.name for n in ("n_id", "batch", "ptr")} == {"int32"}
        for _, part in edges.values():
            assert {part[n].dtype.name for n in ("e_id", "edge_index")} == {"int32"}
        assert store(batch).input_id.dtype == np.int32
        np.testing.assert_array_equal(store(batch).n_id, store(other).n_id)


def test_excluded_columns_stay_behind(homogeneous):
    batch = fixed(homogeneous, exclude_keys=["x", "edge_attr"]).peek()
    assert "x" not in batch and "edge_attr" not in batch and "y" in batch


def test_loaders_pickle(graph):
    dataset, _, seeds, _ = graph
    loader = fixed(dataset, shuffle=True, **seeds)
    copied = pickle.loads(pickle.dumps(loader))
    assert [b.digest for b in copied] == [b.digest for b in loader]


def test_length_and_plan_are_known_before(graph):
    dataset, _, seeds, _ = graph
    loader = fixed(dataset, batch_size=4, **seeds)
    assert len(loader) == 5 == loader.plan().num_batches
    assert len(fixed(dataset, batch_size=4, drop_last=True, **seeds)) == 4


def test_a_whole_typed_graph_is_one_batch(typed):
    loader = gf.DataLoader(typed)
    (batch,) = loader
    assert len(loader) == 1 and batch.num_graphs == 1
    for node_type in ("movie", "director"):
        np.testing.assert_array_equal(batch[node_type].x, TYPED[node_type]["x"])
    for edge_type in sampled_graphs.EDGE_TYPES:
        np.testing.assert_array_equal(batch[edge_type].edge_index, TYPED[edge_type]["edge_index"])
    assert batch["studio"].num_nodes == 3


def test_batches_of_other_loaders_know_no_seeds(homogeneous, ingest):
    """One server makes both, with the same working memory."""
    graph = {"x": np.ones((3, 1), np.float32), "edge_index": np.array([[0], [1]])}
    molecules = ingest([graph] * 40)
    for _ in range(20):
        assert [b.counts[0].seeds for b in plain(homogeneous)] == [5] * 12
        padded = gf.FixedSizeDataLoader(molecules, batch_size=9)
        assert {b.counts[0] for b in padded} == {gf.Counts(8, 24, 8)}
