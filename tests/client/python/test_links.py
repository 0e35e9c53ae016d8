"""Link loaders on generated graphs, from a real server."""

import warnings

import numpy as np
import pytest
import sampled_graphs
from sampled_graphs import FROM_DIRECTOR, SEQUEL, TO_DIRECTOR, assert_from_graph

import graphfeed as gf

HOMOGENEOUS = sampled_graphs.homogeneous(num_nodes=40, num_edges=150)
TYPED = sampled_graphs.heterogeneous()
EDGES = set(map(tuple, HOMOGENEOUS["edge_index"].T.tolist()))


@pytest.fixture(scope="module")
def homogeneous(client):
    client.ingest("links-homogeneous", HOMOGENEOUS, kinds={"weight": "edge"})
    return client.dataset("links-homogeneous")


@pytest.fixture(scope="module")
def typed(client):
    client.ingest("links-typed", TYPED)
    return client.dataset("links-typed")


def plain(dataset, edge_label_index=None, **arguments):
    return gf.LinkNeighborLoader(
        dataset, **({"num_neighbors": [3], "batch_size": 8, "seed": 0,
                     "edge_label_index": edge_label_index} | arguments)
    )  # fmt: skip


def fixed(dataset, edge_label_index=None, **arguments):
    return gf.FixedSizeLinkNeighborLoader(
        dataset, **({"num_neighbors": [3], "batch_size": 8, "seed": 0,
                     "fixed_size_options": gf.FixedSizeOptions(150, 300),
                     "edge_label_index": edge_label_index} | arguments)
    )  # fmt: skip


def pairs_of(batch):
    """[2, L]: the labelled pairs by original ids."""
    index = batch.edge_label_index
    return np.stack([batch.n_id[index[0]], batch.n_id[index[1]]])


def test_seed_edges_in_order(homogeneous):
    loader = plain(homogeneous)
    batches = list(loader)
    assert len(loader) == len(batches) == 19
    found = np.concatenate([pairs_of(batch) for batch in batches], axis=1)
    np.testing.assert_array_equal(found, HOMOGENEOUS["edge_index"])
    assert np.concatenate([b.input_id for b in batches]).tolist() == list(range(150))
    assert [b.batch_size for b in batches] == [8] * 18 + [6]
    assert "edge_label" not in batches[0]
    for batch in batches:
        assert_from_graph(HOMOGENEOUS, batch)


