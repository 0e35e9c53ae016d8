"""Link prediction on a large and dense graph: 2.1 million directed edges between 4267 drugs, an
eighth of all pairs."""

import itertools

import numpy as np
import pytest
from shared_data import shared_dir

import graphfeed as gf

NUM_DRUGS = 4267
BATCHES = 12


@pytest.fixture(scope="module")
def edge_index():
    data = shared_dir("data")
    if data is None:
        pytest.skip("the datasets are absent")
    once = np.load(data / "ogbl_ddi" / "edge_index.npy").astype(np.int64)
    return np.concatenate([once, once[::-1]], axis=1)


@pytest.fixture(scope="module")
def dataset(client, edge_index):
    client.ingest("ogbl_ddi", {"num_nodes": NUM_DRUGS, "edge_index": edge_index})
    return client.dataset("ogbl_ddi")


def arguments(edge_index, **others):
    # Every interaction once, in one direction.
    seeds = np.arange(edge_index.shape[1] // 2)
    return {"num_neighbors": [8, 4], "edge_label_index": seeds, "batch_size": 64, "shuffle": True,
            "seed": 3, "exclude_seed_edges": True} | others  # fmt: skip


def numbered(pairs):
    """One number for each pair [2, n]."""
    return pairs[0] * NUM_DRUGS + pairs[1]


def test_binary_batches(dataset, edge_index):
    known = np.sort(numbered(edge_index))
    sampling = arguments(edge_index, neg_sampling="binary")
    options = gf.FixedSizeOptions.estimate(
        gf.LinkNeighborLoader(dataset, **sampling), quantile=0.9, sample_limit=50
    )
    loader = gf.FixedSizeLinkNeighborLoader(dataset, fixed_size_options=options, **sampling)
    assert len(loader) == -(-(edge_index.shape[1] // 2) // 64)
    seen = []
    for batch in itertools.islice(loader, BATCHES):
        assert batch.edge_label_index.shape == (2, 128) and batch.edge_label_mask.all()
        assert batch.edge_label.tolist() == [1.0] * 64 + [0.0] * 64
        pairs = batch.n_id[batch.edge_label_index]
        np.testing.assert_array_equal(pairs[:, :64], edge_index[:, batch.input_id])
        assert not np.isin(numbered(pairs[:, 64:]), known).any(), "negatives are never edges"
        index = batch.n_id[batch.edge_index[:, batch.edges_mask]]
        assert np.isin(numbered(index), known).all()
        seeds = np.concatenate([numbered(pairs[:, :64]), numbered(pairs[::-1, :64])])
        assert not np.isin(numbered(index), seeds).any(), "neither direction gives a seed away"
        assert (batch.num_nodes, batch.num_edges) == (options.num_nodes, options.num_edges)
        seen += batch.input_id.tolist()
    assert len(set(seen)) == 64 * BATCHES


def test_triplet_batches(dataset, edge_index):
    known = np.sort(numbered(edge_index))
    negatives = gf.NegativeSampling("triplet", 5)
    loader = gf.LinkNeighborLoader(dataset, **arguments(edge_index, neg_sampling=negatives))
    for batch in itertools.islice(loader, BATCHES):
        source, target = batch.n_id[batch.src_index], batch.n_id[batch.dst_pos_index]
        np.testing.assert_array_equal([source, target], edge_index[:, batch.input_id])
        other = batch.n_id[batch.dst_neg_index]
        assert other.shape == (64, 5)
        assert not np.isin(numbered([source[:, None], other]), known).any()


def test_negatives_are_uniform_over_what_is_no_edge(dataset, edge_index):
    """Chi-square of the targets of 60,000 negatives in 20 groups of drugs by degree."""
    batches = gf.LinkNeighborLoader(
        dataset,
        num_neighbors=[],
        edge_label_index=np.arange(3000),
        neg_sampling=gf.NegativeSampling("binary", 20),
        batch_size=3000,
        seed=0,
    )
    (batch,) = batches
    targets = batch.n_id[batch.edge_label_index[1, 3000:]]
    degree = np.bincount(edge_index[1], minlength=NUM_DRUGS)
    group = np.argsort(np.argsort(degree, kind="stable")) * 20 // NUM_DRUGS
    free = np.bincount(group, weights=NUM_DRUGS - degree)  # pairs without edge by target's group
    expected = free / free.sum() * len(targets)
    found = np.bincount(group[targets], minlength=20)
    # 19 degrees of freedom: 43.8 is exceeded once in a thousand seeds; this one is fixed.
    assert ((found - expected) ** 2 / expected).sum() < 43.8
