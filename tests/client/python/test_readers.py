"""Other people's formats from Python: the same datasets as the command line's."""

import gzip
import json
import os
import pickle
import subprocess
import warnings

import numpy as np
import pytest
from shared_data import shared_dir
from test_planetoid import write as write_planetoid

import graphfeed as gf


def imported(server, kind, folder, name, *flags):
    """What `graphfeed import` makes of a folder."""
    command = [os.environ["GRAPHFEED_CLI"], "import", kind, folder, "--name", name, "--json",
               "--server", server.address, *flags]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_same(client, data, theirs):
    """`data` is stored as the command line stored it: columns, values, order of graphs."""
    ours = client.ingest("reader", data)
    theirs = client.dataset(f"{theirs['name']}@{theirs['version']}")
    columns = {(c.name, c.level, c.type): c for c in ours.info.columns}
    assert columns.keys() == {(c.name, c.level, c.type) for c in theirs.info.columns}
    for column in theirs.info.columns:
        mine = columns[column.name, column.level, column.type]
        assert (mine.dtype, mine.row_shape, mine.num_rows) == (
            column.dtype, column.row_shape, column.num_rows
        ), column.name  # fmt: skip
    assert ours.info.num_nodes == theirs.info.num_nodes
    for a, b in zip(ours, theirs, strict=True):
        for key, value in b.to_dict().items():
            values = value if isinstance(value, dict) else {None: value}
            for name, array in values.items():
                mine = a[key] if name is None else a.to_dict()[key][name]
                np.testing.assert_array_equal(mine, array, f"{key} {name}")


TU = {
    "A": "1, 2\n2, 1\n2, 1\n4, 5\n2, 2\n5, 4\n1, 3\n",
    "graph_indicator": "1\n1\n1\n2\n2\n",
    "graph_labels": "7\n-1\n",
    "node_labels": "3\n5\n3\n4\n4\n",
    "node_attributes": "0.5, 1\n1, 2\n2, 3\n3, 4\n4, 5.25\n",
    "edge_labels": "0\n1\n1\n0\n1\n2\n0\n",
}


def write_tu(folder, **changes):
    for part, text in {**TU, **changes}.items():
        path = folder / f"T_{part}.txt"
        if part == "edge_labels":
            path = folder / f"T_{part}.txt.gz"
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
    return folder


@pytest.mark.parametrize("attributes", [False, True])
def test_tu_is_what_the_command_line_makes(attributes, tmp_path, client, server):
    flags = ["--use-node-attr", "--use-edge-attr"] if attributes else []
    theirs = imported(server, "tu", write_tu(tmp_path), "reader-tu", *flags)
    data = gf.read_tu(tmp_path, use_node_attr=attributes, use_edge_attr=attributes)
    assert_same(client, data, theirs)
    assert data.edges["edge_index"].tolist() == [[0, 0, 1, 0, 1], [1, 2, 0, 1, 0]]
    assert data.edges["edge_attr"][2].tolist() == [0, 2, 0], "of repeated edges the sum"
    assert data.graphs["y"].tolist() == [1, 0]


def test_real_tu_sets(client, server):
    folder = shared_dir("data")
    if folder is None:
        pytest.skip("no real datasets here")
    for name in ("MUTAG", "AIDS"):
        theirs = imported(server, "tu", folder / name, f"reader-{name}")
        assert client.ingest(f"reader-py-{name}", gf.read_tu(folder / name)).num_nodes == tuple(
            t["num_nodes"] for t in theirs["node_types"]
        )
    assert_same(client, gf.read_tu(folder / "MUTAG"),
                imported(server, "tu", folder / "MUTAG", "reader-mutag"))  # fmt: skip


@pytest.mark.parametrize(
    "part, text, message",
    [
        ("node_labels", "3\n5\n", r"T_node_labels.txt has 2 lines; there are 5 nodes in .*_indicator"),
        ("graph_labels", "7\n", "T_graph_indicator.txt:4: 2; graphs are 1 to 1, one for each line of"),
        ("graph_indicator", "1\n1\n1\n2\n", "T_A.txt:4: 5; nodes are 1 to 4, one for each line of"),
        ("A", "1, 2\n1, 4\n", "T_A.txt:2: the edge joins two graphs"),
        ("A", "1, x\n", "T_A.txt: .*x"),
        ("A", "1, 2.5\n", "T_A.txt: .*"),
        ("graph_indicator", "2\n1\n1\n2\n2\n", "ascend"),
    ],
)
def test_tu_errors_name_the_file(part, text, message, tmp_path):
    with pytest.raises(gf.InvalidArgument, match=message):
        gf.read_tu(write_tu(tmp_path, **{part: text}))


