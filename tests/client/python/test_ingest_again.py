"""What ingest returns, and running a script again."""

import logging
import pickle

import numpy as np
import pytest

import graphfeed as gf


def graphs(count=4, value=0):
    return [
        {
            "x": np.full((3, 2), i + value, np.float32),
            "edge_index": np.array([[0, 1], [1, 2]]),
            "y": np.array([i]),
        }
        for i in range(count)
    ]


def test_the_same_content_again_is_told_or_not_stored(client, caplog):
    with caplog.at_level(logging.WARNING, "graphfeed"):
        first = client.ingest("again", graphs())
        assert not caplog.records
        second = client.ingest("again", graphs())
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == (
        'again@2 is identical to again@1; ingest(..., if_exists="same") makes no other version'
    )
    assert (first.version, second.version) == (1, 2)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "graphfeed"):
        same = client.ingest("again", graphs(), if_exists="same")
        other = client.ingest("again", graphs(value=1), if_exists="same")
        elsewhere = client.ingest("again-elsewhere", graphs(), if_exists="same")
    assert not caplog.records
    assert same == first.info and same.version == 1 and other.version > 2
    assert elsewhere.version == 1 and elsewhere.fingerprint == first.fingerprint
    assert [i.version for i in client.datasets() if i.name == "again"] == [1, 2, other.version]
    with pytest.raises(gf.InvalidArgument, match="if_exists is 'replace'"):
        client.ingest("again", graphs(), if_exists="replace")


def test_what_ingest_returns_is_a_dataset_with_its_info(client):
    ingested = client.ingest("returned", graphs(10))
    assert [int(b.y[0]) for b in gf.FixedSizeDataLoader(ingested)] == list(range(10))
    assert isinstance(ingested, gf.Dataset) and len(ingested[2:5]) == 3
    assert type(ingested[:3]) is gf.Dataset and not hasattr(ingested[:3], "num_graphs")
    info = ingested.info
    for name in ("name", "version", "full_name", "fingerprint", "num_graphs", "num_nodes",
                 "columns", "raw_bytes"):  # fmt: skip
        assert getattr(ingested, name) == getattr(info, name)
    assert ingested == info and info == ingested and info in client.datasets()
    assert ingested != graphs and hash(ingested) == hash(ingested)
    with pytest.raises(AttributeError, match="no 'transform_names'"):
        ingested.transform_names
    copied = pickle.loads(pickle.dumps(ingested))
    assert copied == ingested and copied[3].y.tolist() == [3]
    one = client.ingest("returned-one", graphs()[0])
    assert gf.NeighborLoader(one, [2]).peek().num_nodes >= 1
    parts = client.partition("returned-one", 2)
    assert len(gf.ClusterLoader(parts, partition="partition")) == 2