@pytest.mark.parametrize("make", [plain, fixed])
def test_shuffled_epochs_and_shards_cover_every_edge_once(make, homogeneous):
    found = []
    for index in range(2):
        loader = make(homogeneous, shuffle=True, num_shards=2, shard_index=index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for batch in loader:
                found += batch.input_id[: batch.batch_size].tolist()
    assert sorted(found) == list(range(150)) != found


def test_explicit_pairs_need_not_be_edges(homogeneous):
    pairs = np.array([[0, 39, 5, 5], [7, 0, 5, 6]])
    (batch,) = plain(homogeneous, pairs, edge_label=[3, 0, 2, 1])
    np.testing.assert_array_equal(pairs_of(batch), pairs)
    assert batch.edge_label.tolist() == [3, 0, 2, 1]
    assert batch.input_id.tolist() == [0, 1, 2, 3]


def test_seed_edges_by_id(homogeneous):
    ids = np.array([149, 3, 77])
    (batch,) = plain(homogeneous, ids)
    np.testing.assert_array_equal(pairs_of(batch), HOMOGENEOUS["edge_index"][:, ids])


@pytest.mark.parametrize("amount", [1.0, 2.0, 0.5])
def test_binary_negatives_are_no_edges(amount, homogeneous):
    for make in (plain, fixed):
        loader = make(homogeneous, neg_sampling=gf.NegativeSampling("binary", amount))
        drawn = []
        for batch in loader:
            seeds = batch.batch_size
            count = int(np.ceil(seeds * amount))
            assert batch.counts[0].labels == seeds + count
            pairs = pairs_of(batch)[:, : seeds + count]
            np.testing.assert_array_equal(
                pairs[:, :seeds], HOMOGENEOUS["edge_index"][:, batch.input_id[:seeds]]
            )
            negatives = list(map(tuple, pairs[:, seeds:].T.tolist()))
            assert not EDGES & set(negatives)
            assert batch.edge_label[: seeds + count].tolist() == [1] * seeds + [0] * count
            drawn += negatives
        assert len(set(drawn)) > len(drawn) / 2


def test_epochs_have_their_own_negatives(homogeneous):
    loader = plain(homogeneous, neg_sampling="binary")
    first, second = list(loader), list(loader)
    assert any((pairs_of(a) != pairs_of(b)).any() for a, b in zip(first, second))
    loader.set_epoch(0)
    assert [b.digest for b in loader] == [b.digest for b in first]


@pytest.mark.parametrize("least, raised", [(0, 1), (1, 0), (2, 0)])
def test_labels_beside_negatives_make_room_for_zero(homogeneous, least, raised):
    labels = np.arange(150) % 3 + least
    for batch in plain(homogeneous, edge_label=labels, neg_sampling="binary"):
        seeds = batch.batch_size
        np.testing.assert_array_equal(batch.edge_label[:seeds], labels[batch.input_id] + raised)
        assert not batch.edge_label[seeds:].any()


@pytest.mark.parametrize("amount", [1, 3])
def test_triplets(amount, homogeneous):
    for make in (plain, fixed):
        loader = make(homogeneous, neg_sampling=gf.NegativeSampling("triplet", amount))
        for batch in loader:
            seeds = batch.batch_size
            edges = HOMOGENEOUS["edge_index"][:, batch.input_id[:seeds]]
            source = batch.n_id[batch.src_index[:seeds]]
            np.testing.assert_array_equal(source, edges[0])
            np.testing.assert_array_equal(batch.n_id[batch.dst_pos_index[:seeds]], edges[1])
            negative = batch.n_id[batch.dst_neg_index.reshape(-1, amount)[:seeds]]
            assert negative.shape == (seeds, amount)
            for row, targets in zip(source.tolist(), negative.tolist()):
                assert not EDGES & {(row, target) for target in targets}
            assert "edge_label_index" not in batch and "edge_label" not in batch


@pytest.mark.parametrize("make", [plain, fixed])
@pytest.mark.parametrize("subgraph_type", ["directional", "induced"])
def test_seed_edges_never_leak(make, subgraph_type, homogeneous):
    leaked = 0
    for exclude in (False, True):
        loader = make(
            homogeneous, num_neighbors=[-1, -1], exclude_seed_edges=exclude, shuffle=True,
            subgraph_type=subgraph_type, fixed_size_options=gf.FixedSizeOptions(50, 400),
        ) if make is fixed else make(
            homogeneous, num_neighbors=[-1, -1], exclude_seed_edges=exclude, shuffle=True,
            subgraph_type=subgraph_type,
        )  # fmt: skip
        for batch in loader:
            edges = set(batch.e_id[: batch.counts[0].edges].tolist())
            seeds = set(batch.input_id[: batch.batch_size].tolist())
            if exclude:
                assert not edges & seeds
            leaked += len(edges & seeds)
            assert_from_graph(HOMOGENEOUS, batch)
    assert leaked > 0, "without exclusion they do"


def test_excluded_pairs_are_kept_out_in_every_parallel_edge(homogeneous):
    pairs = HOMOGENEOUS["edge_index"][:, :20]
    loader = plain(homogeneous, pairs, num_neighbors=[-1], exclude_seed_edges=True)
    for batch in loader:
        index = batch.n_id[batch.edge_index]
        here = set(map(tuple, pairs[:, batch.input_id].T.tolist()))
        assert not here & set(map(tuple, index.T.tolist()))


def test_excluded_pairs_are_kept_out_of_the_only_type_that_leads_back(typed):
    back = TYPED[FROM_DIRECTOR]["edge_index"]
    for batch in plain(typed, TO_DIRECTOR, num_neighbors=[-1, -1], exclude_seed_edges=True):
        # Edge i of the type leads back edge i of the other.
        seeds = set(batch[TO_DIRECTOR].input_id.tolist())
        assert not seeds & set(batch[FROM_DIRECTOR].e_id.tolist())
        assert back.shape[1] == 50


def test_typed_seed_edges(typed):
    loader = plain(typed, TO_DIRECTOR, neg_sampling="binary")
    known = set(map(tuple, TYPED[TO_DIRECTOR]["edge_index"].T.tolist()))
    batches = list(loader)
    assert [b[TO_DIRECTOR].batch_size for b in batches] == [8] * 6 + [2]
    for batch in batches:
        store = batch[TO_DIRECTOR]
        pairs = np.stack([
            batch["movie"].n_id[store.edge_label_index[0]],
            batch["director"].n_id[store.edge_label_index[1]],
        ])  # fmt: skip
        seeds = store.batch_size
        np.testing.assert_array_equal(
            pairs[:, :seeds], TYPED[TO_DIRECTOR]["edge_index"][:, store.input_id]
        )
        assert not known & set(map(tuple, pairs[:, seeds:].T.tolist()))
        assert store.edge_label.tolist() == [1] * seeds + [0] * seeds
        assert_from_graph(TYPED, batch)
    assert not hasattr(batches[0], "batch_size") and "input_id" not in batches[0][FROM_DIRECTOR]


def test_seed_edges_within_one_type(typed):
    (batch,) = plain(typed, (SEQUEL, [4, 9, 4]), neg_sampling="triplet")
    n_id, store = batch["movie"].n_id, batch[SEQUEL]
    edges = TYPED[SEQUEL]["edge_index"][:, [4, 9, 4]]
    np.testing.assert_array_equal(n_id[store.src_index], edges[0])
    np.testing.assert_array_equal(n_id[store.dst_pos_index], edges[1])


def test_typed_triplets(typed):
    known = set(map(tuple, TYPED[TO_DIRECTOR]["edge_index"].T.tolist()))
    for batch in plain(typed, TO_DIRECTOR, neg_sampling=gf.NegativeSampling("triplet", 2)):
        store = batch[TO_DIRECTOR]
        movie = batch["movie"].n_id[store.src_index]
        director = batch["director"].n_id[store.dst_neg_index.reshape(-1, 2)]
        for row, targets in zip(movie, director, strict=True):
            assert not known & {(int(row), int(target)) for target in targets}


def test_short_batches_are_padded(typed, homogeneous):
    batches = list(fixed(homogeneous, neg_sampling="binary"))
    assert len({str([(name, v.shape) for name, v in b.items()]) for b in batches}) == 1
    last = batches[-1]
    assert last.batch_size == 6 and last.counts[0].labels == 12
    assert last.input_id.tolist() == [*range(144, 150), -1, -1]
    assert last.edge_label_mask.tolist() == [True] * 12 + [False] * 4
    assert last.edge_label_index.shape == (2, 16)
    assert (last.edge_label_index[:, 12:] >= 0).all()
    assert (last.edge_label_index[:, 12:] < last.num_nodes).all()
    typed_last = list(fixed(typed, TO_DIRECTOR, neg_sampling="binary"))[-1][TO_DIRECTOR]
    assert typed_last.edge_label_mask.tolist() == [True] * 4 + [False] * 12


def test_ends_of_labelled_pairs_are_never_trimmed(homogeneous):
    options = gf.FixedSizeOptions(36, 20)
    trimmed = 0
    for batch in fixed(
        homogeneous, fixed_size_options=options, neg_sampling="binary", num_neighbors=[-1]
    ):
        labels = batch.counts[0].labels
        assert batch.nodes_mask[batch.edge_label_index[:, :labels]].all()
        seeds = batch.batch_size
        np.testing.assert_array_equal(
            pairs_of(batch)[:, :seeds], HOMOGENEOUS["edge_index"][:, batch.input_id[:seeds]]
        )
        trimmed += batch.trimmed.total_edges
    assert trimmed > 0


def test_micro_batches(homogeneous):
    single = list(fixed(homogeneous, neg_sampling="binary"))
    with pytest.warns(UserWarning, match="null batches"):
        steps = list(fixed(homogeneous, neg_sampling="binary", micro_batches=2))
    assert steps[0].edge_label_index.shape == (4, 16)
    np.testing.assert_array_equal(
        steps[0].edge_label_index,
        np.concatenate([b.edge_label_index for b in single[:2]]),
    )
    assert steps[-1].batch_size == [6, 0]
    assert steps[-1].edge_label_mask.tolist() == [True] * 12 + [False] * 20


@pytest.mark.parametrize("mode", ["binary", "triplet"])
def test_negatives_are_not_later_than_their_seed_edges(homogeneous, mode):
    node_times = HOMOGENEOUS["time"]
    times = np.arange(150) % 7
    draws = 0
    for batch in plain(homogeneous, time_attr="time", edge_label_time=times, disjoint=True,
                       neg_sampling=gf.NegativeSampling(mode, 2)):  # fmt: skip
        seeds = batch.batch_size
        latest = times[batch.input_id]
        if mode == "binary":
            sources, targets = pairs_of(batch)[:, seeds:]
            latest = np.tile(latest, 2)
            assert (node_times[sources] <= latest).all()
        else:
            sources = np.repeat(batch.n_id[batch.src_index], 2)
            targets = batch.n_id[batch.dst_neg_index].ravel()
            latest = np.repeat(latest, 2)
        assert (node_times[targets] <= latest).all()
        assert not EDGES & set(zip(sources.tolist(), targets.tolist()))
        draws += len(targets)
    assert draws == 300


def test_negatives_of_types_of_which_one_has_times(typed):
    movies = TYPED["movie"]["time"]
    times = np.arange(50) % 9
    for batch in plain(typed, TO_DIRECTOR, time_attr="time", edge_label_time=times,
                       neg_sampling="binary"):  # fmt: skip
        edges = batch[TO_DIRECTOR]
        negatives = batch["movie"].n_id[edges.edge_label_index[0, edges.batch_size:]]
        latest = times[edges.input_id]
        first = movies.min() > latest  # then there is none that is early enough
        assert (movies[negatives][~first] <= latest[~first]).all()
        assert (movies[negatives][first] == movies.min()).all()


def test_times_of_seed_edges(homogeneous):
    times = np.full(150, 2)
    for batch in plain(homogeneous, time_attr="time", edge_label_time=times, num_neighbors=[-1]):
        reached = batch.edge_index[0]
        assert (batch.time[reached] <= 2).all()


def test_disjoint_link_neighborhoods(homogeneous):
    for batch in plain(homogeneous, disjoint=True, num_neighbors=[2, 2]):
        source, target = batch.edge_index
        np.testing.assert_array_equal(batch.batch[source], batch.batch[target])
        seed_source, seed_target = batch.edge_label_index
        np.testing.assert_array_equal(batch.batch[seed_source], batch.batch[seed_target])
        assert_from_graph(HOMOGENEOUS, batch)


def test_sizes_from_sampled_batches(homogeneous):
    loader = plain(homogeneous, neg_sampling="binary", shuffle=True)
    options = gf.FixedSizeOptions.from_loader(loader, sample_limit=len(loader))
    sizes = [(b.num_nodes, b.num_edges) for b in loader]
    assert (options.num_nodes, options.num_edges) == tuple(n + 1 for n in map(max, zip(*sizes)))


def test_repr(homogeneous):
    text = repr(plain(homogeneous, neg_sampling="binary").peek())
    assert text.startswith("Data(") and "edge_label_index=[2, 16]" in text
    assert "edge_label=[16]" in text and "batch_size=8" in text and "input_id=[8]" in text


def test_a_graph_without_room_for_negatives(ingest):
    full = np.stack(np.meshgrid(np.arange(3), np.arange(3))).reshape(2, -1)
    dataset = ingest({"x": np.ones((3, 1), np.float32), "edge_index": full})
    with pytest.raises(gf.FailedPrecondition, match="negative|no pair|edge"):
        list(plain(dataset, neg_sampling="binary"))


