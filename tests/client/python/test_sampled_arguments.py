"""What the loaders of sampled batches make of their arguments, before anything is sampled."""

import enum
import types
import warnings

import numpy as np
import pytest
import sampled_graphs

import graphfeed as gf


@pytest.fixture(scope="module")
def homogeneous(client):
    client.ingest("arguments-homogeneous", sampled_graphs.homogeneous())
    return client.dataset("arguments-homogeneous")


@pytest.fixture(scope="module")
def typed(client):
    client.ingest("arguments-typed", sampled_graphs.heterogeneous())
    return client.dataset("arguments-typed")


@pytest.fixture(scope="module")
def molecules(client):
    graph = {"x": np.ones((2, 1), np.float32), "edge_index": np.array([[0], [1]])}
    client.ingest("arguments-molecules", [graph] * 3)
    return client.dataset("arguments-molecules")


def fanouts(loader):
    return loader._source.sampling()["num_neighbors"]


def test_fanouts_for_all_types_or_by_type(typed):
    assert fanouts(gf.NeighborLoader(typed, [5, -1], "movie")) == {"": [5, -1]}
    given = {
        ("movie", "to", "director"): [1, 2],
        ("director", "movie"): [3, 4],
        "movie|follows|movie": np.array([0, -1]),
    }
    wanted = {
        "movie|to|director": [1, 2],
        "director|to|movie": [3, 4],
        "movie|follows|movie": [0, -1],
    }
    assert fanouts(gf.NeighborLoader(typed, given, "movie")) == wanted
    given["movie__follows__movie"] = given.pop("movie|follows|movie")
    assert fanouts(gf.FixedSizeNeighborLoader(typed, given, "movie")) == wanted


@pytest.mark.parametrize(
    "given, message",
    [
        ({("movie", "to", "director"): [1]}, "no entry for edge type .'director', 'to', 'movie'."),
        ({"movie|to|director": [1], "director|to|movie": [1, 2], "movie|follows|movie": [1]},
         "hops must be the same across all"),
        ({("movie", "by", "director"): [1]}, "there is no edge type"),
        ({3: [1]}, "there is no edge type 3"),
        ([2, -2], r"num_neighbors\[1\] is -2"),
        ([2.5], r"num_neighbors\[0\] is 2.5"),
        (5, "list of one number a hop"),
        ("5", "list of one number a hop"),
    ],
)  # fmt: skip
def test_fanouts_are_checked(given, message, typed):
    with pytest.raises(ValueError, match=message):
        gf.NeighborLoader(typed, given, "movie")


def test_fanouts_by_type_need_types(homogeneous):
    with pytest.raises(ValueError, match="homogeneous"):
        gf.NeighborLoader(homogeneous, {("a", "b", "c"): [1]})


def test_seeds_of_a_typed_graph(typed):
    def seeds(input_nodes):
        return gf.NeighborLoader(typed, [2], input_nodes)._source.seeds

    assert seeds("movie") == ("movie", None, "", 50)
    assert seeds(("director", None)) == ("director", None, "", 12)
    assert seeds(("movie", "train_mask")) == ("movie", None, "train_mask", None)
    assert seeds(("movie", np.arange(50) < 3)).ids.tolist() == [0, 1, 2]
    assert seeds(("movie", [7, 3, 3])).ids.tolist() == [7, 3, 3]
    assert gf.NeighborLoader(typed, [2], "movie").input_type == "movie"


def test_seeds_of_a_homogeneous_graph(homogeneous):
    def seeds(input_nodes):
        return gf.NeighborLoader(homogeneous, [2], input_nodes)._source.seeds

    assert seeds(None) == ("", None, "", 60)
    assert seeds("train_mask") == ("", None, "train_mask", None)
    assert seeds(range(5, 8)).ids.tolist() == [5, 6, 7]
    assert gf.NeighborLoader(homogeneous, [2]).input_type is None