def test_missing_files_and_folders(tmp_path):
    for read in (gf.read_tu, gf.read_npy, gf.read_ogb):
        with pytest.raises(FileNotFoundError, match="no folder"):
            read(tmp_path / "none")
    for read in (gf.read_tu, gf.read_ogb):
        with pytest.raises(FileNotFoundError):
            read(tmp_path)
    with pytest.raises(gf.InvalidArgument, match="schema.json: there is no such file, and no .npy"):
        gf.read_npy(tmp_path)


def write_npy(folder, schema=None, **arrays):
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    if schema is not None:
        (folder / "schema.json").write_text(json.dumps(schema))
    return folder


MOLECULES = {
    "node_ptr": [0, 2, 5],
    "edge_ptr": [0, 1, 4],
    "x": np.arange(15, dtype=np.float32).reshape(5, 3),
    "edge_index": np.array([[0, 1], [0, 1], [1, 2], [2, 0]]),
    "edge_attr": np.arange(4),
    "y": np.array([1.5, 2.5]),
}


def test_npy_collections(tmp_path, client, server):
    write_npy(tmp_path, **MOLECULES)
    assert_same(client, gf.read_npy(tmp_path), imported(server, "npy", tmp_path, "reader-npy"))
    schema = {
        "node_counts": "n.npy", "edge_counts": "e.npy",
        "columns": [
            {"name": "feat", "file": "x.npy", "dtype": "float64"},
            {"name": "edge_index", "axis": "first"},
            {"name": "w", "file": "edge_attr.npy", "level": "edge", "dtype": "int16"},
        ],
    }  # fmt: skip
    write_npy(tmp_path, schema, n=[2, 3], e=[1, 3])
    data = gf.read_npy(tmp_path)
    assert data.edges["w"].dtype == np.int16 and data.nodes["feat"].dtype == np.float64
    assert_same(client, data, imported(server, "npy", tmp_path, "reader-npy"))


def test_npy_single_graphs(tmp_path, client, server):
    index = np.array([[0, 1, 2], [1, 2, 3]])
    schema = {"columns": [{"name": "edge_index"}, {"name": "w", "level": "edge"}, {"name": "x"}]}
    write_npy(tmp_path, schema, edge_index=index, w=np.arange(3.0), x=np.ones((4, 2)))
    assert_same(client, gf.read_npy(tmp_path), imported(server, "npy", tmp_path, "reader-npy"))
    schema = {
        "nodes": [{"type": "movie", "columns": [{"name": "x", "csr": "m", "num_columns": 4},
                                                {"name": "mask", "file": "mask.npy", "dtype": "bool"}]},
                  {"type": "actor", "num_nodes": 5}],
        "edges": [{"source": "movie", "relation": "to", "target": "actor",
                   "columns": [{"name": "edge_index", "file": "edge_index.npy"}]}],
        "columns": [{"name": "year", "file": "year.npy"}],
    }  # fmt: skip
    write_npy(tmp_path, schema, m_indptr=[0, 2, 2, 3], m_indices=[0, 3, 1], m_data=[1.5, 2, 3],
              mask=np.array([1, 0, 1], np.uint8), year=np.array([1999]))  # fmt: skip
    data = gf.read_npy(tmp_path)
    assert data["movie"]["x"].tolist() == [[1.5, 0, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]]
    assert_same(client, data, imported(server, "npy", tmp_path, "reader-npy"))


def draft(folder, code=0):
    """What `graphfeed import npy --write-schema` says; the schema is in the folder."""
    done = subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "import", "npy", folder, "--write-schema"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_a_schema_is_drafted(tmp_path, client, server):
    write_npy(tmp_path, **MOLECULES, train_mask=np.array([1, 0], np.uint8))
    assert "look it over" in draft(tmp_path)
    columns = json.loads((tmp_path / "schema.json").read_text())["columns"]
    levels = {column["name"]: column.get("level") for column in columns}
    assert levels == {
        "x": "node", "edge_index": "edge", "edge_attr": "edge", "y": "graph", "train_mask": "graph"
    }  # fmt: skip
    assert columns[-1] == {
        "name": "train_mask", "file": "train_mask.npy", "level": "graph", "dtype": "bool"
    }  # fmt: skip
    data = gf.read_npy(tmp_path)
    assert data.graphs["train_mask"].dtype == bool
    assert_same(client, data, imported(server, "npy", tmp_path, "reader-npy"))
    assert "ALREADY_EXISTS" in draft(tmp_path, code=1)


