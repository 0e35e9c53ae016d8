"""A client's own life: what it counts, and what is left when it is closed."""

import os

import numpy as np
import pytest

import graphfeed as gf


@pytest.fixture(scope="module")
def name(client):
    graphs = [
        {"x": np.full((3, 2), i, np.float32), "edge_index": np.zeros((2, 4), int)}
        for i in range(40)
    ]
    client.ingest("client-life", graphs)
    return "client-life"


def test_what_has_come_is_counted(server, name):
    client = gf.connect(server.address)
    assert client.stats() == gf.ClientStats(frames=0, bytes=0, seconds_waited=0.0)
    loader = gf.FixedSizeDataLoader(client.dataset(name), batch_size=5)
    batches = list(loader)
    stats = client.stats()
    assert stats.frames == len(batches) == 10 and stats.seconds_waited > 0
    tensors = sum(array.nbytes for batch in batches for _, array in batch.items())
    assert tensors <= stats.bytes <= tensors + 10 * 64 * (len(batches[0].keys()) + 1)
    loader.batch(0, epoch=0)
    assert client.stats().frames == 11


def test_a_closed_client_says_so(server, name):
    with gf.connect(server.address) as client:
        dataset = client.dataset(name)
        loader = gf.FixedSizeDataLoader(dataset, batch_size=2)
        running = iter(loader)
        kept = next(running).x
        running_too = iter(gf.DataLoader(dataset))
        next(running_too)
    client.close()
    assert kept.shape[1] == 2 and kept[0, 0] == 0, "batches stay"
    for call in (client.datasets, lambda: client.dataset(name), loader.peek,
                 lambda: iter(loader).__next__(), lambda: client.ingest("more", [])):  # fmt: skip
        with pytest.raises((gf.FailedPrecondition, gf.InvalidArgument), match="closed|empty"):
            call()
    for iteration in (running, running_too):
        with pytest.raises(gf.Cancelled):
            list(iteration)
    assert client.stats().frames >= 2, "what was counted stays"


def test_an_error_in_the_block_is_not_hidden(server, name):
    with pytest.raises(KeyError), gf.connect(server.address) as client:
        client.dataset(name)
        raise KeyError(name)
    with pytest.raises(gf.FailedPrecondition, match="closed"):
        client.datasets()


def test_a_forked_child_closes_nothing_of_its_parents(server, name):
    client = gf.connect(server.address)
    client.datasets()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client.close()
            client.datasets()
        except gf.FailedPrecondition:
            code = 0
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert name in {info.name for info in client.datasets()}
