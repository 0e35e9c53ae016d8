"""Tensors of varying length that belong to neither nodes nor edges: PyG concatenates them."""

import json
import os
import subprocess

import numpy as np
import pytest
from test_ingest import assert_dataset
from test_readers import MOLECULES, assert_same, draft, imported, write_npy

import graphfeed as gf

pytestmark = pytest.mark.filterwarnings("ignore:epochs contain null batches")

SIZES = [4, 0, 7, 1, 0, 2, 9, 3]


def graph(i, rows):
    """Graph i has i % 3 + 2 nodes in a line and `rows` triples, numbered and of its nodes."""
    rng = np.random.default_rng(i)
    ids = np.arange(i % 3 + 2)
    return {
        "x": np.full((len(ids), 2), i, np.float32),
        "edge_index": np.stack([ids[:-1], ids[1:]]),
        "triples": 100 * i + np.arange(2 * rows).reshape(rows, 2),
        "triple_index": rng.integers(0, len(ids), (3, rows)),
        "face": rng.integers(0, len(ids), (3, rows)),
        "weights": np.linspace(0, 1, rows, dtype=np.float32),
        "y": np.array([i]),
    }


GRAPHS = [graph(i, rows) for i, rows in enumerate(SIZES)]
VARYING = ["face", "triple_index", "triples", "weights"]
ROWS = {name: 16 for name in VARYING}


@pytest.fixture(scope="module")
def dataset(client):
    client.ingest("varying-rows", GRAPHS)
    return client.dataset("varying-rows")


def together(graphs):
    """What PyG's collate makes of them: concatenated along dim 0, names with "index" and face
    shifted by the nodes before and along the last dim."""
    first = np.cumsum([0, *(len(g["x"]) for g in graphs)])
    shifted = {
        name: np.concatenate([g[name] + n for g, n in zip(graphs, first)], axis=1)
        for name in ("triple_index", "face")
    }
    plain = {n: np.concatenate([g[n] for g in graphs]) for n in ("triples", "weights")}
    return {**plain, **shifted}


def assert_together(batch, graphs):
    """A batch of one micro-batch begins with what PyG makes of its graphs; returns the rows."""
    wanted = together(graphs)
    rows = len(wanted["triples"])
    for name, array in wanted.items():
        last = name in ("triple_index", "face")
        got = batch[name][..., :rows] if last else batch[name][:rows]
        np.testing.assert_array_equal(got, array, name)
        assert batch[name].dtype == array.dtype
    return rows


def options(**changes):
    return gf.FixedSizeOptions(
        **{"num_nodes": 20, "num_edges": 20, "num_graphs": 4, "num_rows": ROWS, **changes}
    )


def padded(dataset, **arguments):
    given = {"fixed_size_options": options(), "follow_batch": ["triples"], **arguments}
    return gf.FixedSizeDataLoader(dataset, batch_size=None, **given)


def test_each_graph_comes_back(dataset):
    assert_dataset(dataset, GRAPHS)
    for i in (1, 2, -1):
        assert dataset[i].triples.shape == (SIZES[i], 2)
        np.testing.assert_array_equal(dataset[i].triple_index, GRAPHS[i]["triple_index"])
    np.testing.assert_array_equal(
        dataset[2:5].column("triples"), np.concatenate([g["triples"] for g in GRAPHS[2:5]])
    )
    columns = {c.name: c for c in dataset.info.columns}
    assert columns["triples"].varying and columns["triples"].rows_per_graph == -1
    assert columns["triples"].num_rows == sum(SIZES)
    sizes = columns["triples"].row_sizes
    assert (sizes.min, sizes.max, sizes.mean) == (0, 9, sum(SIZES) / 8)
    assert not columns["y"].varying and columns["y"].row_sizes is None


def test_plain_batches_are_pygs(dataset):
    for batch_size in (1, 3, 8):
        loader = gf.DataLoader(dataset, batch_size, follow_batch=["triples"])
        for at, batch in zip(range(0, 8, batch_size), loader, strict=True):
            graphs = GRAPHS[at : at + batch_size]
            assert assert_together(batch, graphs) == len(batch.triples)
            counts = [len(g["triples"]) for g in graphs]
            assert batch.triples_batch.tolist() == np.repeat(range(len(graphs)), counts).tolist()
            assert batch.triples_ptr.tolist() == np.cumsum([0, *counts]).tolist()
            assert batch.counts[0].rows == {name: sum(counts) for name in VARYING}
    plain = gf.DataLoader(dataset, 3).peek()
    assert "triples_ptr" not in plain and "triples_batch" not in plain
    excluded = gf.DataLoader(dataset, 3, exclude_keys=["triples"]).peek()
    assert "triples" not in excluded and excluded.counts[0].rows.keys() == set(VARYING) - {"triples"}


