"""Sizes of sampled batches: found, estimated, trimmed to."""

import numpy as np
import pytest
from sampled_graphs import assert_from_graph, fixed, plain

import graphfeed as gf


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


def test_the_server_finds_the_same_sizes_for_a_spec_without_options(graph):
    dataset, _, seeds, _ = graph
    loader = fixed(dataset, fixed_size_options=None, shuffle=True, seed=3, **seeds)
    assert loader.fixed_size_options.report.num_samples == 1000, "of many epochs"
    request = loader._stream_options(0)
    request.spec.options = None
    assert request.spec.options is None
    found = dataset._connection.call(lambda client: client.describe_plan(request, 0))
    assert found.spec_digest.hex() == loader._ask_spec_digest(0)


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
    options = gf.FixedSizeOptions.estimate(loader, quantile=0.5, sample_limit=len(loader))
    maximum = gf.FixedSizeOptions.estimate(loader, quantile=1.0, sample_limit=len(loader))
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


def test_without_batches_there_are_no_sizes(homogeneous):
    arguments = {"input_nodes": [1, 2], "drop_last": True}
    message = "drop_last: .* has 2 seeds where batch_size is 5, and is left out"
    for find in (gf.FixedSizeOptions.from_loader, gf.FixedSizeOptions.estimate):
        with pytest.raises(ValueError, match=message):
            find(plain(homogeneous, **arguments))
    assert list(plain(homogeneous, **arguments)) == []
    with pytest.raises(ValueError, match=message):
        list(fixed(homogeneous, fixed_size_options=None, **arguments))


def test_absurd_sizes_are_refused(homogeneous, typed):
    with pytest.raises(gf.ResourceExhausted, match="max_frame_bytes, the limit for a batch, is"):
        options = gf.FixedSizeOptions(10**12, 10)
        list(fixed(homogeneous, fixed_size_options=options))
    with pytest.raises(gf.InvalidArgument, match="director"):
        options = gf.FixedSizeOptions({"movie": 50}, 10)
        list(fixed(typed, input_nodes="movie", fixed_size_options=options))
    with pytest.raises(gf.InvalidArgument, match="sample_limit"):
        gf.FixedSizeOptions.from_loader(plain(homogeneous), sample_limit=10**9)
