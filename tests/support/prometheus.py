"""Debian's Prometheus for the Python tests."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import time
import urllib.parse
import urllib.request


class Prometheus:
    """The program, which scrapes its targets ("host:port") at an interval, as job `graphfeed` unless
    `scrape_configs` says otherwise, and evaluates a file of rules every second whatever its groups
    say."""

    def __init__(
        self,
        folder: pathlib.Path,
        *targets: str,
        rules: pathlib.Path | None = None,
        interval: str = "500ms",
        scrape_configs: list[dict] | None = None,
    ) -> None:
        if scrape_configs is None:
            scrape_configs = [{"job_name": "graphfeed", "static_configs": [{"targets": targets}]}]
        if rules is not None:
            text = re.sub(r"^  interval: \S+$", "  interval: 1s", rules.read_text(), flags=re.MULTILINE)
            (folder / "rules.yml").write_text(text)
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {interval}, evaluation_interval: 1s}}\n"
            f"rule_files: [{'rules.yml' if rules is not None else ''}]\n"
            f"scrape_configs: {json.dumps(scrape_configs)}\n"
        )
        self._process = subprocess.Popen(
            [
                "prometheus", f"--config.file={folder}/prometheus.yml",
                "--web.listen-address=127.0.0.1:0", f"--storage.tsdb.path={folder}/prometheus",
            ],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        lines, self._address, ready = [], "", False
        for line in self._process.stderr:
            lines.append(line)
            if match := re.search(r'"Listening on" address=(\S+)', line):
                self._address = match.group(1)
            ready = ready or "Server is ready" in line
            if self._address and ready:  # in any order
                return
        raise RuntimeError("prometheus has ended: " + "".join(lines))

    def query(self, text: str) -> float | None:
        """The value of an expression that has one; None while it has none."""
        values = self.values(text)
        assert len(values) <= 1, (text, values)
        return values[0] if values else None

    def values(self, text: str) -> list[float]:
        """Of an expression that is a vector."""
        query = urllib.parse.urlencode({"query": text})
        with urllib.request.urlopen(f"http://{self._address}/api/v1/query?{query}") as answer:
            result = json.load(answer)["data"]["result"]
        return [float(sample["value"][1]) for sample in result]

    def value(self, text: str) -> float:
        """The value of an expression as soon as it has one; AssertionError after 30 s."""
        deadline = time.monotonic() + 30
        while (found := self.query(text)) is None:
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        return found

    def wait_for(self, text: str, value: float) -> None:
        """Until the expression has this value; AssertionError after 30 s."""
        deadline = time.monotonic() + 30
        while (found := self.query(text)) != value:
            assert time.monotonic() < deadline, (text, found, value)
            time.sleep(0.1)

    def close(self) -> None:
        self._process.terminate()
        self._process.stderr.read()
        self._process.wait(timeout=60)
        self._process.stderr.close()


def lint(text: str) -> str:
    """What promtool has to say about what a scrape answered; empty if nothing."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return f"{done.returncode}: {done.stdout}{done.stderr}" if done.returncode else done.stdout + done.stderr


# How the families begin that only servers with --store have.
OF_STORES = ("graphfeed_rados_", "graphfeed_disk_cache_")


def names_in(text: str) -> set[str]:
    """Metrics in queries; recorded ones have colons."""
    return set(re.findall(r"(?<![\w:$])(?:graphfeed|process)_[a-z0-9_]+\b(?!:)", text))


def families_of(text: str) -> set[str]:
    """Those of what a scrape answered."""
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def documented_families() -> set[str]:
    """Those in the table of docs/operations.md."""
    operations = pathlib.Path(__file__).resolve().parents[2] / "docs/operations.md"
    table = operations.read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    return set(re.findall(r"`([a-z0-9_]+)`", rows))
