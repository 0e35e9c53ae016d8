"""Sampled neighbourhoods against the recorded ones.

What was drawn cannot be the same: the recorded draws are torch's. So recorded batches are compared
in what no draw changes, and batches without draws with an independent sampler, tensor by tensor.
Known differences: e_id are the graph's edge ids, where the recorded ones are places in an order by
targets; homogeneous fixed-size e_id is as long as edge_index; seeds are never trimmed.
"""

import golden
import numpy as np
import pytest
import reference_sampler
from invariants import assert_padding_is_sound, stores_of

import graphfeed as gf

CASES = {case["name"]: case for case in golden.cases("neighbor")}
HOMOGENEOUS = ("", "", "")


def parametrize(condition=lambda case: True):
    names = [name for name, case in CASES.items() if name != "_graphs" and condition(case)]
    return pytest.mark.parametrize("case", [CASES[name] for name in names], ids=names)


@pytest.fixture(scope="module")
def datasets(client):
    """(dataset, graph) by "homo" and "hetero"."""
    if not CASES:
        pytest.skip("recorded cases are absent")
    result = {}
    for kind in ("homo", "hetero"):
        graph = golden.graph(CASES["_graphs"][kind])
        client.ingest(f"neighbor-{kind}", graph)
        result[kind] = client.dataset(f"neighbor-{kind}"), graph
    return result


def is_hetero(case):
    return case["name"].startswith("hetero")


def fanouts(case):
    """By edge type; "" as the homogeneous one."""
    given = case["num_neighbors"]
    if isinstance(given, dict):
        return {golden.edge_type(name): hops for name, hops in given.items()}
    if is_hetero(case):
        return {golden.edge_type(name): given for name, _ in case["dynamic"]["edges"]}
    return {HOMOGENEOUS: given}


def arguments(case):
    batch_size = len(case["index"])
    return {
        "num_neighbors": fanouts(case) if is_hetero(case) else case["num_neighbors"],
        "input_nodes": ("m", "train_mask")
        if is_hetero(case)
        else CASES["_graphs"]["homo_input_nodes"],
        "replace": case["replace"],
        "subgraph_type": case["subgraph_type"],
        "batch_size": batch_size,
        "seed": 1,
    }


def ordinal(case):
    """Of the batch with the recorded seeds."""
    return case["index"][0] // len(case["index"])


def plain_batch(case, datasets):
    dataset, graph = datasets["hetero" if is_hetero(case) else "homo"]
    return gf.NeighborLoader(dataset, **arguments(case)).batch(ordinal(case)), graph


def fixed_batch(case, datasets):
    dataset, graph = datasets["hetero" if is_hetero(case) else "homo"]
    loader = gf.FixedSizeNeighborLoader(
        dataset, fixed_size_options=golden.options(case["options"]), **arguments(case)
    )
    return loader.batch(ordinal(case)), graph


def graph_stores(graph):
    """(node store, edge stores by type)."""
    if "edge_index" in graph:
        return {"": graph}, {HOMOGENEOUS: graph}
    nodes = {key: store for key, store in graph.items() if isinstance(key, str)}
    return nodes, {key: store for key, store in graph.items() if isinstance(key, tuple)}


def batch_stores(batch):
    nodes, edges = stores_of(batch)
    types = batch.edge_types or [HOMOGENEOUS]
    return nodes, {t: store for t, (store, _, _) in zip(types, edges)}


def recorded_stores(recorded):
    return graph_stores(golden.graph(recorded))


def assert_real_rows_are_the_graphs(batch, graph):
    """Node and edge rows are those that n_id and e_id name, and edges connect the same nodes."""
    (counts,) = batch.counts
    whole_nodes, whole_edges = graph_stores(graph)
    nodes, edges = batch_stores(batch)
    for node_type, whole in whole_nodes.items():
        n_id = nodes[node_type].n_id[: counts.nodes[node_type] if node_type else counts.nodes]
        for name in set(whole) & {"x", "y", "train_mask"}:
            np.testing.assert_array_equal(nodes[node_type][name][: len(n_id)], whole[name][n_id])
    for edge_type, whole in whole_edges.items():
        store = edges[edge_type]
        count = counts.edges[edge_type] if batch.edge_types else counts.edges
        e_id, index = store.e_id[:count], store.edge_index[:, :count]
        if "edge_attr" in whole:
            np.testing.assert_array_equal(store.edge_attr[:count], whole["edge_attr"][e_id])
        for end, node_type in enumerate((edge_type[0], edge_type[2])):
            np.testing.assert_array_equal(
                nodes[node_type].n_id[index[end]], whole["edge_index"][end][e_id]
            )


def in_degrees(edge_index, nodes):
    return np.array([np.count_nonzero(edge_index[1] == node) for node in nodes], int)


def seed_store(batch):
    return batch["m"] if batch.node_types else batch


