"""The Grafana dashboard: each of its queries is answered by a real Prometheus over a real server."""

from __future__ import annotations

import json
import math
import subprocess
import time

import pytest
from busy_server import DASHBOARD
from prometheus import OF_STORES, names_in

# What Grafana fills in.
VARIABLES = {"$__rate_interval": "10s", "$job": ".*", "$instance": ".*"}


def all_panels() -> list[dict]:
    return [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]


def panels() -> list[dict]:
    """But for those about stores that the servers here do not have: of their metrics
    tests/scale_out sees that they are there."""
    return [p for p in all_panels() if not any(name.startswith(OF_STORES) for name in names_in(str(p)))]


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def eventually(prometheus, expression: str, holds) -> bool:
    """Whether one of its values is as `holds` says, at some moment of the next 30 s: a scrape that
    comes late leaves a rate without values."""
    deadline = time.monotonic() + 30
    while not any(holds(value) for value in prometheus.values(expression)):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.5)
    return True


QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for panel in panels()
    for target in panel["targets"]
]


@pytest.mark.parametrize("expression", QUERIES)
def test_the_query_is_answered(prometheus, expression):
    filled_in = filled(expression)
    assert "$" not in filled_in
    assert eventually(prometheus, filled_in, math.isfinite), filled_in


# Panels of what should not be, and nothing here is: calls that fail for a fault of the server's.
QUIET = {"Faults"}


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_the_panel_shows_something(prometheus, panel):
    """At least one of its queries is above 0 at some moment: all that it is about happens here."""
    deadline = time.monotonic() + (0 if panel["title"] in QUIET else 30)
    while True:
        values = [v for target in panel["targets"] for v in prometheus.values(filled(target["expr"]))]
        shows = any(value > 0 for value in values)
        if shows or time.monotonic() >= deadline:
            break
        time.sleep(0.5)
    assert shows == (panel["title"] not in QUIET), values


def test_queries_about_stores_are_well_formed(tmp_path):
    others = [p for p in all_panels() if p not in panels()]
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": filled(target["expr"])}
        for panel in others
        for target in panel["targets"]
    ]
    assert len(rules) >= 10
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_follower_is_seen_to_follow(prometheus):
    (panel,) = [p for p in panels() if p["title"] == "Sync lag"]
    lag, copied, failures = (filled(target["expr"]) for target in panel["targets"])
    prometheus.wait_for(f"max({lag}) > bool 0", 1)
    prometheus.wait_for(f"{copied} > bool 0", 1)
    assert prometheus.value(failures) == 0
    prometheus.wait_for("sum(graphfeed_in_sync)", 2)


def test_panels_show_who_waits_and_who_is_refused(prometheus):
    """The busy server has streams that wait, a tenant, and a stranger who is refused."""
    never = {("Streams that wait", "A"), ("Streams that wait", "C")}  # at the moment of the scrape
    for panel in panels():
        if panel["title"] not in (
            "Streams that wait", "Use by tenant", "Refusals by tenant", "Authentication failures"
        ):  # fmt: skip
            continue
        for target in panel["targets"]:
            key = (panel["title"], target["refId"])
            assert key in never or eventually(prometheus, filled(target["expr"]), lambda v: v > 0), key
    refused = "rate(graphfeed_tenant_refused_rpcs_total[10s]) > 0"
    assert prometheus.value(f"count({refused})") == 1, "the stranger alone"


def test_panels_are_whole_and_do_not_overlap():
    dashboard = json.loads(DASHBOARD.read_text())
    assert {v["name"] for v in dashboard["templating"]["list"]} == {"datasource", "job", "instance"}
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in all_panels():
        assert panel["title"] and panel["description"] and panel["targets"], panel
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_alerts_are_quiet_but_for_what_is_wrong(prometheus):
    """The rules are evaluated: recorded series are there, and a server that is up raises no alarm."""
    # The follower has no streams.
    prometheus.wait_for('count(graphfeed:stream_time:share_rate5m > 0)', 3)
    assert prometheus.value("graphfeed:rpc_faults:ratio_rate5m") == 0
    assert prometheus.values('ALERTS{severity="critical",alertstate="firing"}') == []