def test_torch_tensors_are_arrays(homogeneous):
    torch = pytest.importorskip("torch")
    loader = gf.NeighborLoader(homogeneous, [2], torch.tensor([3, 1]), batch_size=2)
    assert loader._source.seeds.ids.tolist() == [3, 1]
    mask = torch.zeros(60, dtype=torch.bool)
    mask[[9, 4]] = True
    assert gf.NeighborLoader(homogeneous, [2], mask)._source.seeds.ids.tolist() == [4, 9]
    pairs = torch.tensor([[1, 2], [3, 4]])
    loader = gf.LinkNeighborLoader(homogeneous, [2], pairs, edge_label=torch.tensor([0, 1]))
    assert loader._source.seeds.pairs.tolist() == pairs.tolist()


@pytest.mark.parametrize(
    "input_nodes, message",
    [
        (None, "node type"),
        ([1, 2], "node type"),
        ("film", "no node type 'film'"),
        (("movie", "y"), "no boolean column"),
        (("movie", "val_mask"), "no boolean column"),
        (("movie", [50]), r"input_nodes\[0\] is 50; it must be 0 to 49"),
        (("movie", [3, -1]), r"input_nodes\[1\] is -1"),
        (("movie", np.ones(12, bool)), r"shape \[12\] for 50 nodes"),
        (("movie", [0.5]), "integers"),
        (("movie", []), "empty"),
        (("movie", np.zeros(50, bool)), "empty"),
    ],
)
def test_seeds_are_checked(input_nodes, message, typed):
    with pytest.raises(ValueError, match=message):
        gf.NeighborLoader(typed, [2], input_nodes)


def test_integers_that_may_be_a_mask_are_refused(homogeneous, typed):
    ones = np.ones(50, np.uint8)
    for make in (
        lambda: gf.NeighborLoader(typed, [2], ("movie", ones)),
        lambda: typed.subgraph(("movie", ones)),
        lambda: gf.LinkNeighborLoader(typed, [2], (("movie", "director"), ones)),
        lambda: gf.FixedSizeNeighborLoader(homogeneous, [2], np.arange(60) % 2),
        lambda: gf.transforms.Subgraph({"movie": ones}),
    ):
        with pytest.raises(gf.InvalidArgument, match="(nodes|edges) is boolean.*as ids they would"):
            make()
    assert gf.NeighborLoader(typed, [2], ("movie", ones[:7]))._source.seeds.count == 7
    pairs = np.stack([np.arange(50) % 2, np.zeros(50, int)])
    assert gf.LinkNeighborLoader(typed, [2], (("movie", "director"), pairs))


def test_directed_is_the_former_name_of_a_subgraph_type(homogeneous):
    def kind(**arguments):
        return gf.NeighborLoader(homogeneous, [2], **arguments).subgraph_type

    class SubgraphType(enum.Enum):
        bidirectional = "bidirectional"

    assert kind() == kind(directed=True) == "directional"
    assert kind(directed=False) == kind(subgraph_type="induced") == "induced"
    assert kind(subgraph_type=SubgraphType.bidirectional) == "bidirectional"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"subgraph_type": "tree"}, "subgraph_type"),
        ({"temporal_strategy": "first"}, "temporal_strategy"),
        ({"time_attr": 3}, "time_attr"),
        ({"input_time": [1] * 60}, "without time_attr"),
        ({"input_time": [1, 2], "time_attr": "time"}, "2 entries for 60 seeds"),
        ({"batch_size": 0}, "batch_size"),
        ({"num_shards": 2}, "seed"),
    ],
)
def test_arguments_are_checked(arguments, message, homogeneous):
    with pytest.raises(ValueError, match=message):
        gf.NeighborLoader(homogeneous, [2], **arguments)


def test_errors_name_the_argument_that_names_nodes(homogeneous, typed):
    for what in ("train_mask", np.ones(60, bool)):
        with pytest.raises(ValueError, match="input_nodes names the node type 'node', but the"):
            gf.NeighborLoader(homogeneous, [2], ("node", what))
    with pytest.raises(ValueError, match="^nodes is a dict; it takes nodes of one type"):
        typed.subgraph({"movie": [1]})
    with pytest.raises(ValueError, match="^nodes: there is no node type 'film'"):
        typed.subgraph("film")
    with pytest.raises(ValueError, match=r"^nodes\[1\] is 99; it must be 0 to 59"):
        homogeneous.subgraph([1, 99])