def test_batches_come_apart(dataset):
    for loader in (
        gf.DataLoader(dataset, 3, follow_batch=VARYING),
        padded(dataset, follow_batch=VARYING),
        padded(dataset, follow_batch=VARYING, micro_batches=2),
    ):
        got = [g for batch in loader for g in batch.graphs()]
        assert len(got) == len(GRAPHS)
        for ours, given in zip(got, GRAPHS):
            for name, array in given.items():
                np.testing.assert_array_equal(ours[name], array, name)
    for batch in (gf.DataLoader(dataset, 3).peek(), padded(dataset).peek()):
        with pytest.raises(gf.InvalidArgument, match=r"follow_batch=\['.*exclude_keys=\["):
            batch.graphs()
    with pytest.raises(gf.InvalidArgument):
        gf.DataLoader(dataset, 3).peek().graphs()
    first = gf.DataLoader(dataset, 1).peek().graphs()[0]
    np.testing.assert_array_equal(first.triples, GRAPHS[0]["triples"])


def test_pyg_takes_them_apart(dataset, monkeypatch):
    pytest.importorskip("torch")
    import fake_pyg

    fake_pyg.install(monkeypatch)
    batch = gf.DataLoader(dataset, 5, follow_batch=["triples", "weights"],
                          exclude_keys=["face", "triple_index"]).peek()  # fmt: skip
    for part, given in zip(batch.to_pyg().to_data_list(), GRAPHS):
        np.testing.assert_array_equal(part.triples.numpy(), given["triples"])
        np.testing.assert_array_equal(part.weights.numpy(), given["weights"])
    whole = gf.DataLoader(dataset, 5).peek().to_pyg()
    np.testing.assert_array_equal(whole.triples.numpy(), together(GRAPHS[:5])["triples"])


@pytest.mark.parametrize("strategy", ["PadToMax", "StreamPack", "Pack"])
def test_fixed_sizes_pad_them(dataset, strategy):
    loader = padded(dataset, fixed_size_strategy=strategy,
                    fixed_size_options=options(graph_pad_value=-1))  # fmt: skip
    seen = []
    for batch in loader:
        numbers = [int(y) for y in batch.y[batch.graphs_mask]]
        seen += numbers
        rows = assert_together(batch, [GRAPHS[i] for i in numbers])
        assert rows == batch.counts[0].rows["triples"] <= 16
        assert batch.triples.shape == (16, 2) and batch.weights.shape == (16,)
        assert batch.triple_index.shape == (3, 16) == batch.face.shape
        assert (batch.triples[rows:] == -1).all() and (batch.weights[rows:] == -1).all()
        # Ids of padding rows are the first nodes of padding graphs, as those of padding edges.
        padding = batch.ptr[len(numbers) : -1]
        assert np.isin(batch.triple_index[:, rows:], padding).all()
        assert batch.triples_ptr[-1] == 16 and len(batch.triples_batch) == 16
        assert (batch.triples_batch[rows:] >= len(numbers)).all()
    assert sorted(seen) == list(range(8))


def test_padding_that_does_not_travel_is_the_same(dataset, server):
    with gf.connect(server.address, encoding="compact") as client:
        sizes = options(num_rows={name: 600 for name in VARYING}, graph_pad_value=-1)
        ours, theirs = (
            list(padded(source, fixed_size_options=sizes))
            for source in (client.dataset("varying-rows"), dataset)
        )
        assert [batch.digest for batch in ours] == [batch.digest for batch in theirs]
        for a, b in zip(ours, theirs):
            for name in VARYING:
                np.testing.assert_array_equal(a[name], b[name])


def test_sizes_are_declared_or_derived(dataset):
    with pytest.raises(gf.InvalidArgument, match=r'"face".*num_rows=.*exclude_keys=\["face"\]'):
        padded(dataset, fixed_size_options=options(num_rows={})).peek()
    left = padded(dataset, fixed_size_options=options(num_rows={}), exclude_keys=VARYING,
                  follow_batch=None)  # fmt: skip
    assert "triples" not in left.peek()
    assert left.peek().layout_digest != padded(dataset).peek().layout_digest
    with pytest.raises(gf.InvalidArgument, match='num_rows names "y"'):
        padded(dataset, fixed_size_options=options(num_rows={**ROWS, "y": 3})).peek()
    with pytest.raises(gf.InvalidArgument, match="num_rows"):
        gf.FixedSizeOptions(num_nodes=4, num_rows=64)
    derived = gf.FixedSizeOptions.from_dataset(dataset, 3)
    assert derived.num_rows == {name: 18 for name in VARYING}
    assert len(list(gf.FixedSizeDataLoader(dataset, 3))) == 4
    of_loader = gf.FixedSizeOptions.from_loader(gf.DataLoader(dataset, 3))
    assert of_loader.num_rows == {name: max(11, 3, 12) for name in VARYING}
    assert "num_rows={'face': 16" in repr(options()) and "num_rows" not in repr(
        gf.FixedSizeOptions(num_nodes=4)
    )
    assert options() != options(num_rows={**ROWS, "face": 17})