def test_a_schema_of_types_is_drafted(tmp_path, client, server):
    write_npy(
        tmp_path,
        edge_index__movie__to__actor=np.array([[0, 2], [4, 0]]),
        weight__movie__to__actor=np.array([0.5, 1.5]),
        movie_x_indptr=[0, 2, 2, 3], movie_x_indices=[0, 3, 1], movie_mask=np.ones(3, np.uint8),
        movie_title_length=[3, 4, 5], actor_x=np.ones((5, 2)), year=np.array([1999]),
    )  # fmt: skip
    draft(tmp_path)
    schema = json.loads((tmp_path / "schema.json").read_text())
    names = {store["type"]: [c["name"] for c in store["columns"]] for store in schema["nodes"]}
    assert names == {"movie": ["mask", "title_length", "x"], "actor": ["x"]}
    assert [c["name"] for c in schema["edges"][0]["columns"]] == ["edge_index", "weight"]
    assert [c["name"] for c in schema["columns"]] == ["year"]
    data = gf.read_npy(tmp_path)
    assert data["movie"]["x"].shape == (3, 4) and data["movie"]["mask"].dtype == bool
    assert_same(client, data, imported(server, "npy", tmp_path, "reader-npy"))


def test_nothing_to_draft_from(tmp_path):
    assert "holds no .npy file" in draft(tmp_path, code=1)
    assert "cannot read folder" in draft(tmp_path / "none", code=1)


@pytest.mark.parametrize(
    "schema, message",
    [
        ({"colums": []}, "schema has no field 'colums'"),
        ({"columns": [{"name": "x", "levle": "node"}]}, "column has no field 'levle'"),
        ({"columns": [{"name": "x", "dtype": "complex64"}]}, "dtype is 'complex64'"),
        ({"columns": [{"name": "x", "dtype": "uint8"}]}, "values that uint8 does not hold"),
        ({"node_ptr": "a.npy", "node_counts": "b.npy"}, "exclude each other"),
    ],
)
def test_npy_schemas_are_checked(schema, message, tmp_path):
    write_npy(tmp_path, schema, x=np.array([[-1.5]]))
    with pytest.raises(gf.InvalidArgument, match=f"schema.json: .*{message}"):
        gf.read_npy(tmp_path)


def write_ogb(folder, **parts):
    (folder / "raw").mkdir(exist_ok=True)
    for name, text in parts.items():
        path = folder / "raw" / f"{name.replace('__', '-')}.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
    return folder


def test_ogb_node_properties(tmp_path, client):
    write_ogb(tmp_path, num__node__list="4\n", num__edge__list="3\n", edge="0,1\n1,2\n3,0\n",
              node__feat="0.5,1\n1,2\n2,3\n3,4\n", node_year="2001\n2002\n2003\n2004\n",
              node__label="0\n1\n1\n0\n", edge__feat="7\n8\n9\n")  # fmt: skip
    split = tmp_path / "split" / "time"
    split.mkdir(parents=True)
    for part, ids in (("train", "0\n2\n"), ("valid", "1\n"), ("test", "3\n")):
        (split / f"{part}.csv.gz").write_bytes(gzip.compress(ids.encode()))
    graph = gf.read_ogb(tmp_path)
    assert graph["x"].dtype == np.float32 and graph["y"].tolist() == [[0], [1], [1], [0]]
    assert graph["node_year"].dtype == np.int64 and graph["edge_attr"].tolist() == [[7], [8], [9]]
    assert graph["train_mask"].tolist() == [True, False, True, False]
    stored = client.ingest("reader-ogb", graph)
    (x,) = gf.NeighborLoader(stored, [-1], input_nodes="test_mask", batch_size=4)
    assert x.n_id.tolist() == [3] and stored[0].edge_index.tolist() == [[0, 1, 3], [1, 2, 0]]
    levels = {c.name: c.level for c in stored.info.columns}
    assert levels["node_year"] == "node" and levels["edge_attr"] == "edge"
    both = gf.read_ogb(tmp_path / "raw", add_inverse_edge=True)
    assert both["edge_index"].tolist() == [[0, 1, 1, 2, 3, 0], [1, 0, 2, 1, 0, 3]]
    assert both["edge_attr"][:, 0].tolist() == [7, 7, 8, 8, 9, 9] and "train_mask" not in both


def test_ogb_graph_properties(tmp_path, client):
    write_ogb(tmp_path, num__node__list="2\n3\n", num__edge__list="1\n2\n", edge="0,1\n0,1\n1,2\n",
              node__feat="1\n2\n3\n4\n5\n", edge__feat="6\n7\n8\n", graph__label="0,1\n1,\n")
    data = gf.read_ogb(tmp_path, add_inverse_edge=True)
    stored = client.ingest("reader-ogbg", data)
    assert stored[1].edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert stored[1].x.dtype == np.int64 and stored[1].edge_attr.tolist() == [[7], [7], [8], [8]]
    assert stored[0].y.tolist() == [[0, 1]] and np.isnan(stored[1].y[0, 1])


