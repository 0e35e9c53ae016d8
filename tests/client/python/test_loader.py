"""Epochs, shards, and what a loader says of itself. Long: one set of graphs for all of it."""

import pickle
import types
import warnings

import numpy as np
import pytest

import graphfeed as gf

STREAM_PACK = gf.FixedSizeStrategy.StreamPack


@pytest.fixture(scope="module")
def dataset(client):
    rng = np.random.default_rng(0)
    graphs = []
    for i in range(100):
        n = int(rng.integers(2, 12))
        graphs.append(
            {
                "x": rng.random((n, 2), np.float32),
                "edge_index": rng.integers(0, n, (2, 2 * n)),
                "y": np.array([i]),
            }
        )
    client.ingest("loader", graphs)
    return client.dataset("loader")


def labels(batch):
    return batch.y[batch.graphs_mask].tolist()


def epoch_labels(batches):
    return [labels(batch) for batch in batches]


def packed(dataset, **arguments):
    options = gf.FixedSizeOptions(60, 120, num_graphs=8)
    return gf.FixedSizeDataLoader(
        dataset, fixed_size_options=options, fixed_size_strategy=STREAM_PACK, **arguments
    )


def test_each_iteration_is_the_next_epoch(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True, seed=1)
    first, second = epoch_labels(loader), epoch_labels(loader)
    assert sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(100))
    assert first != second
    loader.set_epoch(0)
    batches = list(loader)
    assert epoch_labels(batches) == first
    assert [b.position for b in batches] == [(0, i) for i in range(len(loader))]
    assert next(iter(loader)).position == (1, 0)


def test_batches_without_padding_on_the_way_are_the_same(client, dataset):
    compact = gf.connect(client.endpoints, encoding="compact")
    assert pickle.loads(pickle.dumps(compact)).encoding == "compact"
    arguments = {"shuffle": True, "seed": 3}
    for make in (
        lambda d: packed(d, **arguments),
        lambda d: gf.FixedSizeDataLoader(d, batch_size=9, micro_batches=2, **arguments),
        lambda d: gf.DataLoader(d, batch_size=9, **arguments),
    ):
        pairs = zip(make(dataset), make(compact.dataset("loader")), strict=True)
        for dense, other in pairs:
            for (name, array), (_, same) in zip(dense.items(), other.items(), strict=True):
                np.testing.assert_array_equal(array, same, err_msg=name)
    with pytest.raises(gf.errors.InvalidArgument, match="encoding is 'zip'"):
        gf.connect(client.endpoints, encoding="zip")


def test_the_seed_decides(dataset):
    def order(seed):
        return epoch_labels(gf.FixedSizeDataLoader(dataset, 9, shuffle=True, seed=seed))

    assert order(3) == order(3) != order(4)


def test_a_drawn_seed_is_shown_and_replays(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True)
    assert f"seed={loader.seed}" in repr(loader)
    again = gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True, seed=loader.seed)
    assert epoch_labels(loader) == epoch_labels(again)
    assert gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True).seed != loader.seed


def test_unshuffled_order_is_that_of_the_dataset(dataset):
    part = dataset[[9, 3, 50, 3]]
    assert epoch_labels(gf.FixedSizeDataLoader(part, batch_size=4)) == [[9, 3, 50], [3]]
    assert [b.y.tolist() for b in gf.DataLoader(part, batch_size=3)] == [[9, 3, 50], [3]]


def test_length_is_known_before_and_while_iterating(dataset):
    loader = packed(dataset, shuffle=True, seed=2)
    lengths = [loader.num_batches(epoch) for epoch in range(4)]
    assert len(loader) == lengths[0]
    for epoch in range(4):
        count = 0
        for _ in loader:
            assert len(loader) == lengths[epoch] and loader.epoch == epoch
            count += 1
        assert count == lengths[epoch]
    assert loader.epoch == 4


