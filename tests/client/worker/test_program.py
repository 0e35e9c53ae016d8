"""graphfeed-worker as a process: killed, stopped, starved, scraped; on generated molecules."""

from __future__ import annotations

import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from prometheus import Prometheus, lint
from worker_process import NUM_GRAPHS, WORKER, Worker, get, losses, molecules

import graphfeed as gf

ROOT = pathlib.Path(__file__).resolve().parents[3]
ENDLESS = ["--epochs", "1000000"]
sys.path.insert(0, str(ROOT / "client" / "worker" / "models"))


@pytest.fixture(scope="module")
def files(tmp_path_factory, client):
    """A dataset `molecules`, a spec of shuffled packs, 8 graphs each, and a model for them."""
    import torch
    from export import save
    from graph_models import Gin, GraphTask

    client.ingest("molecules", molecules())
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    save(Gin(4, 8, 9, GraphTask(2), num_layers=2, dropout=0.5), folder / "gin.pt")
    spec = {
        "strategy": "best-pack",
        "shuffle": True,
        "options": {"num_graphs": 9, "num_nodes": 60, "num_edges": 110},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    return folder


def undisturbed(files, server, tmp_path, epochs: int) -> list[tuple]:
    """The losses of so many epochs without an interruption, dropout included."""
    log = tmp_path / "undisturbed.csv"
    end = Worker(files, server.address, "--epochs", str(epochs), "--loss-log", str(log)).end()
    assert end["totals"]["samples"] == epochs * NUM_GRAPHS
    return losses(log)


def steps_of(checkpoint: pathlib.Path) -> int:
    return int(checkpoint.name[len("checkpoint-") : -len(".gfc")])


def test_a_killed_worker_goes_on_from_its_checkpoint(files, server, tmp_path):
    whole = undisturbed(files, server, tmp_path, 3)
    run = ["--checkpoint-dir", str(tmp_path / "run"), "--checkpoint-steps", "5"]
    first = Worker(files, server.address, *run, *ENDLESS, "--keep-checkpoints", "1000000")
    first.until("epoch")
    first.process.kill()  # in the middle of an epoch
    first.process.communicate()
    assert first.process.returncode == -signal.SIGKILL
    # However late it was: back to a step within the three epochs.
    kept = []
    for path in (tmp_path / "run").glob("checkpoint-*.gfc"):
        if steps_of(path) < len(whole) - 10:
            kept.append(steps_of(path))
        else:
            path.unlink()
    run += ["--epochs", "3", "--loss-log", str(tmp_path / "second.csv")]
    second = Worker(files, server.address, *run)
    start = second.until("start")
    end = second.end()
    assert end["how"] == "done"
    assert end["totals"]["samples"] == 3 * NUM_GRAPHS
    assert end["totals"]["steps"] == len(whole)
    assert (start["epoch"], start["ordinal"]) != (0, 0)
    # The same batches, the same weights, the same dropout: the same losses to the last digit.
    after = losses(tmp_path / "second.csv")
    assert after == whole[max(kept) :]


def test_sigterm_finishes_the_step_and_saves(files, server, tmp_path):
    run = ["--checkpoint-dir", str(tmp_path / "run")]
    log = ["--loss-log", str(tmp_path / "first.csv")]
    first = Worker(files, server.address, *run, *log, *ENDLESS)
    first.until("epoch")
    first.process.send_signal(signal.SIGTERM)
    stopped = first.end()
    assert stopped["how"] == "stopped"
    before = losses(tmp_path / "first.csv")
    assert len(before) == stopped["totals"]["steps"]
    epochs = stopped["epoch"] + 1
    run += ["--epochs", str(epochs), "--loss-log", str(tmp_path / "second.csv")]
    second = Worker(files, server.address, *run)
    start = second.until("start")
    assert (start["epoch"], start["ordinal"]) == (stopped["epoch"], stopped["ordinal"])
    assert second.end()["how"] == "done"
    after = losses(tmp_path / "second.csv")
    assert after
    assert before + after == undisturbed(files, server, tmp_path, epochs)


def test_sigterm_ends_a_worker_that_waits_for_a_server(files):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        worker = Worker(files, address, "--epochs", "1", "--metrics-listen", "127.0.0.1:0")
        worker.until("listening")
        worker.process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        worker.process.communicate(timeout=60)
        assert worker.process.returncode in (0, -signal.SIGTERM)
        assert time.monotonic() - begin < 15  # a connection alone is tried for 20 s


@pytest.mark.parametrize("afterwards", [2, 1, 3])
def test_shards_go_on_after_one_was_killed(files, server, tmp_path, afterwards):
    """Two workers on two shards, one of them killed in mid-epoch and started again; then, in the
    next epoch, another number of workers. No batch is lost or repeated after the checkpoint."""

    def arguments(folder: str, shards: int, index: int, *more: str) -> list[str]:
        return [
            "--num-shards", str(shards), "--shard-index", str(index), "--checkpoint-steps", "1",
            "--keep-checkpoints", "100", "--checkpoint-dir", str(tmp_path / f"{folder}{index}"),
            *more,
        ]  # fmt: skip

    # Its first four steps; slowly, so that it is killed among them or before them.
    other = Worker(files, server.address, *arguments("run", 2, 1, "--steps", "4"))
    victim = Worker(files, server.address, *arguments("run", 2, 0, "--steps", "100000"))
    while not list((tmp_path / "run0").glob("checkpoint-*")):
        assert victim.process.poll() is None
    victim.process.kill()
    victim.process.communicate()
    assert other.end()["totals"]["steps"] == 4
    # Back to where both stand: a checkpoint of its own, of the steps up to the fourth.
    for path in (tmp_path / "run0").glob("checkpoint-*"):
        if int(path.name[11:23]) > 4:
            path.unlink()
    again = Worker(files, server.address, *arguments("run", 2, 0, "--steps", "4")).end()
    assert again["totals"]["steps"] == 4

    resume = ",".join(str(tmp_path / f"run{i}" / "checkpoint-000000000004.gfc") for i in (0, 1))
    ends = []
    for index in range(afterwards):
        more = arguments("new", afterwards, index, "--resume", resume, "--epochs", "1")
        ends.append(Worker(files, server.address, *more).end())
    # The first of the new workers has what the former ones had done in its totals.
    assert sum(end["totals"]["samples"] for end in ends) == NUM_GRAPHS
    assert all((end["epoch"], end["ordinal"]) == (1, 0) for end in ends)


def test_prometheus_scrapes_workers_and_server(files, server, tmp_path):
    more = [*ENDLESS, "--metrics-listen", "127.0.0.1:0", "--report-interval", "3"]
    workers = [Worker(files, server.address, *more, "--job", "scraped") for _ in range(2)]
    addresses = [worker.until("listening")["metrics"] for worker in workers]
    prometheus = Prometheus(tmp_path, server.metrics, *addresses)
    try:
        for worker in workers:
            worker.until("epoch")
        for address in addresses:
            assert get(address, "/healthz") == (200, "alive\n")
            assert get(address, "/readyz") == (200, "ready\n")
            status, text = get(address, "/metrics")
            assert status == 200
            assert lint(text) == ""
            assert "scraped" not in text
        prometheus.wait_for('sum(up{job="graphfeed"})', 3)
        prometheus.wait_for('count(graphfeed_worker_build_info{runtime="torchscript"})', 2)
        for worker in workers:
            worker.process.send_signal(signal.SIGTERM)
        steps = [worker.end()["totals"]["steps"] for worker in workers]
        # The last reports are in: the server's sum is that of what they did.
        client = gf.connect(server.address)
        known = {w.worker: w for w in client.workers() if w.job == "scraped"}
        assert sorted(w.steps for w in known.values()) == sorted(steps)
        assert all(w.gone for w in known.values())
        prometheus.wait_for('graphfeed_workers{state="alive"}', 0)
    finally:
        prometheus.close()
        for worker in workers:
            worker.process.kill()


def test_a_worker_is_not_ready_before_its_first_step(files):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        worker = Worker(files, address, "--epochs", "1", "--metrics-listen", "127.0.0.1:0")
        try:
            listening = worker.until("listening")["metrics"]
            assert get(listening, "/healthz")[0] == 200
            assert get(listening, "/readyz") == (503, "no step has succeeded yet\n")
        finally:
            worker.process.kill()
            worker.process.communicate()


def stalls(text: str) -> dict[str, float]:
    """Seconds by cause, and in steps."""
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {
        "data": float(values['graphfeed_worker_host_stall_seconds_total{cause="data"}']),
        "device": float(values['graphfeed_worker_host_stall_seconds_total{cause="device"}']),
        "steps": float(values["graphfeed_worker_step_duration_seconds_sum"]),
    }


def test_a_slow_server_is_a_stall_for_data(files, start_server):
    server = start_server()
    gf.connect(server.address).ingest("molecules", molecules())
    more = ["--epochs", "100000", "--metrics-listen", "127.0.0.1:0", "--keepalive", "60"]
    worker = Worker(files, server.address, *more)
    try:
        address = worker.until("listening")["metrics"]
        worker.until("epoch")
        server.process.send_signal(signal.SIGSTOP)
        # It lives on what is on its way, and then waits.
        before, after = None, stalls(get(address, "/metrics")[1])
        while before is None or after["steps"] != before["steps"]:
            before = after
            time.sleep(0.5)
            after = stalls(get(address, "/metrics")[1])
        time.sleep(3)
        server.process.send_signal(signal.SIGCONT)
        while after["steps"] == before["steps"]:
            after = stalls(get(address, "/metrics")[1])
        spent = {cause: after[cause] - before[cause] for cause in after}
        assert spent["data"] > 2, spent
        assert spent["data"] > spent["device"], spent
    finally:
        worker.process.kill()
        worker.process.communicate()


def test_a_slow_model_is_time_on_the_device(files, server, tmp_path):
    import torch

    class Slow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            work = torch.ones(256, 256) * self.weight  # else it is worked out once and for all
            for _ in range(20):
                work = torch.mm(work, work) / 256.0
            return {"loss": (work.mean() * x.mean()).abs()}

    torch.jit.script(Slow()).save(str(tmp_path / "slow.pt"))
    worker = Worker(
        files, server.address, "--epochs", "100000", "--metrics-listen", "127.0.0.1:0",
        model=tmp_path / "slow.pt",
    )  # fmt: skip
    try:
        address = worker.until("listening")["metrics"]
        for _ in range(2):
            worker.until("epoch")
        spent = stalls(get(address, "/metrics")[1])
        assert spent["device"] > spent["data"], spent
        assert spent["steps"] > spent["data"], spent
    finally:
        worker.process.kill()
        worker.process.communicate()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "--steps or --epochs must say how long to train"),
        (["--epochs", "1", "--spec", "/none.json"], 2, '--spec: cannot read "/none.json"'),
        (["--epochs", "1", "--model", "/none.pt"], 1, 'NOT_FOUND: the model: cannot read "/none.pt"'),
        (["--epochs", "1", "--model", __file__], 1, "is no TorchScript archive"),
        (["--epochs", "1", "--dataset", "nobody"], 1, "nobody"),
        (["--epochs", "1", "--num-shards", "2"], 1, "the seed is missing: the 2 shards"),
        (["--epochs", "1", "--seed", "-5"], 2, "'-5' is no whole number"),
        (["--epochs", "1", "--model", "/tmp"], 1, "it is no regular file"),
        (["--epochs", "1", "--num-shards", "2", "--shard-index", "2"], 2, "--shard-index is '2'"),
        (["--epochs", "1", "--model-sha256", "00"], 1, "has SHA-256"),
        (["--epochs", "1", "--executor", "popef"], 1, "Poplar"),
        (["--epochs", "1", "--bind", "x=features"], 1, "the batches have no features"),
        (["--epochs", "1", "--bind", "w=x"], 1, '"w", which the model does not take'),
        (["--epochs", "1", "--task", "infer", "--checkpoint-dir", "/none"], 1, '"/none"'),
        (["--epochs", "2", "--task", "infer", "--predictions", "/none"], 1, "of one whole epoch"),
        (["--epochs", "1", "--resume", __file__], 1, "DATA_LOSS: the checkpoint"),
        (["--epochs", "1", "--metrics-listen", "256.0.0.1:1"], 1, "cannot serve metrics"),
        (["--epochs", "1", "--loss-log", "/none/log"], 1, "--loss-log: cannot write"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(files, server, arguments, code, said):
    base = ["--server", server.address, "--json"]
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    defaults = {"--dataset": "molecules", "--spec": str(files / "spec.json"),
                "--model": str(files / "gin.pt")}  # fmt: skip
    words = [word for pair in {**defaults, **given}.items() for word in pair]
    done = subprocess.run([WORKER, *base, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


def torch_model(path: pathlib.Path, forward: str) -> None:
    """A model whose forward(self, x, batch, graphs_mask) is this source; `out` is a row a graph that
    depends on self.weight."""
    import torch

    class Odd(torch.jit.ScriptModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))
            self.register_buffer("calls", torch.zeros(1, dtype=torch.long))

    source = (
        "def forward(self, x, batch, graphs_mask):\n"
        "    out = torch.zeros(9).index_add(0, batch, x[:, 0]) * self.weight\n"
        f"    {forward}\n"
    )
    compiled = Odd()
    compiled.define(source)
    compiled.save(str(path))


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        ("return {'loss': graphs_mask.sum()}", "does not depend on a parameter"),
        ("return {'loss': out}", "Float of shape [9], not one number"),
        ("return {'out': out, 'other': out}", 'forward gave out, other, but no "loss"'),
        ("return (out, out)", "not a tensor or a dict"),
    ],
)
def test_a_loss_that_is_none_is_said(files, server, forward, said):
    torch_model(files / "odd.pt", forward)
    worker = Worker(files, server.address, "--epochs", "1", model="odd.pt")
    _, err = worker.process.communicate(timeout=60)
    assert worker.process.returncode == 1
    assert said in err