def test_ogb_folders_that_contradict_themselves(tmp_path):
    sizes = {"num__node__list": "2\n", "num__edge__list": "2\n"}
    with pytest.raises(gf.InvalidArgument, match="edge.csv.gz has 1 edges; num-edge-list says 2"):
        gf.read_ogb(write_ogb(tmp_path, **sizes, edge="0,1\n"))
    with pytest.raises(gf.InvalidArgument, match="node-feat.csv.gz has 3 lines; there are 2 nodes"):
        gf.read_ogb(write_ogb(tmp_path, **sizes, edge="0,1\n1,0\n", node__feat="1\n2\n3\n"))
    with pytest.raises(gf.InvalidArgument, match="is heterogeneous"):
        gf.read_ogb(write_ogb(tmp_path, **{"triplet__type__list": "a,b,c\n"}))


def test_ogbl_ddi():
    folder = shared_dir("data")
    if folder is None:
        pytest.skip("no real datasets here")
    graph = gf.read_ogb(folder / "ogbl_ddi", add_inverse_edge=True)
    assert graph["num_nodes"] == 4267 and graph["edge_index"].shape == (2, 2135822)


class NetworkxGraph:
    """As much of a NetworkX graph as is read."""

    def __init__(self, nodes, edges, directed=True, **attributes):
        self._nodes, self._edges, self._directed = nodes, edges, directed
        self.graph = attributes

    def is_directed(self):
        return self._directed

    def number_of_nodes(self):
        return len(self._nodes)

    def to_directed(self):
        back = [(b, a, attributes) for a, b, attributes in self._edges]
        return NetworkxGraph(self._nodes, self._edges + back, **self.graph)

    def nodes(self, data=False):
        return list(self._nodes.items()) if data else list(self._nodes)

    def edges(self, data=False):
        return self._edges if data else [(a, b) for a, b, _ in self._edges]


def test_networkx(client):
    nodes = {"a": {"x": [1.0, 2.0], "w": 1}, "b": {"x": [3.0, 4.0], "w": 2}}
    edges = [("a", "b", {"w": 5}), ("b", "b", {"w": 6})]
    graph = NetworkxGraph(nodes, edges, y=3, node_default={})
    found = gf.from_networkx(graph)
    assert found["edge_index"].tolist() == [[0, 1], [1, 1]] and found["edge_w"] == [5, 6]
    assert found.kinds == {"x": "node", "w": "node", "edge_w": "edge"} and found["y"] == 3
    one = client.ingest("reader-nx", graph)
    assert {c.name: c.level for c in one.info.columns} == {
        "x": "node", "w": "node", "edge_w": "edge", "y": "graph", "edge_index": "edge"
    }  # fmt: skip
    many = client.ingest("reader-nxs", [graph, NetworkxGraph(nodes, edges, directed=False, y=4)])
    assert many[1].edge_index.tolist() == [[0, 1, 1, 1], [1, 1, 0, 1]] and many[1].y == 4
    nodes["b"] = {"x": [1.0, 2.0]}
    with pytest.raises(gf.InvalidArgument, match=r"nodes must .* number 1 \['x'\]"):
        gf.from_networkx(graph)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
def test_planetoid_files_that_were_pickled_again(protocol, core, tmp_path):
    expected = gf.read_planetoid(write_planetoid(tmp_path), "toy")
    for path in tmp_path.glob("ind.toy.*"):
        if path.suffix != ".index":
            again = pickle.dumps(pickle.loads(path.read_bytes()), protocol=protocol)
            if core == "numpy._core":  # as numpy 2 writes them
                again = rename(again, b"numpy.core", core.encode())
            path.write_bytes(again)
    found = gf.read_planetoid(tmp_path, "toy")
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def rename(pickled, old, new):
    """A pickle with another name of a module; protocols above 3 write the lengths of names."""
    for module in (b".multiarray", b".numeric"):
        a, b = old + module, new + module
        pickled = pickled.replace(b"c" + a + b"\n", b"c" + b + b"\n")
        pickled = pickled.replace(bytes([0x8C, len(a)]) + a, bytes([0x8C, len(b)]) + b)
    if pickled[:1] == b"\x80" and pickled[1] >= 4 and pickled[2:3] == b"\x95":
        body = pickled[11:]
        pickled = pickled[:3] + len(body).to_bytes(8, "little") + body
    return pickled


def test_a_collection_of_one_graph_is_told_with_the_cure(client):
    graph = {"x": np.ones((3, 1), np.float32), "edge_index": np.array([[0, 1], [1, 2]])}
    with pytest.warns(UserWarning, match=r"one graph, so 'reader-one' becomes .*dataset\[0\]") as told:
        one = client.ingest("reader-one", [graph])
    assert told[0].filename == __file__
    with pytest.raises(gf.InvalidArgument, match=r"client.ingest\(name, dataset\[0\]\)"):
        gf.NeighborLoader(one, [2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.ingest("reader-one", graph)
        client.ingest("reader-one", [graph, graph])
