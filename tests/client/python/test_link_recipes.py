"""Link prediction as PyTorch Geometric's users write it: what RandomLinkSplit leaves in a graph, real
labels, times."""

import numpy as np
import pytest

import graphfeed as gf

RATES, WATCHED = ("user", "rates", "item"), ("user", "watched", "item")
RATED_BY = ("item", "rev_rates", "user")


def random_graph(seed=0, num_nodes=40, num_edges=150):
    rng = np.random.default_rng(seed)
    return {
        "x": np.arange(num_nodes, dtype=np.float32)[:, None],
        "edge_index": rng.integers(0, num_nodes, (2, num_edges)),
        "edge_time": rng.integers(0, 10, num_edges),
    }


def random_typed_graph(seed=0):
    rng = np.random.default_rng(seed)
    edges = np.stack([rng.integers(0, 30, 100), rng.integers(0, 20, 100)])
    return {
        "user": {"x": np.arange(30, dtype=np.float32)[:, None]},
        "item": {"x": np.arange(20, dtype=np.float32)[:, None]},
        RATES: {"edge_index": edges},
        RATED_BY: {"edge_index": edges[::-1].copy()},
    }


def split(edges, num_nodes, seed=0):
    """As RandomLinkSplit: half of the edges are to be predicted, and as many negatives."""
    rng = np.random.default_rng(seed)
    positive = edges[:, ::2]
    negative = np.stack([rng.integers(0, n, positive.shape[1]) for n in num_nodes])
    labels = np.repeat([1.0, 0.0], positive.shape[1]).astype(np.float32)
    return {
        "edge_label": labels,
        "edge_label_index": np.concatenate([positive, negative], axis=1),
    }


def pairs_of(batch, store, source, target):
    index = store.edge_label_index
    return np.stack([source.n_id[index[0]], target.n_id[index[1]]])


@pytest.mark.parametrize("fixed", [False, True])
def test_a_split_graph(ingest, fixed):
    graph = random_graph()
    graph |= split(graph["edge_index"], (40, 40))
    dataset = ingest(graph)
    arguments = {
        "num_neighbors": [3, 2],
        "edge_label_index": graph["edge_label_index"],
        "edge_label": graph["edge_label"],
        "batch_size": 32,
        "shuffle": True,
    }
    if fixed:
        options = gf.FixedSizeOptions(100, 300)
        loader = gf.FixedSizeLinkNeighborLoader(dataset, fixed_size_options=options, **arguments)
    else:
        loader = gf.LinkNeighborLoader(dataset, **arguments)
    seen = []
    for batch in loader:
        size = batch.batch_size
        assert batch.edge_label.dtype == np.float32
        ids = batch.input_id[:size]
        np.testing.assert_array_equal(batch.edge_label[:size], graph["edge_label"][ids])
        assert not batch.edge_label[size:].any()
        pairs = pairs_of(batch, batch, batch, batch)[:, :size]
        np.testing.assert_array_equal(pairs, graph["edge_label_index"][:, ids])
        seen += ids.tolist()
    assert sorted(seen) == list(range(150))


def test_a_split_heterogeneous_graph(ingest):
    graph = random_typed_graph()
    labels = split(graph[RATES]["edge_index"], (30, 20))
    graph[RATES] |= {name: value[..., :70] for name, value in labels.items()}
    with pytest.warns(UserWarning, match="edge_label_index and edge_label are not stored.*100 edges"):
        dataset = ingest(graph)
    pairs, labels = (graph[RATES][name] for name in ("edge_label_index", "edge_label"))
    assert "edge_label" not in dataset[0][RATES] and dataset[0][RATES].edge_index.shape[1] == 100
    loader = gf.LinkNeighborLoader(
        dataset, [4], edge_label_index=(RATES, pairs), edge_label=labels, batch_size=16
    )
    for batch in loader:
        store = batch[RATES]
        got = pairs_of(batch, store, batch["user"], batch["item"])
        np.testing.assert_array_equal(got, pairs[:, store.input_id])
        np.testing.assert_array_equal(store.edge_label, labels[store.input_id])


def test_labels_of_all_edges_are_stored(ingest, recwarn):
    graph = random_typed_graph()
    graph[RATES]["edge_label"] = np.arange(100) % 5
    dataset = ingest(graph)
    assert not recwarn.list
    np.testing.assert_array_equal(dataset[0][RATES].edge_label, np.arange(100) % 5)
    (batch,) = gf.NeighborLoader(dataset, [-1], input_nodes="item", batch_size=20)
    np.testing.assert_array_equal(batch[RATES].edge_label, batch[RATES].e_id % 5)
    (batch,) = gf.LinkNeighborLoader(dataset, [-1], edge_label_index=RATES, batch_size=100)
    assert "edge_label" not in batch[RATES]


@pytest.mark.parametrize("least, raised", [(0.0, 1), (0.5, 0), (-2.5, 0)])
def test_ratings_beside_negatives(ingest, least, raised):
    dataset = ingest(random_graph())
    ratings = least + np.arange(150) % 8 / 2
    for dtype in (np.float32, np.float64):
        loader = gf.LinkNeighborLoader(
            dataset, [2], edge_label=ratings.astype(dtype), neg_sampling="binary", batch_size=40
        )
        for batch in loader:
            size = batch.batch_size
            assert batch.edge_label.dtype == np.float32
            np.testing.assert_array_equal(batch.edge_label[:size], ratings[batch.input_id] + raised)
            assert len(batch.edge_label) == 2 * size and not batch.edge_label[size:].any()


