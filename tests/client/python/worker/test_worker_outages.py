"""A checkpoint needs no server: whatever ends a run while there is none, what was done is kept."""

import os
import signal
import threading
import time

import pytest
from worker_parts import graphs, model_and_optimizer, padded

import graphfeed as gf
from graphfeed.worker.checkpoints import Checkpoints

SOON = 40.0  # seconds; a client looks for a server for 60


@pytest.fixture
def doomed(start_server):
    """A server of the test's own, with the dataset."""
    server = start_server()
    gf.connect(server.address).ingest("rings", graphs(900))
    return server


def latest(folder):
    return Checkpoints(folder, 3, 1, 0).latest()


def test_sigterm_while_the_server_is_away(doomed, tmp_path):
    """Batches are large and the epoch long: few are on the way, and no epoch's end is near."""
    options = gf.FixedSizeOptions(num_nodes=20000, num_edges=60000, num_graphs=6)
    dataset = gf.connect(doomed.address).dataset("rings")
    model, optimizer = model_and_optimizer()
    worker = gf.Worker(padded(dataset, fixed_size_options=options), model, optimizer=optimizer,
                       checkpoint_dir=tmp_path)  # fmt: skip
    sent = []

    def orchestrate() -> None:
        while worker.step < 3:
            time.sleep(0.01)
        doomed.kill()
        steps = -1
        while steps != worker.step:  # it has used up what was on the way, and waits
            steps = worker.step
            time.sleep(1.0)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=orchestrate)
    thread.start()
    worker.run()
    assert time.monotonic() - sent[0] < SOON
    thread.join()
    found = latest(tmp_path)
    assert worker.stopped and worker.position.ordinal > 0, "not at an epoch's end"
    assert (found.step, found.position) == (worker.step, worker.position)


@pytest.mark.parametrize("derived", [False, True])
def test_a_retry_that_fails(doomed, tmp_path, derived):
    """The error says where the run stands, and the checkpoint is of there."""
    client = gf.connect(doomed.address, retry_timeout=0.5)
    sizes = {"fixed_size_options": None, "batch_size": 6} if derived else {}
    loader = padded(client.dataset("rings"), **sizes)
    model, optimizer = model_and_optimizer()

    def on_step(step):
        if step.step == 7:
            doomed.kill()

    worker = gf.Worker(loader, model, optimizer=optimizer, checkpoint_dir=tmp_path, on_step=on_step)
    begin = time.monotonic()
    with pytest.raises(gf.Unavailable) as caught:
        worker.run()
    assert time.monotonic() - begin < SOON
    assert worker.step >= 7
    found = latest(tmp_path)
    assert (found.step, found.position) == (worker.step, worker.position)
    epoch, ordinal = worker.position
    (note,) = caught.value.__notes__
    assert f"epoch {epoch}, ordinal {ordinal}, after step {worker.step}" in note
    assert f"has a checkpoint at ({epoch}, {ordinal})" in note
    begin = time.monotonic()
    assert worker.save() is not None  # another one, of the same position
    state = loader.state_dict()  # a loop of one's own needs no server either
    assert (state["epoch"], state["ordinal"]) == worker.position
    assert time.monotonic() - begin < SOON


def test_without_a_first_batch_nothing_is_written(doomed, tmp_path):
    loader = padded(gf.connect(doomed.address, retry_timeout=60).dataset("rings"))
    doomed.kill()
    model, optimizer = model_and_optimizer()
    worker = gf.Worker(loader, model, optimizer=optimizer, checkpoint_dir=tmp_path)
    thread = threading.Thread(target=worker.run)
    thread.start()
    worker.stop()
    thread.join(SOON)
    assert not thread.is_alive() and not list(tmp_path.glob("*.zip"))


def test_an_error_is_not_hidden_by_one_of_the_checkpoint(tmp_path):
    class Unkeepable:
        def state_dict(self):
            return {"what": print}

        def load_state_dict(self, state):
            raise NotImplementedError

    class Breaking:
        def __iter__(self):
            yield {"number": 0}
            yield {"number": 1}
            raise ConnectionError("gone")

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            raise NotImplementedError

    worker = gf.Worker(Breaking(), lambda batch: None, checkpoint_dir=tmp_path,
                       state={"it": Unkeepable()})  # fmt: skip
    with pytest.raises(ConnectionError, match="gone") as caught:
        worker.run()
    first, second = caught.value.__notes__
    assert "no checkpoint could be written: TypeError" in first
    assert "epoch 0, ordinal 1, after step 1; there is no checkpoint in" in second


def test_an_interrupt_between_steps_keeps_what_is_done(rings, tmp_path):
    batches = list(padded(rings))[:3]

    class Interrupted:
        def __iter__(self):
            yield from batches
            raise KeyboardInterrupt

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            raise NotImplementedError

    model, optimizer = model_and_optimizer()
    worker = gf.Worker(Interrupted(), model, optimizer=optimizer, checkpoint_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt) as caught:
        worker.run()
    assert latest(tmp_path).step == worker.step == 2  # without a length one is held back
    assert "after step 2" in caught.value.__notes__[0]
