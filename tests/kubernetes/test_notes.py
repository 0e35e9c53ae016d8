"""What an installation is told."""

import re

from chart import CHART, helm, rendered, values


def notes(name: str, *more: str) -> str:
    """As `helm install` shows them."""
    said = helm("install", "graphfeed", CHART, "--namespace", "graphs", "--dry-run=client",
                *values(name), *more)  # fmt: skip
    return said.split("\nNOTES:\n")[1]


def test_an_installation_says_where_it_is_and_who_may_come_in():
    said = notes("default")
    assert "graphfeed.graphs.svc:50051" in said and "graphfeed-writer.graphs.svc:50051" in said
    assert "NOBODY IS ASKED WHO THEY ARE" in said and "the pods of this namespace" in said
    assert "There is no NetworkPolicy either" in notes("minimal")


def test_a_secure_one_has_nothing_to_warn_of():
    assert not re.search(r"[A-Z]{4,}|not encrypted|no credentials", notes("secure"))
    assert "no credentials" in notes("secure", "--set", "clientCredentials.secretName=")
    assert "TOKENS TRAVEL IN CLEAR" in notes("secure", "--set", "tls.secretName=,tls.clientCertificates=")


def test_autoscaling_says_what_it_needs():
    said = notes("followers")
    assert "2 to 8 followers" in said and "graphfeed_stall_share" in said
    assert "graphfeed_stall_share" in rendered("followers")
