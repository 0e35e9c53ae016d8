"""The Grafana dashboard: each of its queries is answered by a real Prometheus over a real server."""

from __future__ import annotations

import json
import math

import pytest
from busy_server import DASHBOARD

# What Grafana fills in.
VARIABLES = {"$__rate_interval": "10s", "$job": ".*", "$instance": ".*"}


def panels() -> list[dict]:
    return [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for panel in panels()
    for target in panel["targets"]
]


@pytest.mark.parametrize("expression", QUERIES)
def test_the_query_is_answered(prometheus, expression):
    filled_in = filled(expression)
    assert "$" not in filled_in
    values = prometheus.values(filled_in)
    assert values, filled_in
    assert any(math.isfinite(value) for value in values), (filled_in, values)


def test_panels_show_who_waits_and_who_is_refused(prometheus):
    """The busy server has streams that wait, a tenant, and a stranger who is refused."""
    seen = {
        (panel["title"], target["refId"]): max(prometheus.values(filled(target["expr"])))
        for panel in panels()
        for target in panel["targets"]
        if panel["title"] in ("Streams that wait", "Use by tenant", "Refusals by tenant", "Authentication failures")
    }
    never = {("Streams that wait", "A"), ("Streams that wait", "C")}  # at the moment of the scrape
    assert {key for key, value in seen.items() if not value > 0} <= never, seen
    refused = "rate(graphfeed_tenant_refused_rpcs_total[10s]) > 0"
    assert prometheus.query(f"count({refused})") == 1, "the stranger alone"


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
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["targets"], panel
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_alerts_are_quiet_but_for_what_is_wrong(prometheus):
    """The rules are evaluated: recorded series are there, and a server that is up raises no alarm."""
    prometheus.wait_for('count(graphfeed:stream_time:share_rate5m)', 3)
    assert prometheus.query("graphfeed:rpc_faults:ratio_rate5m") == 0
    assert prometheus.values('ALERTS{severity="critical"}') == []
