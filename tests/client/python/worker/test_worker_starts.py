"""Where a run begins, and what is said when it has nothing to do."""

import warnings

import pytest
from worker_parts import Batches, padded

import graphfeed as gf


def positions(loader, folder=None, **run) -> list:
    seen = []
    gf.Worker(loader, lambda batch: seen.append(tuple(batch.position)), checkpoint_dir=folder).run(**run)
    return seen


def epochs(*numbers) -> list:
    return [(epoch, ordinal) for epoch in numbers for ordinal in range(9)]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_run_begins_where_the_loader_stands(rings):
    loader = padded(rings)
    assert positions(loader, epochs=2) == epochs(0, 1)
    assert positions(loader, epochs=2) == epochs(2, 3)  # a worker of its own, a run of its own
    next(iter(loader))  # which uses up an epoch, as any iteration
    assert positions(loader, epochs=1) == epochs(5)
    loader.set_epoch(1)
    assert positions(loader, epochs=2) == epochs(1, 2)


def test_the_rest_of_an_epoch_counts_as_one(rings):
    loader = padded(rings)
    state = loader.state_dict()
    loader.load_state_dict({**state, "epoch": 3, "ordinal": 7})
    assert positions(loader, epochs=2) == [(3, 7), (3, 8), *epochs(4)]


def test_what_is_read_beside_the_run_moves_its_beginning_only(rings):
    loader = padded(rings)
    seen = []
    worker = gf.Worker(loader, lambda batch: seen.append(tuple(batch.position)))
    next(iter(loader))
    worker.run(steps=12)
    assert seen == [*epochs(1), (2, 0), (2, 1), (2, 2)]
    assert len(list(loader)) == 6  # to look at the rest of the epoch
    worker.run(epochs=2)
    assert seen == epochs(1, 2)


def test_a_checkpoint_knows_where_its_run_began(rings, tmp_path):
    loader = padded(rings)
    assert positions(loader, epochs=3) == epochs(0, 1, 2)
    assert positions(loader, tmp_path, steps=4) == epochs(3)[:4]
    assert positions(padded(rings), tmp_path, epochs=2) == [*epochs(3)[4:], *epochs(4)]
    loader.set_epoch(7)  # the checkpoint is what counts
    assert positions(loader, tmp_path, epochs=3) == epochs(5)


def test_nothing_to_run_is_said(rings, tmp_path):
    loader = padded(rings)
    worker = gf.Worker(loader, lambda batch: None, checkpoint_dir=tmp_path)
    worker.run(epochs=1)
    with pytest.warns(UserWarning, match="nothing to run: 1 of the run's 1 epochs are done") as caught:
        worker.run(epochs=1)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="nothing to run: 9 of the run's 5 steps are done"):
        gf.Worker(padded(rings), lambda batch: None, checkpoint_dir=tmp_path).run(steps=5)
    worker.stop()
    worker.run(epochs=1)  # of which it is known why


def test_any_iterable_begins_at_its_beginning():
    batches, seen = Batches(3), []
    for _ in range(2):
        gf.Worker(batches, lambda batch: seen.append(batch["number"])).run(epochs=1)
    assert seen == [0, 1, 2, 0, 1, 2]


def test_null_batches_are_warned_of_where_the_worker_runs(rings):
    loader = padded(rings, num_shards=4, shard_index=1)
    with pytest.warns(UserWarning, match="null batches") as caught:
        gf.Worker(loader, lambda batch: None).run(epochs=1)
    assert [(w.filename, "null batches" in str(w.message)) for w in caught] == [(__file__, True)]
    loader = padded(rings, shuffle=False, micro_batches=4)
    with pytest.warns(UserWarning, match="null batches") as caught:
        gf.Worker(loader, lambda batch: batch.graphs_mask).predict()
    assert [w.filename for w in caught] == [__file__]
