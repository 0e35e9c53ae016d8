"""as_torch_dataset() as torchdata's StatefulDataLoader calls it: state_dict after each batch, in the
process that read it, and load_state_dict before an iteration."""

import contextlib
import copy
import json
import pickle

import numpy as np
import pytest

import graphfeed as gf

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def dataset(client):
    graphs = [
        {"x": np.ones((3, 1), np.float32), "edge_index": np.zeros((2, 2), int), "y": [i]}
        for i in range(100)
    ]
    return client.ingest("stateful", graphs)


def loader(dataset, **arguments):
    return gf.DataLoader(dataset, 7, True, **{"seed": 3, **arguments})


def seen(batches):
    return [(tuple(batch.position), batch.digest) for batch in batches]


class Workers:
    """As many copies of a dataset as a DataLoader has workers, asked in turns, each in its own
    "process"; like StatefulDataLoader it keeps each one's state as of the batch that it gave, and
    whose turn it is."""

    def __init__(self, monkeypatch, stream, number, states=None, turn=0):
        self.turn = turn
        self.streams = [pickle.loads(pickle.dumps(stream)) for _ in range(number)]
        self.monkeypatch, self.number = monkeypatch, number
        self.states = [None] * number
        for worker in range(number):
            with self.being(worker):
                if states is not None:
                    self.streams[worker].load_state_dict(json.loads(json.dumps(states[worker])))
                self.states[worker] = self.streams[worker].state_dict()

    @contextlib.contextmanager
    def being(self, worker):
        info = type("Info", (), {"id": worker, "num_workers": self.number})
        with self.monkeypatch.context() as patch:
            patch.setattr(torch.utils.data, "get_worker_info", lambda: info)
            patch.setattr("graphfeed.torch_dataset.get_worker_info", lambda: info)
            yield

    def __iter__(self):
        iterators = []
        for worker in range(self.number):
            with self.being(worker):
                iterators.append(iter(self.streams[worker]))
        going = [(worker + self.turn) % self.number for worker in range(self.number)]
        self.turn = 0
        while going:
            for worker in list(going):
                with self.being(worker):
                    batch = next(iterators[worker], None)
                    self.states[worker] = self.streams[worker].state_dict()
                if batch is None:
                    going.remove(worker)
                else:
                    yield batch


@pytest.mark.parametrize("shards", [{}, {"num_shards": 2, "shard_index": 1}])
def test_in_the_process_itself(dataset, shards):
    expected = [seen(epoch) for epoch in loader(dataset, **shards).epochs(2)]
    for stop in range(len(expected[0]) + 1):
        stream = loader(dataset, **shards).as_torch_dataset()
        batches = iter(stream)
        first = seen(next(batches) for _ in range(stop))
        state = json.loads(json.dumps(stream.state_dict()))
        again = loader(dataset, **shards).as_torch_dataset()
        again.load_state_dict(state)
        assert again.state_dict() == state
        assert first + seen(again) == expected[0], stop
        assert seen(again) == expected[1], "the next epoch is an iteration of its own"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_in_workers(dataset, monkeypatch, number):
    expected = [seen(epoch) for epoch in loader(dataset).epochs(2)]
    for stop in (0, 1, 4, len(expected[0]) - 1, len(expected[0])):
        workers = Workers(monkeypatch, loader(dataset).as_torch_dataset(), number)
        batches = iter(workers)
        first = seen(next(batches) for _ in range(stop))
        assert first == expected[0][:stop]
        fresh = loader(dataset).as_torch_dataset()
        states = copy.deepcopy(workers.states)
        again = Workers(monkeypatch, fresh, number, states, turn=stop % number)
        assert first + seen(again) == expected[0], stop
        assert seen(again) == expected[1]


def test_a_state_between_two_epochs(dataset):
    stream = loader(dataset).as_torch_dataset()
    expected = seen(stream), seen(stream)
    stream = loader(dataset).as_torch_dataset()
    list(stream)
    ended = stream.state_dict()
    assert ended["done"] and ended["epoch"] == 0
    iter(stream)
    begun = stream.state_dict()
    assert not begun["done"] and (begun["epoch"], begun["ordinal"]) == (1, 0)
    again = loader(dataset).as_torch_dataset()
    again.load_state_dict(begun)
    assert seen(again) == expected[1]


def test_states_of_others_are_refused(dataset, monkeypatch):
    stream = loader(dataset).as_torch_dataset()
    state = stream.state_dict()
    with pytest.raises(gf.InvalidArgument, match="loader.load_state_dict"):
        stream.load_state_dict(loader(dataset).state_dict())
    with pytest.raises(gf.InvalidArgument, match="worker 1's of 3, this is worker 0 of 1"):
        stream.load_state_dict({**state, "worker": 1, "num_workers": 3})
    with pytest.raises(gf.InvalidArgument, match="seed"):
        loader(dataset, seed=4).as_torch_dataset().load_state_dict(state)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_main_process_has_no_state_of_what_workers_read(dataset, method):
    stream = loader(dataset).as_torch_dataset()
    stream.state_dict()
    workers = torch.utils.data.DataLoader(
        stream, batch_size=None, num_workers=2, multiprocessing_context=method
    )
    assert seen(workers) == seen(loader(dataset))
    with pytest.raises(gf.FailedPrecondition, match="after=batch"):
        stream.state_dict()
