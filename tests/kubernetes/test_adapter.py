"""The metric that followers are scaled by, computed by Prometheus as the adapter would ask it."""

import subprocess

import yaml
from chart import ROOT, objects, of_kind


def query(pod: str) -> str:
    """What prometheus-adapter asks for a pod."""
    (rule,) = yaml.safe_load((ROOT / "deploy/prometheus/adapter.yml").read_text())["rules"]
    return (rule["metricsQuery"].replace("<<.GroupBy>>", "pod")
            .replace("<<.LabelMatchers>>", f'namespace="graphs",pod=~"{pod}"'))  # fmt: skip


def test_the_stall_share_is_of_the_time_of_the_streams(tmp_path):
    def series(name: str, pod: str, increase: float, **labels: str) -> dict:
        text = ",".join(f'{k}="{v}"' for k, v in {"namespace": "graphs", "pod": pod, **labels}.items())
        return {"series": f"{name}{{{text}}}", "values": f"0+{increase}x20"}

    wait, overlap = "graphfeed_stream_wait_seconds_total", "graphfeed_stream_overlap_seconds_total"
    busy, idle, other = "graphfeed-follower-0", "graphfeed-follower-1", "elsewhere-0"
    (tmp_path / "rules.yml").write_text("groups: []\n")
    (tmp_path / "test.yml").write_text(yaml.safe_dump({
        "rule_files": ["rules.yml"],
        "tests": [{
            "interval": "1m",
            "input_series": [
                # Of 60 s of streams, 30 wait for frames to be built.
                series(wait, busy, 30, **{"for": "build"}), series(wait, busy, 15, **{"for": "client"}),
                series(overlap, busy, 15), series("graphfeed_open_streams", busy, 0),
                # No streams: no stall.
                series(wait, idle, 0, **{"for": "build"}), series(wait, idle, 0, **{"for": "client"}),
                series(overlap, idle, 0), series("graphfeed_open_streams", idle, 0),
                series(wait, other, 60, **{"for": "build"}), series(overlap, other, 0),
            ],
            "promql_expr_test": [{
                "expr": query("graphfeed-.*"), "eval_time": "15m",
                "exp_samples": [{"labels": f'{{pod="{busy}"}}', "value": 0.5},
                                {"labels": f'{{pod="{idle}"}}', "value": 0}],
            }],
        }],
    }))  # fmt: skip
    done = subprocess.run(["promtool", "test", "rules", tmp_path / "test.yml"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_adapter_s_families_are_the_server_s():
    text = (ROOT / "docs/operations.md").read_text()
    for name in ("stream_wait_seconds_total", "stream_overlap_seconds_total", "open_streams"):
        family = f"graphfeed_{name}"
        assert family in query(".*") and f"`{family}`" in text


def test_rules_in_the_object_are_ones_that_prometheus_takes(tmp_path):
    (rule,) = of_kind("PrometheusRule", objects("followers"))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]))
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr
