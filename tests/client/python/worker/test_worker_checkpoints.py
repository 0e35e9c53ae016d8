"""Going on where a run stood: after an end, a signal, a kill, and with another number of shards."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings
import zipfile

import numpy as np
import pytest
import torch
from train_shard import train
from worker_parts import Batches, model_and_optimizer, padded, weights

import graphfeed as gf
from graphfeed.layout import Position
from graphfeed.worker import states
from graphfeed.worker.checkpoints import Checkpoint, Checkpoints
from graphfeed.worker.sizes import Sizes

HERE = pathlib.Path(__file__).resolve().parent


def trained(dataset, folder, *, seed=0, **run) -> tuple:
    model, optimizer = model_and_optimizer(seed)
    steps = []
    with gf.Worker(padded(dataset), model, optimizer=optimizer, checkpoint_dir=folder,
                   checkpoint_every=2, keep=2, on_step=steps.append) as worker:  # fmt: skip
        worker.run(**run)
    return worker, model, steps


def test_a_run_in_pieces_is_the_run(rings, tmp_path):
    """Weights, Adam's moments, dropout's random numbers and the position all go on."""
    torch.manual_seed(0)
    _, whole, steps = trained(rings, tmp_path / "whole", epochs=2)
    pieces = []
    for end in (3, 11, 12, 18):
        worker, model, of_piece = trained(rings, tmp_path / "pieces", seed=end if pieces else 0, steps=end)
        pieces += of_piece
        torch.manual_seed(end)  # not to be relied on
    assert torch.equal(weights(model), weights(whole))
    assert [s.loss for s in pieces] == [s.loss for s in steps]
    assert [s.position for s in pieces] == [s.position for s in steps]
    assert worker.totals.samples == 90 and worker.step == 18


def test_the_last_ones_are_kept(rings, tmp_path):
    trained(rings, tmp_path, epochs=1)
    names = sorted(path.name for path in tmp_path.glob("checkpoint-*"))
    assert names == ["checkpoint-000000-000000000008-0of1.zip", "checkpoint-000001-000000000000-0of1.zip"]


def test_a_damaged_file_is_passed_over(rings, tmp_path, caplog):
    trained(rings, tmp_path, epochs=1)
    newest = max(tmp_path.glob("*.zip"))
    whole = newest.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:900] + b"\x00\x01\x02" + whole[903:]):
        newest.write_bytes(damaged)
        (tmp_path / "checkpoint-000009-000000000000-0of1.tmp").write_bytes(b"killed while writing")
        caplog.clear()
        worker = gf.Worker(padded(rings), model_and_optimizer()[0], checkpoint_dir=tmp_path)
        assert worker.position == (0, 8) and "passed over" in caplog.text
        assert worker.totals.samples == 40
        assert not list(tmp_path.glob("*.tmp"))
    min(tmp_path.glob("*.zip")).write_bytes(b"")
    with pytest.raises(gf.DataLoss, match="no checkpoint in .* is whole"):
        gf.Worker(padded(rings), model_and_optimizer()[0], checkpoint_dir=tmp_path)


def test_another_loader_or_model_is_refused(rings, tmp_path):
    trained(rings, tmp_path, steps=2)
    model, optimizer = model_and_optimizer()
    with pytest.raises(ValueError, match="seed 5"):
        gf.Worker(padded(rings, seed=6), model, checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="no state of schedule; it has model, optimizer"):
        gf.Worker(padded(rings), model, optimizer=optimizer, checkpoint_dir=tmp_path,
                  state={"schedule": optimizer})  # fmt: skip
    with pytest.raises(TypeError, match="no state_dict"):
        gf.Worker(Batches(1), lambda batch: None, checkpoint_dir=tmp_path)
    with pytest.raises(TypeError, match=r"state\['it'\]"):
        gf.Worker(padded(rings), model, state={"it": 3})
    with pytest.raises(ValueError, match="uses itself"):
        gf.Worker(padded(rings), model, state={"model": model})
    with pytest.raises(ValueError, match="keep"):
        gf.Worker(padded(rings), model, checkpoint_dir=tmp_path, keep=0)


def rewritten(path: pathlib.Path, change) -> None:
    """The checkpoint with its description changed."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(held["checkpoint.json"])
    change(described)
    held["checkpoint.json"] = json.dumps(described).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)


