"""What workers count, serve and report."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings

import pytest
import torch
from worker_parts import Batches, model_and_optimizer, padded

import graphfeed as gf
from graphfeed.worker import counters, exposition
from graphfeed.worker.metrics import error_class

ROOT = pathlib.Path(__file__).resolve().parents[4]


def get(address: str, path: str) -> tuple:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(text: str) -> dict:
    """{series: value} of an exposition."""
    found = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {series.removeprefix("graphfeed_worker_"): float(value) for series, value in found}


def test_everything_is_served_while_it_runs(rings, tmp_path):
    model, optimizer = model_and_optimizer()
    loader = padded(rings)
    readiness = []
    with gf.Worker(loader, model, optimizer=optimizer, metrics_listen="127.0.0.1:0",
                   checkpoint_dir=tmp_path) as worker:  # fmt: skip
        address = worker.metrics.address
        readiness.append(get(address, "/readyz"))
        worker.run(epochs=2)
        readiness.append(get(address, "/readyz"))
        assert get(address, "/healthz") == (200, "ok\n")
        assert get(address, "/other")[0] == 404
        status, text = get(address, "/metrics")
    assert readiness == [(503, "no step yet\n"), (200, "ok\n")]
    with pytest.raises(OSError):
        get(address, "/healthz")

    found = samples(text)
    assert status == 200
    assert found["steps_total"] == 18 and found["samples_total"] == 90
    assert found['batches_total{result="ok"}'] == 18
    assert found['batches_total{result="failed"}'] == found['batches_total{result="null"}'] == 0
    real = sum(rings.info.num_nodes) * 2
    assert found['nodes_total{kind="real"}'] == real
    assert found['nodes_total{kind="padding"}'] == 18 * 40 - real
    edges = sum(rings.info.num_edges) * 2
    assert found['edges_total{kind="real"}'] == edges
    assert found['edges_total{kind="padding"}'] == 18 * 120 - edges
    assert found["step_duration_seconds_count"] == 18
    assert found['step_duration_seconds_bucket{le="+Inf"}'] == 18
    for stage in counters.STAGES:
        assert found[f'stage_seconds_count{{stage="{stage}"}}'] == 18
    assert found["loss"] == worker.metrics.report()["loss"] > 0
    assert found["loss_nonfinite_total"] == 0
    assert 0 <= time.time() - found["last_step_timestamp_seconds"] < 600
    assert 0 <= time.time() - found["checkpoint_last_success_timestamp_seconds"] < 600
    assert found["epoch"] == 2
    (build,) = [series for series in found if series.startswith("build_info")]
    assert f'version="{gf.__version__}"' in build and 'runtime="python"' in build
    assert f"torch {torch.__version__}" in build and 'phase="train"' in build


def test_promtool_finds_nothing_to_say(rings):
    tool = shutil.which("promtool")
    if tool is None:
        warnings.warn("PROMTOOL IS ABSENT (Debian: prometheus): metrics are not linted", stacklevel=1)
        pytest.skip("promtool is absent")
    with gf.WorkerMetrics(listen="127.0.0.1:0") as metrics:
        metrics.step(loss=0.5, batch=padded(rings).batch(0))
        metrics.failure(RuntimeError("no"))
        _, text = get(metrics.address, "/metrics")
    assert "device_errors_total" in text
    done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_document_lists_what_is_served(rings):
    table = (ROOT / "docs" / "workers.md").read_text()
    documented = set(re.findall(r"^\| `(graphfeed_worker_\w+)`", table, re.M))
    with gf.WorkerMetrics(listen="127.0.0.1:0") as metrics:
        metrics.step(loss=0.5)
        metrics.failure(RuntimeError("no"))
        _, text = get(metrics.address, "/metrics")
    served = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    assert served == documented


def test_a_loop_of_ones_own_is_counted(rings):
    loader = padded(rings, num_shards=2, shard_index=1)
    with gf.WorkerMetrics(num_shards=2, shard_index=1) as metrics:
        for number, batch in enumerate(metrics.waiting(loader)):
            metrics.step(loss=torch.tensor([1.0, float(number)]), batch=batch)
        report = metrics.report()
        assert 0 < metrics.data_wait_share < 1
    assert report["steps"] == 5 and report["batches"] == {"ok": 4, "failed": 0, "null": 1}
    assert report["samples"] == 20 and report["loss"] == 2.5
    assert (report["epoch"], report["ordinal"]) == (0, 10)
    assert report["data_stall_seconds"] == pytest.approx(report["stage_seconds"]["receive"])
    assert metrics.address is None


def test_a_slow_loader_is_a_stall_for_data():
    """Each batch is made only when the one before has been used, so that all its time is waited."""
    used = threading.Semaphore(1)

    class Slow(Batches):
        def __iter__(self):
            for number in range(self.count):
                assert used.acquire(timeout=30)
                time.sleep(0.02)
                yield {"number": number}

    worker = gf.Worker(Slow(10), lambda batch: used.release())
    worker.run(epochs=1)
    report = worker.metrics.report()
    assert report["data_stall_seconds"] >= 9 * 0.02
    assert report["device_stall_seconds"] == 0
    waited = report["data_stall_seconds"]
    whole = waited + report["step_seconds_sum"]
    assert worker.metrics.data_wait_share == pytest.approx(waited / whole)


def test_a_slow_model_is_time_of_the_device():
    worker = gf.Worker(Batches(20), lambda batch: time.sleep(0.02))
    begin = time.monotonic()
    worker.run(epochs=1)
    seconds = time.monotonic() - begin
    report = worker.metrics.report()
    assert report["stage_seconds"]["execute"] >= 20 * 0.02
    # All but those that fit into the queues waited for the model as long as it took.
    assert report["device_stall_seconds"] >= 10 * 0.02
    assert report["data_stall_seconds"] <= seconds - 20 * 0.02


def test_reports_have_the_fields_of_the_message(rings):
    header = (ROOT / "proto" / "frame" / "worker_report.h").read_text()
    (fields,) = re.findall(r"struct WorkerReport {(.*?)\n};", header, re.S)
    fields = re.sub(r"//.*", "", fields)
    names = re.findall(r"(\w+)(?: = [^;]+)?;", fields)
    report = gf.WorkerMetrics().report()
    assert list(report) == names
    assert len(report["step_seconds"]) == len(gf.STEP_SECONDS_BOUNDS) + 1
    assert report["start_ms"] > 0 and not report["has_loss"]


class Server:
    """The client's side of a server that takes reports, or refuses the first ones."""

    def __init__(self, refused: int = 0) -> None:
        self.reports, self.refused = [], refused
        self.came = threading.Condition()

    def _report_worker(self, report: dict) -> None:
        with self.came:
            if self.refused:
                self.refused -= 1
                raise gf.Unavailable("not now")
            self.reports.append(report)
            self.came.notify_all()

    def wait_for(self, predicate) -> None:
        with self.came:
            assert self.came.wait_for(predicate, timeout=30)


