"""What comes back is what went in, in every form in which graphs go in. Long: a list of forms."""

import numpy as np
import pytest

import graphfeed as gf


def molecule(n, seed=0):
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, n, (2, 2 * n))
    return {
        "x": rng.random((n, 3), np.float32),
        "edge_index": edges,
        "edge_attr": rng.integers(0, 9, (2 * n, 2)).astype(np.int16),
        "y": np.array([float(seed)], np.float32),
        "pos": rng.random((n, 2)),
    }


MOLECULES = [molecule(3 + i % 4, i) for i in range(25)]


def assert_same(graph, wanted):
    assert set(graph.keys()) == set(wanted)
    for name, value in wanted.items():
        value = np.asarray(value)
        got = graph[name]
        assert np.asarray(got).dtype == value.dtype, name
        np.testing.assert_array_equal(got, value, err_msg=name)
        assert np.shape(got) == value.shape, name


def assert_dataset(dataset, graphs):
    assert len(dataset) == len(graphs)
    for got, wanted in zip(dataset, graphs):
        assert_same(got, wanted)
    assert_same(dataset[len(graphs) - 1], graphs[-1])


def test_dicts_of_arrays(ingest):
    dataset = ingest(MOLECULES)
    assert_dataset(dataset, MOLECULES)
    assert dataset[0].keys() == list(MOLECULES[0]), "in the order of the first graph"
    assert (dataset[0].num_nodes, dataset[0].num_edges) == (3, 6)


def test_a_generator(ingest):
    assert_dataset(ingest(iter(MOLECULES)), MOLECULES)


def test_a_generator_may_use_its_arrays_again(ingest):
    def made():
        x, y = np.zeros((3, 2), np.float32), np.zeros(1)
        for i in range(5):
            x += 1
            y += 1
            yield {"x": x, "y": y, "edge_index": np.zeros((2, 1), np.int64)}

    batch = next(iter(gf.DataLoader(ingest(made()), batch_size=5)))
    assert batch.x[::3, 0].tolist() == batch.y.tolist() == [1, 2, 3, 4, 5]


def test_torch_tensors(ingest):
    torch = pytest.importorskip("torch")
    graphs = [{k: torch.from_numpy(v.copy()) for k, v in g.items()} for g in MOLECULES]
    graphs[0]["x"].requires_grad_()
    assert_dataset(ingest(graphs), MOLECULES)


class PygData:
    """As torch_geometric.data.Data shows itself."""

    def __init__(self, attributes):
        self._attributes = attributes

    def to_dict(self):
        return dict(self._attributes)

    def __iter__(self):
        return iter(self._attributes.items())


def test_pyg_objects(ingest):
    assert_dataset(ingest([PygData(g | {"none": None}) for g in MOLECULES]), MOLECULES)


def test_a_pyg_object_alone_is_a_single_graph(ingest):
    dataset = ingest(PygData(MOLECULES[3]))
    assert not dataset.info.collection and len(dataset) == 1
    assert_same(dataset[0], MOLECULES[3])


def test_a_list_of_one_is_a_collection(ingest):
    assert ingest(MOLECULES[:1]).info.collection


def test_a_dataset_can_be_ingested_again(ingest):
    first = ingest(MOLECULES)
    second = ingest(first)
    assert_dataset(second, MOLECULES)
    assert second.info.fingerprint == first.info.fingerprint


def collection(graphs):
    def whole(name, axis=0):
        return np.concatenate([g[name] for g in graphs], axis=axis)

    def ptr(sizes):
        return np.concatenate([[0], np.cumsum(sizes)])

    return gf.Collection(
        nodes={"x": whole("x"), "pos": whole("pos")},
        edges={"edge_index": whole("edge_index", 1), "edge_attr": whole("edge_attr")},
        graphs={"y": whole("y")},
        node_ptr=ptr([len(g["x"]) for g in graphs]),
        edge_ptr=ptr([g["edge_index"].shape[1] for g in graphs]),
    )