@pytest.mark.parametrize(
    "forward",
    [
        "self.calls += 1\n    return {'out': out, 'aux': out} if int(self.calls) % 2 == 1 else {'out': out}",
        "self.calls += 1\n    return {'out': out.int() if int(self.calls) % 2 == 0 else out}",
    ],
)
def test_outputs_that_change_between_micro_batches_are_refused(files, server, tmp_path, forward):
    torch_model(files / "odd.pt", forward)
    spec = json.loads((files / "spec.json").read_text())
    (files / "four.json").write_text(json.dumps({**spec, "micro_batches": 4}))
    worker = Worker(
        files, server.address, "--task", "infer", "--predictions", str(tmp_path / "out"),
        model="odd.pt", spec="four.json",
    )  # fmt: skip
    _, err = worker.process.communicate(timeout=60)
    assert worker.process.returncode == 1
    assert "the outputs of two micro-batches differ" in err


def test_micro_batches_that_are_all_padding_count_nothing(files, server, tmp_path):
    """25 packs in frames of 4: the last one has one that is real."""
    torch_model(files / "sum.pt", "return {'loss': (out * graphs_mask).sum() ** 2}")
    spec = json.loads((files / "spec.json").read_text())
    (files / "four.json").write_text(json.dumps({**spec, "micro_batches": 4}))
    runs = {}
    for name, used in {"one": "spec.json", "four": "four.json"}.items():
        end = Worker(
            files, server.address, "--epochs", "1", "--loss-log", str(tmp_path / f"{name}.csv"),
            "--optimizer", "sgd", "--learning-rate", "1e-12", model="sum.pt", spec=used,
        ).end()  # fmt: skip
        runs[name] = [float(row[3]) for row in losses(tmp_path / f"{name}.csv")], end["totals"]
    (ones, totals), (fours, packed) = runs["one"], runs["four"]
    assert packed["batches"] == totals["batches"] == len(ones)
    assert packed["null_batches"] == -len(ones) % 4
    means = [sum(ones[i : i + 4]) / len(ones[i : i + 4]) for i in range(0, len(ones), 4)]
    assert fours == pytest.approx(means, rel=1e-4)


