"""Alert rules: valid, each with a test and an entry in the handbook, over metrics that there are."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
import yaml
from busy_server import DASHBOARD, PROMETHEUS, ROOT, RULES, scrape
from prometheus import OF_STORES, documented_families, families_of, lint, names_in

CASES = pathlib.Path(__file__).with_name("alerts_test.yml")
OPERATIONS = ROOT / "docs/operations.md"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid_and_do_what_their_tests_say():
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(CASES))


def test_the_example_of_a_configuration_is_valid_and_has_the_job_that_is_asked_for():
    promtool("check", "config", str(PROMETHEUS))
    read = yaml.safe_load(PROMETHEUS.read_text())
    assert read["rule_files"] == [RULES.name] and RULES.parent == PROMETHEUS.parent
    jobs = [job["job_name"] for job in read["scrape_configs"]]
    asked = set(re.findall(r'job="([^"]+)"', RULES.read_text()))
    assert asked == {"graphfeed"} and jobs == ["graphfeed", "graphfeed-worker"]
    assert "deploy/prometheus/prometheus.yml" in OPERATIONS.read_text()


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_tested_and_explained(alert):
    cases = CASES.read_text()
    assert re.search(rf"alertname: {alert}\n    exp_alerts:\n    - exp_labels", cases), "never raised"
    (rule,) = re.findall(rf"- alert: {alert}\n(.*?)(?=\n  - alert|\Z)", RULES.read_text(), re.DOTALL)
    assert "summary: " in rule and "severity: " in rule
    assert f'runbook: "docs/operations.md#{alert.lower()}"' in rule
    text = OPERATIONS.read_text()
    assert f"\n#### {alert}\n" in text, "docs/operations.md does not say what to do"
    entry = text.split(f"\n#### {alert}\n")[1].split("\n#")[0]
    assert len(entry.split()) > 10


def test_no_entry_is_left_of_an_alert_that_is_gone():
    assert re.findall(r"\n#### (Graphfeed\w+)\n", OPERATIONS.read_text()) == ALERTS


def test_every_metric_of_rules_and_dashboard_is_scraped(busy):
    text = scrape(busy.server.metrics)
    assert lint(text) == ""
    there = set(re.findall(r"^([a-z0-9_]+)[{ ]", text, re.MULTILINE))
    wanted = names_in(RULES.read_text()) | names_in(DASHBOARD.read_text())
    wanted = {name for name in wanted if not name.startswith(OF_STORES)}
    assert len(wanted) > 50
    assert sorted(wanted - there) == []


def test_every_family_of_the_server_is_documented(busy):
    """And none that it does not have, but for those of stores in RADOS (tests/scale_out)."""
    documented = {name for name in documented_families() if not name.startswith(OF_STORES)}
    assert documented == families_of(scrape(busy.server.metrics))
