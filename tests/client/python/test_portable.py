"""The client in Python alone, beside the native one in one process: the same interface, the same
answers, the same bytes."""

import ast
import inspect
import logging
import os
import pathlib
import random
import re
import subprocess
import sys
import time
import types
import urllib.request

import numpy as np
import pytest
from graphfeed import _portable as portable
from graphfeed import _transport

import graphfeed as gf

native = pytest.importorskip("graphfeed._graphfeed")
PACKAGE = pathlib.Path(gf.__file__).resolve().parent


def graph(i, rng):
    nodes = int(rng.integers(2, 12))
    return {
        "x": rng.random((nodes, 3), np.float32),
        "edge_index": rng.integers(0, nodes, (2, 2 * nodes)),
        "y": np.array([i]),
        "name": f"graph {i}",
    }


def graphs(count=60):
    rng = np.random.default_rng(3)
    return [graph(i, rng) for i in range(count)]


@pytest.fixture(scope="module")
def dataset(client):
    client.ingest("portable", graphs())
    return client.dataset("portable")


def padded(module, dataset, **settings):
    """StreamOptions of one of the two modules."""
    options = module.StreamOptions()
    options.dataset = dataset.info.full_name
    options.fingerprint = bytes(dataset.info.fingerprint)
    options.seed = 5
    options.num_epochs = 2
    spec = options.spec
    spec.strategy = settings.pop("strategy", "pad_to_max")
    spec.shuffle = True
    spec.micro_batches = settings.pop("micro_batches", 1)
    if spec.strategy == "plain":
        spec.batch_size, spec.masks = 7, False
    else:
        sizes = module.FixedSizeOptions()
        sizes.num_nodes, sizes.num_edges, sizes.num_graphs = {"": 80}, {"": 160}, 8
        spec.options = sizes
    options.spec = spec
    for name, value in settings.items():
        setattr(options, name, value)
    return options


def received(client, options):
    """Everything that a stream says, as plain values."""
    stream = client.stream_batches(options)
    info = stream.info()
    found = [(info.dataset, info.fingerprint, info.spec_digest, info.seed, info.layout.digest)]
    while True:
        batch = stream.next()
        if batch is None:
            return found
        frame = batch.info
        found.append(
            (
                (frame.epoch, frame.ordinal, frame.digest, frame.null_frame, frame.repeat),
                [(c.graphs, tuple(c.nodes), tuple(c.edges), c.seeds) for c in frame.real],
                None if frame.graph_ids is None else [ids.tolist() for ids in frame.graph_ids],
                [batch.array(i).tobytes() for i in range(len(batch))],
                [(batch.array(i).dtype, batch.array(i).shape) for i in range(len(batch))],
                (stream.epoch()[0], tuple(stream.epoch()[1].real.nodes)),
                batch.nbytes,
            )
        )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"graph_ids": True},
        {"strategy": "plain"},
        {"strategy": "pack", "micro_batches": 3},
        {"num_shards": 4, "shard_index": 3, "uneven_shards": "null"},
        {"num_shards": 4, "shard_index": 3, "uneven_shards": "repeat", "start_ordinal": 2},
    ],
)
@pytest.mark.parametrize("compact", [False, True])
def test_streams_are_the_same(settings, compact, dataset, server):
    said = [
        received(
            module.Client([server.address], compact=compact), padded(module, dataset, **settings)
        )
        for module in (native, portable)
    ]
    assert len(said[0]) > 4 and said[0] == said[1]


