"""Values that cannot be meant: integers that no message holds, graphs that are none."""

import numpy as np
import pytest

import graphfeed as gf

HUGE = 2**70
G = {"x": np.ones((3, 2), np.float32), "edge_index": np.array([[0, 1], [1, 2]])}


@pytest.fixture(scope="module")
def dataset(client):
    return client.ingest("strangers", [G] * 4)


USES = {
    "epoch": lambda client, ds: gf.DataLoader(ds).set_epoch(HUGE),
    "batch_size": lambda client, ds: gf.DataLoader(ds, HUGE),
    "num_nodes": lambda client, ds: gf.FixedSizeOptions(HUGE),
    "num_nodes['a']": lambda client, ds: gf.FixedSizeOptions({"a": HUGE}, 3),
    "num_graphs": lambda client, ds: gf.FixedSizeOptions.from_dataset(ds, HUGE),
    "sample_limit": lambda client, ds: gf.FixedSizeOptions.from_dataset(ds, 4, HUGE),
    "ordinal": lambda client, ds: gf.DataLoader(ds).batch(HUGE),
    "num_shards": lambda client, ds: gf.DataLoader(ds, num_shards=HUGE),
    "prefetch": lambda client, ds: gf.DataLoader(ds, prefetch=2**32),
    "seed": lambda client, ds: gf.DataLoader(ds, seed=2**64),
    "num_parts": lambda client, ds: client.partition("strangers", HUGE),
    "version": lambda client, ds: client.delete(f"strangers@{HUGE}"),
    "max_frame_bytes": lambda client, ds: gf.connect("a:1", max_frame_bytes=HUGE),
    "state['ordinal']": lambda client, ds: gf.DataLoader(ds).load_state_dict(
        {**gf.DataLoader(ds).state_dict(), "ordinal": HUGE}
    ),
    "Subgraph: nodes": lambda client, ds: gf.transforms.Subgraph(HUGE),
}


@pytest.mark.parametrize("field", USES)
def test_an_integer_beyond_what_messages_hold_is_named(field, client, dataset):
    with pytest.raises(gf.InvalidArgument) as raised:
        USES[field](client, dataset)
    assert str(raised.value).startswith(f"{field} is ")
    assert "must be at most" in str(raised.value)


@pytest.mark.parametrize(
    "value", [[HUGE], [0, -HUGE], np.array([2**63], np.uint64), [np.uint64(2**64 - 1)]]
)
def test_ids_beyond_int64_are_named(value, client, dataset, homogeneous):
    for use in (
        lambda: dataset[value],
        lambda: gf.NeighborLoader(homogeneous, [2], input_nodes=value),
        lambda: gf.LinkNeighborLoader(homogeneous, [2], edge_label_index=[value, value]),
        lambda: homogeneous.subgraph(value),
        lambda: gf.transforms.Subgraph(value),
        lambda: client.ingest("x", [{**G, "ids": value}]),
    ):
        with pytest.raises(gf.InvalidArgument, match=r"holds -?\d{19,}, which does not fit int64"):
            use()


@pytest.mark.parametrize("graphs, shown", [(None, "None"), (5, "of type int"), ("x", "of type str")])
def test_what_is_no_collection_is_told(graphs, shown, client):
    with pytest.raises(gf.InvalidArgument, match=f"graphs is {shown}; it takes an iterable"):
        client.ingest("x", graphs)


def test_what_an_array_of_objects_holds_is_told(client):
    with pytest.raises(gf.InvalidArgument, match="graph 0: 'd': .*numbers; it holds dict"):
        client.ingest("x", [{**G, "d": [{"a": 1}]}])
    torch = pytest.importorskip("torch")
    with pytest.raises(gf.InvalidArgument, match="bfloat16 to float32.*'float16'"):
        client.ingest("x", [{**G, "half": torch.ones(3, dtype=torch.bfloat16)}])


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        ({"x": np.ones((2, 1)), "edge_index": [[0], [1]], "sub": {"a": 1}}, {}, "'sub' is a dict; attributes of a homog"),
        ({"x": np.ones((2, 1)), "edge_index": [[0.5], [1]]}, {}, "edge_index.* this is float32 with rows of"),
        ({"x": np.ones((2, 1)), "edge_index": [[0], [1]], "t": "a\ud800"}, {}, "cannot be written as UTF-8"),
        ({"x": np.ones((2, 1)), "edge_index": [[0], [1]]}, {"transforms": ["x"]}, "transforms has 'x'; it takes"),
        ({"x": np.ones((2, 1)), "edge_index": [[0], [1]]}, {"transforms": [gf.transforms.AddSelfLoops]}, "transforms has <class"),
        ({"x": np.ones((2, 1)), "edge_index": [[0], [1]]}, {"transforms": gf.transforms.AddSelfLoops()}, "takes a list"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("several", [False, True])
def test_what_does_not_belong_is_named(client, graph, options, message, several):
    with pytest.raises(gf.InvalidArgument, match=message):
        client.ingest("strange", [graph, graph] if several else graph, **options)


def test_names_and_graphs_of_another_kind_are_named(client):
    with pytest.raises(gf.InvalidArgument, match="name is None"):
        client.ingest(None, {"x": np.ones((2, 1)), "edge_index": [[0], [1]]})
    with pytest.raises(gf.InvalidArgument, match="an? int, no graph of NetworkX"):
        gf.from_networkx(3)


def test_masks_of_integers_are_refused_wherever_places_are_taken(homogeneous, client):
    mask = np.zeros(homogeneous.info.num_nodes[0], np.uint8)
    mask[::2] = 1
    with pytest.raises(gf.InvalidArgument, match="all 0 or 1: a mask of seeds is boolean"):
        gf.NeighborLoader(homogeneous, [2], batch_size=4)(mask)
    edges = np.zeros(homogeneous.info.num_edges[0], np.uint8)
    edges[:5] = 1
    with pytest.raises(gf.InvalidArgument, match="a mask of edges is boolean"):
        gf.LinkNeighborLoader(homogeneous, [2], edge_label_index=edges)
    # As the message says.
    assert len(list(gf.LinkNeighborLoader(homogeneous, [2], edge_label_index=edges.astype(bool), batch_size=1))) == 5
    graphs = [{"x": np.ones((2, 1)), "edge_index": np.array([[0], [1]])} for _ in range(6)]
    collection = client.ingest("places", graphs)
    with pytest.raises(gf.InvalidArgument, match=r"batch_sampler\[0\] has 6 integers"):
        gf.DataLoader(collection, batch_sampler=[np.array([0, 1, 1, 0, 0, 1], np.uint8)])