def test_another_kind_of_optimizer_or_schedule_is_refused(rings, tmp_path):
    def resume(kind, **state):
        model, _ = model_and_optimizer(seed=7)
        before = weights(model)
        optimizer = kind(model.parameters(), lr=0.01)
        state = {name: make(optimizer) for name, make in state.items()}
        try:
            return gf.Worker(padded(rings), model, optimizer=optimizer, checkpoint_dir=tmp_path,
                             state=state)  # fmt: skip
        except ValueError:
            assert torch.equal(weights(model), before), "nothing is loaded of what does not fit"
            raise

    schedules = torch.optim.lr_scheduler
    step = lambda optimizer: schedules.StepLR(optimizer, 2)  # noqa: E731
    resume(torch.optim.Adam, schedule=step).run(steps=2)
    (file,) = tmp_path.glob("checkpoint-*")
    with pytest.raises(ValueError, match=r"checkpoint at \(0, 2\) .*of a Adam as optimizer, .*is a SGD"):
        resume(torch.optim.SGD)
    with pytest.raises(ValueError, match="is a AdamW"):  # of which each option is Adam's too
        resume(torch.optim.AdamW)
    with pytest.raises(ValueError, match="a StepLR as schedule, but schedule is a ExponentialLR"):
        resume(torch.optim.Adam, schedule=lambda o: schedules.ExponentialLR(o, 0.9))
    assert resume(torch.optim.Adam, schedule=step).step == 2

    # Files that do not say of what their states are: by the options.
    rewritten(file, lambda described: described.pop("kinds"))
    with pytest.raises(ValueError, match="another optimizer than a SGD: .*betas.*, without .*momentum"):
        resume(torch.optim.SGD)
    assert resume(torch.optim.Adam, schedule=step).step == 2


def test_the_checkpoints_learning_rate_wins_and_is_told(rings, tmp_path):
    def resume(lr, weight_decay=0.0, gamma=None):
        model, _ = model_and_optimizer()
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
        schedule = gamma and torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma)
        worker = gf.Worker(padded(rings), model, optimizer=optimizer, checkpoint_dir=tmp_path,
                           state={"schedule": schedule} if schedule else None)  # fmt: skip
        return worker, optimizer, schedule

    worker, _, schedule = resume(0.01, gamma=0.5)
    worker.run(steps=1)
    schedule.step()
    worker.save()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, optimizer, _ = resume(0.01, gamma=0.5)  # what the schedule has made of it is no change
    assert optimizer.param_groups[0]["lr"] == 0.005
    told = r"\['lr'\] is 0.2, the checkpoint's 0.01; .*\['weight_decay'\] is 0.3, the checkpoint's 0.0\."
    with pytest.warns(UserWarning, match=told) as caught:
        _, optimizer, _ = resume(0.2, 0.3, gamma=0.5)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert optimizer.param_groups[0]["lr"] == 0.005 and optimizer.param_groups[0]["weight_decay"] == 0


def test_other_objects_are_kept_too(rings, tmp_path):
    def run(steps):
        model, optimizer = model_and_optimizer()
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
        gf.Worker(padded(rings), model, optimizer=optimizer, checkpoint_dir=tmp_path,
                  state={"schedule": schedule}, on_step=lambda s: schedule.step()).run(steps=steps)  # fmt: skip
        return schedule.last_epoch

    assert run(3) >= 1 and run(6) >= 4


def test_foreign_loaders_with_a_state_go_on(tmp_path):
    class Counting:
        def __init__(self) -> None:
            self.begun = 0

        def __iter__(self):
            while self.begun < 4:
                self.begun += 1
                yield {"number": self.begun}
            self.begun = 0

        def state_dict(self):
            return {"begun": self.begun}

        def load_state_dict(self, state):
            self.begun = state["begun"]

    seen = []
    model = lambda batch: seen.append(batch["number"])  # noqa: E731
    gf.Worker(Counting(), model, checkpoint_dir=tmp_path).run(steps=3)
    worker = gf.Worker(Counting(), model, checkpoint_dir=tmp_path)
    assert worker.position == (0, 3)
    worker.run(epochs=2)
    assert seen == [1, 2, 3, 4, 1, 2, 3, 4]