def members(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_interface_is_the_native_one():
    """By the stub: each class that programs make has the same methods, arguments and fields."""
    stub = ast.parse((PACKAGE / "_graphfeed.pyi").read_text())
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    compared = 0
    for name in portable.__all__:
        if name not in classes:
            assert getattr(portable, name) == getattr(native, name), name
            continue
        ours, theirs = getattr(portable, name), getattr(native, name)
        for node in classes[name].body:
            if not isinstance(node, ast.FunctionDef):
                continue
            parameters = [a.arg for a in node.args.args if a.arg != "self"]
            if node.name.startswith("__") and node.name != "__init__":
                continue
            signature = inspect.signature(getattr(ours, node.name))
            assert [p for p in signature.parameters if p != "self"] == parameters, (name, node.name)
            compared += 1
        if name not in ("Client", "ColumnBlock", "ShardPosition"):
            made = [cls.all() if name == "Selection" else cls() for cls in (ours, theirs)]
            assert members(made[0]) == members(made[1]), name
    assert compared > 20


def test_answers_are_the_same(dataset, server):
    def plain(value):
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (bool, int, float, str, bytes, type(None))):
            return value
        return {name: plain(getattr(value, name)) for name in sorted(members(value))
                if name not in ("count", "index", "places", "encoded", "num_types",
                                "axis_scale", "row_shape", "display_name")}  # fmt: skip

    said = []
    for module in (native, portable):
        client = module.Client([server.address])
        options = padded(module, dataset)
        info = client.get_dataset("portable")
        spec = options.spec
        _, batch, strings = client.get_batch(padded(module, dataset, strategy="plain"), 0, 2)
        said.append(
            [
                plain(info.num_nodes), info.fingerprint, plain(info.node_sizes), info.raw_bytes,
                [(c.name, c.level, c.dtype, list(c.row_shape), c.value_range, c.num_rows)
                 for c in info.schema.columns],
                [(i.name, i.version) for i in client.list_datasets()],
                plain(client.describe_plan(options, 1).graphs_per_batch),
                plain(client.describe_plan(options, 1).plan.lower_bound_batches),
                client.choose_sizes(options.dataset, spec, "num_nodes", 200).padding_share,
                dict(client.estimate_options(options.dataset, 6, spec.selection, 0).num_nodes),
                [(p.strategy, p.refused, p.epoch_bytes) for p in client.compare_plans(options)[0]],
                client.compare_plans(options)[1],
                client.compare_plans(options, 0, "num_graphs", 9)[1],
                batch.info.digest, strings,
            ]
        )  # fmt: skip
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda options: setattr(options, "num_shards", 0),
        lambda options: setattr(options, "shard_index", 7),
        lambda options: setattr(options, "dataset", "nowhere"),
        lambda options: setattr(options, "fingerprint", b"x" * 15),
        lambda options: setattr(options, "fingerprint", b"x" * 16),
        lambda options: setattr(options, "uneven_shards", "odd"),
        lambda options: setattr(options, "seed", -1),
        lambda options: setattr(options, "seed", "1"),
        lambda options: setattr(options, "start_epoch", -1),
        lambda options: setattr(options.spec, "strategy", "none"),
        lambda options: setattr(options.spec, "micro_batches", -1),
        lambda options: setattr(options.spec, "exclude_keys", "x"),
        lambda options: setattr(options.spec, "exclude_keys", ["nothing"]),
        lambda options: setattr(options.spec, "index_dtype", "float32"),
        lambda options: setattr(options.spec, "algorithm_version", 2**32),
        lambda options: setattr(options.spec, "over_size", 3),
    ],
)
def test_refusals_are_the_same(change, dataset, server):
    said = []
    for module in (native, portable):
        options = padded(module, dataset)
        with pytest.raises(Exception) as raised:  # of whatever class: it is compared
            change(options)
            received(module.Client([server.address], retry_timeout=0), options)
        # str() has the request's id besides.
        shown = "" if raised.type is TypeError else getattr(raised.value, "message", str(raised.value))
        said.append((raised.type, shown))
    assert said[0] == said[1]