def test_shards_need_a_seed_only_where_something_is_drawn(homogeneous):
    shards = {"num_shards": 2, "shard_index": 1}
    for draws_nothing in ([-1, 0], []):
        gf.NeighborLoader(homogeneous, draws_nothing, **shards)
        with pytest.raises(ValueError, match="seed"):
            gf.NeighborLoader(homogeneous, draws_nothing, shuffle=True, **shards)
        with pytest.raises(ValueError, match="seed"):
            gf.LinkNeighborLoader(homogeneous, draws_nothing, neg_sampling="binary", **shards)
        # Sampled batches are trimmed from their end.
        gf.FixedSizeNeighborLoader(homogeneous, draws_nothing, **shards)


def test_sampled_loaders_take_single_graphs(molecules):
    for make in (
        lambda: gf.NeighborLoader(molecules, [2]),
        lambda: gf.LinkNeighborLoader(molecules, [2]),
        lambda: gf.ClusterLoader(molecules, partition="x"),
    ):
        with pytest.raises(ValueError, match="collection"):
            make()
    with pytest.raises(TypeError, match="client.ingest"):
        gf.NeighborLoader([1, 2], [2])


def test_a_sampled_batch_is_one_graph_and_padding(homogeneous):
    options = gf.FixedSizeOptions(30, 30, num_graphs=3)
    with pytest.raises(ValueError, match="num_graphs is 3; it must be 2"):
        gf.FixedSizeNeighborLoader(homogeneous, [2], fixed_size_options=options)
    options.num_graphs = 2
    loader = gf.FixedSizeNeighborLoader(homogeneous, [2], fixed_size_options=options)
    options.num_graphs = 3
    with pytest.raises(ValueError, match="num_graphs"):
        loader._batch_spec()


def test_sampled_batches_are_trimmed_unless_told_otherwise(homogeneous):
    loader = gf.FixedSizeNeighborLoader(homogeneous, [2])
    assert loader.over_size_strategy is gf.OverSizeStrategy.TrimNodesAndEdges


@pytest.mark.parametrize("make", [
    lambda dataset, **kw: gf.NeighborLoader(dataset, [2], **kw),
    lambda dataset, **kw: gf.FixedSizeNeighborLoader(dataset, [2], **kw),
    lambda dataset, **kw: gf.FixedSizeLinkNeighborLoader(dataset, [2], **kw),
    lambda dataset, **kw: gf.FixedSizeClusterLoader(dataset, partition="y", **kw),
])
def test_habits_from_torch(make, homogeneous):
    for needless in ({"num_workers": 4}, {"is_sorted": True}, {"filter_per_worker": True}):
        with pytest.warns(UserWarning, match=next(iter(needless))) as caught:
            make(homogeneous, **needless)
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(homogeneous, num_workers=0, transform=None)
    for refused in ("collate_fn", "transform", "neighbor_sampler"):
        with pytest.raises(TypeError, match=f"takes no {refused}"):
            make(homogeneous, **{refused: list})
    with pytest.raises(TypeError, match="unexpected keyword argument 'suffle'"):
        make(homogeneous, suffle=True)


def test_seed_edges_of_a_typed_graph(typed):
    def seeds(edge_label_index):
        return gf.LinkNeighborLoader(typed, [2], edge_label_index)._source.seeds

    assert seeds(("movie", "to", "director")) == ("movie|to|director", None, None, 50)
    assert seeds(("movie", "director")).edge_type == "movie|to|director"
    assert seeds("movie|follows|movie").count == 90
    ids = seeds((("movie", "follows", "movie"), [5, 3]))
    assert ids.ids.tolist() == [5, 3] and ids.pairs is None
    pairs = seeds((("movie", "director"), [[49, 0, 1], [11, 0, 0]]))
    assert pairs.pairs.tolist() == [[49, 0, 1], [11, 0, 0]] and pairs.count == 3
    loader = gf.LinkNeighborLoader(typed, [2], ("movie", "director"))
    assert loader.input_type == ("movie", "to", "director")


