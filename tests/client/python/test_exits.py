"""How processes end: threads that still read, workers that are left early, streams that are open,
errors. GRAPHFEED_EXIT_RUNS (2) is how often each is tried; races show in 20."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

RUNS = int(os.environ.get("GRAPHFEED_EXIT_RUNS", "2"))

BEGIN = """
import sys, threading, graphfeed as gf
client = gf.connect(sys.argv[1], retry_timeout=0)
def make(batch_size=3):
    return gf.FixedSizeDataLoader(client.dataset("exits"), batch_size=batch_size, prefetch=4)
"""

THREAD = """
started = threading.Event()
def read():
    for epoch in make().epochs():
        for b in epoch:
            started.set()
threading.Thread(target=read, daemon=True).start()
started.wait()
"""

# In the middle of calls, or between two streams, when the interpreter ends.
CALLS = """
import numpy as np, random, time
started = threading.Barrier(8)
def repeat(call):
    def run():
        call()
        started.wait()
        while True:
            call()
    threading.Thread(target=run, daemon=True).start()
def ask():
    client.dataset("exits")
def open_stream():
    next(iter(make()))
def open_client():
    with gf.connect(sys.argv[1]) as other:
        other.datasets()
def ingest():
    graph = {"x": np.ones((3, 2), np.float32), "edge_index": np.zeros((2, 4), int)}
    client.ingest("exits-again", [graph] * 3, if_exists="same")
for call in (ask, ask, ask, open_stream, open_stream, open_client, ingest):
    repeat(call)
started.wait()
time.sleep(random.random() / 10)
"""

WORKERS = """
import torch
def main():
    loader = torch.utils.data.DataLoader(
        make().as_torch_dataset(), batch_size=None, num_workers=2,
        multiprocessing_context="METHOD", persistent_workers=PERSISTENT,
    )
    for i, batch in enumerate(loader):
        if i == 5:
            break
    AFTERWARDS
if __name__ == "__main__":
    main()
"""


# Of Python's own: the thread that feeds a spawned worker's queue is ended between unlinking its
# semaphore and telling the tracker, which then looks for what is no longer there.
TRACKER = re.compile(
    r".*resource_tracker\.py:\d+: UserWarning: resource_tracker: There appear to be 1 leaked semaphore .*\n"
    r".*\n.*resource_tracker\.py:\d+: UserWarning: resource_tracker: .*No such file or directory\n.*\n"
)


def workers(method, persistent=False, afterwards="pass"):
    text = WORKERS.replace("METHOD", method).replace("PERSISTENT", str(persistent))
    return text.replace("AFTERWARDS", afterwards)


# As by threads that were ended with the interpreter; finalizers come after that.
HELD = """
def batches():
    with gf.connect(sys.argv[1]) as other:
        others.append(other)
        yield from gf.FixedSizeDataLoader(other.dataset("exits"), batch_size=3, prefetch=4)
others = []
b = batches()
next(b)
connection = others[0]._connection
locks = [connection._lock]
for stream in connection._streams:
    ring = getattr(stream.native, "_ring", None)  # of the client in Python alone
    if ring is not None:
        locks += [ring.lock, ring.reader._lock]
thread = threading.Thread(target=lambda: [lock.acquire() for lock in locks])
thread.start()
thread.join()
"""

CASES = {
    "daemon thread": (THREAD, 0),
    "daemon thread, exit code": (THREAD + "sys.exit(7)", 7),
    "daemon threads, several": (THREAD * 3, 0),
    "daemon threads, in calls": (CALLS, 0),
    "daemon threads, in calls, exit code": (CALLS + "sys.exit(7)", 7),
    "early break, fork": (workers("fork"), 0),
    "early break, spawn": (workers("spawn"), 0),
    "early break, fork, persistent": (workers("fork", True, "sys.exit(7)"), 7),
    "early break, spawn, persistent": (workers("spawn", True, "sys.exit(7)"), 7),
    "in mid-stream": ("batches = iter(make()); next(batches)", 0),
    "in mid-stream, arrays kept": (
        "batches = iter(make()); kept = [next(batches).x for _ in range(3)]; sys.exit(7)", 7,
    ),
    "in mid-stream, of a closed client": ("b = iter(make()); next(b); client.close()", 0),
    "in mid-stream, of a closed client, often": (
        "sys.setswitchinterval(1e-6)\n"
        "for _ in range(20): b = iter(make()); next(b)\n"
        "client.close()", 0,
    ),
    "in mid-stream, of a client whose locks are held": (HELD, 0),
    "after an error": (
        "batches = iter(make()); next(batches)\n"
        "try: client.dataset('nowhere')\n"
        "except gf.NotFound: sys.exit(3)", 3,
    ),
    "after a stream's error": (
        "loader = make(2); loader.fixed_size_options.num_nodes = 2\n"
        "try: list(loader)\n"
        "except gf.Error: sys.exit(4)", 4,
    ),
    "after an error that nobody caught": (
        THREAD + "make(); next(iter(make())); client.dataset('nowhere')", 1,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(client):
    graph = {"x": np.ones((3, 2), np.float32), "edge_index": np.zeros((2, 4), int)}
    return client.ingest("exits", [graph] * 2000)


@pytest.mark.parametrize("case", CASES)
def test_a_process_ends_quietly_with_its_code(case, dataset, server, tmp_path):
    script, code = CASES[case]
    if "torch" in script:
        pytest.importorskip("torch")
    path = tmp_path / "script.py"
    path.write_text(BEGIN + script)
    for _ in range(RUNS):
        ended = subprocess.run(
            [sys.executable, path, server.address], capture_output=True, text=True, timeout=120
        )
        errors = TRACKER.sub("", ended.stderr)
        if code == 1:  # its own traceback, and nothing else
            assert errors.startswith("Traceback") and errors.count("Traceback") == 1, errors
            assert errors.rstrip().splitlines()[-1].startswith("graphfeed.errors.NotFound: "), errors
            errors = ""
        assert (ended.returncode, errors) == (code, "")


INTERRUPTED = """
import os, random, signal, time
def interrupt():
    time.sleep(random.random() / 50)
    os.kill(os.getpid(), signal.SIGINT)
for _ in range(20):
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        while True:
            client.dataset("exits")
    except KeyboardInterrupt:
        pass
    thread.join()
    assert next(iter(make())) is not None
"""


def test_calls_go_on_after_ctrl_c(dataset, server):
    ended = subprocess.run(
        [sys.executable, "-c", BEGIN + INTERRUPTED, server.address],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
