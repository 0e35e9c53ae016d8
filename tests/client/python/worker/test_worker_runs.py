"""What a worker does with batches: kinds of models, positions, micro-batches, failures."""

import math
import threading

import numpy as np
import pytest
import torch
from worker_parts import Batches, model_and_optimizer, padded, weights

import graphfeed as gf


def by_hand(loader, model, optimizer, epochs: int) -> list:
    losses = []
    model.train()
    for batches in loader.epochs(epochs):
        for batch in batches:
            batch = batch.torch()
            optimizer.zero_grad()
            loss = model(batch.x, batch.edge_index, batch.batch, batch.graphs_mask, batch.y)["loss"]
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("compiled", [False, True])
def test_a_module_is_trained_as_a_loop_by_hand_trains_it(rings, compiled):
    model, optimizer = model_and_optimizer(dropout=0.0)
    expected = by_hand(padded(rings), model, optimizer, 2)

    ours, optimizer = model_and_optimizer(dropout=0.0)
    if compiled:
        ours = torch.jit.script(ours)
        optimizer = torch.optim.Adam(ours.parameters(), lr=0.01)
    steps = []
    loader = padded(rings)
    with gf.Worker(loader, ours, optimizer=optimizer, on_step=steps.append) as worker:
        worker.run(epochs=2)
    np.testing.assert_allclose([step.loss for step in steps], expected, rtol=1e-6)
    torch.testing.assert_close(weights(ours), weights(model))
    assert [step.step for step in steps] == list(range(1, 19))
    assert steps[3].position == (0, 4) and steps[8].position == (1, 0)
    assert worker.position == (2, 0) == tuple(loader.state_dict()[k] for k in ("epoch", "ordinal"))
    assert worker.step == 18 and worker.totals.samples == 2 * 45


def test_a_function_gets_batches_and_the_loader_stands_where_it_does(rings):
    seen = []

    def step(batch):
        seen.append(batch.position)
        return 0.5

    loader = padded(rings)
    worker = gf.Worker(loader, step)
    worker.run(steps=4)  # without `with`: nothing is served
    assert seen == [(0, i) for i in range(4)]
    assert loader.state_dict()["ordinal"] == 4  # however far the stages had read ahead
    worker.run(steps=7)  # of the run, not more
    assert seen == [(0, i) for i in range(7)]
    worker.run(epochs=2)
    assert seen[7:] == [(0, 7), (0, 8), *((1, i) for i in range(9))]
    with pytest.warns(UserWarning, match="nothing to run"):
        worker.run(epochs=2)
    assert len(seen) == 18


class Unsized:
    """An iterable that does not know its length."""

    def __init__(self, count: int) -> None:
        self._batches = Batches(count)

    def __iter__(self):
        return iter(self._batches)


def test_any_iterable_is_a_loader():
    seen = []
    worker = gf.Worker(Batches(3), lambda batch: seen.append(batch["number"]))
    worker.run(epochs=2)
    assert seen == [0, 1, 2, 0, 1, 2] and worker.position == (2, 0)
    # One without a length holds a batch back, to know the last one.
    positions = []
    worker = gf.Worker(
        Unsized(3), lambda batch: None, on_step=lambda step: positions.append(tuple(step.position))
    )
    worker.run(epochs=2)
    assert positions == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    with pytest.raises(ValueError, match="no batches in epoch 0"):
        gf.Worker([], seen.append).run(epochs=1)


def test_dicts_tuples_and_arrays_are_losses():
    for result, loss in [
        (2.5, 2.5),
        (torch.tensor([1.0, 2.0]), 1.5),
        ({"loss": torch.tensor(3.0), "out": None}, 3.0),
        ((torch.zeros(4, 2), torch.tensor(4.0)), 4.0),
        (np.float32(5.0), 5.0),
        (None, None),
        ({"out": 1}, None),
    ]:
        steps = []
        gf.Worker(Batches(1), lambda batch, r=result: r, on_step=steps.append).run(epochs=1)
        assert steps[0].loss == loss


class PopTorchLike:
    """As PopTorch's training models behave: no module, called with arguments, its module's
    attributes its own."""

    def __init__(self, module, optimizer) -> None:
        self._user_model, self._optimizer = module, optimizer

    def __getattr__(self, name):
        return getattr(self._user_model, name)

    def __call__(self, *args, **kwargs):
        self._optimizer.zero_grad()
        result = self._user_model(*args, **kwargs)
        result["loss"].backward()
        self._optimizer.step()
        return result["out"].detach(), result["loss"].detach()


def test_poptorch_models_get_fields_by_name_and_do_the_rest(rings):
    expected, optimizer = model_and_optimizer(dropout=0.0)
    losses = by_hand(padded(rings), expected, optimizer, 1)
    module, optimizer = model_and_optimizer(dropout=0.0)
    steps = []
    gf.Worker(padded(rings), PopTorchLike(module, optimizer), on_step=steps.append).run(epochs=1)
    np.testing.assert_allclose([step.loss for step in steps], losses, rtol=1e-6)


