"""Debian's Prometheus reads what the server says, and its linter has nothing to say about it."""

from __future__ import annotations

import urllib.request

import numpy as np
import pytest
from prometheus import Prometheus, lint

import graphfeed as gf


def scrape(server) -> str:
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture
def busy(start_server):
    """A server of which every family has values."""
    server = start_server()
    client = gf.connect(server.address)
    graphs = [{"x": np.ones((n, 2), np.float32), "edge_index": np.array([[0, 1], [1, 0]])}
              for n in range(2, 10)]  # fmt: skip
    client.ingest("g", graphs)
    dataset = client.dataset("g")
    options = gf.FixedSizeOptions(12, 20, num_graphs=3)
    for strategy in ("StreamPack", "Pack"):
        list(gf.FixedSizeDataLoader(dataset, fixed_size_options=options, fixed_size_strategy=strategy))
    with pytest.raises(LookupError):
        client.dataset("nobody")
    for sequence, steps in ((1, 10), (2, 30)):
        client._report_worker(
            {
                "worker": "worker-of-a-test", "job": "job-of-a-test", "dataset": "g@1",
                "runtime": "torchscript", "trains": True, "interval_ms": 60_000, "start_ms": 1,
                "sequence": sequence, "steps": steps, "batches": {"ok": steps, "failed": 1},
                "samples": 8 * steps, "real_nodes": 30 * steps, "padding_nodes": 10 * steps,
                "real_edges": 60 * steps, "padding_edges": 20 * steps,
                "data_stall_seconds": 0.5, "device_stall_seconds": 0.25,
                "stage_seconds": {"execute": 1.5}, "step_seconds": [0] * 8 + [steps] + [0] * 8,
                "step_seconds_sum": 0.03 * steps, "nonfinite_losses": 1,
                "device_errors": {"attach_timeout": 2},
            }  # fmt: skip
        )
    return server


def test_the_linter_is_content(busy):
    text = scrape(busy)
    assert "graphfeed_worker_step_duration_seconds_bucket" in text
    assert lint(text) == ""


def test_names_of_workers_are_no_labels(busy):
    text = scrape(busy)
    for word in ("worker-of-a-test", "job-of-a-test", "g@1"):
        assert word not in text


def test_prometheus_reads_what_workers_report(busy, tmp_path):
    prometheus = Prometheus(tmp_path, busy.metrics)
    try:
        prometheus.wait_for('up{job="graphfeed"}', 1)
        for query, value in {
            'graphfeed_workers{state="alive"}': 1,
            'graphfeed_workers{state="gone"}': 0,
            'graphfeed_worker_steps_total{runtime="torchscript",phase="train"}': 30,
            'graphfeed_worker_batches_total{result="failed"}': 1,
            'sum(graphfeed_worker_nodes_total)': 1200,
            'graphfeed_worker_host_stall_seconds_total{cause="data"}': 0.5,
            'graphfeed_worker_device_errors_total{class="attach_timeout"}': 2,
            "graphfeed_worker_step_duration_seconds_count": 30,
            "histogram_quantile(0.5, graphfeed_worker_step_duration_seconds_bucket) < 0.05": None,
        }.items():  # fmt: skip
            found = prometheus.query(query)
            if value is None:
                assert 0.025 < found < 0.05, query
            else:
                assert found == pytest.approx(value), query
    finally:
        prometheus.close()