def test_states_survive_json_without_running_code():
    arrays = []
    state = {
        "state": {0: {"step": torch.tensor(3.0), "half": torch.tensor([1.5], dtype=torch.bfloat16)}},
        "lr": 0.1, "betas": (0.9, float("inf")), "names": ["a", None, True], "np": np.arange(3),
        "scalar": np.float32(0.5), "empty": torch.zeros(0, 3), "flag": torch.tensor(True),
    }  # fmt: skip
    back = states.decode(json.loads(json.dumps(states.encode(state, arrays))), arrays)
    assert back.keys() == state.keys() and back["betas"] == state["betas"]
    assert back["names"] == state["names"] and back["lr"] == 0.1 and back["scalar"] == 0.5
    for key in ("step", "half"):
        torch.testing.assert_close(back["state"][0][key], state["state"][0][key], rtol=0, atol=0)
    assert back["empty"].shape == (0, 3) and back["flag"].item() is True
    np.testing.assert_array_equal(back["np"], state["np"])
    with pytest.raises(TypeError, match=r"state\['a'\]\[1\] is a function"):
        states.encode({"a": [1, print if False else (lambda: 0)]}, [])


def checkpoint(epoch: int, ordinal: int, samples: int = 0) -> Checkpoint:
    return Checkpoint(Position(epoch, ordinal), {"at": ordinal}, ordinal, Sizes(samples=samples), {})


def test_files_of_another_number_of_shards_serve_where_all_have_one(tmp_path):
    old = [Checkpoints(tmp_path, 5, 2, shard) for shard in (0, 1)]
    old[0].save(checkpoint(0, 4, samples=10))
    three = [Checkpoints(tmp_path, 5, 3, shard) for shard in (0, 1, 2)]
    with pytest.raises(RuntimeError, match="no position at which all shards .*4-0of2"):
        three[0].latest()
    old[1].save(checkpoint(0, 4, samples=7))
    old[0].save(checkpoint(0, 8, samples=20))  # the other one was killed before
    found = [c.latest() for c in three]
    assert [f.position for f in found] == [(0, 4)] * 3
    assert [f.totals.samples for f in found] == [10, 7, 0]
    single = Checkpoints(tmp_path, 5, 1, 0)
    assert single.latest().totals.samples == 17
    assert old[0].latest().position == (0, 8)  # the same number: its own

    # They stay until all of the new number can go on alone.
    three[0].save(checkpoint(0, 10))
    three[1].save(checkpoint(0, 10))
    assert three[2].latest().position == (0, 4)
    three[2].save(checkpoint(0, 10))
    three[0].save(checkpoint(0, 13))
    assert not list(tmp_path.glob("*of2.zip"))


# --- processes -----------------------------------------------------------------------------------


def start(server, dataset, folder, out, num_shards, shard, epochs, seconds=0.0):
    arguments = [server.address, dataset.info.full_name, folder, out, num_shards, shard, epochs, seconds]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    environment["PYTHONPATH"] = f"{HERE}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    return subprocess.Popen([sys.executable, HERE / "train_shard.py", *map(str, arguments)],
                            env=environment, stderr=subprocess.PIPE, text=True)  # fmt: skip


def lines(out: pathlib.Path, kind: str | None = None) -> list:
    """The steps' positions, or what was said under a word."""
    found = [line.split(" ", 1) for line in out.read_text().splitlines()] if out.exists() else []
    if kind:
        return [json.loads(rest) for word, rest in found if word == kind]
    return [(int(epoch), int(rest)) for epoch, rest in found if epoch.isdecimal()]


def wait_for_steps(out: pathlib.Path, count: int, process) -> None:
    deadline = time.monotonic() + 60
    while len(lines(out)) < count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the worker makes no steps"
        time.sleep(0.01)


