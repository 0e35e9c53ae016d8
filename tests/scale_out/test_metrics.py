"""What a server on a store in RADOS tells Prometheus."""

from __future__ import annotations

import pathlib
import urllib.request

from on_pool import digests, graphs
from prometheus import OF_STORES, documented_families, families_of, lint, names_in

import graphfeed as gf

DASHBOARD = pathlib.Path(__file__).resolve().parents[2] / "deploy/grafana/graphfeed.json"


def test_the_linter_is_content_and_every_family_is_documented(ceph, space, start, tmp_path):
    server = start(ceph.location(space), "--cache-dir", str(tmp_path), "--memory-budget", "1M")
    client = gf.connect(server.address)
    client.ingest("d", graphs(1))
    digests(client, "d")
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert lint(text) == ""
    families = families_of(text)
    assert families <= documented_families()
    # And none of these is documented that it does not have.
    assert {name for name in documented_families() if name.startswith(OF_STORES)} <= families
    assert any(name.startswith("graphfeed_disk_cache_") for name in families)
    shown = {name for name in names_in(DASHBOARD.read_text()) if name.startswith(OF_STORES)}
    assert shown and shown <= families