def test_both_ingest_the_same(server):
    fingerprints = set()
    script = (
        "import sys, graphfeed as gf; sys.path.insert(0, sys.argv[2]); import test_portable as t\n"
        "info = gf.connect(sys.argv[1]).ingest('ingested', t.graphs())\n"
        "print(gf._transport.NAME, info.fingerprint)"
    )
    for name in ("native", "python"):
        done = subprocess.run(
            [sys.executable, "-c", script, server.address, str(pathlib.Path(__file__).parent)],
            capture_output=True, text=True, check=True, env=environment(GRAPHFEED_CLIENT=name),
        )  # fmt: skip
        used, fingerprint = done.stdout.split()
        assert used == name
        fingerprints.add(fingerprint)
    assert len(fingerprints) == 1


def environment(**changes):
    kept = {name: value for name, value in os.environ.items() if name != "GRAPHFEED_CLIENT"}
    return {**kept, **changes}


# --- which one is used ---------------------------------------------------------------------------


def test_the_environment_chooses():
    assert _transport.choose({}) is native
    assert _transport.choose({"GRAPHFEED_CLIENT": "native"}) is native
    assert _transport.choose({"GRAPHFEED_CLIENT": "python"}) is portable
    for value in ("Python", "c++", " "):
        with pytest.raises(ValueError, match='it is "native", "python" or not set at all'):
            _transport.choose({"GRAPHFEED_CLIENT": value})


def test_where_the_native_module_does_not_load(monkeypatch, caplog):
    failing = {"graphfeed._graphfeed": ImportError("libgrpc++.so.1.51: cannot open")}

    def load(name):
        if name in failing:
            raise failing[name]
        return sys.modules[name]

    monkeypatch.setattr(_transport, "importlib", types.SimpleNamespace(import_module=load))
    with caplog.at_level(logging.INFO, "graphfeed"):
        assert _transport.choose({}) is portable
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "libgrpc++.so.1.51" in record.getMessage()
    with pytest.raises(ImportError, match='is "native", and .* does not load here: .*cannot open'):
        _transport.choose({"GRAPHFEED_CLIENT": "native"})
    caplog.clear()
    failing["graphfeed._graphfeed"] = ModuleNotFoundError("No module named 'graphfeed._graphfeed'")
    with caplog.at_level(logging.INFO, "graphfeed"):
        assert _transport.choose({}) is portable
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    failing["graphfeed._portable"] = ImportError("No module named 'grpc'")
    with pytest.raises(ImportError, match='is "python", .* grpcio, protobuf and numpy: .*grpc'):
        _transport.choose({"GRAPHFEED_CLIENT": "python"})
    with pytest.raises(ImportError, match="neither does.*grpcio, protobuf and numpy.*'grpc'"):
        _transport.choose({})


# --- servers that go -----------------------------------------------------------------------------


def replicas(start_server, *contents):
    servers = [start_server() for _ in contents]
    for server, content in zip(servers, contents):
        gf.connect(server.address).ingest("copied", content)
    return servers


def test_a_stream_goes_on_at_another_replica(start_server, caplog):
    first, second = replicas(start_server, graphs(800), graphs(800))
    info = gf.connect(second.address).dataset("copied")
    # Far more than connections hold: the first server cannot have sent it all.
    expected = received(portable.Client([second.address]), padded(portable, info, num_epochs=60))
    options = padded(portable, info, prefetch=1, client_prefetch=1, num_epochs=60)
    client = portable.Client([first.address, second.address], spread=False)
    stream = client.stream_batches(options)
    digests = [stream.next().info.digest for _ in range(3)]
    first.kill()
    with caplog.at_level(logging.WARNING, "graphfeed"):
        while True:
            batch = stream.next()
            if batch is None:
                break
            digests.append(batch.info.digest)
    assert digests == [frame[0][2] for frame in expected[1:]]
    (told,) = [record.getMessage() for record in caplog.records]
    assert f"from {first.address} broke off (UNAVAILABLE: " in told
    assert f"{second.address} goes on with frame " in told