def test_peek_consumes_nothing(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True, seed=7)
    peeked = [loader.peek(), loader.peek()]
    first = next(iter(loader))
    assert [p.position for p in peeked] == [(0, 0)] * 2 and first.position == (0, 0)
    assert peeked[0].digest == peeked[1].digest == first.digest
    assert loader.peek().position == (1, 0)


def test_an_abandoned_iteration_ends_its_stream_and_its_epoch(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=3, seed=0)
    for batch in loader:
        break
    assert loader.epoch == 1
    running = iter(loader)
    next(running)
    assert loader.epoch == 1
    running.close()
    assert loader.epoch == 2
    with pytest.raises(StopIteration):
        next(running)


def test_two_iterations_at_once(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True, seed=4)
    pairs = list(zip(loader, loader))
    assert [a.position.epoch for a, _ in pairs] == [0] * len(pairs)
    assert [b.position.epoch for _, b in pairs] == [1] * len(pairs)


def test_one_batch_alone_is_the_same(dataset):
    loader = packed(dataset, shuffle=True, seed=5)
    batches = list(loader)
    for ordinal in (0, len(batches) - 1):
        alone = loader.batch(ordinal, epoch=0)
        assert alone.digest == batches[ordinal].digest
        for name, array in batches[ordinal].items():
            np.testing.assert_array_equal(alone[name], array)
    with pytest.raises(gf.Error):
        loader.batch(len(batches), epoch=0)


@pytest.mark.parametrize("num_shards", [1, 2, 3, 7])
@pytest.mark.parametrize("uneven", ["null", "repeat", "drop"])
def test_shards_share_an_epoch(num_shards, uneven, dataset):
    whole = epoch_labels(packed(dataset, shuffle=True, seed=1))
    shards = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index in range(num_shards):
            loader = packed(
                dataset, shuffle=True, seed=1, num_shards=num_shards, shard_index=index,
                uneven_shards=uneven,
            )
            batches = list(loader)
            assert len(batches) == len(loader)
            shards.append(batches)
    assert len({len(batches) for batches in shards}) == 1, "all shards get equally many"
    kept = len(whole) - len(whole) % num_shards if uneven == "drop" else len(whole)
    seen = {}
    for index, batches in enumerate(shards):
        for j, batch in enumerate(batches):
            ordinal = index + j * num_shards
            if ordinal < len(whole):
                assert labels(batch) == whole[ordinal] and not batch.is_repeat
                seen[ordinal] = True
            elif uneven == "null":
                assert batch.is_null and not batch.nodes_mask.any() and batch.num_real_graphs == 0
            else:
                assert batch.is_repeat and labels(batch) == whole[ordinal - len(whole)]
    assert sorted(seen) == list(range(kept))


def test_shards_of_a_random_order_need_a_seed(dataset):
    with pytest.raises(ValueError, match="seed"):
        gf.FixedSizeDataLoader(dataset, batch_size=9, shuffle=True, num_shards=2)
    gf.FixedSizeDataLoader(dataset, batch_size=9, num_shards=2)


def test_null_batches_of_uneven_shards_are_announced_once(dataset):
    loader = gf.DataLoader(dataset[:5], num_shards=2, shard_index=1)
    with pytest.warns(UserWarning, match="null batches"):
        list(loader)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(loader)


def test_drop_last(dataset):
    kept = gf.FixedSizeDataLoader(dataset, batch_size=9)
    dropped = gf.FixedSizeDataLoader(dataset, batch_size=9, drop_last=True)
    assert (len(kept), len(dropped)) == (13, 12)
    assert epoch_labels(kept)[:12] == epoch_labels(dropped)
    plain = gf.DataLoader(dataset, batch_size=9, drop_last=True)
    assert [b.num_graphs for b in plain] == [9] * 11


