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
    assert not re.search(r"(?<![A-Z_])[A-Z]{4,}(?![A-Z_])|not encrypted|no credentials", notes("secure"))
    assert "no credentials" in notes("secure", "--set", "clientCredentials.secretName=")
    assert "TOKENS TRAVEL IN CLEAR" in notes("secure", "--set", "tls.secretName=,tls.clientCertificates=")


def test_autoscaling_says_what_it_needs():
    said = notes("followers")
    assert "2 to 8 followers" in said and "graphfeed_stall_share" in said
    assert "graphfeed_stall_share" in rendered("followers")


def test_clients_are_told_whom_to_trust_and_what_to_show():
    assert "root_ca" not in notes("default") and "token" not in notes("default")
    said = notes("secure")
    assert re.search(r"connect\(.*, root_ca=\"ca.crt\", token_file=\"token\"\)", said)
    assert "get secret graphfeed-tls" in said and "--root-ca" in said and "--token-file" in said
    said = notes("secure", "--set", "tls.clientCertificates=require,clientCredentials.kind=certificate")
    assert re.search(r"connect\(.*, root_ca=\"ca.crt\", cert=\"tls.crt\", key=\"tls.key\"\)", said)


def test_servers_on_a_pool_say_where_it_is_and_what_they_lack():
    said = notes("rados")
    assert "3 to 12 servers on the pool graphfeed" in said and "-writer" not in said
    assert "deployment/graphfeed-server" in said and "deployments" not in said
    # Rook's namespace is another one.
    assert "get secret rook-ceph-client-graphfeed" in said and "--from-file userKey=/dev/stdin" in said
    assert "--namespace rook-ceph get" not in notes("rados", "--set", "store.rados.rook.namespace=graphs")
    assert "key of client.feed" in notes("external-rados") and "rook" not in notes("external-rados")
