"""A data folder that the process serves to itself: local:DIR."""

import json
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import graphfeed as gf

torch_data = pytest.importorskip("torch.utils.data")


def graphs(count: int = 60) -> list[dict]:
    return [
        {
            "x": np.full((3 + i % 5, 4), i, np.float32),
            "edge_index": np.array([[0, 1], [1, 2]], np.int64),
            "y": np.array([i], np.int64),
        }
        for i in range(count)
    ]


@pytest.fixture
def folder(tmp_path):
    with gf.connect(f"local:{tmp_path}/data") as client:
        client.ingest("graphs", graphs())
    return f"{tmp_path}/data"


@pytest.fixture
def dataset(folder):
    return gf.connect(f"local:{folder}").dataset("graphs")


def loader_of(dataset: gf.Dataset, **options) -> gf.FixedSizeDataLoader:
    sizes = gf.FixedSizeOptions(num_nodes=64, num_edges=32, num_graphs=8)
    return gf.FixedSizeDataLoader(
        dataset, fixed_size_options=sizes, shuffle=True, seed=5, **options
    )


def values(batches) -> list[list[int]]:
    return [batch.y[batch.graphs_mask].ravel().tolist() for batch in batches]


def run(code: str, *arguments: str, expect: int = 0, **environment: str) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_batches_are_those_of_a_server(folder, dataset, start_server):
    server = start_server()
    remote = gf.connect(server.address)
    remote.ingest("graphs", graphs())
    here, there = list(loader_of(dataset)), list(loader_of(remote.dataset("graphs")))
    assert len(here) == len(there) > 5
    for ours, theirs in zip(here, there, strict=True):
        for (name, array), (other, expected) in zip(ours.items(), theirs.items(), strict=True):
            assert name == other
            np.testing.assert_array_equal(array, expected)
            assert array.flags.writeable


def test_a_folder_that_is_not_there(tmp_path):
    client = gf.connect(f"local:{tmp_path}/none")
    with pytest.raises(gf.NotFound, match=f"no data folder.*{tmp_path}/none"):
        client.datasets()
    assert not (tmp_path / "none").exists()
    client.ingest("graphs", graphs(3), if_exists="same")
    assert [info.name for info in client.datasets()] == ["graphs"]


def test_paths_mean_the_same_everywhere(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    relative, home = gf.connect("local:data"), gf.connect("local:~/data")
    monkeypatch.chdir("/")
    for client in (relative, pickle.loads(pickle.dumps(relative)), home):
        assert len(client.dataset("graphs")) == 60


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_torch_workers_read_beside_a_parent_that_streams(dataset, context):
    expected = values(loader_of(dataset))
    endless = iter(loader_of(dataset))
    next(endless)
    for _ in range(2):
        loader = loader_of(dataset)
        workers = torch_data.DataLoader(
            loader.as_torch_dataset(),
            batch_size=None,
            num_workers=2,
            multiprocessing_context=context,
        )
        assert values(workers) == expected
        next(endless)


def test_a_forked_child_reads_while_other_threads_of_its_parent_do(dataset):
    import threading

    expected = values(loader_of(dataset))
    stop = threading.Event()

    def read():
        while not stop.is_set():
            assert values(loader_of(dataset)) == expected

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                ok = False
                try:
                    ok = values(loader_of(dataset)) == expected
                finally:
                    os._exit(0 if ok else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_one_process_writes_and_others_read(folder):
    writer = gf.connect(f"local:{folder}")
    writer.ingest("more", graphs(5))
    code = """
        import sys, graphfeed as gf
        client = gf.connect("local:" + sys.argv[1])
        print([info.name for info in client.datasets()])
        try:
            client.ingest("other", [{"x": [[1.0]], "edge_index": [[0], [0]]}])
        except gf.FailedPrecondition as error:
            print(error)
    """
    names, refused = run(code, folder).stdout.splitlines()
    assert names == "['graphs', 'more']"
    assert folder in refused and f"process {os.getpid()}" in refused
    writer.close()
    assert "process" not in run(code, folder).stdout
    assert "other" in [info.name for info in gf.connect(f"local:{folder}").datasets()]


def test_what_another_process_publishes_is_there(folder, dataset):
    client = gf.connect(f"local:{folder}")
    assert len(client.dataset("graphs")) == 60
    run(
        """
        import sys, numpy as np, graphfeed as gf
        graph = {"x": np.ones((2, 4), np.float32), "edge_index": np.zeros((2, 1), np.int64), "y": np.array([7])}
        gf.connect("local:" + sys.argv[1]).ingest("graphs", [graph] * 9)
        """,
        folder,
    )
    assert len(client.dataset("graphs")) == 9
    assert len(values(loader_of(dataset))) > 5  # the version that it was


@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "del loader, stream, client"])
def test_processes_end_in_the_middle_of_streams(folder, end):
    run(
        f"""
        import itertools, sys, threading, graphfeed as gf
        client = gf.connect("local:" + sys.argv[1])
        sizes = gf.FixedSizeOptions(num_nodes=64, num_edges=32, num_graphs=8)
        loader = gf.FixedSizeDataLoader(client.dataset("graphs"), fixed_size_options=sizes)
        stream = iter(loader)
        next(stream)
        def read():
            other = gf.FixedSizeDataLoader(client.dataset("graphs"), fixed_size_options=sizes)
            for _ in itertools.count():
                for batch in other:
                    pass
        threading.Thread(target=read, daemon=True).start()
        next(stream)
        {end}
        """,
        folder,
    )


