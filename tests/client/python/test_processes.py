"""Loaders in forked and spawned processes, and interruption."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import graphfeed as gf


@pytest.fixture(scope="module")
def dataset(client):
    graphs = [
        {"x": np.ones((3, 2), np.float32), "edge_index": np.zeros((2, 4), int), "y": np.array([i])}
        for i in range(40)
    ]
    client.ingest("processes", graphs)
    return client.dataset("processes")


def read(loader, queue):
    queue.put([batch.y[batch.graphs_mask].tolist() for batch in loader])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_iterates_on_its_own(method, dataset):
    loader = gf.FixedSizeDataLoader(dataset, batch_size=6, shuffle=True, seed=1)
    expected = [batch.y[batch.graphs_mask].tolist() for batch in loader]
    loader.set_epoch(0)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=read, args=(loader, queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0
    assert [batch.y[batch.graphs_mask].tolist() for batch in loader] == expected, "the parent too"


def test_workers_of_a_torch_loader(dataset):
    torch = pytest.importorskip("torch")

    class Wrapped(torch.utils.data.IterableDataset):
        def __iter__(self):
            for batch in gf.FixedSizeDataLoader(dataset, batch_size=6):
                yield batch.torch().y

    seen = list(torch.utils.data.DataLoader(Wrapped(), batch_size=None, num_workers=1))
    assert torch.cat(seen).sum() == sum(range(40))


def test_ctrl_c_interrupts_a_wait(tmp_path):
    """The address accepts connections and never answers."""
    script = textwrap.dedent(
        """
        import socket, sys, graphfeed as gf
        listener = socket.create_server(("127.0.0.1", 0))
        client = gf.connect("127.0.0.1:%d" % listener.getsockname()[1])
        print("waiting", flush=True)
        try:
            client.datasets()
        except KeyboardInterrupt:
            sys.exit(42)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waiting\n"
    # Sent until it arrives inside the call: the line above is printed shortly before it.
    deadline = 300
    while process.poll() is None and deadline:
        os.kill(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            deadline -= 1
    assert process.wait() in (42, -signal.SIGINT)
    process.stdout.close()


def test_a_killed_server_is_a_connection_error(start_server):
    server = start_server()
    client = gf.connect(server.address, retry_timeout=1)
    graph = {"x": np.ones((1000, 500), np.float32), "edge_index": np.zeros((2, 1), int)}
    client.ingest("doomed", [graph] * 40)  # far more than a connection holds
    loader = gf.FixedSizeDataLoader(client.dataset("doomed"), batch_size=2)
    batches = iter(loader)
    next(batches)
    server.kill()
    with pytest.raises(gf.Unavailable):
        list(batches)


def test_data_survives_a_restart(start_server, tmp_path):
    server = start_server(tmp_path / "kept")
    client = gf.connect(server.address)
    graph = {"x": np.ones((2, 1), np.float32), "edge_index": np.zeros((2, 1), int)}
    info = client.ingest("kept", [graph] * 20)
    first = next(iter(gf.FixedSizeDataLoader(client.dataset("kept"), batch_size=4))).digest
    assert server.stop() == 0
    client = gf.connect(start_server(tmp_path / "kept").address)
    assert client.datasets() == [info]
    again = next(iter(gf.FixedSizeDataLoader(client.dataset("kept"), batch_size=4)))
    assert again.digest == first


READS_FOR_EVER = """
import itertools, sys, threading, graphfeed as gf
loader = gf.FixedSizeDataLoader(gf.connect(sys.argv[1]).dataset("processes"), batch_size=6)
def stream():
    for batch in itertools.chain.from_iterable(loader.epochs()):
        yield batch
def calls():
    while True:
        yield loader.batch(0, epoch=0)
def failing():
    while True:
        try:
            loader.batch(10**6, epoch=0)
        except gf.Error as error:
            yield error
started = threading.Event()
def read(source):
    for _ in source:
        started.set()
"""


@pytest.mark.parametrize(
    "end, code",
    [
        ("threading.Thread(target=read, args=(stream(),), daemon=True).start(); started.wait()", 0),
        ("threading.Thread(target=read, args=(calls(),), daemon=True).start(); started.wait()", 0),
        ("threading.Thread(target=read, args=(failing(),), daemon=True).start(); started.wait()", 0),
        ("running = stream(); next(running)", 0),
        ("running = stream(); kept = [next(running).x for _ in range(3)]; sys.exit(7)", 7),
        ("running = stream(); next(running); threading.Thread(target=read, args=(running,), "
         "daemon=True).start(); started.wait(); sys.exit(7)", 7),
    ],
)  # fmt: skip
def test_a_process_ends_quietly_whatever_its_threads_do(end, code, dataset, server):
    """A thread that wants the interpreter's lock while it ends must not end the process."""
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", READS_FOR_EVER + end, server.address],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (ended.returncode, ended.stderr) == (code, "")
