"""Positions: resuming, changing the number of shards, and torch's worker processes."""

import json
import multiprocessing
import pickle

import numpy as np
import pytest

import graphfeed as gf


@pytest.fixture(scope="module")
def dataset(client):
    rng = np.random.default_rng(5)
    graphs = []
    for i in range(150):
        nodes = int(rng.integers(2, 12))
        edges = rng.integers(0, nodes, (2, 2 * nodes))
        graphs.append({"x": np.full((nodes, 3), i, np.float32), "edge_index": edges, "y": [i]})
    client.ingest("resume", graphs)
    return client.dataset("resume")


def packed(dataset, **arguments):
    arguments = {"seed": 3, "shuffle": True, **arguments}
    return gf.FixedSizeDataLoader(
        dataset,
        fixed_size_options=gf.FixedSizeOptions(num_nodes=40, num_edges=80, num_graphs=8),
        fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
        **arguments,
    )


def plain(dataset, **arguments):
    return gf.DataLoader(dataset, batch_size=7, **{"seed": 3, "shuffle": True, **arguments})


def seen(batches):
    return [(tuple(batch.position), batch.digest) for batch in batches]


@pytest.mark.parametrize("make", [packed, plain])
def test_a_state_is_the_position_after_the_batch_received(dataset, make):
    everything = seen(make(dataset))
    loader = make(dataset)
    assert loader.state_dict()["ordinal"] == 0
    batches = iter(loader)
    for i in range(5):
        batch = next(batches)
        state = json.loads(json.dumps(loader.state_dict()))
        assert (state["epoch"], state["ordinal"]) == (0, i + 1)
        assert state == loader.state_dict(after=batch)
    other = make(dataset)
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert seen(other) == everything[5:]
    assert other.state_dict()["epoch"] == 1
    loader.set_epoch(1)
    assert seen(other) == seen(loader), "later epochs start at their first batch"


def test_after_the_last_batch_the_state_is_the_next_epoch(dataset):
    loader = packed(dataset)
    for batch in loader:
        pass
    state = loader.state_dict()
    assert (state["epoch"], state["ordinal"]) == (1, 0)
    assert loader.state_dict(after=batch) == state
    other = packed(dataset)
    other.load_state_dict(state)
    assert seen(other) == seen(loader)


@pytest.mark.parametrize("uneven", ["null", "repeat", "drop"])
def test_a_position_goes_on_with_another_number_of_shards(dataset, uneven):
    """4 -> 7 -> 1 -> 3 shards within one epoch: every frame once."""
    whole = plain(dataset, seed=9)
    expected = dict(seen(whole))
    frames = whole.plan(0).num_frames
    received, state = [], None
    for shards, steps in [(4, 1), (7, 1), (1, 3), (3, None)]:
        states = []
        for shard in range(shards):
            loader = plain(
                dataset, seed=9, num_shards=shards, shard_index=shard, uneven_shards=uneven
            )
            if state is not None:
                loader.load_state_dict(state)
            for taken, batch in enumerate(loader, 1):
                if not batch.is_null and not batch.is_repeat:
                    received.append((tuple(batch.position), batch.digest))
                if taken == steps:
                    break
            states.append(loader.state_dict())
        state = gf.merge_states(states)
    assert (state["epoch"], state["ordinal"]) == (1, 0)
    left_out = (frames - 4 - 7 - 3) % 3 if uneven == "drop" else 0
    assert len(received) == len(set(received)) == frames - left_out
    assert set(received) <= set(expected.items())


def test_states_of_something_else_are_refused_and_both_named(dataset, client):
    state = packed(dataset).state_dict()
    with pytest.raises(ValueError, match=r"seed 3.*seed 4"):
        packed(dataset, seed=4).load_state_dict(state)
    with pytest.raises(ValueError, match=r"exclude_keys was the default, here it is \['y'\]"):
        packed(dataset, exclude_keys=["y"]).load_state_dict(state)
    info = client.ingest("resume-other", [{"x": np.ones((2, 3), np.float32),
                                           "edge_index": np.zeros((2, 1), int), "y": [0]}] * 3)
    with pytest.raises(ValueError, match=f"{state['fingerprint']}.*{info.fingerprint.hex()}"):
        packed(client.dataset("resume-other")).load_state_dict(state)


def test_what_is_no_state_is_refused(dataset):
    loader = packed(dataset)
    state = loader.state_dict()
    for field, value in [("epoch", -1), ("ordinal", "3"), ("version", 9), ("seed", None)]:
        with pytest.raises(ValueError, match=field):
            loader.load_state_dict({**state, field: value})
    with pytest.raises(ValueError, match="unknown"):
        loader.load_state_dict({**state, "more": 1})
    with pytest.raises(ValueError, match="not a list"):
        loader.load_state_dict([])


def test_a_drawn_seed_gives_way_to_the_states(dataset):
    first = packed(dataset, seed=None)
    batches = iter(first)
    next(batches)
    other = packed(dataset, seed=None)
    other.load_state_dict(first.state_dict())
    assert other.seed == first.seed
    assert seen(other) == seen(batches)


@pytest.mark.parametrize("seed", range(6))
def test_what_was_counted_before_a_state_came_is_counted_anew(dataset, seed):
    """Epochs of other seeds have other numbers of batches."""
    loader = packed(dataset, seed=None)
    loader.seed, known = 1000 + seed, len(loader)
    other = packed(dataset, seed=seed)
    loader.load_state_dict(other.state_dict())
    assert len(loader) == len(other)
    for batch in loader:
        assert loader.state_dict(after=batch) == loader.state_dict(), known
    changed = plain(dataset)
    assert len(changed) == 22
    changed.batch_size = 50
    assert len(changed) == len(seen(changed)) == 3