def test_a_changed_optimizer_is_said_and_the_log_goes_on(files, server, tmp_path):
    run = ["--checkpoint-dir", str(tmp_path / "run"), "--loss-log", str(tmp_path / "log.csv")]
    steps = Worker(files, server.address, "--epochs", "1", *run).end()["totals"]["steps"]
    before = losses(tmp_path / "log.csv")
    assert len(before) == steps
    other = Worker(files, server.address, "--epochs", "2", "--optimizer", "sgd", *run)
    _, err = other.process.communicate(timeout=60)
    assert other.process.returncode == 1
    assert "is of the optimizer adam, not sgd" in err
    Worker(files, server.address, "--epochs", "2", *run).end()
    after = losses(tmp_path / "log.csv")
    assert after[:steps] == before
    assert [int(row[0]) for row in after] == list(range(1, 2 * steps + 1))
    Worker(files, server.address, "--epochs", "2", *run).end()  # which has nothing to do
    assert losses(tmp_path / "log.csv") == after


def test_a_worker_may_be_started_before_its_server(files, server, start_server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.41", 0))  # where no other test is given its port
        address = f"127.0.0.41:{free.getsockname()[1]}"
    worker = Worker(files, address, "--epochs", "1")
    assert worker.until("warning")["what"].startswith(("waiting for a server", "the server does not"))
    late = start_server(None, address=address)
    gf.connect(late.address).ingest("molecules", molecules())
    # The dataset may not be there yet when it asks: then it says so.
    out, err = worker.process.communicate(timeout=120)
    assert worker.process.returncode == 0 or "molecules" in err, err


def test_predictions_are_those_of_the_weights_in_the_checkpoint(files, server, client, tmp_path):
    import torch
    from weights import read

    run = ["--checkpoint-dir", str(tmp_path / "run")]
    Worker(files, server.address, "--epochs", "2", *run).end()
    Worker(
        files, server.address, "--task", "infer", "--predictions", str(tmp_path / "out"), *run
    ).end()
    model = torch.jit.load(str(files / "gin.pt")).eval()
    (newest,) = sorted((tmp_path / "run").glob("checkpoint-*"))[-1:]
    header, weights = read(newest)
    assert (header["epoch"], header["totals"]["samples"]) == (2, 2 * NUM_GRAPHS)
    model.load_state_dict(weights)
    assert np.load(tmp_path / "out" / "out.ids.npy").tolist() == list(range(NUM_GRAPHS))
    rows = np.load(tmp_path / "out" / "out.npy")
    for graph, row in zip(client.dataset("molecules"), rows, strict=True):
        x, edge_index = torch.from_numpy(graph["x"]), torch.from_numpy(graph["edge_index"])
        with torch.no_grad():
            out = model(x=x, edge_index=edge_index, batch=torch.zeros(len(x), dtype=torch.long))["out"]
        np.testing.assert_allclose(row, out[0].numpy(), rtol=1e-4, atol=1e-5)


def test_two_workers_do_not_share_a_folder(files, server, tmp_path):
    more = ["--epochs", "100000", "--checkpoint-dir", str(tmp_path / "run")]
    first = Worker(files, server.address, *more)
    try:
        first.until("epoch")
        second = subprocess.run(first.process.args, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "each needs its own folder" in second.stderr
    finally:
        first.process.kill()
        first.process.communicate()
