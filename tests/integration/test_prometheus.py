"""Debian's Prometheus reads what the server says, and its linter has nothing to say about it."""

from __future__ import annotations

import re
import time
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


def series(text: str) -> set:
    found = re.findall(r"^([^#\s]\S*) \S+$", text, re.MULTILINE)
    # What workers report, and datasets, come from clients; datasets are at most some.
    return {n for n in found if not n.startswith("graphfeed_worker_") and "{dataset=" not in n}


def test_every_series_is_there_from_the_start(start_server, busy):
    """So that a rate sees the first error, and nothing that clients do makes more of them."""
    idle = series(scrape(start_server()))
    assert series(scrape(busy)) == idle
    assert 'graphfeed_rpcs_total{code="RESOURCE_EXHAUSTED",method="StreamBatches"}' in idle
    assert len(idle) < 1200


def value(text: str, name: str) -> float:
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE).group(1))


def test_streams_bytes_and_memory_add_up(busy):
    ended = 'graphfeed_stream_seconds_count{method="StreamBatches"}'
    deadline = time.monotonic() + 30
    while value(text := scrape(busy), ended) < 2:  # it counts after the client has the status
        assert time.monotonic() < deadline, "the streams do not end"
    assert value(text, ended) == 2
    assert value(text, "graphfeed_stream_first_frame_seconds_count") == 2
    assert 'graphfeed_rpc_seconds_count{method="StreamBatches"}' not in text
    slabs = sum(
        value(text, f'graphfeed_sent_bytes_total{{strategy="{strategy}"}}')
        for strategy in ("stream_pack", "pack")
    )
    wire = value(text, 'graphfeed_rpc_sent_bytes_total{method="StreamBatches"}')
    assert 0 < slabs < wire < slabs + 20_000
    assert value(text, 'graphfeed_rpc_received_bytes_total{method="Ingest"}') > 8 * 2 * 8
    fills = value(text, 'graphfeed_frame_fill_ratio_count{of="nodes",strategy="pack"}')
    assert fills == value(text, 'graphfeed_frames_sent_total{strategy="pack"}')
    parts = [
        value(text, f'graphfeed_memory_part_bytes{{part="{part}"}}')
        for part in ("slabs", "seeds", "sampler_tables")
    ]
    assert value(text, 'graphfeed_memory_used_bytes{use="frames"}') == sum(parts)
    chunks = [
        value(text, f'graphfeed_memory_part_bytes{{part="{part}"}}')
        for part in ("chunk_cache", "chunk_tables")
    ]
    assert value(text, 'graphfeed_memory_used_bytes{use="chunks"}') == sum(chunks) > 0
    assert value(text, 'graphfeed_memory_reserved_bytes{use="frames"}') == 0
    used = sum(float(v) for v in re.findall(r"^graphfeed_memory_used_bytes\S+ (\S+)$", text, re.MULTILINE))
    assert used < value(text, "process_resident_memory_bytes") + (64 << 20)
    assert 0 < value(text, "graphfeed_disk_free_bytes") <= value(text, "graphfeed_disk_size_bytes")
    assert value(text, "graphfeed_rocksdb_table_files") > 0
    assert value(text, "graphfeed_datasets") == value(text, "graphfeed_dataset_versions") == 1


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
