"""What users are told when something is wrong or takes long."""

import json
import logging
import os
import re
import socket
import subprocess
import time

import numpy as np
import pytest

import graphfeed as gf


def graph(i):
    ids = np.arange(i % 5 + 2)
    return {
        "x": np.full((len(ids), 3), i, np.float32),
        "edge_index": np.stack([ids[:-1], ids[1:]]),
        "y": np.array([i]),
    }


@pytest.fixture(scope="module")
def dataset(client):
    client.ingest("MESSAGES", [graph(i) for i in range(40)])
    return client.dataset("MESSAGES")


def test_a_dead_server_is_told_while_it_is_tried(start_server, caplog):
    server = start_server()
    client = gf.connect(server.address, retry_timeout=3.5)
    # Far more than a connection holds.
    large = {"x": np.ones((1000, 500), np.float32), "edge_index": np.zeros((2, 1), np.int64)}
    client.ingest("dead", [large] * 40)
    batches = iter(gf.DataLoader(client.dataset("dead"), batch_size=1))
    next(batches)
    times = []
    handler = logging.Handler()
    handler.emit = lambda record: times.append(time.monotonic())
    logging.getLogger("graphfeed").addHandler(handler)
    killed = time.monotonic()
    server.kill()  # a thread that reads ahead may tell of it at once
    with caplog.at_level(logging.WARNING, "graphfeed"), pytest.raises(gf.Unavailable) as raised:
        for _ in batches:
            pass
    ended = time.monotonic()
    logging.getLogger("graphfeed").removeHandler(handler)
    message = str(raised.value)
    assert re.match(
        rf"no server can go on with dead@1 at frame \d+ of epoch 0 after [1-9]\d*s: {server.address}: "
        "UNAVAILABLE",
        message,
    )
    told = [record.getMessage() for record in caplog.records]
    assert "trying again for up to 4s" in told[0] and server.address in told[0]
    assert len(told) <= 1 + (ended - killed) / 10, "every 10 s"
    assert ended - times[0] > 0.5, "it was told while it was tried"


def test_a_silent_server_is_named_with_the_limit():
    listener = socket.create_server(("127.0.0.1", 0))
    address = "127.0.0.1:%d" % listener.getsockname()[1]
    client = gf.connect(address, timeout=0.5)
    with pytest.raises(gf.DeadlineExceeded) as raised:
        client.datasets()
    for part in (address, "ListDatasets", "500ms", "timeout"):
        assert part in str(raised.value)
    listener.close()


def test_a_resume_with_another_spec_names_the_fields(dataset):
    options = gf.FixedSizeOptions(60, 60, 8)
    loader = gf.FixedSizeDataLoader(dataset[:30], fixed_size_options=options, seed=1)
    state = json.loads(json.dumps(loader.state_dict()))
    assert len(json.dumps(state)) < 800
    other = gf.FixedSizeDataLoader(
        dataset[:31], 9, fixed_size_options=gf.FixedSizeOptions(60, 70, 9), seed=1,
        exclude_keys=["y"], index_dtype="int32",
    )  # fmt: skip
    with pytest.raises(gf.InvalidArgument) as raised:
        other.load_state_dict(state)
    message = str(raised.value)
    for part in (
        "exclude_keys was the default, here it is ['y']",
        "index_dtype was the default, here it is 'int32'",
        "options.num_edges was {'': 60}, here it is {'': 70}",
        "options.num_graphs was 8, here it is 9",
        "selection was 0 to 29, here it is 0 to 30",
    ):
        assert part in message
    assert state["spec_digest"] not in message and "num_nodes" not in message
    with pytest.raises(gf.InvalidArgument, match=r"selection was 0 to 29, here it is 2 ids \("):
        gf.FixedSizeDataLoader(
            dataset[[3, 5]], fixed_size_options=options, seed=1
        ).load_state_dict(state)
    former = {key: value for key, value in state.items() if key != "spec"}
    again = gf.FixedSizeDataLoader(dataset[:30], fixed_size_options=options, seed=1)
    again.load_state_dict(former)
    with pytest.raises(gf.InvalidArgument, match="spec_digest"):
        other.load_state_dict(former)
    with pytest.raises(gf.InvalidArgument, match="state.'spec'"):
        again.load_state_dict({**state, "spec": 3})


def test_a_resume_of_other_links_names_them(homogeneous):
    def links(**arguments):
        return gf.LinkNeighborLoader(homogeneous, [2], seed=0, **arguments)

    state = links(edge_label_index=np.zeros((2, 1000), int)).state_dict()
    assert len(json.dumps(state)) < 900
    with pytest.raises(gf.InvalidArgument, match=r"sampling.links.sources was 1000 values \("):
        links(edge_label_index=np.ones((2, 1000), int)).load_state_dict(state)