def test_inputs_are_named_or_made(rings):
    seen = []

    def model(x=None, graphs_mask=None):
        seen.append((type(x), graphs_mask))

    gf.Worker(padded(rings), model, inputs=["x", "graphs_mask"]).run(steps=1)
    gf.Worker(padded(rings), model, inputs=lambda batch: (batch.x, 7)).run(steps=1)
    gf.Worker(padded(rings), model, inputs=lambda batch: {"graphs_mask": 8}).run(steps=1)
    assert seen[0][0] is torch.Tensor and seen[0][1].shape == (6,)
    assert seen[1][1] == 7 and seen[2][1] == 8
    with pytest.raises(ValueError, match="lacks z\n.*model takes: z, x\n.*batch has: .*graphs_mask"):
        gf.Worker(padded(rings), model, inputs=["z", "x"]).run(steps=1)
    with pytest.raises(TypeError, match="list of names"):
        gf.Worker(padded(rings), model, inputs="x")


def test_inputs_of_a_module_are_named_or_made(rings):
    """By name, by position, or one alone, as of functions; of each micro-batch."""
    seen = []

    class Model(torch.nn.Module):
        def forward(self, x, graphs_mask=None):
            seen.append((x, graphs_mask))
            return {"loss": torch.zeros(()), "out": torch.zeros(6, 1)}

    loader = padded(rings, micro_batches=2)
    first = loader.batch(0).torch().micro_batches()[1]
    for inputs, expected in [
        (["x", "graphs_mask"], (first.x, first.graphs_mask)),
        (lambda batch: {"x": batch.x, "graphs_mask": 3}, (first.x, 3)),
        (lambda batch: (batch.x, batch.graphs_mask), (first.x, first.graphs_mask)),
        (lambda batch: batch.x, (first.x, None)),
    ]:
        seen.clear()
        gf.Worker(padded(rings, micro_batches=2), Model(), inputs=inputs).run(steps=1)
        assert len(seen) == 2
        for ours, theirs in zip(seen[1], expected):
            assert torch.equal(ours, theirs) if torch.is_tensor(theirs) else ours == theirs
    asked = gf.Worker(padded(rings, shuffle=False), Model(), inputs=lambda batch: (batch.x, 1))
    assert asked.predict().values.shape == (45, 1)


def test_a_function_gets_the_batch_itself_whatever_it_is():
    seen = []
    for batch in [(1, 2), {"a": 1}, [3]]:
        gf.Worker([batch], seen.append).run(epochs=1)
    assert seen == [(1, 2), {"a": 1}, [3]]


def test_fields_of_types_are_joined_by_underscores(typed):
    model_inputs = ["movie__x", "movie__to__director__edge_index", "movie__input_id", "x_dict"]
    seen = {}
    plain = gf.NeighborLoader(typed, [2], ("movie", np.arange(4)), batch_size=2, seed=0)
    gf.Worker(plain, lambda **fields: seen.update(fields), inputs=model_inputs).run(steps=1)
    batch = plain.batch(0)
    np.testing.assert_array_equal(seen["movie__x"], batch["movie"].x)
    np.testing.assert_array_equal(
        seen["movie__to__director__edge_index"], batch["movie", "to", "director"].edge_index
    )
    assert seen["x_dict"].keys() == batch.x_dict.keys()


def test_options_say_how_many_micro_batches_make_an_optimizer_step(rings):
    options = {"device_iterations": 3, "gradient_accumulation": 2}
    loader = padded(rings, options=options, micro_batches=6)
    model, optimizer = model_and_optimizer(dropout=0.0)
    steps = []
    gf.Worker(loader, model, optimizer=optimizer, options=options, on_step=steps.append).run(steps=1)

    expected, optimizer = model_and_optimizer(dropout=0.0)
    losses = []
    parts = padded(rings, micro_batches=6).batch(0).torch().micro_batches()
    for pair in (parts[0:2], parts[2:4], parts[4:6]):
        optimizer.zero_grad()
        group = [expected(p.x, p.edge_index, p.batch, p.graphs_mask, p.y)["loss"] for p in pair]
        torch.stack(group).mean().backward()
        losses.append(float(torch.stack(group).mean()))
        optimizer.step()
    torch.testing.assert_close(weights(model), weights(expected))
    assert steps[0].loss == pytest.approx(np.mean(losses))
    with pytest.raises(ValueError, match="ask for 6 micro-batches .* combines 1"):
        gf.Worker(padded(rings), model, optimizer=optimizer, options=options)