def test_whole_arrays(ingest):
    assert_dataset(ingest(collection(MOLECULES)), MOLECULES)


def test_whole_arrays_may_be_memory_mapped(ingest, tmp_path, monkeypatch):
    monkeypatch.setattr("graphfeed.ingest.blocks.BLOCK_BYTES", 1000)  # many blocks
    source = collection(MOLECULES)
    for part in (source.nodes, source.edges):
        for name in part:
            np.save(tmp_path / name, part[name])
            part[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    assert_dataset(ingest(source), MOLECULES)


def test_blocks_do_not_show(ingest, monkeypatch):
    whole = ingest(MOLECULES)
    monkeypatch.setattr("graphfeed.ingest.blocks.BLOCK_BYTES", 500)
    cut = ingest(MOLECULES)
    single = ingest(MOLECULES[0])
    assert cut.info.fingerprint == whole.info.fingerprint
    assert_same(single[0], MOLECULES[0])


def test_plain_numbers_strings_and_0_dim_tensors(ingest):
    graphs = [
        {
            "x": np.ones((2 + i, 1), np.float32),
            "edge_index": np.array([[0], [1]]),
            "name": f"gdb_{i} é",
            "charge": i,
            "energy": i + 0.5,
            "flag": i % 2 == 0,
            "temperature": np.float32(3) * np.array(i, np.float64),
        }
        for i in range(5)
    ]
    graphs = [g | {"temperature": np.array(g["temperature"], np.float64)} for g in graphs]
    dataset = ingest(graphs)
    for i, got in enumerate(dataset):
        assert got.name == f"gdb_{i} é" and isinstance(got.name, str)
        assert got.charge == i and type(got.charge) is int
        assert got.energy == i + 0.5 and type(got.energy) is float
        assert got.flag is (i % 2 == 0)
        assert got.temperature.shape == () and got.temperature == 3 * i
    assert repr(dataset[1]) == (
        "Data(x=[3, 1], edge_index=[2, 1], name='gdb_1 é', charge=1, energy=1.5, flag=False, "
        "temperature=3.0)"
    )
    batch = next(iter(gf.DataLoader(dataset, batch_size=3)))
    assert batch.charge.tolist() == [0, 1, 2] and batch.charge.dtype == np.int64
    assert batch.energy.dtype == np.float32 and batch.temperature.tolist() == [0, 3, 6]
    assert "name" not in batch


def test_every_dtype(ingest):
    dtypes = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()
    graph = {"x": np.ones((3, 1), np.float32), "edge_index": np.array([[0, 1], [1, 2]])}
    graph |= {f"n_{d}": np.array([[0, 1], [1, 1], [1, 0]]).astype(d) for d in dtypes}
    assert_dataset(ingest([graph, graph]), [graph, graph])


def test_num_nodes_by_the_rules_of_pyg(ingest):
    edge_index = np.array([[0, 1], [1, 2]])
    graphs = {
        "explicit": {"num_nodes": 7, "edge_index": edge_index},
        "x": {"x": np.ones((6, 1)), "edge_index": edge_index},
        "named": {"node_weight": np.ones(5), "edge_index": edge_index},
        "largest id": {"edge_index": edge_index, "y": np.array([1])},
    }
    sizes = {}
    for name, graph in graphs.items():
        dataset = ingest([graph, graph])
        sizes[name] = dataset.info.num_nodes[0] // 2
        assert dataset[0].num_nodes == sizes[name]
    assert sizes == {"explicit": 7, "x": 6, "named": 5, "largest id": 3}


def levels(dataset):
    return {column.name: column.level for column in dataset.info.columns}


def test_names_decide_where_sizes_do_not(ingest):
    graph = {"z": np.arange(2), "edge_index": np.array([[0, 1], [1, 0]]), "w": np.ones(2)}
    assert levels(ingest([graph, graph])) == {"z": "node", "edge_index": "edge", "w": "node"}


def test_declared_kinds_win(ingest):
    graph = {"z": np.arange(2), "edge_index": np.array([[0, 1], [1, 0]]), "w": np.ones(2)}
    dataset = ingest([graph, graph], kinds={"w": "edge"})
    assert levels(dataset) == {"z": "node", "edge_index": "edge", "w": "edge"}


def test_ambiguous_columns_have_to_be_declared(ingest):
    graph = {"x": np.ones((1, 2)), "edge_index": np.zeros((2, 2), int), "label": np.array([3])}
    with pytest.raises(gf.InvalidArgument, match='"label" is ambiguous.*kinds='):
        ingest([graph, graph])
    for level in ("node", "graph"):
        assert levels(ingest([graph, graph], kinds={"label": level}))["label"] == level


def test_a_graph_that_contradicts_a_declaration_is_named(ingest):
    graphs = [{"x": np.ones((n, 2)), "edge_index": np.zeros((2, 2), int), "t": np.ones(2)}
              for n in (2, 2, 3)]
    with pytest.raises(gf.InvalidArgument, match="graph 2"):
        ingest(graphs, kinds={"t": "node"})


HETERO = [
    {
        "y": np.array([i]),
        "title": f"t{i}",
        "movie": {"x": np.full((2 + i, 2), float(i), np.float32), "tag": np.arange(2 + i)},
        "actor": {"num_nodes": 3},
        ("movie", "to", "actor"): {
            "edge_index": np.array([[0, 1, 1], [0, 2, 1]]),
            "w": np.array([1, 2, 3], np.int32) + i,
        },
        ("actor", "to", "movie"): {"edge_index": np.zeros((2, i), np.int64)},
    }
    for i in range(4)
]


def assert_hetero(dataset, graphs):
    for got, wanted in zip(dataset, graphs):
        assert got.y.tolist() == wanted["y"].tolist() and got.title == wanted["title"]
        assert got["actor"].num_nodes == 3
        for key in ("movie", ("movie", "to", "actor"), ("actor", "to", "movie")):
            assert_same(got[key], wanted[key])


def test_heterogeneous_dicts(ingest):
    dataset = ingest(HETERO)
    assert dataset.metadata() == (
        ["movie", "actor"], [("movie", "to", "actor"), ("actor", "to", "movie")]
    )
    assert_hetero(dataset, HETERO)
    assert dataset[3].edge_index_dict["actor", "to", "movie"].shape == (2, 3)
    assert dataset.num_features == {"movie": 2, "actor": 0}
    assert repr(dataset[1]["movie"]) == "Store(x=[3, 2], tag=[3])"


def test_heterogeneous_pyg_objects(ingest):
    def as_pyg(graph):
        stores = {k: v for k, v in graph.items() if isinstance(v, dict)}
        top = {k: v for k, v in graph.items() if not isinstance(v, dict)}
        return PygData({"_global_store": top} | stores)

    assert_hetero(ingest([as_pyg(graph) for graph in HETERO]), HETERO)


def test_heterogeneous_whole_arrays(ingest):
    to, back = ("movie", "to", "actor"), ("actor", "to", "movie")

    def whole(key, name, axis=0):
        return np.concatenate([graph[key][name] for graph in HETERO], axis=axis)

    dataset = ingest(
        gf.Collection(
            nodes={"movie": {"x": whole("movie", "x"), "tag": whole("movie", "tag")}},
            edges={
                to: {"edge_index": whole(to, "edge_index", 1), "w": whole(to, "w")},
                back: {"edge_index": whole(back, "edge_index", 1)},
            },
            graphs={"y": np.arange(4), "title": [f"t{i}" for i in range(4)]},
            node_ptr={"movie": [0, 2, 5, 9, 14], "actor": [0, 3, 6, 9, 12]},
            edge_ptr={to: [0, 3, 6, 9, 12], back: [0, 0, 1, 3, 6]},
        )
    )
    assert_hetero(dataset, HETERO)


def test_summary_of_heterogeneous_graphs_counts_all_types(ingest):
    dataset = ingest(HETERO)
    nodes = [5 + i for i in range(4)]
    edges = [3 + i for i in range(4)]
    for part, chosen in ((dataset, range(4)), (dataset[[3, 1]], (3, 1))):
        summary = part.summary()
        assert summary.num_nodes.mean == np.mean([nodes[i] for i in chosen])
        assert summary.num_edges.max == max(edges[i] for i in chosen)


def test_types_of_nodes_without_edges(ingest):
    dataset = ingest([{"a": {"x": np.ones((2, 1))}}, {"a": {"x": np.ones((3, 1))}}])
    assert dataset.metadata() == (["a"], []) and dataset[1]["a"].x.shape == (3, 1)
    assert dataset[[1, 0]].summary().num_edges.max == 0


def test_a_heterogeneous_single_graph(ingest):
    dataset = ingest(HETERO[2])
    assert len(dataset) == 1 and dataset.info.num_nodes == (4, 3)
    assert_hetero(dataset, HETERO[2:3])


def test_a_type_may_be_absent_from_later_graphs(ingest):
    graphs = [HETERO[2], {k: v for k, v in HETERO[2].items() if k != ("actor", "to", "movie")}]
    dataset = ingest(graphs)
    assert dataset[1]["actor", "to", "movie"].edge_index.shape == (2, 0)


def test_nodes_that_only_edges_mention(ingest):
    graph = {"a": {"x": np.ones((2, 1))}, ("a", "b"): {"edge_index": np.array([[0, 1], [4, 2]])}}
    dataset = ingest([graph])
    assert dataset.metadata() == (["a", "b"], [("a", "to", "b")])
    assert dataset.info.num_nodes == (2, 5)


def test_transforms_run_at_ingest_and_are_recorded(ingest):
    graph = {
        "x": np.array([[1, 3], [0, 0], [2, 2]], np.float32),
        "edge_index": np.array([[0, 2], [2, 2]]),
        "edge_attr": np.array([5.0, 6.0], np.float32),
    }
    dataset = ingest(
        graph,
        transforms=[
            gf.transforms.NormalizeFeatures(),
            gf.transforms.ToUndirected(),
            gf.transforms.RemoveIsolatedNodes(),
            gf.transforms.AddSelfLoops(fill_value=9),
        ],
    )
    got = dataset[0]
    assert got.x.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    edges = sorted(zip(*got.edge_index.tolist(), got.edge_attr.tolist()))
    assert edges[0] == (0, 0, 9.0) and (0, 1, 5.0) in edges and (1, 0, 5.0) in edges
    assert [(s, t) for s, t, _ in edges] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(dataset.info.transforms) == 4
    assert dataset.info.transforms[3].startswith("add_self_loops")


def test_transforms_of_heterogeneous_graphs(ingest):
    graph = {
        "movie": {"x": np.arange(4, dtype=np.float32)},
        "actor": {"x": np.arange(3, dtype=np.float32)},
        ("movie", "to", "actor"): {
            "edge_index": np.array([[3, 0, 3], [0, 2, 2]]),
            "w": np.array([1, 2, 3], np.int8),
        },
        ("movie", "like", "movie"): {"edge_index": np.array([[1, 3], [0, 3]])},
    }
    dataset = ingest(
        graph,
        transforms=[
            gf.transforms.Subgraph({"movie": [3, 1]}),
            gf.transforms.ToUndirected(),
            gf.transforms.RemoveIsolatedNodes(),
            gf.transforms.AddSelfLoops(),
        ],
    )
    got = dataset[0]
    assert dataset.metadata() == (
        ["movie", "actor"],
        [("movie", "to", "actor"), ("movie", "like", "movie"), ("actor", "rev_to", "movie")],
    )
    assert got["movie"].x.tolist() == [3] and got["actor"].x.tolist() == [0, 2]
    assert got["movie", "to", "actor"].edge_index.tolist() == [[0, 0], [0, 1]]
    assert got["actor", "rev_to", "movie"].edge_index.tolist() == [[0, 1], [0, 0]]
    assert got["actor", "rev_to", "movie"].w.tolist() == [1, 3]
    assert got["movie", "like", "movie"].edge_index.tolist() == [[0], [0]]
    assert dataset.info.transforms[0] == "subgraph(movie=3,1)"
    with pytest.raises(gf.InvalidArgument, match="there are 4 movie nodes"):
        ingest(graph, transforms=[gf.transforms.Subgraph({"movie": [4]})])
    with pytest.raises(gf.InvalidArgument, match='no node type "film"'):
        ingest(graph, transforms=[gf.transforms.Subgraph({"film": 1})])


def without(graph, *names):
    return {name: value for name, value in graph.items() if name not in names}


G = MOLECULES[0]


@pytest.mark.parametrize(
    "graphs, message",
    [
        ([], "empty"),
        ([G, without(G, "pos")], r"graph 1: 'pos' is missing"),
        ([G, G | {"new": 1}], r"graph 1: 'new'"),
        ([G, G | {"x": G["x"].astype(np.float64)}], r"graph 1: 'x'.*float64"),
        ([G, G | {"x": G["x"][:, :2]}], r"graph 1: 'x'.*\[2\]"),
        ([G, G | {"y": 3.5}], r"graph 1: 'y'"),
        ([G | {"c": np.ones(3, complex)}], r"graph 0: 'c': dtype complex128"),
        ([G | {"c": [[1], [1, 2]]}], r"graph 0: 'c'"),
        ([G | {"c": object()}], r"graph 0: 'c'"),
        ([G, 5], "no graph"),
        ([G, None], "graph 1: a NoneType is no graph"),
        ([None, G], "graph 0: a NoneType is no graph"),
        ([G, G, (1, 2)], "graph 2: a tuple is no graph"),
        ([G, "text"], "graph 1: a str is no graph"),
        ([G | {"c": 2**63}], r"graph 0: 'c': 9223372036854775808 does not fit int64"),
        ([G | {"num_nodes": 2**70}], r"graph 0: num_nodes is 1180591620717411303424"),
        ([G | {"num_nodes": "many"}], r"graph 0: num_nodes is 'many'; it is an integer"),
        ([HETERO[0] | {"movie": {"x": {"a": 1}}}], r"graph 0: 'movie' 'x': it is a dict"),
        ([G, {"movie": {"x": np.ones(2)}}], r"graph 1"),
        ([{"y": np.array([1])}], "num_nodes"),
        ([HETERO[0], HETERO[1] | {"director": {"x": np.ones(2)}}], r"graph 1:.*director"),
        ([HETERO[0] | {"movie": {"x": np.ones((2, 2)), "s": "text"}}], r"graph 0: 'movie' 's'"),
        ([HETERO[0] | {("a", "b", "c", "d"): {}}], "edge type"),
    ],
)
def test_malformed_graphs_are_named(graphs, message, ingest):
    with pytest.raises(gf.InvalidArgument, match=message):
        ingest(graphs)


def test_tensors_that_cannot_be_stored_say_why(ingest):
    torch = pytest.importorskip("torch")
    sparse = torch.eye(3).to_sparse()
    for value, message in (
        (sparse, "it is sparse; give a dense array"),
        (sparse.to_sparse_csr(), "it is sparse; give a dense array"),
        (torch.ones(3, dtype=torch.bfloat16), "dtype bfloat16 cannot be stored .*'float16'"),
    ):
        with pytest.raises(gf.InvalidArgument, match=f"graph 0: 'c': {message}"):
            ingest([G | {"c": value}])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"node_ptr": None}, "node_ptr is missing"),
        ({"node_ptr": np.array([0, 4, 3])}, "node_ptr"),
        ({"node_ptr": np.array([0.0, 3.0])}, "node_ptr"),
        ({"edge_ptr": np.array([0, 6])}, "edge_ptr"),
        ({"graphs": {"y": np.ones(3)}}, "'y' has 3 rows"),
        ({"nodes": {"x": np.ones((6, 1))}}, "'x' has 6 rows"),
        ({"nodes": {"x": np.array(3.0)}}, "'x'"),
    ],
)
def test_malformed_collections_are_named(changes, message, ingest):
    source = collection(MOLECULES[:2])
    for name, value in changes.items():
        setattr(source, name, value)
    with pytest.raises(gf.InvalidArgument, match=message):
        ingest(source)