def finish(process) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_sigterm_finishes_the_step_and_writes_a_checkpoint(server, rings, tmp_path):
    out = tmp_path / "out"
    process = start(server, rings, tmp_path / "c", out, 1, 0, 1000, 0.05)
    wait_for_steps(out, 3, process)
    process.send_signal(signal.SIGTERM)
    finish(process)
    ((stopped, samples, steps),) = lines(out, "end")
    assert stopped and samples == 5 * steps and steps == len(lines(out))
    newest = gf.Worker(padded(rings), lambda batch: None, checkpoint_dir=tmp_path / "c")
    assert newest.position == lines(out)[-1] and newest.totals.samples == samples


def test_the_former_handler_is_back_afterwards():
    def former(number, frame):
        """Nothing: it only has to come back."""

    before = signal.signal(signal.SIGTERM, former)
    try:
        gf.Worker(Batches(1), lambda batch: None).run(epochs=1)
        assert signal.getsignal(signal.SIGTERM) is former
        worker = gf.Worker(Batches(5), lambda batch: os.kill(os.getpid(), signal.SIGTERM))
        worker.run(epochs=1)
        assert worker.stopped and worker.step == 1
    finally:
        signal.signal(signal.SIGTERM, before)


def test_kill_9_of_one_of_two_shards_loses_and_repeats_nothing(server, rings, tmp_path):
    """Its restart, with the other one going on, and then both with a third."""
    folder, epochs = tmp_path / "c", 3
    outs = [tmp_path / f"out{i}" for i in range(2)]
    processes = [start(server, rings, folder, outs[i], 2, i, epochs, 0.03) for i in range(2)]
    wait_for_steps(outs[0], 7, processes[0])  # in the middle of the second epoch of five steps
    processes[0].kill()
    processes[0].communicate()
    before = lines(outs[0])
    restarted = start(server, rings, folder, outs[0], 2, 0, epochs)
    finish(restarted)
    finish(processes[1])
    whole, after = lines(outs[1]), lines(outs[0])[len(before) :]  # the one is of the shard not killed
    assert before == whole[: len(before)]
    # The steps that the checkpoint has are done, though the last ones may have no lines; it is at
    # most one step behind those that have.
    done = whole.index(tuple(lines(outs[0], "begin")[-1][:2])) + 1
    assert done >= len(before) - 1
    assert after == whole[done:]  # every position once
    # Samples of both shards are the three epochs, each graph once: 45 in each.
    totals = [lines(out, "end")[-1][1] for out in outs]
    assert sum(totals) == 45 * epochs

    # Three workers go on from where the two ended.
    outs3 = [tmp_path / f"three{i}" for i in range(3)]
    for i, out in enumerate(outs3):
        train(server.address, rings.info.full_name, folder, out, 3, i, epochs + 1)
    assert [lines(out, "begin")[0][:2] for out in outs3] == [[epochs, 0]] * 3
    assert sum(lines(out, "end")[0][1] for out in outs3) == 45 * (epochs + 1)


def test_another_number_of_shards_goes_on_in_mid_epoch(server, rings, tmp_path):
    folder = tmp_path / "c"
    outs = [tmp_path / f"out{i}" for i in range(2)]
    processes = [start(server, rings, folder, outs[i], 2, i, 1000, 0.03) for i in range(2)]
    for out, process in zip(outs, processes):
        wait_for_steps(out, 3, process)
    for process in processes:
        process.kill()
        process.communicate()
    outs3 = [tmp_path / f"three{i}" for i in range(3)]
    last = max(position[0] for out in outs for position in lines(out)) + 1
    for i, out in enumerate(outs3):
        train(server.address, rings.info.full_name, folder, out, 3, i, last)
    begun = [lines(out, "begin")[0] for out in outs3]
    assert begun[0][:2] == begun[1][:2] == begun[2][:2] and begun[0][1] % 2 == 0
    assert sum(samples for _, _, samples in begun) > 0
    assert sum(lines(out, "end")[0][1] for out in outs3) == 45 * last
