"""Every category of failure, as the exception that a program catches, with what, which and the
limit in the message."""

import socket

import numpy as np
import pytest

import graphfeed as gf


@pytest.fixture(scope="module")
def dataset(client):
    graphs = [
        {
            "x": np.ones((3 + i, 4), np.float32),
            "edge_index": np.zeros((2, 5), np.int64),
            "y": np.array([i]),
            "big": np.array([2**40 + i]),
        }
        for i in range(10)
    ]
    client.ingest("errors", graphs)
    return client.dataset("errors")


def loader_of(dataset, num_nodes=50, num_edges=50, num_graphs=4, **arguments):
    options = gf.FixedSizeOptions(num_nodes, num_edges, num_graphs)
    return gf.FixedSizeDataLoader(dataset, fixed_size_options=options, **arguments)


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ({"follow_batch": ["nope"]}, ["follow_batch", "nope"]),
        ({"narrow_columns": ["nope"]}, ["narrow_columns", "nope"]),
        ({"narrow_columns": ["big"]}, ["big", str(2**40 + 9), "int32"]),
        ({"float16_columns": ["y"]}, ["float16_columns", "y"]),
        ({"micro_batches": 10**12}, ["micro_batches", str(10**12)]),
        ({"num_nodes": 10**12}, ["x", str(16 * 10**12), "limit"]),
    ],
)
def test_bad_fields_are_named(arguments, parts, dataset):
    with pytest.raises((gf.InvalidArgument, gf.ResourceExhausted)) as caught:
        list(loader_of(dataset, **arguments))
    for part in parts:
        assert part in str(caught.value), str(caught.value)


def test_types_that_the_dataset_lacks(dataset):
    options = gf.FixedSizeOptions({"movie": 50}, {("movie", "to", "movie"): 5}, num_graphs=4)
    with pytest.raises(gf.InvalidArgument, match="movie"):
        list(gf.FixedSizeDataLoader(dataset, fixed_size_options=options))


def test_graphs_that_do_not_fit_are_named(dataset):
    with pytest.raises(gf.FailedPrecondition, match=r"graphs 0, 1, 2.*12 nodes.*holds 11"):
        list(loader_of(dataset, num_nodes=11))
    with pytest.raises(gf.FailedPrecondition, match=r"graphs 0, 1, 2.*12 nodes.*padding node"):
        list(loader_of(dataset, num_nodes=12))
    packed = {"fixed_size_strategy": gf.FixedSizeStrategy.StreamPack}
    with pytest.raises(gf.FailedPrecondition, match=r"graph 7 has 10 nodes.*at most 9"):
        list(loader_of(dataset, num_nodes=12, **packed))
    with pytest.raises(gf.FailedPrecondition, match=r"graph 0 has 5 edges"):
        list(loader_of(dataset, num_edges=5, **packed))


def test_batches_beyond_the_clients_limit_are_refused_before_they_are_made(server, dataset):
    client = gf.connect(server.address, max_frame_bytes=4096)
    small = client.dataset("errors")
    assert len(list(loader_of(small, num_nodes=20, num_edges=25, num_graphs=2))) == 10
    with pytest.raises(gf.ResourceExhausted, match="4096"):
        next(iter(loader_of(small, num_nodes=2000)))


def test_absent_things_are_not_found(client, dataset):
    for call in (
        lambda: client.dataset("absent"),
        lambda: client.dataset("errors@7"),
        lambda: client.delete("absent@1"),
        lambda: dataset.column("absent"),
    ):
        with pytest.raises(gf.NotFound, match="absent|7"):
            call()


def test_batches_beyond_the_end_of_an_epoch(dataset):
    loader = loader_of(dataset)
    with pytest.raises((gf.InvalidArgument, gf.OutOfRange), match=str(len(loader))):
        loader.batch(len(loader))


def test_a_server_that_does_not_answer_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = gf.connect(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
        with pytest.raises((gf.DeadlineExceeded, gf.Unavailable)):
            client.datasets()


def test_a_server_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(gf.Unavailable):
        gf.connect(f"127.0.0.1:{port}").datasets()


def test_damaged_chunks_are_data_loss(start_server, tmp_path):
    """A byte of the store is changed between two runs: an error, never a wrong batch."""
    folder = tmp_path / "store"
    server = start_server(folder)
    client = gf.connect(server.address)
    rng = np.random.default_rng(0)
    # Random rows, which no compression changes.
    graph = {
        "x": rng.integers(0, 256, (4000, 96), np.uint8),
        "edge_index": np.zeros((2, 4000), np.int64),
    }
    row = graph["x"][2000].tobytes()
    client.ingest("damaged", [graph])
    assert server.stop() == 0
    damaged = 0
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        place = content.find(row)
        if place >= 0:
            changed = bytes([content[place] ^ 1])
            path.write_bytes(content[:place] + changed + content[place + 1 :])
            damaged += 1
    assert damaged, "the row lies in the store as it is"
    dataset = gf.connect(start_server(folder).address).dataset("damaged")
    with pytest.raises(gf.DataLoss, match="damaged"):
        list(gf.DataLoader(dataset))