def test_equal_states_merge_and_others_are_listed(dataset):
    loader = packed(dataset)
    state = loader.state_dict()
    assert gf.merge_states([state, dict(state)]) == state
    with pytest.raises(ValueError, match=r"shard 0: ordinal 0; shard 1: ordinal 4"):
        gf.merge_states([state, {**state, "ordinal": 4}])
    with pytest.raises(ValueError, match="empty"):
        gf.merge_states([])


def test_lengths_are_known_before_the_first_epoch(dataset):
    loader = packed(dataset)
    total = loader.total_steps(3)
    assert total == sum(loader.num_batches(epoch) for epoch in range(3))
    assert total == sum(len(seen(loader)) for _ in range(3))


def test_epochs_over_one_stream_are_those_of_single_iterations(dataset):
    loader = packed(dataset)
    expected = [seen(loader) for _ in range(3)]
    loader.set_epoch(0)
    assert [seen(batches) for batches in loader.epochs(3)] == expected
    loader.set_epoch(0)
    for epoch, batches in enumerate(loader.epochs()):
        assert seen(batches) == expected[epoch]
        assert loader.state_dict()["epoch"] == epoch + 1
        if epoch == 2:
            break


def test_an_iteration_that_is_left_is_not_in_the_way_of_the_next(dataset):
    loader = packed(dataset)
    expected = [seen(loader) for _ in range(2)]
    loader.set_epoch(0)
    parts = []
    for batches in loader.epochs(2):
        parts.append(seen([next(batches)]))
    assert parts == [expected[0][:1], expected[1][:1]]


def test_a_pickled_loader_goes_on_where_it_stood(dataset):
    loader = packed(dataset)
    state = loader.state_dict() | {"ordinal": 4}
    loader.load_state_dict(state)
    copied = pickle.loads(pickle.dumps(loader))
    assert copied.state_dict() == state
    assert seen(copied) == seen(packed(dataset))[4:]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("uneven", ["null", "drop"])
def test_torch_workers_divide_a_shard_in_order(dataset, method, uneven):
    torch = pytest.importorskip("torch")
    loaders = [
        plain(dataset, num_shards=2, shard_index=1, uneven_shards=uneven) for _ in range(2)
    ]
    expected = seen(loaders[0])
    stream = loaders[1].as_torch_dataset()
    workers = torch.utils.data.DataLoader(
        stream, batch_size=None, num_workers=3, multiprocessing_context=method
    )
    assert loaders[1].state_dict()["ordinal"] == 0, "nobody has read it yet"
    received = list(workers)
    assert seen(received) == expected
    with pytest.raises(gf.FailedPrecondition, match="state_dict.after=batch"):
        loaders[1].state_dict()
    state = loaders[1].state_dict(after=received[4])
    assert state["ordinal"] == 10
    loaders[1].load_state_dict(state)
    assert loaders[1].state_dict() == state
    assert seen(workers) == expected[5:], "the workers start where the state stands"


def test_a_state_is_not_asked_for_in_a_worker(dataset, monkeypatch):
    torch = pytest.importorskip("torch")
    worker = type("Info", (), {"id": 1, "num_workers": 2})
    monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda: worker)
    with pytest.raises(gf.FailedPrecondition, match="after=batch"):
        packed(dataset).state_dict()


def test_shards_within_workers_are_warned_of(dataset, monkeypatch, recwarn):
    torch = pytest.importorskip("torch")
    worker = type("Info", (), {"id": 1, "num_workers": 2})
    packed(dataset, num_shards=2, shard_index=1)
    monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda: worker)
    packed(dataset)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="a shard of 2 is made in torch worker 1 of 2, .* num_shards"):
        packed(dataset, num_shards=2, shard_index=1)


def train(state, num_shards, shard, steps, queue, address):
    """A step of a real model for each batch; sends what it saw and where it stands."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    loader = packed(
        gf.connect(address).dataset("resume"), num_shards=num_shards, shard_index=shard, seed=11
    )
    if state is not None:
        loader.load_state_dict(state)
    graphs = []
    for taken, batch in enumerate(loader, 1):
        tensors = batch.torch()
        real = tensors.graphs_mask
        out = torch.zeros(len(real), 1).index_add_(0, tensors.batch, model(tensors.x))[real]
        loss = ((out[:, 0] - tensors.y[real]) ** 2).sum() / max(int(real.sum()), 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        graphs += tensors.y[real].tolist()
        if taken == steps:
            break
    queue.put((graphs, loader.state_dict()))


@pytest.mark.parametrize("steps", [1, 4, 9])
def test_a_training_run_goes_on_in_another_process_with_another_number_of_shards(
    dataset, client, steps
):
    pytest.importorskip("torch")
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()

    def run(state, num_shards, limit):
        processes = [
            context.Process(
                target=train, args=(state, num_shards, i, limit, queue, client.endpoints[0])
            )
            for i in range(num_shards)
        ]
        for process in processes:
            process.start()
        results = [queue.get(timeout=120) for _ in processes]
        for process in processes:
            process.join()
        return [g for graphs, _ in results for g in graphs], [state for _, state in results]

    first, states = run(None, 2, steps)
    state = json.loads(json.dumps(gf.merge_states(states)))
    assert state["ordinal"] == 2 * steps
    second, states = run(state, 3, None)
    assert sorted(first + second) == list(range(150))
    assert gf.merge_states(states)["epoch"] == 1