def test_what_does_not_fit(dataset):
    few = options(num_rows={**ROWS, "triples": 8})
    with pytest.raises(gf.Error, match=r'has 11 rows of column "triples"; a batch holds 8'):
        list(padded(dataset, fixed_size_options=few))
    with pytest.raises(gf.Error, match="trimming takes nodes and edges only"):
        list(padded(dataset, fixed_size_options=few, over_size_strategy="TrimEdges"))
    for strategy in ("StreamPack", "Pack"):
        packs = {"fixed_size_options": few, "fixed_size_strategy": strategy}
        with pytest.raises(gf.Error, match='graph 6 has 9 rows of column "triples"'):
            list(padded(dataset, **packs))
        batches = list(padded(dataset, **packs, over_size_strategy="Skip"))
        seen = sorted(int(y) for batch in batches for y in batch.y[batch.graphs_mask])
        assert seen == [0, 1, 2, 3, 4, 5, 7]


@pytest.mark.parametrize("strategy", [None, "PadToMax", "Pack"])
def test_resuming_and_shards(dataset, strategy):
    def make(**arguments):
        common = {"seed": 3, "shuffle": True, **arguments}
        if strategy is None:
            return gf.DataLoader(dataset, 2, follow_batch=["triples"], **common)
        return padded(dataset, fixed_size_strategy=strategy, **common)

    everything = [batch.digest for batch in make()]
    loader = make()
    next(iter(loader))
    other = make()
    other.load_state_dict(loader.state_dict())
    assert [batch.digest for batch in other] == everything[1:]
    shards = [[b.digest for b in make(num_shards=2, shard_index=i) if not b.is_null]
              for i in range(2)]  # fmt: skip
    assert sorted(shards[0] + shards[1]) == sorted(everything)