def test_plan_tells_the_epoch(dataset):
    loader = packed(dataset, seed=0)
    plan = loader.plan()
    batches = list(loader)
    real = [int(b.nodes_mask.sum()) for b in batches]
    assert plan.num_batches == plan.num_frames == plan.shard_frames == len(batches)
    assert plan.num_graphs == 100 and plan.skipped_graphs == 0
    assert plan.node_efficiency == pytest.approx(np.mean(real) / 60)
    assert plan.real.nodes == sum(real) and plan.real.graphs == 100
    histogram = np.bincount([b.num_real_graphs for b in batches])
    assert list(plan.graphs_per_batch)[: len(histogram)] == histogram.tolist()
    assert plan.lower_bound_batches <= plan.num_batches


def test_skipped_graphs_are_counted(dataset):
    options = gf.FixedSizeOptions(9, 40, num_graphs=2)
    loader = gf.FixedSizeDataLoader(
        dataset, fixed_size_options=options, fixed_size_strategy=STREAM_PACK,
        over_size_strategy=gf.OverSizeStrategy.Skip,
    )
    delivered = sum(epoch_labels(loader), [])
    small = [i for i, graph in enumerate(dataset) if graph.num_nodes <= 8]
    assert delivered == small
    assert loader.plan(0).skipped_graphs == 100 - len(small) > 0


def test_options_that_no_batch_meets_fail_while_iterating(dataset):
    loader = gf.FixedSizeDataLoader(
        dataset, fixed_size_options=gf.FixedSizeOptions(5, 10, num_graphs=2)
    )
    with pytest.raises(gf.FailedPrecondition, match=r"graphs 0.* has 10 nodes; a batch holds 5"):
        list(loader)


def test_explicit_batches(dataset):
    chosen = [[0, 0, 0], [5], [99, -1]]
    loader = gf.FixedSizeDataLoader(dataset, batch_size=4, batch_sampler=chosen)
    assert epoch_labels(loader) == [[0, 0, 0], [5], [99, 99]]
    assert epoch_labels(loader) == [[0, 0, 0], [5], [99, 99]]
    plain = gf.DataLoader(dataset[10:], batch_sampler=iter([[0, 0, 0], [5], [89, -1]]))
    assert [b.y.tolist() for b in plain] == [[10, 10, 10], [15], [99, 99]]
    with pytest.raises(ValueError, match="StreamPack"):
        packed(dataset, batch_sampler=chosen)
    with pytest.raises(ValueError, match="shuffle"):
        gf.DataLoader(dataset, batch_sampler=chosen, shuffle=True)
    with pytest.raises(ValueError, match="without graphs"):
        gf.DataLoader(dataset, batch_sampler=[[1], []])
    with pytest.raises(IndexError):
        gf.DataLoader(dataset, batch_sampler=[[100]])


def test_batch_samplers_that_draw_anew_are_refused(dataset):
    torch = pytest.importorskip("torch")
    data = torch.utils.data

    def sampler(order):
        return data.BatchSampler(order(range(100)), batch_size=7, drop_last=False)

    with pytest.raises(gf.InvalidArgument, match="is read once: give shuffle=True"):
        gf.DataLoader(dataset, batch_sampler=sampler(data.RandomSampler))
    drawn = list(sampler(data.RandomSampler))
    assert [b.y.tolist() for b in gf.DataLoader(dataset, batch_sampler=drawn)] == drawn
    in_order = gf.DataLoader(dataset, batch_sampler=sampler(data.SequentialSampler))
    assert sum((b.y.tolist() for b in in_order), []) == list(range(100))


def test_options_may_change_between_epochs(dataset):
    options = gf.FixedSizeOptions(100, 200, num_graphs=5)
    loader = gf.FixedSizeDataLoader(dataset, fixed_size_options=options)
    assert (len(loader), loader.peek().num_graphs) == (25, 5)
    options.num_graphs = 6
    assert (len(loader), loader.peek().num_graphs) == (20, 6)