@parametrize()
def test_recorded_ids_of_edges_are_places_by_target(case):
    """What the recorded e_id mean, and so how they differ from ours."""
    _, whole = graph_stores(golden.graph(CASES["_graphs"]["hetero" if is_hetero(case) else "homo"]))
    nodes, edges = recorded_stores(case["dynamic"])
    for edge_type, store in edges.items():
        if "e_id" in store:
            edge_index = whole[edge_type]["edge_index"]
            ours = np.argsort(edge_index[1], kind="stable")[store["e_id"]]
            source = nodes[edge_type[0]]["n_id"][store["edge_index"][0]]
            np.testing.assert_array_equal(source, edge_index[0][ours])


@parametrize()
def test_plain_batch_has_what_no_draw_changes(case, datasets):
    batch, graph = plain_batch(case, datasets)
    nodes, edges = recorded_stores(case["dynamic"])
    ours, our_edges = batch_stores(batch)
    assert_real_rows_are_the_graphs(batch, graph)
    seeds = len(case["index"])
    store = seed_store(batch)
    np.testing.assert_array_equal(store.input_id, case["index"])
    assert store.batch_size == seeds
    for node_type, recorded in nodes.items():
        if "input_id" in recorded:
            np.testing.assert_array_equal(ours[node_type].n_id[:seeds], recorded["n_id"][:seeds])
            # Each seed has as many neighbours in the first hop.
            for edge_type, recorded_edges in edges.items():
                if edge_type[2] == node_type:
                    for seed in range(seeds):
                        assert np.count_nonzero(our_edges[edge_type].edge_index[1] == seed) == (
                            np.count_nonzero(recorded_edges["edge_index"][1] == seed)
                        ) or case["subgraph_type"] == "induced"
        tensors = {name for name, value in recorded.items() if isinstance(value, np.ndarray)}
        if node_type:
            assert set(ours[node_type]) == tensors
        else:
            assert set(batch.keys()) == tensors
    for edge_type, recorded in edges.items():
        if edge_type != HOMOGENEOUS:
            assert set(our_edges[edge_type]) == set(recorded)


@parametrize(lambda case: case["subgraph_type"] == "directional")
def test_hop_rules(case, datasets):
    """Every node that was found before the last hop has min(in-degree, fan-out) edges, or as many
    as the fan-out with replacement, and no other node has any."""
    batch, graph = plain_batch(case, datasets)
    _, whole_edges = graph_stores(graph)
    nodes, edges = batch_stores(batch)
    hop_of = {t: np.full(len(store.n_id), 99) for t, store in nodes.items()}
    hop_of["m" if batch.node_types else ""][: len(case["index"])] = 0
    hops = len(next(iter(fanouts(case).values())))
    for _ in range(hops):
        for (source, _, target), store in edges.items():
            np.minimum.at(
                hop_of[source], store.edge_index[0], hop_of[target][store.edge_index[1]] + 1
            )
    for edge_type, store in edges.items():
        target = edge_type[2]
        degree = in_degrees(whole_edges[edge_type]["edge_index"], nodes[target].n_id)
        taken = np.bincount(store.edge_index[1], minlength=len(degree))
        for node, hop in enumerate(hop_of[target]):
            fanout = fanouts(case)[edge_type][hop] if hop < hops else 0
            wanted = min(degree[node], fanout) if not case["replace"] else fanout
            assert taken[node] == (wanted if degree[node] else 0)
        if not case["replace"]:
            assert len(set(store.e_id.tolist())) == len(store.e_id)


@parametrize()
def test_fixed_batch_has_the_recorded_shapes(case, datasets):
    batch, graph = fixed_batch(case, datasets)
    recorded = case["expect"]["ok"]
    # A batch that is trimmed until nothing needs padding has no padding graph upstream.
    assert batch.num_graphs == 2 >= recorded["num_graphs"]
    assert (batch.num_nodes, batch.num_edges) == (recorded["num_nodes"], recorded["num_edges"])
    assert_padding_is_sound(batch)
    assert_real_rows_are_the_graphs(batch, graph)
    wanted = golden.graph(recorded)
    ours = batch.to_dict()
    for key, value in wanted.items():
        stores = [(ours, key, value)]
        if isinstance(value, dict):
            stores = [(ours[key], name, inner) for name, inner in value.items()]
        for store, name, tensor in stores:
            if not isinstance(tensor, np.ndarray):
                continue
            shape = tensor.shape
            if name == "e_id" and not batch.node_types:
                shape = (recorded["num_edges"],)  # upstream's is too short
            if name == "ptr" and recorded["num_graphs"] == 1:
                shape = (shape[0] + 1,)
            assert (store[name].shape, store[name].dtype) == (shape, tensor.dtype), (key, name)
    extra = {k for k, v in ours.items() if not isinstance(v, dict)} - set(wanted)
    assert not extra
    for node_type, store in batch_stores(batch)[0].items():
        padding = ~store.nodes_mask
        for name in set(store if node_type else batch.keys()) & {"x", "y", "train_mask", "n_id"}:
            assert not store[name][padding].any(), "pad values are 0"