def run(*arguments):
    command = [os.environ["GRAPHFEED_CLI"], *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_they_are_exported_and_synced(dataset, server, start_server, tmp_path):
    second, third = start_server(), start_server()
    file = str(tmp_path / "rows.graphs")
    run("export", "varying-rows", file, "--server", server.address)
    run("import", "file", file, "--server", second.address)
    run("sync", "varying-rows", "--from", second.address, "--server", third.address)
    for address in (second.address, third.address):
        copy = gf.connect(address).dataset("varying-rows")
        assert copy.info.fingerprint == dataset.info.fingerprint
        assert_dataset(copy, GRAPHS)
        run("verify", "varying-rows", "--server", address)


def test_the_command_line_shows_them(dataset, server):
    described = json.loads(run("describe", "varying-rows", "--json", "--server", server.address))
    (triples,) = (c for c in described["columns"] if c["name"] == "triples")
    assert triples["shape"] == "[num_rows, 2]" and triples["rows_per_graph"] is None
    assert triples["num_rows"] == sum(SIZES)
    assert (triples["row_sizes"]["min"], triples["row_sizes"]["max"]) == (0, 9)
    text = run("describe", "varying-rows", "--server", server.address)
    assert "#rows(triples)" in text and "[num_rows, 2]" in text
    rows = ",".join(f"{name}=16" for name in VARYING)
    plan = run("plan", "varying-rows", "--server", server.address, "--batch-size", "4",
               "--num-nodes", "20", "--num-edges", "20", "--num-rows", rows)  # fmt: skip
    assert "16 rows" in plan.replace("triples=16", "16 rows") and "triples" in plan


def test_levels_are_declared_where_they_are_not_clear(ingest):
    nodes = [3, 4, 5, 3]
    graphs = [
        {"x": np.ones((n, 1)), "edge_index": np.array([[0], [1]]), "w": np.ones(n + (n == 5))}
        for n in nodes
    ]
    with pytest.raises(gf.InvalidArgument, match="one row for each node in 3 of 4 graphs, but graph 2"):
        ingest(graphs)
    stored = ingest(graphs, kinds={"w": "graph"})
    assert [len(g.w) for g in stored] == [3, 4, 6, 3]
    loops = [{**g, "w": np.ones(i)} for i, g in enumerate(graphs)]
    with pytest.raises(gf.InvalidArgument, match="transforms must know before"):
        ingest(loops, transforms=[gf.transforms.AddSelfLoops()])
    looped = ingest(loops, transforms=[gf.transforms.AddSelfLoops()], kinds={"w": "graph"})
    assert [len(g.w) for g in looped] == [0, 1, 2, 3]
    assert looped[0].edge_index.shape == (2, 4)


def test_single_graphs_hold_them_as_they_are(ingest):
    single = {k: v for k, v in GRAPHS[2].items() if "index" not in k or k == "edge_index"}
    del single["face"]
    stored = ingest(single)
    batch = gf.NeighborLoader(stored, num_neighbors=[2], batch_size=2).peek()
    np.testing.assert_array_equal(batch.triples, single["triples"])


def test_heterogeneous_graphs(ingest):
    graphs = [
        {"a": {"x": np.ones((2 + i, 1), np.float32)}, "b": {"x": np.ones((1, 1), np.float32)},
         ("a", "to", "b"): {"edge_index": np.array([[0], [0]])},
         "pairs": np.arange(2 * k, dtype=np.int16).reshape(k, 2)}
        for i, k in enumerate([2, 0, 5])
    ]  # fmt: skip
    dataset = ingest(graphs)
    assert [len(g["pairs"]) for g in dataset] == [2, 0, 5]
    (batch,) = gf.DataLoader(dataset, 3, follow_batch=["pairs"])
    np.testing.assert_array_equal(batch["pairs"], np.concatenate([g["pairs"] for g in graphs]))
    assert batch["pairs_ptr"].tolist() == [0, 2, 2, 7]
    (batch,) = gf.FixedSizeDataLoader(
        dataset, None, fixed_size_options=gf.FixedSizeOptions(
            num_nodes=12, num_edges=6, num_graphs=4, num_rows={"pairs": 8}), follow_batch=["pairs"]
    )  # fmt: skip
    assert batch["pairs"].shape == (8, 2) and not batch["pairs"][7:].any()
    assert [len(g["pairs"]) for g in batch.graphs()] == [2, 0, 5]


def test_whole_arrays(ingest):
    first = np.cumsum([0, *(len(g["x"]) for g in GRAPHS)])
    edges = np.cumsum([0, *(g["edge_index"].shape[1] for g in GRAPHS)])
    rows = np.cumsum([0, *SIZES])
    arrays = gf.Collection(
        nodes={"x": np.concatenate([g["x"] for g in GRAPHS])},
        edges={"edge_index": np.concatenate([g["edge_index"] for g in GRAPHS], axis=1)},
        graphs={
            "triples": np.concatenate([g["triples"] for g in GRAPHS]),
            "triple_index": np.concatenate([g["triple_index"] for g in GRAPHS], axis=1),
            "y": np.arange(8),
        },
        node_ptr=first,
        edge_ptr=edges,
        row_ptr={"triples": rows, "triple_index": rows},
    )
    for got, given in zip(ingest(arrays), GRAPHS, strict=True):
        np.testing.assert_array_equal(got.triples, given["triples"])
        np.testing.assert_array_equal(got.triple_index, given["triple_index"])
    arrays.row_ptr = {"triples": rows[:-1], "triple_index": rows}
    with pytest.raises(gf.InvalidArgument, match="row_ptr.'triples'. has offsets of 7 graphs"):
        ingest(arrays)
    arrays.row_ptr = {"triples": rows, "triple_index": rows, "w": rows}
    with pytest.raises(gf.InvalidArgument, match="row_ptr names 'w'"):
        ingest(arrays)


def test_npy_columns_with_sizes_of_their_own(tmp_path, client, server):
    columns = [
        {"name": "x"},
        {"name": "edge_index", "axis": "first"},
        {"name": "triples", "counts": "t.npy"},
        {"name": "triple_index", "ptr": "t_ptr.npy"},
    ]
    triples = np.arange(6).reshape(3, 2)
    index = np.array([[0, 1, 0], [1, 1, 0]])
    write_npy(tmp_path, {"columns": columns}, **MOLECULES, triples=triples, triple_index=index,
              t=[3, 0], t_ptr=[0, 3, 3])  # fmt: skip
    data = gf.read_npy(tmp_path)
    assert data.row_ptr["triples"].tolist() == [0, 3, 3]
    assert_same(client, data, imported(server, "npy", tmp_path, "reader-npy"))
    (first, second) = client.dataset("reader-npy")
    np.testing.assert_array_equal(first.triples, triples)
    np.testing.assert_array_equal(first.triple_index, index)
    assert second.triples.shape == (0, 2) and second.triple_index.shape == (2, 0)
    columns[2]["level"] = "node"
    write_npy(tmp_path, {"columns": columns})
    with pytest.raises(ValueError, match="triples: ptr and counts are for columns of graph level"):
        gf.read_npy(tmp_path)


def test_a_schema_with_lists_of_graphs_is_drafted(tmp_path, client, server):
    write_npy(tmp_path, **MOLECULES, triples=np.ones((4, 2)), triples_counts=[4, 0],
              angles=np.ones(3), angles_ptr=[0, 1, 3])  # fmt: skip
    draft(tmp_path)
    columns = json.loads((tmp_path / "schema.json").read_text())["columns"]
    cuts = {c["name"]: c.get("ptr") or c.get("counts") for c in columns}
    assert cuts == {"x": None, "edge_index": None, "edge_attr": None, "y": None,
                    "angles": "angles_ptr.npy", "triples": "triples_counts.npy"}  # fmt: skip
    assert_same(client, gf.read_npy(tmp_path), imported(server, "npy", tmp_path, "reader-npy"))


def test_a_whole_column_of_node_ids_is_as_it_was_stored(ingest):
    graphs = [
        {"x": np.ones((2, 1)), "edge_index": np.array([[0], [1]]), "face": np.full((3, i % 3), 1), "root_index": i % 2}
        for i in range(5000)
    ]  # more than one reading
    dataset = ingest(graphs, kinds={"face": "graph"})
    assert (dataset.column("face") == 1).all() and dataset.column("face").shape == (3, 4999)
    assert np.array_equal(dataset.column("root_index"), np.arange(5000) % 2)
    assert np.array_equal(dataset[4090:4100].column("root_index"), np.arange(4090, 4100) % 2)


def test_sizes_are_not_chosen_beside_varying_columns(ingest):
    graphs = [{"x": np.ones((3, 1)), "edge_index": np.array([[0], [1]]), "t": np.ones((i % 3, 2))} for i in range(9)]
    dataset = ingest(graphs)
    with pytest.raises(gf.InvalidArgument, match=r'"t" has another number of rows.*exclude_keys=\["t"\], or give'):
        gf.FixedSizeOptions.best(dataset, num_nodes=20)
    assert gf.FixedSizeOptions.best(dataset, num_nodes=20, exclude_keys=["t"]).num_nodes <= 20


def test_what_may_not_fit_is_not_recommended(ingest):
    graphs = [
        {"x": np.ones((6 + i % 9, 1)), "edge_index": np.zeros((2, 3), int), "face": np.zeros((3, 1), int)}
        for i in range(50)
    ]
    dataset = ingest(graphs, kinds={"face": "graph"})
    sizes = gf.FixedSizeOptions(num_nodes=40, num_edges=40, num_graphs=7)
    found = gf.compare_strategies(dataset, sizes, shuffle=False)
    assert found.plans[gf.FixedSizeStrategy.PadToMax].cut_unknown
    assert found.recommended in (gf.FixedSizeStrategy.Pack, gf.FixedSizeStrategy.StreamPack)
    for _ in gf.FixedSizeDataLoader(dataset, fixed_size_options=sizes, fixed_size_strategy=found.recommended):
        pass


def test_sizes_of_graphs_without_edges_are_chosen(ingest):
    dataset = ingest([{"x": np.ones((2, 1)), "edge_index": np.zeros((2, 0), int)} for _ in range(40)])
    sizes = gf.FixedSizeOptions.best(dataset, num_graphs=5, strategy="StreamPack")
    batches = list(gf.FixedSizeDataLoader(dataset, fixed_size_options=sizes, fixed_size_strategy="StreamPack"))
    assert sum(int(batch.graphs_mask.sum()) for batch in batches) == 40


def test_counts_of_any_integer_dtype_are_read(client, tmp_path):
    np.save(tmp_path / "node_counts.npy", np.array([200, 100], np.uint8))
    np.save(tmp_path / "edge_counts.npy", np.array([1, 1], np.uint8))
    np.save(tmp_path / "edge_index.npy", np.array([[0, 0], [1, 1]]))
    np.save(tmp_path / "x.npy", np.ones((300, 1), np.float32))
    info = client.ingest("counts-uint8", gf.read_npy(tmp_path))
    assert info.num_graphs == 2 and len(client.dataset("counts-uint8")[0].x) == 200