def test_null_micro_batches_count_nothing(rings):
    """Nine batches in frames of six: the last three are all padding."""
    loader = padded(rings, micro_batches=6)
    model, optimizer = model_and_optimizer(dropout=0.0)
    steps = []
    worker = gf.Worker(loader, model, optimizer=optimizer, on_step=steps.append)
    worker.run(epochs=1)
    assert (worker.totals.batches_ok, worker.totals.batches_null, worker.totals.samples) == (9, 3, 45)

    # A frame that is null as a whole leaves the weights alone: nine frames in four shards.
    loader = padded(rings, num_shards=4, shard_index=3)
    before, steps = weights(model), []
    worker = gf.Worker(loader, model, optimizer=optimizer, on_step=steps.append)
    worker.run(steps=2)
    assert not torch.equal(weights(model), before)
    before = weights(model)
    worker.run(epochs=1)
    assert worker.totals.batches_null == 1 and steps[-1].loss is None
    assert torch.equal(weights(model), before)


def test_a_loss_that_is_not_finite_is_told_and_not_applied(rings):
    model, optimizer = model_and_optimizer(dropout=0.0)
    poisoned = []

    class Poisoned(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x, edge_index, batch, graphs_mask, y):
            result = self.inner(x, edge_index, batch, graphs_mask, y)
            poisoned.append(weights(model))
            return result["loss"] * (math.nan if len(poisoned) == 3 else 1.0)

    steps = []
    worker = gf.Worker(padded(rings), Poisoned(), optimizer=optimizer, on_step=steps.append)
    worker.run(steps=4)
    assert torch.equal(poisoned[2], poisoned[3])  # as it was before the third step
    assert not torch.equal(poisoned[1], poisoned[2])
    assert math.isnan(steps[2].loss) and math.isfinite(steps[3].loss)
    report = worker.metrics.report()
    assert report["nonfinite_losses"] == 1 and report["steps"] == 4
    assert report["has_loss"] and report["loss"] == pytest.approx(steps[3].loss)


def test_without_optimizer_weights_stay_and_nothing_is_dropped_out(rings):
    model, _ = model_and_optimizer()
    before = weights(model)
    losses = []
    for _ in range(2):
        steps = []
        gf.Worker(padded(rings), model, on_step=steps.append).run(epochs=1)
        losses.append([step.loss for step in steps])
    assert losses[0] == losses[1] and torch.equal(weights(model), before)


def test_an_error_of_the_model_ends_the_run_where_it_is(rings, tmp_path):
    model, optimizer = model_and_optimizer()

    class Failing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = model, 0

        def forward(self, x, edge_index, batch, graphs_mask, y):
            self.calls += 1
            if self.calls == 6:
                raise MemoryError("no more")
            return self.inner(x, edge_index, batch, graphs_mask, y)

    loader = padded(rings)
    worker = gf.Worker(loader, Failing(), optimizer=optimizer, checkpoint_dir=tmp_path)
    with pytest.raises(MemoryError, match="no more") as caught:
        worker.run(epochs=1)
    assert "epoch 0, ordinal 5, after step 5" in caught.value.__notes__[0]
    assert "has a checkpoint at (0, 5)" in caught.value.__notes__[0]
    assert loader.state_dict()["ordinal"] == 5
    report = worker.metrics.report()
    assert report["device_errors"] == {"out_of_memory": 1} and report["batches"]["failed"] == 1

    again, optimizer = model_and_optimizer(seed=9)
    resumed = gf.Worker(padded(rings), Failing(), optimizer=optimizer, checkpoint_dir=tmp_path)
    assert resumed.position == (0, 5) and torch.equal(weights(again), weights(model)) is False
    assert resumed.step == 5


def test_errors_of_the_loader_and_of_on_step_come_out():
    class Breaking(Batches):
        def __iter__(self):
            yield {"number": 0}
            raise ConnectionError("gone")

    worker = gf.Worker(Breaking(1), lambda batch: None)
    with pytest.raises(ConnectionError, match="gone"):
        worker.run(epochs=1)

    def on_step(step):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        gf.Worker(Batches(100), lambda batch: None, on_step=on_step).run(epochs=1)
    with pytest.raises(TypeError, match="cannot be called"):
        gf.Worker(Batches(1), 5)
    with pytest.raises(ValueError, match="gave no loss"):
        gf.Worker([{"x": 1}], Silent(), optimizer=None).run(epochs=1)


class Silent(torch.nn.Module):
    def forward(self, x):
        return {"out": x}


def test_a_thread_may_run_and_stop_it():
    release = threading.Event()
    worker = gf.Worker(Batches(10**6), lambda batch: release.set())
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert release.wait(30)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive() and worker.stopped and worker.step >= 1
    steps = worker.step
    worker.run(epochs=1)  # a program that goes on in a loop does not make it deaf
    assert worker.step == steps


def test_a_worker_that_waits_for_a_batch_can_be_stopped():
    waits, release = threading.Event(), threading.Event()

    class Stalling(Batches):
        def __iter__(self):
            yield {"number": 0}
            waits.set()
            release.wait(30)

    worker = gf.Worker(Stalling(1), lambda batch: None)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert waits.wait(30)
    worker.stop()
    release.set()
    thread.join(30)
    assert not thread.is_alive()