def test_reports_come_at_an_interval_and_at_the_end(rings):
    server = Server()
    model, optimizer = model_and_optimizer()
    with gf.Worker(padded(rings, num_shards=3, shard_index=2), model, optimizer=optimizer,
                   report=server, report_interval=0.1, name="w2", job="night") as worker:  # fmt: skip
        server.wait_for(lambda: len(server.reports) >= 2)  # also before the first step
        worker.run(epochs=1)
        server.wait_for(lambda: server.reports[-1]["steps"] == 3)
    reports = server.reports
    assert [r["sequence"] for r in reports] == list(range(1, len(reports) + 1))
    assert [r["finished"] for r in reports] == [False] * (len(reports) - 1) + [True]
    last = reports[-1]
    assert (last["worker"], last["job"], last["dataset"]) == ("w2", "night", rings.info.full_name)
    assert (last["model"], last["trains"], last["runtime"]) == ("GcnForGraphs", True, "python")
    assert (last["num_shards"], last["shard_index"]) == (3, 2)
    assert (last["epoch"], last["ordinal"], last["samples"]) == (1, 0, 15)
    assert last["interval_ms"] == 100 and sum(last["step_seconds"]) == 3


def test_a_fork_waits_for_a_report_that_is_being_sent():
    """gRPC does not survive it otherwise, and who forks knows nothing of reports."""

    class Slow(Server):
        sending = False

        def _report_worker(self, report: dict) -> None:
            self.sending = True
            super()._report_worker(report)
            time.sleep(0.1)
            self.sending = False

    server = Slow()
    with gf.WorkerMetrics(report=server, report_interval=0.1):
        for _ in range(5):
            server.wait_for(lambda: server.sending)
            child = os.fork()
            if child == 0:
                os._exit(server.sending)
            assert os.waitpid(child, 0)[1] == 0
            time.sleep(0.05)
    assert server.reports[-1]["finished"]