@parametrize()
def test_seeds_lead_and_stay(case, datasets):
    """Also where the batch is trimmed, in which upstream may lose them."""
    batch, _ = fixed_batch(case, datasets)
    plain, _ = plain_batch(case, datasets)
    store, seeds = seed_store(batch), len(case["index"])
    np.testing.assert_array_equal(store.input_id, case["index"])
    assert store.batch_size == seeds
    np.testing.assert_array_equal(store.n_id[:seeds], seed_store(plain).n_id[:seeds])


@parametrize(lambda case: "trim" not in case["name"])
def test_fixed_batch_begins_with_the_plain_one(case, datasets):
    fixed, _ = fixed_batch(case, datasets)
    plain, _ = plain_batch(case, datasets)
    assert fixed.trimmed.total_nodes == fixed.trimmed.total_edges == 0
    for key, value in plain.to_dict().items():
        tensors = value if isinstance(value, dict) else {key: value}
        for name, tensor in tensors.items():
            padded = fixed[key][name] if isinstance(value, dict) else fixed[name]
            last = name == "edge_index"
            size = tensor.shape[-1 if last else 0]
            np.testing.assert_array_equal(padded[:, :size] if last else padded[:size], tensor)


@parametrize(lambda case: "trim" in case["name"])
def test_trimmed_batch_says_what_it_lost(case, datasets):
    fixed, _ = fixed_batch(case, datasets)
    plain, _ = plain_batch(case, datasets)
    (kept,), (all_of_it,) = fixed.counts, plain.counts
    assert fixed.trimmed.total_nodes == all_of_it.total_nodes - kept.total_nodes > 0
    assert fixed.trimmed.total_edges == all_of_it.total_edges - kept.total_edges > 0


def test_induced_subgraph_of_recorded_nodes_is_the_recorded_one(datasets):
    """No draw: the nodes are given."""
    case = CASES["homo_induced_0"]
    dataset, graph = datasets["homo"]
    recorded = golden.graph(case["dynamic"])
    batch = dataset.subgraph(recorded["n_id"])
    by_target = np.argsort(graph["edge_index"][1], kind="stable")
    for name, value in recorded.items():
        if name == "e_id":
            value = by_target[value]
        if name not in ("input_id", "batch_size"):
            np.testing.assert_array_equal(batch[name], value, name)
    assert batch.num_edges == recorded["edge_index"].shape[1]


def all_neighbors(case):
    """Fan-outs that take all where the case takes some."""
    return {t: [-1 if k else 0 for k in hops] for t, hops in fanouts(case).items()}


@pytest.mark.parametrize("padded", [False, True])
@parametrize(lambda case: case["subgraph_type"] == "directional" and "trim" not in case["name"])
def test_without_draws_batches_are_equal(case, padded, datasets):
    """Whole epochs, tensor by tensor, with the case's hops and all neighbours."""
    dataset, graph = datasets["hetero" if is_hetero(case) else "homo"]
    nodes, edges = graph_stores(graph)
    given = arguments(case) | {"replace": False, "num_neighbors": all_neighbors(case)}
    if not is_hetero(case):
        given["num_neighbors"] = given["num_neighbors"][HOMOGENEOUS]
    make = gf.NeighborLoader
    if padded:
        make = gf.FixedSizeNeighborLoader
        given["fixed_size_options"] = gf.FixedSizeOptions(60, 400)
    if is_hetero(case):
        seed_type, seeds = "m", np.flatnonzero(graph["m"]["train_mask"])
    else:
        seed_type, seeds = "", np.array(given["input_nodes"])
    batches = list(make(dataset, **given))
    assert len(batches) == -(-len(seeds) // given["batch_size"])
    for batch in batches:
        start = batch.position.ordinal * given["batch_size"]
        chosen = seeds[start : start + given["batch_size"]]
        wanted = reference_sampler.sample(
            {t: len(store["x"]) for t, store in nodes.items()},
            {t: store["edge_index"] for t, store in edges.items()},
            all_neighbors(case),
            seed_type,
            chosen,
        )
        ours, our_edges = batch_stores(batch)
        for node_type, n_id in wanted.nodes.items():
            np.testing.assert_array_equal(ours[node_type].n_id[: len(n_id)], n_id)
            if not padded:
                assert ours[node_type].num_nodes == len(n_id)
        for edge_type, rows in wanted.edges.items():
            rows = np.array(rows, int).reshape(-1, 3)
            index = our_edges[edge_type].edge_index
            np.testing.assert_array_equal(index[:, : len(rows)], rows[:, :2].T)
            np.testing.assert_array_equal(our_edges[edge_type].e_id[: len(rows)], rows[:, 2])
            if not padded:
                assert index.shape[1] == len(rows)
        assert_real_rows_are_the_graphs(batch, graph)
        if padded:
            assert_padding_is_sound(batch)