def test_times_without_an_end(start_server):
    """Of calls and of what is tried again."""
    first, second = replicas(start_server, graphs(800), graphs(700))
    endless = {"timeout": float("inf"), "retry_timeout": float("inf")}
    addresses = [first.address, second.address]
    with gf.connect(addresses, **endless) as client:
        client.ingest("endless", graphs(3))
        client.delete("endless@1")
        assert client.workers() == []
    info = gf.connect(first.address).dataset("copied")
    client = portable.Client(addresses, **{**endless, "retry_timeout": 1}, spread=False)
    options = padded(portable, info, prefetch=1, client_prefetch=1, num_epochs=60)
    stream = client.stream_batches(options)
    stream.next()
    first.kill()
    with pytest.raises(gf.Error, match="fingerprint"):  # the other one has been asked what it has
        while stream.next() is not None:
            pass


@pytest.mark.parametrize("retry_timeout", [0, 60])
def test_a_program_that_pauses_is_told_of_nothing(start_server, caplog, retry_timeout):
    server = start_server(None, "--stream-idle-timeout", "1s")
    large = {"x": np.ones((1000, 1000), np.float32), "edge_index": np.zeros((2, 2), np.int64)}
    with gf.connect(server.address, retry_timeout=retry_timeout) as client:
        client.ingest("wide", [large] * 20)
        with caplog.at_level(logging.INFO, "graphfeed"):
            batches = iter(gf.DataLoader(client.dataset("wide"), batch_size=1))
            next(batches)
            deadline = time.monotonic() + 30
            while server.readings().get('graphfeed_streams_ended_total{reason="idle"}', 0) == 0:
                assert time.monotonic() < deadline, "its stream goes on"
                time.sleep(0.1)
            assert 1 + sum(1 for _ in batches) == 20
    assert not caplog.records


def test_a_replica_with_other_content_is_refused(start_server):
    first, second = replicas(start_server, graphs(800), graphs(700))
    info = gf.connect(first.address).dataset("copied")
    options = padded(portable, info, prefetch=1, client_prefetch=1, num_epochs=60)  # as above
    client = portable.Client([first.address, second.address], retry_timeout=1, spread=False)
    stream = client.stream_batches(options)
    stream.next()
    first.kill()
    with pytest.raises(gf.Error) as raised:
        while stream.next() is not None:
            pass
    for part in ("go on with copied", first.address, second.address, "FAILED_PRECONDITION"):
        assert part in str(raised.value)


@pytest.mark.parametrize("num_servers", [1, 2])
def test_streams_that_move_read_the_same_and_say_nothing(num_servers, start_server, caplog):
    servers = [start_server(None, "--stream-max-age", "1ms") for _ in range(num_servers)]
    for server in servers:
        gf.connect(server.address).ingest("copied", graphs(800))
    quiet = start_server()
    info = gf.connect(quiet.address).ingest("copied", graphs(800))
    expected = received(portable.Client([quiet.address]), padded(portable, info))
    client = portable.Client([server.address for server in servers])
    with caplog.at_level(logging.WARNING, "graphfeed"):
        assert received(client, padded(portable, info, prefetch=1)) == expected
    assert not caplog.records
    pages = [
        urllib.request.urlopen(f"http://{server.metrics}/metrics").read().decode()
        for server in servers
    ]
    ended = [re.search(r'streams_ended_total{reason="age"} (\d+)', page)[1] for page in pages]
    assert sum(map(int, ended)) > 1  # the faster, the fewer


def test_where_a_stream_goes_is_chosen_as_the_native_client_does():
    from graphfeed._portable.placement import Load, fnv1a, least_loaded

    assert fnv1a("graphfeed") == 0x5972D921EBE92193  # as placement_test.cc has it
    chance = random.Random(1)
    assert least_loaded([Load(4), Load(3), Load(5)], 0, chance) == 1
    assert least_loaded([Load(4), Load(1, 1), Load(3)], 0, chance) == 2
    assert least_loaded([Load(4), Load(1, 9, 1), Load(5)], 2, chance) == 0
    assert least_loaded([None, None], 0, chance) is None
    assert least_loaded([None, Load(90)], 0, chance) == 1
    assert least_loaded([Load(46), Load(50)], 1, chance) == 1
    assert least_loaded([Load(44), Load(50)], 1, chance) == 0
    assert {least_loaded([Load(2), Load(0), Load(0)], 0, chance) for _ in range(50)} == {1, 2}