def test_sizes_are_derived_when_not_given(dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=5)
    largest = max(graph.num_nodes for graph in dataset)
    assert loader.fixed_size_options == gf.FixedSizeOptions.from_dataset(dataset, 5)
    assert loader.fixed_size_options.num_nodes == largest * 4 + 1
    assert loader.batch_size == 5 and loader.peek().num_graphs == 5


def test_batch_size_and_options_agree(dataset):
    options = gf.FixedSizeOptions(100, 200, num_graphs=5)
    with pytest.raises(ValueError, match="must be equal"):
        gf.FixedSizeDataLoader(dataset, batch_size=4, fixed_size_options=options)
    with pytest.raises(TypeError, match="FixedSizeOptions"):
        gf.FixedSizeDataLoader(dataset, fixed_size_options={"num_nodes": 3})
    with pytest.raises(ValueError, match="StreamPack keeps room"):
        gf.FixedSizeDataLoader(
            dataset, fixed_size_options=gf.FixedSizeOptions(100, 4, num_graphs=5),
            fixed_size_strategy=STREAM_PACK,
        )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"batch_size": 1}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"num_shards": 0}, "num_shards"),
        ({"num_shards": 2, "shard_index": 2}, "shard_index"),
        ({"uneven_shards": "pad"}, "uneven_shards"),
        ({"incomplete_step": "pad"}, "incomplete_step"),
        ({"index_dtype": "int16"}, "index_dtype"),
        ({"micro_batches": 0}, "micro_batches"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"fixed_size_strategy": "x"}, "FixedSizeStrategy"),
        ({"exclude_keys": [3]}, "exclude_keys"),
    ],
)
def test_arguments_are_checked(arguments, message, dataset):
    with pytest.raises(ValueError, match=message):
        gf.FixedSizeDataLoader(dataset, **({"batch_size": 5} | arguments))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"follow_batch": ["nope"]}, "nope"),
        ({"narrow_columns": ["x"]}, "x"),
        ({"float16_columns": ["y"]}, "y"),
    ],
)
def test_the_server_checks_columns(arguments, message, dataset):
    with pytest.raises(gf.InvalidArgument, match=message):
        list(gf.FixedSizeDataLoader(dataset, batch_size=5, **arguments))


def test_absurd_sizes_are_refused(dataset):
    for options in (
        gf.FixedSizeOptions(10**12, 10, num_graphs=5),
        gf.FixedSizeOptions(10, 10**15, num_graphs=5),
        gf.FixedSizeOptions(100, 100, num_graphs=10**12),
    ):
        with pytest.raises((gf.ResourceExhausted, gf.InvalidArgument), match="."):
            list(gf.FixedSizeDataLoader(dataset, fixed_size_options=options))


def test_index_dtype_may_be_a_dtype(dataset):
    torch = pytest.importorskip("torch")
    for dtype in (np.int32, np.dtype("int32"), torch.int32, "int32"):
        loader = gf.FixedSizeDataLoader(dataset, batch_size=5, index_dtype=dtype)
        assert loader.index_dtype == "int32"


@pytest.mark.parametrize("make", [
    lambda dataset, **kw: gf.FixedSizeDataLoader(dataset, batch_size=5, **kw),
    lambda dataset, **kw: gf.DataLoader(dataset, batch_size=5, **kw),
])
def test_habits_from_torch(make, dataset):
    for needless in ({"num_workers": 4}, {"prefetch_factor": 2}, {"pin_memory": True}):
        with pytest.warns(UserWarning, match=next(iter(needless))) as caught:
            make(dataset, **needless)
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(dataset, num_workers=0, collate_fn=None)
    with pytest.raises(TypeError, match="collated at the server"):
        make(dataset, collate_fn=list)
    with pytest.raises(TypeError, match="index_array"):
        make(dataset, sampler=[1, 2])
    with pytest.raises(TypeError, match="unexpected keyword argument 'suffle'"):
        make(dataset, suffle=True)