@pytest.mark.parametrize(
    "endpoints, message",
    [
        (None, 'endpoints is None; it takes "host:port", or a list'),
        (50051, "endpoints is 50051"),
        (("localhost", 50051), "it takes \"host:port\", or a list of such texts"),
        ([], "endpoints is empty"),
        ("localhost", 'endpoint "localhost" is not of the form host:port'),
        ("/srv/graphs", 'of the form host:port; a data folder is local:/srv/graphs'),
        ("http://localhost:50051/x", 'is a URL; it is host:port alone, as in "localhost:50051"'),
        (["a:1", "GRPC://b:2"], 'is a URL; it is host:port alone, as in "b:2"'),
    ],
)
def test_endpoints(endpoints, message):
    with pytest.raises(gf.InvalidArgument) as raised:
        gf.connect(endpoints)
    assert message in str(raised.value)


def test_names_that_are_nearly_right(client, dataset):
    for name in ("messages", "Messages@1", "MESAGES"):
        with pytest.raises(gf.NotFound, match="no dataset.*; there is 'MESSAGES'"):
            client.dataset(name)
    with pytest.raises(gf.NotFound, match="no version 7; versions: 1( \\[request|$)"):
        client.dataset("MESSAGES@7")
    with pytest.raises(gf.InvalidArgument, match="name is None; it is"):
        client.dataset(None)


def test_a_selection_without_graphs(dataset):
    for part in (dataset[:0], dataset[np.zeros(40, bool)], dataset[[]]):
        for use in (
            lambda part=part: len(gf.FixedSizeDataLoader(part, 4)),
            lambda part=part: next(iter(gf.DataLoader(part, 4))),
            lambda part=part: gf.FixedSizeOptions.from_dataset(part, 4),
        ):
            with pytest.raises(gf.InvalidArgument, match=r"MESSAGES@1\(0\) has no graphs: .*mask"):
                use()
        assert list(part) == []
    with pytest.raises(gf.InvalidArgument, match="batch_sampler has no batches"):
        gf.DataLoader(dataset, batch_sampler=[])


def test_a_loader_is_no_dataset(dataset):
    torch = pytest.importorskip("torch")
    loader = gf.FixedSizeDataLoader(dataset, 4)
    for arguments in ({}, {"batch_size": None}):
        with pytest.raises(TypeError, match=r"as_torch_dataset\(\), batch_size=None"):
            next(iter(torch.utils.data.DataLoader(loader, **arguments)))


def test_a_batch_that_is_too_large_names_the_argument(server, dataset):
    client = gf.connect(server.address, max_frame_bytes=500)
    small = client.dataset(dataset.name)
    for make in (gf.FixedSizeDataLoader, gf.DataLoader):
        with pytest.raises(gf.ResourceExhausted, match="tensor x .* max_frame_bytes.* is 500"):
            make(small, 20).peek()


def run_cli(server, *arguments):
    """(standard output, standard error) of the command line."""
    done = subprocess.run(
        [os.environ["GRAPHFEED_CLI"], *arguments, "--server", server.address],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_the_command_line_knows_no_efficiency_of_sampled_plans(server, homogeneous):
    plan = ["plan", homogeneous.info.full_name, "--strategy", "neighbor", "--num-neighbors", "2"]
    assert "efficiency       not known before" in run_cli(server, *plan)[0]
    described = json.loads(run_cli(server, *plan, "--json")[0])
    assert described["plan"]["node_efficiency"] is None
    assert described["spec"]["over_size"] == "trim", "as the loader in Python"
    shown = run_cli(server, "describe", homogeneous.info.full_name)[0]
    assert "std" not in shown and "quantile" not in shown


def test_the_bar_of_a_stream_counts_to_the_limit(server, dataset):
    stream = ["stream", dataset.name, "--strategy", "plain", "--progress"]
    assert "3/3 frames" in run_cli(server, *stream, "--limit", "3")[1]
    assert "40/40 frames" in run_cli(server, *stream)[1]
    two = run_cli(server, *stream, "--epochs", "2", "--limit", "50")[1]
    assert "40/40 frames" in two and "10/10 frames" in two


def test_the_command_line_has_the_default_of_python(server, dataset):
    described = json.loads(run_cli(server, "plan", dataset.name, "--json")[0])
    assert described["spec"]["batch_size"] == gf.FixedSizeDataLoader(dataset).batch_size == 2
    assert described["plan"]["num_batches"] == len(gf.FixedSizeDataLoader(dataset)) == 40