@pytest.mark.parametrize(
    "kinds, message", [({"x": "vertex"}, "vertex"), ({"nope": "node"}, "nope")]
)
def test_kinds_are_checked(kinds, message, ingest):
    with pytest.raises(gf.InvalidArgument, match=message):
        ingest(MOLECULES, kinds=kinds)


def test_a_failed_ingest_leaves_nothing(client):
    def graphs():
        yield from MOLECULES
        raise KeyError("the source failed")

    before = client.datasets()
    with pytest.raises(KeyError):
        client.ingest("failed-ingest", graphs())
    assert client.datasets() == before


def test_versions_are_numbered_and_deleted(client):
    first = client.ingest("versions", MOLECULES[:3])
    pinned = client.dataset("versions")
    second = client.ingest("versions", MOLECULES[:5])
    assert (first.version, second.version) == (1, 2)
    assert len(client.dataset("versions")) == 5 and len(client.dataset("versions@1")) == 3
    assert len(list(pinned)) == 3, "a dataset stays its version"
    assert [i.full_name for i in client.datasets() if i.name == "versions"] == [
        "versions@1", "versions@2"
    ]
    with pytest.raises(gf.InvalidArgument, match=r"versions \[1, 2\]; name one .versions@2."):
        client.delete("versions")
    with pytest.raises(gf.InvalidArgument, match="one version"):
        client.delete("versions@1", all_versions=True)
    with pytest.raises(gf.InvalidArgument, match="all_versions is 'no'; it is True or False"):
        client.delete("versions", all_versions="no")
    client.delete("versions@1")
    with pytest.raises(gf.NotFound):
        client.dataset("versions@1")
    client.delete("versions")
    with pytest.raises(LookupError):
        client.dataset("versions")
    with pytest.raises(LookupError):
        client.delete("versions")
    for number in (1, 2):
        client.ingest("versions", MOLECULES[:number])
    client.delete("versions", all_versions=True)
    with pytest.raises(LookupError):
        client.dataset("versions")


@pytest.mark.parametrize("name", ["", "a b", "x/y", "-x", "é"])
def test_names_are_checked(name, client):
    with pytest.raises(gf.InvalidArgument, match="name"):
        client.ingest(name, MOLECULES)


def test_progress_is_shown_when_asked(client, capsys):
    client.ingest("progress", MOLECULES, progress=True)
    assert "25/25" in capsys.readouterr().err
    client.ingest("progress", MOLECULES)
    assert capsys.readouterr().err == "", "stderr is no terminal here"


def test_columns_without_width_are_kept_in_single_graphs(client):
    graph = {
        "x": np.zeros((5, 0), np.float32),
        "edge_index": np.array([[0, 1], [1, 2]]),
        "edge_attr": np.zeros((2, 0), np.float32),
    }
    client.ingest("no-width", graph)
    (found,) = client.dataset("no-width")
    assert found.x.shape == (5, 0) and found.edge_attr.shape == (2, 0)
    (batch,) = gf.NeighborLoader(client.dataset("no-width"), [-1], batch_size=5)
    assert batch.x.shape == (5, 0) and batch.edge_attr.shape == (2, 0)
