"""Which graphs packing puts together, against the recorded packs."""

import golden
import numpy as np
import pytest

import graphfeed as gf


def loader_of(case, dataset):
    """The sampler's limits are the options' less what is kept for padding."""
    limit = case["max_num_graphs"]
    largest = np.max(case["sizes"], axis=0)
    nodes, edges = (
        case[f"max_num_{kind}"] if case[f"max_num_{kind}"] is not None else largest[i] * limit
        for i, kind in enumerate(("nodes", "edges"))
    )
    options = gf.FixedSizeOptions(
        num_nodes=nodes + 1,
        num_edges=edges + 1,
        num_graphs=None if limit is None else limit + 1,
    )
    order = case["base_order"]
    strategy = gf.OverSizeStrategy
    return gf.FixedSizeDataLoader(
        dataset if order is None else dataset[order],
        fixed_size_options=options,
        fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
        over_size_strategy=strategy.Skip if case["allow_skip_data"] else strategy.Error,
    )


def packs(loader):
    return [batch.y[batch.graphs_mask].tolist() for batch in loader]


@golden.parametrize("stream_pack", lambda case: "ok" in case["expect"])
def test_packs(case, ingest):
    loader = loader_of(case, ingest(golden.graphs_of_sizes(case["sizes"])))
    assert packs(loader) == case["expect"]["ok"]
    plan = loader.plan(0)
    assert plan.num_batches == len(case["expect"]["ok"]) == loader.num_batches(0)
    delivered = sum(len(pack) for pack in case["expect"]["ok"])
    assert plan.num_graphs == delivered
    assert plan.skipped_graphs == len(case["sizes"]) - delivered


@golden.parametrize("stream_pack", lambda case: "error" in case["expect"])
def test_refused(case, ingest):
    dataset = ingest(golden.graphs_of_sizes(case["sizes"]))
    with pytest.raises(golden.error_types(case["expect"]["error"])):
        list(loader_of(case, dataset))


def mutag_case():
    found = golden.cases("mutag")
    if not found:
        pytest.skip("recorded cases are absent")
    return found[0]


@pytest.fixture(scope="module")
def mutag_like(client):
    """Graphs of MUTAG's sizes."""
    info = client.ingest("mutag-sizes", golden.graphs_of_sizes(mutag_case()["sizes"]))
    return client.dataset(info.name)


PACKS = golden.cases("mutag")[0]["packs"] if golden.cases("mutag") else {}


@pytest.mark.parametrize("name", PACKS)
def test_packs_of_mutag(name, mutag_like):
    case, wanted = mutag_case(), PACKS[name]
    part = mutag_like[np.array(case["perm_seed12345"])]
    if name.startswith("train"):
        part = part[:150]
    elif name.startswith("test"):
        part = part[150:]
    else:
        part = mutag_like
    options = gf.FixedSizeOptions(wanted["num_nodes"], wanted["num_edges"], wanted["num_graphs"])
    loader = gf.FixedSizeDataLoader(
        part,
        fixed_size_options=options,
        fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
    )
    assert packs(loader) == wanted["batches"]


def test_sizes_of_mutag_from_dataset(mutag_like):
    options = gf.FixedSizeOptions.from_dataset(mutag_like, 10)
    golden.assert_options_equal(options, mutag_case()["from_dataset_10"])