def test_only_datasets_of_ours(dataset):
    with pytest.raises(TypeError, match="one of a kind"):
        gf.Loader(dataset)
    with pytest.raises(TypeError, match="client.ingest"):
        gf.FixedSizeDataLoader([1, 2, 3], batch_size=5)


@pytest.mark.parametrize(
    "options, k",
    [
        (types.SimpleNamespace(device_iterations=2, replication_factor=4, input_group_size=2,
                               Training=types.SimpleNamespace(gradient_accumulation=3)), 12),
        ({"device_iterations": 5, "gradient_accumulation": 2}, 10),
        (types.SimpleNamespace(), 1),
    ],
)
def test_options_of_poptorch_set_micro_batches(options, k, dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=5, options=options)
    assert loader.micro_batches == k
    with pytest.raises(ValueError, match="micro_batches"):
        other = k + 1
        gf.FixedSizeDataLoader(dataset, batch_size=5, options=options, micro_batches=other)


def test_micro_batches_follow_each_other(dataset):
    options = gf.FixedSizeOptions(100, 200, num_graphs=5)
    arguments = {"fixed_size_options": options, "drop_last": True, "incomplete_step": "drop"}
    single = list(gf.FixedSizeDataLoader(dataset, **arguments))
    combined = gf.FixedSizeDataLoader(dataset, micro_batches=3, **arguments)
    for step, i in zip(combined, range(0, 25, 3)):
        for name, array in step.items():
            parts = [batch[name] for batch in single[i : i + 3]]
            np.testing.assert_array_equal(array, np.concatenate(parts))
        assert step.num_graphs == 5 and step.num_micro_batches == 3
        assert step.counts == tuple(batch.counts[0] for batch in single[i : i + 3])


def test_empty_epochs(dataset):
    loader = gf.FixedSizeDataLoader(dataset[:2], batch_size=5, drop_last=True)
    assert len(loader) == 0 and list(loader) == []
    with pytest.raises(RuntimeError, match="no batches"):
        loader.peek()
    with pytest.raises(ValueError, match="at least one graph"):
        packed(dataset[[]])


def test_loaders_pickle_with_their_place(dataset):
    loader = packed(dataset, shuffle=True, seed=3)
    list(loader)
    copied = pickle.loads(pickle.dumps(loader))
    assert copied.epoch == 1 and copied.seed == 3
    assert epoch_labels(copied) == epoch_labels(loader)


def test_from_loader_keeps_the_loaders_place(dataset):
    loader = gf.DataLoader(dataset, batch_size=10, shuffle=True, seed=1)
    options = gf.FixedSizeOptions.from_loader(loader, sample_limit=25)
    assert loader.epoch == 0 and options.num_graphs == 11
    seen = [batch for _ in range(3) for batch in loader][:25]
    assert options.num_nodes == max(batch.num_nodes for batch in seen) + 1
    assert options.num_edges == max(batch.num_edges for batch in seen) + 1


def test_a_single_large_graph_is_one_batch(ingest):
    graph = {
        "x": np.arange(30, dtype=np.float32).reshape(10, 3),
        "edge_index": np.array([[0, 1], [1, 2]]),
        "train_mask": np.arange(10) < 5,
    }
    dataset = ingest(graph)
    (batch,) = gf.DataLoader(dataset)
    np.testing.assert_array_equal(batch.x, graph["x"])
    assert batch.train_mask.tolist() == graph["train_mask"].tolist()
    assert batch.num_graphs == 1


def test_the_first_reachable_server_answers(server, dataset):
    client = gf.connect(["127.0.0.1:1", server.address])
    loader = gf.DataLoader(client.dataset("loader"), batch_size=50)
    assert len(loader) == len(list(loader)) == 2
    info = client.ingest("by-the-second", [{"x": np.ones(2), "edge_index": np.zeros((2, 1), int)}])
    assert info.num_graphs == 1