def test_flags_of_the_environment(folder):
    code = """
        import sys, graphfeed as gf
        gf.connect("local:" + sys.argv[1]).datasets()
    """
    run(code, folder, GRAPHFEED_LOCAL_FLAGS="--memory-budget=8M --build-threads 1")
    failed = run(code, folder, expect=1, GRAPHFEED_LOCAL_FLAGS="--build-threads=many")
    assert "GRAPHFEED_LOCAL_FLAGS" in failed.stderr and "many" in failed.stderr


def test_endpoints_that_do_not_go_together(folder):
    with pytest.raises(ValueError, match="stands alone"):
        gf.connect([f"local:{folder}", "localhost:50051"])
    with pytest.raises(ValueError, match="names no folder"):
        gf.connect("local:")


def test_the_command_line_reads_folders(folder):
    with gf.connect(f"local:{folder}") as writer:  # beside which it reads
        writer.ingest("more", graphs(3))

        def graphfeed(*words: str, expect: int = 0) -> str:
            done = subprocess.run(
                [os.environ["GRAPHFEED_CLI"], *words], capture_output=True, text=True, timeout=60
            )
            assert done.returncode == expect, done.stdout + done.stderr
            return done.stdout + done.stderr

        where = ("--data-dir", folder)
        assert {info["name"] for info in json.loads(graphfeed("ls", "--json", *where))} == {"graphs", "more"}
        assert json.loads(graphfeed("describe", "graphs", "--json", *where))["name"] == "graphs"
        spec = ("--num-nodes", "64", "--num-edges", "32", "--num-graphs", "8", "--strategy", "pack")
        streamed = json.loads(graphfeed("stream", "graphs", *spec, "--json", *where).splitlines()[-1])
        assert streamed["batches"] == len(list(loader_of(writer.dataset("graphs"), fixed_size_strategy="stream_pack")))
        planned = json.loads(graphfeed("plan", "graphs", *spec, "--json", "--server", f"local:{folder}"))
        assert planned
        assert "process" in graphfeed("rm", "more@1", *where, expect=1)
        graphfeed("ls", *where, "--server", "localhost:1", expect=2)
    graphfeed("rm", "more@1", *where)
    assert "more" not in graphfeed("ls", *where)


def test_the_demo_needs_no_server():
    done = subprocess.run(
        [sys.executable, "-m", "graphfeed", "demo", "--num-graphs", "500"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "500 graphs of 500" in done.stdout and "packing efficiency" in done.stdout


def test_the_demo_says_in_a_line_where_it_cannot_run():
    done = subprocess.run(
        [sys.executable, "-m", "graphfeed", "demo", "--num-graphs", "500"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "GRAPHFEED_CLIENT": "python"},
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1 and "takes the native module" in done.stderr, done.stderr