def test_the_loaders_server_knows_its_workers(rings, client):
    model, optimizer = model_and_optimizer()
    with gf.Worker(padded(rings), model, optimizer=optimizer, report=True, report_interval=3,
                   name="reporting", job="test") as worker:  # fmt: skip
        worker.run(epochs=2)
    (told,) = [status for status in client.workers() if status.worker == "reporting"]
    ours = worker.metrics.report(finished=True)
    assert told.gone and told.finished and told.sequence >= 2
    assert ours.pop("has_loss") and ours.pop("sequence") == 0
    assert list(told.step_seconds) == ours.pop("step_seconds")
    assert {name: getattr(told, name) for name in ours} == ours
    assert told.steps == 18 and told.samples == 90


def test_a_server_that_cannot_be_told_stops_nobody(caplog):
    server = Server(refused=3)
    with gf.WorkerMetrics(report=server, report_interval=0.1):
        server.wait_for(lambda: server.reports)
    assert caplog.text.count("did not take a worker's report: not now") == 1


def test_a_loop_of_ones_own_reports_to_its_loaders_server(rings, client):
    with gf.WorkerMetrics(report=True, name="own-loop") as metrics:
        for batch in metrics.waiting(padded(rings)):
            metrics.step(batch=batch)
    (told,) = [status for status in client.workers() if status.worker == "own-loop"]
    assert told.finished and told.steps == 9 and told.samples == 45


def test_report_without_a_client_is_said():
    with gf.WorkerMetrics(report=True) as metrics:
        with pytest.warns(UserWarning, match="give report=client") as caught:
            for batch in metrics.waiting(Batches(3)):
                metrics.step(batch=batch)
    assert len(caught) == 1 and caught[0].filename == __file__
    with gf.WorkerMetrics(report=True) as metrics, pytest.warns(UserWarning, match="give report="):
        metrics.step(loss=1.0)
    for wrong in (object(), "127.0.0.1:1"):
        with pytest.raises(TypeError, match="report is a .*; it is a Client"):
            gf.WorkerMetrics(report=wrong)
    with pytest.raises(TypeError, match="needs a loader of a dataset; give report=client"):
        gf.Worker(Batches(1), lambda batch: None, report=True)
    gf.WorkerMetrics(report=False).step()


def test_the_free_port_is_logged(caplog):
    caplog.set_level("INFO", "graphfeed")
    with gf.WorkerMetrics(listen="127.0.0.1:0", name="w") as metrics:
        assert f"the metrics of w are at http://{metrics.address}/metrics" in caplog.text
    assert caplog.records[0].levelname == "INFO"


def test_workers_have_names_of_their_own():
    assert gf.WorkerMetrics().report()["worker"] != gf.WorkerMetrics().report()["worker"]


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="metrics_listen is 'nine'; it must be host:port"):
        gf.WorkerMetrics(listen="nine").__enter__()
    assert exposition.split_address("[::1]:80") == ("::1", 80)
    with pytest.raises(ValueError, match="65536"):
        exposition.split_address("h:65536")
    with pytest.raises(ValueError, match="report_interval is 0"):
        gf.WorkerMetrics(report_interval=0)
    with pytest.raises(ValueError, match="cause"):
        gf.WorkerMetrics().stall("weather", 1.0)
    with gf.WorkerMetrics(listen="127.0.0.1:0") as metrics, pytest.raises(OSError):
        gf.WorkerMetrics(listen=metrics.address).__enter__()


def test_without_prometheus_client_only_serving_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with gf.WorkerMetrics() as metrics:
        metrics.step(loss=1.0)
    with pytest.raises(ImportError, match="python3-prometheus-client"):
        gf.WorkerMetrics(listen="127.0.0.1:0").__enter__()


def test_errors_have_few_classes():
    class RecoverableError(Exception):
        recovery_action = "RecoveryAction.IPU_RESET"

    class UnrecoverableError(Exception):
        pass

    assert error_class(RecoverableError()) == "recoverable_ipu_reset"
    assert error_class(UnrecoverableError()) == "unrecoverable"
    assert error_class(MemoryError()) == "out_of_memory"
    assert error_class(KeyError("x")) == "other"