def test_shards_of_a_run_begin_at_neighbours_and_runs_anywhere():
    from graphfeed._portable.placement import StreamPlacement

    addresses = [f"10.0.0.{i}:1" for i in range(3)]

    def first(shard, num_shards, order):
        client = portable.Client(order)
        options = types.SimpleNamespace(
            dataset="d@4", seed=7, num_shards=num_shards, shard_index=shard
        )
        return StreamPlacement(options, True, client._replicas).fail()[0].address

    of_shards = [first(i, 6, addresses if i % 2 else addresses[::-1]) for i in range(6)]
    assert sorted(of_shards) == sorted(2 * addresses)
    assert {first(0, 1, addresses) for _ in range(50)} == set(addresses)


def test_details_that_cannot_be_read_are_left_out():
    from graphfeed._portable import details
    from graphfeed._portable.descriptors import messages

    message = messages.ErrorStatus()
    for kind, value in (
        ("ErrorInfo", messages.ErrorInfo(reason=details.AGE, domain="graphfeed")),
        ("RetryInfo", messages.RetryInfo(retry_delay={"seconds": 2, "nanos": 500_000_000})),
        ("Help", messages.ErrorInfo()),
    ):
        message.details.add(
            type_url=f"type.googleapis.com/google.rpc.{kind}", value=value.SerializeToString()
        )
    assert details.decode(message.SerializeToString()) == (details.AGE, 2.5)
    message.details[0].value = messages.ErrorInfo(reason="STREAM_AGE").SerializeToString()
    assert details.decode(message.SerializeToString()) == ("", 2.5)  # somebody else's word
    assert details.decode(message.SerializeToString()[:-1]) == details.Details()


def test_a_stream_that_is_dropped_leaves_no_call(dataset, server):
    from graphfeed._portable import forks

    client = portable.Client([server.address])
    stream = client.stream_batches(padded(portable, dataset, num_epochs=0))
    stream.next()
    assert forks._running
    del stream
    assert not forks._running
    stream = client.stream_batches(padded(portable, dataset, num_epochs=0))
    stream.next()
    stream.cancel()
    with pytest.raises(gf.Cancelled):
        stream.next()
    deadline = time.monotonic() + 20
    while forks._running:
        assert time.monotonic() < deadline
        time.sleep(0.01)


FORK = """
import os, sys, graphfeed as gf
client = gf.connect(sys.argv[1])
loader = gf.DataLoader(client.dataset("portable"), batch_size=2)
expected = [batch.digest for batch in loader]
loader.set_epoch(0)
if sys.argv[2] == "running":
    batches = iter(loader)
    digests = [next(batches).digest]
kept = loader.peek().x if sys.argv[2] == "running" else None
child = os.fork()
if child == 0:
    try:
        again = [batch.digest for batch in gf.DataLoader(client.dataset("portable"), batch_size=2)]
        code = 5 if again == expected else 6
    except gf.FailedPrecondition as error:
        code = 7 if "forked while a graphfeed stream" in str(error) else 8
    sys.exit(code)  # with all that it inherited
if sys.argv[2] == "running":
    digests += [batch.digest for batch in batches]
else:
    digests = [batch.digest for batch in loader]
assert digests == expected, (digests, expected)
print(os.WEXITSTATUS(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("name", ["native", "python"])
@pytest.mark.parametrize("state, code", [("idle", "5"), ("running", "7")])
def test_forks_follow_the_same_rules(name, state, code, dataset, server):
    done = subprocess.run(
        [sys.executable, "-c", FORK, server.address, state],
        capture_output=True, text=True, timeout=60, env=environment(GRAPHFEED_CLIENT=name),
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (code, "")