@pytest.mark.parametrize(
    "edge_label_index, message",
    [
        (None, "edge type"),
        ("movie", "no edge type"),
        (("movie", "studio"), "no edge type"),
        ([[1], [2]], "names no edge type"),
        ((("movie", "director"), [[0], [12]]), r"edge_label_index\[1\]\[0\] is 12"),
        ((("movie", "director"), [[0]]), r"shape \[1, 1\]"),
        ((("movie", "director"), np.zeros((2, 0), int)), r"shape \[2, 0\]"),
        ((("movie", "director"), [50]), "0 to 49"),
        ((("movie", "director"), []), "empty"),
    ],
)
def test_seed_edges_are_checked(edge_label_index, message, typed):
    with pytest.raises(ValueError, match=message):
        gf.LinkNeighborLoader(typed, [2], edge_label_index)


def test_negatives(homogeneous):
    def negatives(**arguments):
        return gf.LinkNeighborLoader(homogeneous, [2], **arguments).neg_sampling

    assert negatives() is None and negatives(neg_sampling_ratio=0.0) is None
    assert negatives(neg_sampling="binary") == gf.NegativeSampling("binary", 1.0)
    assert negatives(neg_sampling_ratio=2) == gf.NegativeSampling("binary", 2.0)
    assert negatives(neg_sampling={"mode": "triplet", "amount": 3}).amount == 3.0
    like_pyg = types.SimpleNamespace(
        mode=types.SimpleNamespace(value="triplet"), amount=2, src_weight=None, dst_weight=None
    )
    assert negatives(neg_sampling=like_pyg) == gf.NegativeSampling("triplet", 2.0)
    for wrong, message in (
        ({"neg_sampling": "some"}, "mode"),
        ({"neg_sampling": True}, "neg_sampling is True; it takes one of"),
        ({"neg_sampling": 2.0}, "neg_sampling_ratio takes a number"),
        ({"neg_sampling": {"amount": 0}}, "amount"),
        ({"neg_sampling": {"amount": float("inf")}}, "amount"),
        ({"neg_sampling": {"dst_weight": [1]}}, "dst_weight"),
        ({"neg_sampling": "binary", "neg_sampling_ratio": 1.0}, "exclude each other"),
    ):
        with pytest.raises(ValueError, match=message):
            negatives(**wrong)


def test_labels_are_checked(homogeneous):
    with pytest.raises(ValueError, match="1 entries for 400"):
        gf.LinkNeighborLoader(homogeneous, [2], edge_label=[1])
    with pytest.raises(ValueError, match="edge_label has shape"):
        gf.LinkNeighborLoader(homogeneous, [2], edge_label=np.ones((400, 1)))
    with pytest.raises(ValueError, match="triplets"):
        gf.LinkNeighborLoader(
            homogeneous, [2], edge_label=np.ones(400, int), neg_sampling="triplet"
        )
    with pytest.raises(ValueError, match="time_attr is given without edge_label_time"):
        gf.LinkNeighborLoader(homogeneous, [2], time_attr="time")
    with pytest.raises(ValueError, match="edge_label_time is given without time_attr"):
        gf.LinkNeighborLoader(homogeneous, [2], edge_label_time=np.ones(400, int))


def test_clusters_are_told_by_number_or_column(homogeneous, typed):
    with pytest.raises(ValueError, match="num_parts, or the column"):
        gf.ClusterLoader(homogeneous)
    with pytest.raises(ValueError, match="num_parts, or the column"):
        gf.ClusterLoader(homogeneous, num_parts=3, partition="y")
    with pytest.raises(ValueError, match="no integer node column"):
        gf.ClusterLoader(homogeneous, partition="x")
    with pytest.raises(ValueError, match="heterogeneous"):
        gf.ClusterLoader(typed, num_parts=2)
    assert gf.ClusterLoader(homogeneous, partition="y").dataset is homogeneous


def test_estimates_are_those_of_sampled_batches(homogeneous):
    with pytest.raises(TypeError, match="sampled"):
        gf.FixedSizeOptions.estimate(gf.DataLoader(homogeneous))
    loader = gf.NeighborLoader(homogeneous, [2])
    for quantile in (0, 1.5, -1):
        with pytest.raises(ValueError, match="quantile"):
            gf.FixedSizeOptions.estimate(loader, quantile)
    with pytest.raises(ValueError, match="sample_limit"):
        gf.FixedSizeOptions.estimate(loader, sample_limit=0)