def test_labels_that_cannot_be_are_named(ingest):
    dataset = ingest(random_graph())
    labels = np.ones(150)
    labels[7] = np.nan
    with pytest.raises(gf.InvalidArgument, match=r"float_labels\[7\] is not a number"):
        next(iter(gf.LinkNeighborLoader(dataset, [2], edge_label=labels)))
    with pytest.raises(ValueError, match="150, 2.*integers or floats of 1 dimension"):
        gf.LinkNeighborLoader(dataset, [2], edge_label=np.ones((150, 2)))


@pytest.mark.parametrize("store", [{}, {"edge_label_index": np.array([[1, 2], [3, 4]])}])
def test_seed_edges_of_a_type_without_edges(ingest, store):
    graph = random_typed_graph()
    pairs = np.array([[5, 9, 1, 0], [7, 3, 3, 19]])
    with pytest.raises(gf.InvalidArgument, match="must be in the graph that is ingested"):
        gf.LinkNeighborLoader(ingest(graph), [2], edge_label_index=(WATCHED, pairs))
    graph[WATCHED] = store
    if store:
        with pytest.warns(UserWarning, match="edge_label_index are not stored"):
            dataset = ingest(graph)
    else:
        dataset = ingest(graph)
    options = gf.FixedSizeOptions(100, 400)
    arguments = {"edge_label_index": (WATCHED, pairs), "neg_sampling": "binary", "batch_size": 4}
    for loader in (
        gf.LinkNeighborLoader(dataset, [-1], **arguments),
        gf.FixedSizeLinkNeighborLoader(dataset, [-1], fixed_size_options=options, **arguments),
    ):
        (batch,) = loader
        got = pairs_of(batch, batch[WATCHED], batch["user"], batch["item"])
        np.testing.assert_array_equal(got[:, :4], pairs)
        assert batch[WATCHED].edge_label.tolist() == [1] * 4 + [0] * 4
        assert batch.counts[0].edges[RATED_BY] > 0


@pytest.mark.parametrize("fixed", [False, True])
def test_times_come_with_the_batch(ingest, fixed):
    graph = random_graph() | {"time": np.arange(40) % 7}
    dataset = ingest(graph)

    def load(loader, **arguments):
        arguments |= {"num_neighbors": [2], "time_attr": "time", "batch_size": 8}
        if fixed:
            loader = getattr(gf, "FixedSize" + loader.__name__)
            arguments["fixed_size_options"] = gf.FixedSizeOptions(200, 400)
        return loader(dataset, **arguments)

    times = 3 + np.arange(10)
    for batch in load(gf.NeighborLoader, input_nodes=np.arange(10), input_time=times):
        size = batch.batch_size
        assert batch.seed_time.tolist() == times[batch.input_id[:size]].tolist() + [0] * (
            len(batch.seed_time) - size
        )
    assert "seed_time" not in next(iter(load(gf.NeighborLoader)))
    times = np.arange(150) % 9
    for batch in load(gf.LinkNeighborLoader, edge_label_time=times):
        size = batch.batch_size
        np.testing.assert_array_equal(batch.edge_label_time[:size], times[batch.input_id[:size]])
    for batch in load(gf.LinkNeighborLoader, edge_label_time=times,
                      neg_sampling=gf.NegativeSampling("binary", 1.5)):  # fmt: skip
        size = batch.batch_size
        of_seeds = times[batch.input_id[:size]]
        labels = batch.counts[0].labels
        assert labels == size + -(-size * 3 // 2)
        expected = np.resize(of_seeds, labels)
        np.testing.assert_array_equal(batch.edge_label_time[:labels], expected)
        assert not batch.edge_label_time[labels:].any()
    for batch in load(gf.LinkNeighborLoader, edge_label_time=times, neg_sampling="triplet"):
        size = batch.batch_size
        np.testing.assert_array_equal(batch.seed_time[:size], times[batch.input_id[:size]])
        assert "edge_label_time" not in batch


def test_edges_have_times_too(ingest):
    graph = random_graph()
    dataset = ingest(graph)
    times = np.arange(40) % 10
    arguments = {"num_neighbors": [-1, -1], "time_attr": "edge_time", "batch_size": 5}
    for batch in gf.NeighborLoader(dataset, input_time=times, **arguments):
        # The tree of each edge is that of its ends.
        limit = batch.seed_time[batch.batch[batch.edge_index[1]]]
        assert (batch.edge_time <= limit).all()
        first = batch.edge_index[1] < batch.batch_size
        for place in range(batch.batch_size):
            early = graph["edge_time"] <= batch.seed_time[place]
            wanted = np.flatnonzero((graph["edge_index"][1] == batch.n_id[place]) & early)
            got = batch.e_id[first & (batch.edge_index[1] == place)]
            assert sorted(got.tolist()) == wanted.tolist()
    latest = gf.NeighborLoader(
        dataset, input_time=times, temporal_strategy="last", **(arguments | {"num_neighbors": [1]})
    )
    for batch in latest:
        for edge, place in zip(batch.e_id, batch.edge_index[1]):
            early = graph["edge_time"] <= batch.seed_time[place]
            into = (graph["edge_index"][1] == batch.n_id[place]) & early
            assert graph["edge_time"][edge] == graph["edge_time"][into].max()
    with pytest.raises(gf.InvalidArgument, match='edge column "edge_time".*input_time is not set'):
        next(iter(gf.NeighborLoader(dataset, **arguments)))
    seeds = gf.LinkNeighborLoader(
        dataset, edge_label_time=graph["edge_time"], neg_sampling="binary", **arguments
    )
    for batch in seeds:
        limit = batch.edge_label_time[batch.batch[batch.edge_index[1]]]
        assert (batch.edge_time <= limit).all()
